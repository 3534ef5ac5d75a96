import type { Check } from '../access/client-rules.ts'
import type { FaultCode } from '../faults.ts'
import type { LineFacts, NoTurn, Place } from './lines.ts'

/** The fault that tells a caller why there was no turn. */
export const noTurnCodes: Readonly<Record<NoTurn, FaultCode>> = {
  full: 'queue.full', evicted: 'queue.evicted', hopeless: 'queue.hopeless', expired: 'queue.expired', closed: 'queue.closed', lost: 'job.lost', unavailable: 'queue.unavailable',
}

/** Beside Retry-After, which knows whole seconds only (RFC 9110 §10.2.3). */
export const retryAfterMsHeader = 'X-Retry-After-Ms'

/** When to come again: never at once. */
export function toRetryAfter(estimatedMs: number): { readonly ms: number; readonly seconds: number } {
  const ms = Math.max(1, Math.ceil(estimatedMs))
  return { ms, seconds: Math.ceil(ms / 1000) }
}

/** What was looked at when somebody got no turn: how the line is, and how long the wait would be. */
export function toTurnCheck({ reason = 'closed', priority, waitedMs, retryAfterMs }: Place, { name, waiting, active }: LineFacts, maxWaitMs: number): Check {
  return {
    check: 'turn', passed: false, resource: name, priority, reason, waitedMs: Math.round(waitedMs), maxWaitMs, estimatedWaitMs: Math.round(retryAfterMs),
    ahead: sum(waiting, priority), waiting: sum(waiting), underWay: sum(active),
  }
}

/** Of the classes up to one, or of all. */
function sum(counts: readonly number[], upTo = counts.length - 1): number {
  return counts.reduce((total, count, at) => (at <= upTo ? total + count : total), 0)
}
