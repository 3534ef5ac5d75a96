import type { Check } from '../../../runtime/core/access/client-rules.ts'
import type { MessageClient } from '../../../runtime/core/access/clients.ts'
import { refuseCall } from '../../../runtime/core/access/decision.ts'
import type { Fault } from '../../../runtime/core/fault.ts'
import type { FaultCode } from '../../../runtime/core/faults.ts'
import type { Message } from '../../../runtime/core/message.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { Charge, ChargeOutcome, LimitState } from '../../../runtime/core/state/state.ts'

export type LimitPort = 'ok' | 'refused'

export const lossSchema = {
  enum: ['share', 'open', 'closed'],
  default: 'share',
  title: 'Without the shared store',
  description: 'What happens while gateways cannot count together: each counts alone with its share of the limit, all calls pass, or all are refused.',
} as const

/** Why a call is refused. */
export interface Refusal {
  readonly code: FaultCode
  /** What the caller may know. */
  readonly facts: Readonly<Record<string, unknown>>
  /** What was looked at, in order. */
  readonly checks: readonly Check[]
  /** Place of the check that decided; the last that failed when absent. */
  readonly decidedBy?: number | undefined
  /** When the same call passes, ms since the epoch, if that is known. */
  readonly passesAtMs?: number | undefined
  /** Seconds; absent when no time would help. */
  readonly retryAfter?: number | undefined
}

/** How a limit stands, as people and programs are told: no time where it never begins anew, which JSON could not say. */
export function toStanding({ limit, used, remaining, resetsAtMs }: LimitState): Pick<LimitState, 'limit' | 'used' | 'remaining'> & Partial<Pick<LimitState, 'resetsAtMs'>> {
  return Number.isFinite(resetsAtMs) ? { limit, used, remaining, resetsAtMs } : { limit, used, remaining }
}

/** Whole seconds until a time of the store, at least one (RFC 9110 §10.2.3). */
export function secondsUntil(ms: number, nowMs: number): number {
  return Math.max(1, Math.ceil((ms - nowMs) / 1000))
}

/** What a charge counts, in people's words. */
export interface ChargeLabel {
  readonly per?: string | undefined
  readonly window?: string | undefined
}

/** Refusal by a charge that did not pass, or because the store is away and the node says “closed”. */
export function toRefusal(code: FaultCode, facts: Refusal['facts'], charges: readonly Charge[], outcome: ChargeOutcome, nowMs: number, labels: readonly ChargeLabel[] = []): Refusal {
  if (outcome.degraded === 'closed') return { code: 'state.unavailable', facts: { reason: 'limits cannot be counted' }, checks: [{ check: 'shared state', passed: false }], retryAfter: 1 }
  const { refusedBy, limits } = outcome
  const checks = charges.map(({ kind, key }, i): Check => {
    const state = limits[i]
    // Parts of a key may be the caller's secrets; not even their hash is anybody's business.
    const counter = key.replace(/\bkey:[\w-]{43}/, 'key:…')
    return { check: kind, passed: state?.allowed !== false && i !== refusedBy, ...labels[i], counter, ...(state && toStanding(state)) }
  })
  // The call passes when the last that refuses it does. A slot comes free when a run ends, long before its lease would; what weighs
  // more than the whole limit, or is counted for good, never passes. What weighs nothing is refused by looking alone, until something is left.
  const retriesAtMs = limits.flatMap((state, i) => ((i === refusedBy || !state.allowed) && refusesForATime(charges[i]) ? [state.allowed ? state.resetsAtMs : state.retryAtMs] : []))
  const retryAtMs = Math.max(...retriesAtMs)
  const isKnown = Number.isFinite(retryAtMs)
  const retryAfter = isKnown ? secondsUntil(retryAtMs, outcome.atMs ?? nowMs) : retriesAtMs.length === 0 && charges[refusedBy]?.kind === 'lease' ? 1 : undefined
  const passesAtMs = isKnown ? retryAtMs : undefined
  return { code, facts, checks, retryAfter, decidedBy: refusedBy, passesAtMs }
}

/** Whether a charge that does not fit keeps the call out until a time of its own: slots come free at any moment, and counting alone refuses nothing. */
function refusesForATime(charge: Charge | undefined): boolean {
  return charge?.kind === 'rate' || (charge?.kind === 'counter' && charge.mode !== 'count')
}

/**
 * Ends a refused call: by the port, when something is wired to it, with `msg.error` as a Catch node would get it; else as
 * a fault. Either way what was looked at is kept under the id of the decision, and the answer says when to come again.
 */
export function createRefuse(scope: Scope) {
  const wired = scope.isWired?.('refused') ?? false
  return (message: Message, run: Run, { code, facts, checks, retryAfter, decidedBy, passesAtMs }: Refusal): { readonly refused: Message } => {
    const headers = retryAfter === undefined ? undefined : { 'Retry-After': String(retryAfter) }
    const { application, plan } = callerOf(message)
    const refusal = refuseCall(scope, run, { code, facts: { ...facts, ...(retryAfter === undefined ? {} : { retryAfter }) }, checks, decidedBy, passesAtMs, headers, application, plan })
    if (retryAfter !== undefined) run.addReplyHeader?.('Retry-After', String(retryAfter))
    if (!wired) throw refusal
    const { status, title, message: text } = refusal
    const source = { id: scope.node.id, type: scope.node.type, ...(scope.node.name ? { name: scope.node.name } : {}) }
    return { refused: { ...message, ...(message.error === undefined ? {} : { _error: message.error }), error: { code, status, title, message: text, facts: refusal.facts, source } } }
  }
}

/** Whom an auth node in front let in, if one did. */
function callerOf({ client }: Message): { readonly application?: string; readonly plan?: string } {
  const { application, plan } = (typeof client === 'object' && client !== null ? client : {}) as Partial<MessageClient>
  return { ...(typeof application === 'string' ? { application } : {}), ...(typeof plan === 'string' ? { plan } : {}) }
}

/** A fault that refuses a call, with a decision behind it that says what was looked at. */
export function toDecided(scope: Scope, message: Message, run: Run, { code, facts, headers, cause }: Fault, check: Omit<Check, 'passed'>): Fault {
  return refuseCall(scope, run, { ...callerOf(message), code: code as FaultCode, facts, headers, cause, checks: [{ check: '', ...check, passed: false }] })
}
