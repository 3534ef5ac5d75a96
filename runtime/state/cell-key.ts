import type { Charge, CounterWindow } from '../core/state.ts'

/**
 * Where a limit is kept: its kind, its window, its key. The limit itself is not in it, so that a changed one goes on with
 * the same count; windows of different lengths under one key count apart. These names are in Redis as well, where
 * gateways of other releases read them: another stored shape takes another letter.
 */
export function cellKey(charge: Charge, nowMs: number): string {
  if (charge.kind === 'rate') return `r:${charge.key}`
  if (charge.kind === 'lease') return `l:${charge.key}`
  const { window } = charge
  if (window.kind === 'calendar') {
    const { startMs, endMs } = window.boundsAt(nowMs)
    return `c${startMs}-${endMs}:${charge.key}`
  }
  if (window.kind === 'rolling') return `s${window.lengthMs}/${sliceWidth(window)}:${charge.key}`
  return `${window.kind === 'fixed' ? 'f' : 'x'}${window.lengthMs}:${charge.key}`
}

/** Milliseconds of a slice of a rolling window, whole. */
export function sliceWidth(window: Extract<CounterWindow, { kind: 'rolling' }>): number {
  return Math.max(1, Math.ceil(window.lengthMs / Math.max(1, window.slices)))
}

/**
 * What would spoil a count for everybody is a mistake of who asks, never a state of the store.
 * @throws RangeError
 */
export function checkCharge(charge: Charge): void {
  const numbers = charge.kind === 'counter' ? [charge.limit, charge.cost] : charge.kind === 'rate' ? [charge.burst, charge.cost] : [charge.limit, charge.ttlMs]
  for (const number of numbers) {
    if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`A limit counts in whole numbers from 0, not ${number} (${charge.key}).`)
  }
  if (charge.kind === 'rate' && !(charge.intervalMs > 0 && charge.burst > 0 && charge.maxDelayMs >= 0)) throw new RangeError(`A rate has an interval above 0, a burst from 1 and a delay from 0 (${charge.key}).`)
  if (charge.kind === 'counter' && charge.window.kind !== 'calendar' && !(Number.isSafeInteger(charge.window.lengthMs) && charge.window.lengthMs > 0)) {
    throw new RangeError(`A window has a whole length above 0, not ${charge.window.lengthMs} (${charge.key}).`)
  }
}
