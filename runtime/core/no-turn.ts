import type { FaultCode } from './faults.ts'
import type { NoTurn } from './lines.ts'

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
