import { hash } from 'node:crypto'
import { credentialsOf } from '../../runtime/core/access/authorization.ts'
import { Fault } from '../../runtime/core/fault.ts'
import type { Clients, TokenMarks } from '../../runtime/core/access/clients.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import { checkClaims } from './check-claims.ts'
import { longestToken, parseCompact, type CompactToken } from './compact-token.ts'
import type { KeySource } from './key-source.ts'
import { isAlgorithm, type Algorithm, type PublicKeys } from '../../runtime/core/access/public-keys.ts'
import { checkConfirmation, type Claims, pickClaims, toIdentity, toMarks } from './token-claims.ts'
import { absent, type Call, type Method, refused, type Verdict } from './verdict.ts'
import { isSignedBy } from './verify-signature.ts'

/** Whose tokens are taken. */
export interface Issuer {
  /** Value of `iss`. */
  readonly issuer: string
  /** One of them must be in `aud`. */
  readonly audiences: readonly string[]
  /** The only algorithms taken. */
  readonly algorithms: readonly Algorithm[]
  readonly keys: KeySource
}

const skewSeconds = 60
/** Verified tokens that are remembered, of one set of issuers. */
export const rememberedTokens = 50_000
/** Longer ones are verified each time: what is remembered of them is as long, and an issuer can make as many as it likes. Bytes. */
const longestRemembered = 4096

interface Verified {
  readonly claims: Claims
  readonly marks: TokenMarks
  readonly keys: PublicKeys
  readonly untilMs: number
}

/**
 * Signed bearer tokens (RFC 7519, RFC 8725). A token that was verified is not verified again until it ends or its
 * issuer's keys change; whether its client may still call is asked of the records each time.
 */
export function createJwtMethod(issuers: readonly Issuer[], options: { readonly clients: Clients; readonly clock: Clock; readonly unknownSubjects: boolean; readonly alike: string }): Method {
  const { clients, clock, unknownSubjects, alike } = options
  const verified = new BoundedMap<Verified>(rememberedTokens)

  function accept({ claims, marks }: Pick<Verified, 'claims' | 'marks'>, issuer: Issuer, request: RequestFacts): Verdict {
    const bound = checkConfirmation(claims, request)
    if (bound !== undefined) return refused('auth.invalid_token', bound)
    if (clients.isRevoked(marks)) return refused('auth.revoked', 'it was taken back before its time')
    return toIdentity(claims, issuer.issuer, clients, unknownSubjects)
  }

  /** What is to be said of a token that was verified before; `undefined`: it was not, or has to be again. */
  function recall(mark: string, request: RequestFacts, nowMs: number): Verdict | undefined {
    const before = verified.get(mark)
    if (!before) return undefined
    const issuer = issuers.find((one) => one.issuer === before.claims.iss)
    if (!issuer || nowMs >= before.untilMs || !holds(issuer.keys, before.keys)) {
      verified.delete(mark)
      return undefined
    }
    return accept(before, issuer, request)
  }

  /** Most keys are at hand; only those that must be fetched are waited for. */
  function verify(token: CompactToken, mark: string, issuer: Issuer, call: Call): Verdict | Promise<Verdict> {
    const { alg, kid, crit, b64 } = token.header
    if (!isAlgorithm(alg) || !issuer.algorithms.includes(alg)) return refused('auth.invalid_token', 'its algorithm is not on the list', { guess: true })
    // RFC 7515 §4.1.11: an extension that is not understood is refused, and none is.
    if (crit !== undefined || b64 !== undefined) return refused('auth.invalid_token', 'it asks for an extension that is not supported', { guess: true })
    try {
      const keys = issuer.keys.keys(kid)
      return keys instanceof Promise ? keys.then((known) => verifyWith(known, alg, token, mark, issuer, call)).catch(notToBeHad) : verifyWith(keys, alg, token, mark, issuer, call)
    } catch (error) {
      return notToBeHad(error)
    }
  }

  function verifyWith(keys: PublicKeys, alg: Algorithm, token: CompactToken, mark: string, issuer: Issuer, call: Call): Verdict {
    const candidates = keys.find(alg, token.header.kid)
    if (!candidates.some((key) => isSignedBy(key, alg, token.signed, token.signature))) {
      return refused('auth.invalid_token', candidates.length === 0 ? 'no key of the issuer fits it' : 'its signature is wrong', { guess: true })
    }
    const { claims } = token
    const wrong = checkClaims(claims, { issuer: issuer.issuer, audiences: issuer.audiences, nowMs: clock.now(), skewSeconds })
    if (wrong && 'ended' in wrong) return refused('auth.expired', 'the token has ended')
    if (wrong) return refused('auth.invalid_token', wrong.reason, { guess: true })
    const known = { claims: pickClaims(claims), marks: toMarks(claims, issuer.issuer), keys, untilMs: ((claims.exp as number) + skewSeconds) * 1000 }
    if (token.signed.length <= longestRemembered) verified.set(mark, known)
    return accept(known, issuer, call.request)
  }

  return {
    kind: 'jwt',
    scheme: 'Bearer',
    carries: { header: 'authorization' },
    proof: 'bearer',
    alike,
    identify(request, nowMs) {
      const text = credentialsOf(request, 'bearer')
      const verdict = text === undefined || text.length > longestToken ? undefined : recall(markOf(text), request, nowMs)
      return verdict?.kind === 'known' ? verdict.who : undefined
    },
    verify(call) {
      const text = credentialsOf(call.request, 'bearer')
      if (text === undefined) return absent
      if (text.length > longestToken) return { kind: 'foreign', code: 'auth.invalid_token', reason: `longer than ${longestToken} characters` }
      const mark = markOf(text)
      const before = recall(mark, call.request, call.nowMs)
      if (before) return before
      const token = parseCompact(text)
      if (typeof token === 'string') return { kind: 'foreign', code: 'auth.invalid_token', reason: token }
      const issuer = issuers.find((one) => one.issuer === token.claimedIssuer)
      if (!issuer) return { kind: 'foreign', code: 'auth.invalid_token', reason: 'of an issuer that is not on the list' }
      return verify(token, mark, issuer, call)
    },
  }
}

function markOf(token: string): string {
  return hash('sha256', token, 'base64')
}

/** Whether the keys that a token was verified with are still the issuer's. */
function holds(source: KeySource, keys: PublicKeys): boolean {
  try {
    const current = source.keys(undefined)
    // A look that is under way belongs to whoever verifies the token anew; its failure is theirs to tell.
    if (current instanceof Promise) current.catch(() => {})
    return current === keys
  } catch {
    return false
  }
}

function notToBeHad(error: unknown): Verdict {
  if (error instanceof Fault && error.code === 'auth.unavailable') return refused('auth.unavailable', 'the keys of the issuer are not to be had', { retryAfterSeconds: 10 })
  throw error
}
