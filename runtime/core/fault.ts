import { faults, type FaultCode } from './faults.ts'

/** Typed facts of a fault. They may be logged and, below status 500, shown to the caller: never a secret. */
export type FaultFacts = Readonly<Record<string, unknown>>

/**
 * The only error a flow can see. It has a stable dotted code (see the register in `faults.ts`), an HTTP
 * status, typed facts, and keeps what caused it. Make one with {@link fault}.
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: string
  readonly status: number
  readonly title: string
  readonly facts: FaultFacts
  /** Where it happened; filled in by the engine when a step throws. */
  at?: { readonly flow: string; readonly node: string; readonly type?: string; readonly name?: string }
  /** What Catch nodes are given in place of the message that entered the node, when that one holds what they must not see. */
  shown?: Readonly<Record<string, unknown>>
  /** Its text may hold a piece of labelled data: logs, traces and callers are told its title. Filled in by the engine. */
  quiet?: true
  /** A refusal that was written down with what was looked at: no other line of the log says it again. */
  told?: true
  /** Extra reply headers, such as Allow or Retry-After. */
  readonly headers?: Readonly<Record<string, string>>

  constructor(
    code: string,
    status: number,
    title: string,
    message: string,
    facts: FaultFacts,
    cause?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.status = status
    this.title = title
    this.facts = facts
    if (headers) this.headers = headers
  }
}

/** A fault of the register. `facts` fill its text; `cause` is kept for the log and never shown to a caller. */
export function fault(
  code: FaultCode,
  facts: FaultFacts = {},
  cause?: unknown,
  headers?: Readonly<Record<string, string>>,
): Fault {
  const entry = faults[code]
  return new Fault(code, entry.status, entry.title, entry.text(facts), facts, cause, headers)
}

/**
 * A fault by which a call is refused as was meant: under load there are many of them, and where in the code they were made says nothing.
 * It has no stack, which would cost more than everything else about it.
 */
export function refusalFault(code: FaultCode, facts: FaultFacts, cause?: unknown, headers?: Readonly<Record<string, string>>): Fault {
  const kept = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    const refusal = fault(code, facts, cause, headers)
    // A cause is for the operator, and stands in no decision.
    if (cause === undefined) refusal.told = true
    return refusal
  } finally {
    Error.stackTraceLimit = kept
  }
}

/** Namespace of the codes that flows give to faults of their own; nothing of the register lies in it. */
export const customPrefix = 'custom.'

/**
 * A fault that a flow raises itself, under a code of its own. `message` is shown to the caller below status 500.
 * @param code begins with {@link customPrefix}
 */
export function customFault(code: string, status: number, title: string, message: string, facts: FaultFacts, headers?: Readonly<Record<string, string>>): Fault {
  return new Fault(code.startsWith(customPrefix) ? code : `${customPrefix}${code}`, status, title, message, facts, undefined, headers)
}

/** Whatever was thrown, as a fault: a fault stays itself, anything else becomes `step.error` with its cause kept. */
export function toFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return fault('step.error', { message }, thrown)
}
