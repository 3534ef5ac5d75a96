import type { Charge, ChargeOutcome, LimitState } from '../core/state/state.ts'
import { cellKey, sliceWidth } from './cell-key.ts'

/** Keys and arguments of charges as the scripts take them. */
export function toArguments(charges: readonly Charge[], nowMs: number, first: readonly (string | number)[] = []): (string | number)[] {
  const keys: string[] = []
  const rest: (string | number)[] = [...first]
  for (const charge of charges) {
    keys.push(cellKey(charge, nowMs))
    if (charge.kind === 'rate') rest.push('r', charge.burst, charge.cost, charge.maxDelayMs, charge.intervalMs, 0)
    else if (charge.kind === 'lease') rest.push('l', charge.limit, 0, 0, charge.ttlMs, charge.token)
    else {
      const { window, limit, cost, mode } = charge
      if (window.kind === 'calendar') {
        const { startMs, endMs } = window.boundsAt(nowMs)
        rest.push('c', limit, cost, mode, startMs, endMs)
      } else if (window.kind === 'total') rest.push('t', limit, cost, mode, 0, 0)
      else if (window.kind === 'rolling') rest.push('s', limit, cost, mode, window.lengthMs, sliceWidth(window))
      else rest.push(window.kind === 'fixed' ? 'f' : 'x', limit, cost, mode, window.lengthMs, 0)
    }
  }
  return [...keys, ...rest]
}

/** Whether the short script can take them: windows and rates under different keys. `args` are those of the charges. */
export function isPlain(charges: readonly Charge[], args: readonly (string | number)[]): boolean {
  return charges.every((charge, place) => charge.kind !== 'lease' && !(charge.kind === 'counter' && charge.window.kind === 'rolling') && args.indexOf(args[place]!) === place)
}

/** Figures a limit takes in an answer, and where they begin. */
const figures = 5
const head = 4

export function isOutside(answer: readonly number[]): boolean {
  return answer[0] === 1
}

export function atOf(answer: readonly number[]): number {
  return answer[1]!
}

export function toOutcome(answer: readonly number[], charges: readonly Charge[]): ChargeOutcome {
  const refusedBy = answer[2]!
  return { allowed: refusedBy < 0, limits: charges.map((charge, place) => toLimitState(answer, charge, place)), refusedBy, delayMs: answer[3]!, atMs: atOf(answer) }
}

export function toLimitState(answer: readonly number[], charge: Charge, place: number): LimitState {
  const at = head + place * figures
  return {
    allowed: answer[at] === 1,
    limit: charge.kind === 'rate' ? charge.burst : charge.limit,
    used: answer[at + 1]!,
    remaining: answer[at + 2]!,
    resetsAtMs: toTime(answer[at + 3]!),
    retryAtMs: toTime(answer[at + 4]!),
  }
}

/** Scripts answer in whole numbers; never is below them. */
function toTime(ms: number): number {
  return ms < 0 ? Infinity : ms
}
