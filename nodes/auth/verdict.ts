import type { Credentialed } from '../../runtime/core/access/clients.ts'
import type { ProofKind, Proven } from '../../runtime/core/access/identities.ts'
import type { FaultCode } from '../../runtime/core/faults.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { Run } from '../../runtime/core/run.ts'

/** A request that wants in. */
export interface Call {
  readonly request: RequestFacts
  readonly run: Run
  readonly nowMs: number
}

/** Who calls, once proven. */
export interface Identity {
  /** The record; absent for a valid token whose client no record knows. */
  readonly known?: Credentialed
  /** Whom the credential names: the subject of a token, else the application. */
  readonly subject?: string
  /** Client of a token without a record, and who says that it is one: other issuers may have a client of the same name. */
  readonly client?: string
  readonly issuer?: string
  readonly scopes: readonly string[]
}

/**
 * What a method says of a call. `absent`: it carries nothing for this method. `foreign`: it carries what may be for
 * another method of the same kind, such as a token of another issuer. `guess`: the answer slows the caller down.
 */
export type Verdict =
  | { readonly kind: 'absent' }
  | { readonly kind: 'foreign'; readonly code: FaultCode; readonly reason: string }
  | Refusal
  | { readonly kind: 'known'; readonly who: Identity }

export interface Refusal {
  readonly kind: 'refused'
  readonly code: FaultCode
  /** For the log: never a secret, never what the caller sent. */
  readonly reason: string
  /** Application that the credential claims to be of, if there is one. */
  readonly application?: string
  readonly guess?: boolean
  readonly retryAfterSeconds?: number
}

/** One way to prove who one is. */
export interface Method {
  readonly kind: string
  /** Of the `WWW-Authenticate` header (RFC 9110 §11.6.1), without parameters. */
  readonly scheme: string
  /** Parameters of its challenge, besides the realm. */
  readonly parameters?: string
  /** Headers and query parameters that carry its secret; lower-case header names. */
  readonly carries: { readonly header?: string; readonly query?: string }
  verify(call: Call): Verdict | Promise<Verdict>
  /** What it is to `Identify`; absent: whose such a credential is, the records say by themselves. */
  readonly proof?: ProofKind
  /** What it goes by when it identifies: methods of one text say the same. No secret stands in it. */
  readonly alike?: string
  /** As `Identify`. */
  identify?(request: RequestFacts, nowMs: number): Proven | undefined
}

/** Of whoever has proved nothing but who they are. */
export const noScopes: readonly string[] = Object.freeze([])

export const absent: Verdict = Object.freeze({ kind: 'absent' })

/** A credential that was meant for the method and is not good. */
export function refused(code: FaultCode, reason: string, more: Omit<Refusal, 'kind' | 'code' | 'reason'> = {}): Refusal {
  return { kind: 'refused', code, reason, ...more }
}
