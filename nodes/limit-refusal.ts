import { fault, type Fault } from '../runtime/core/fault.ts'
import type { FaultCode } from '../runtime/core/faults.ts'
import type { Message } from '../runtime/core/message.ts'
import type { Scope } from '../runtime/core/node.ts'
import type { Run } from '../runtime/core/run.ts'
import type { ChargeOutcome } from '../runtime/core/state.ts'

export type LimitPort = 'ok' | 'refused'

export const lossSchema = {
  enum: ['share', 'open', 'closed'],
  default: 'share',
  title: 'Without the shared store',
  description: 'What happens while gateways cannot count together: each counts alone with its share of the limit, all calls pass, or all are refused.',
} as const

/** Whole seconds until a time of the store, at least one (RFC 9110 §10.2.3). */
export function secondsUntil(ms: number, nowMs: number): number {
  return Math.max(1, Math.ceil((ms - nowMs) / 1000))
}

/**
 * Ends a refused call: by the port, when something is wired to it, with `msg.error` as a Catch node would get it; else
 * as a fault. Either way the answer says when to come again.
 */
export function createRefuse(scope: Scope) {
  const wired = scope.isWired?.('refused') ?? false
  return (message: Message, run: Run, code: FaultCode, facts: Readonly<Record<string, unknown>>, outcome: ChargeOutcome): { readonly refused: Message } => {
    const closed = outcome.degraded === 'closed'
    const retryAtMs = outcome.limits[outcome.refusedBy]?.retryAtMs ?? 0
    // A call that weighs more than the whole limit never passes: there is no time to name.
    const retryAfter = closed ? 1 : Number.isFinite(retryAtMs) ? secondsUntil(retryAtMs, outcome.atMs ?? scope.state.now()) : undefined
    const told = retryAfter === undefined ? {} : { retryAfter }
    const headers = retryAfter === undefined ? undefined : { 'Retry-After': String(retryAfter) }
    const refusal: Fault = closed ? fault('state.unavailable', { reason: 'limits cannot be counted', ...told }, undefined, headers) : fault(code, { ...facts, ...told }, undefined, headers)
    if (retryAfter !== undefined) run.addReplyHeader?.('Retry-After', String(retryAfter))
    if (!wired) throw refusal
    const { status, title, message: text } = refusal
    const source = { id: scope.node.id, type: scope.node.type, ...(scope.node.name ? { name: scope.node.name } : {}) }
    return { refused: { ...message, ...(message.error === undefined ? {} : { _error: message.error }), error: { code: refusal.code, status, title, message: text, facts: refusal.facts, source } } }
  }
}
