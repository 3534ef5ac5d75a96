import type { Charge, CounterWindow } from '../core/state/state.ts'

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
  if (window.kind === 'total') return `t:${charge.key}`
  if (window.kind === 'rolling') return `s${window.lengthMs}/${sliceWidth(window)}:${charge.key}`
  return `${window.kind === 'fixed' ? 'f' : 'x'}${window.lengthMs}:${charge.key}`
}

/** Names that are remembered; beyond that all are made anew. */
const mostNames = 10_000

/**
 * The names of cells, remembered by the charge's key: to a charge that comes again and again with the very same text, a name
 * costs two look-ups instead of a new text.
 */
export function createCellNames(): { of(charge: Charge, nowMs: number): string } {
  const known = new Map<string, { readonly window: CounterWindow; readonly startMs: number; readonly endMs: number; readonly name: string }>()
  return {
    of(charge, nowMs) {
      if (charge.kind !== 'counter') return cellKey(charge, nowMs)
      const { key, window } = charge
      const before = known.get(key)
      if (before && before.window === window && nowMs >= before.startMs && nowMs < before.endMs) return before.name
      const bounds = window.kind === 'calendar' ? window.boundsAt(nowMs) : { startMs: -Infinity, endMs: Infinity }
      const name = cellKey(charge, nowMs)
      if (known.size >= mostNames) known.clear()
      known.set(key, { window, ...bounds, name })
      return name
    },
  }
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
  if (charge.kind === 'counter' && 'lengthMs' in charge.window && !(Number.isSafeInteger(charge.window.lengthMs) && charge.window.lengthMs > 0)) {
    throw new RangeError(`A window has a whole length above 0, not ${charge.window.lengthMs} (${charge.key}).`)
  }
}
