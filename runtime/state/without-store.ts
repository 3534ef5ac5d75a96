import type { Charge, ChargeOutcome, LimitState, OnLoss, State } from '../core/state/state.ts'

/** When a caller may ask again after a refusal for want of the store. */
const retryAfterMs = 1000

/** What becomes of charges while the shared store is away. `local` counts for this gateway alone. */
export function decideWithoutStore(charges: readonly Charge[], onLoss: OnLoss, nowMs: number, local: State, shares: number): ChargeOutcome {
  if (onLoss === 'share') return { ...(local.charge(charges.map((charge) => shareOf(charge, shares)), onLoss) as ChargeOutcome), degraded: 'share' }
  const refusedBy = onLoss === 'open' ? -1 : charges.findIndex((charge) => charge.kind !== 'counter' || charge.mode === 'enforce')
  const limits = charges.map((charge): LimitState => {
    const allowed = onLoss === 'open'
    const limit = charge.kind === 'rate' ? charge.burst : charge.limit
    const resetsAtMs = charge.kind === 'counter' && charge.window.kind === 'total' ? Infinity : nowMs
    return { allowed, limit, used: 0, remaining: allowed ? limit : 0, resetsAtMs, retryAtMs: allowed ? nowMs : nowMs + retryAfterMs }
  })
  return { allowed: refusedBy < 0, limits, refusedBy, delayMs: 0, atMs: nowMs, degraded: onLoss }
}

/**
 * One gateway's part of a limit, rounded down, so that all parts together are never more than the whole. A rate keeps a
 * burst of 1, without which it would let nothing pass.
 */
export function shareOf(charge: Charge, shares: number): Charge {
  if (charge.kind === 'rate') return { ...charge, intervalMs: charge.intervalMs * shares, burst: Math.max(1, Math.floor(charge.burst / shares)) }
  return { ...charge, limit: Math.floor(charge.limit / shares) }
}
