import { type CalendarUnit, calendarUnits, calendarWindow } from '../../../runtime/core/access/calendar-window.ts'
import type { PlanQuota } from '../../../runtime/core/access/clients.ts'
import type { CounterWindow } from '../../../runtime/core/state/state.ts'

/** When the other properties of a window mean something. */
export const whenItEnds = { unit: calendarUnits } as const

/** A month that has no calendar. */
const monthMs = 30 * 86_400_000
const unitMs: Readonly<Record<CalendarUnit, number>> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000, month: monthMs }

/** Steps in which a rolling window moves: what it counts too long is at most a sixtieth of its length. */
const slices = 60

/** A window ready to be charged. */
export interface LimitWindow {
  readonly window: CounterWindow
  /** Part of the counter's key: the same window, with whatever limit, is the same count. */
  readonly id: string
  /** For people: `5 minutes`; `total` for the one that never ends. */
  readonly text: string
  /** Seconds that a window beginning at `ms` lasts; undefined when it never ends. */
  secondsAt(ms: number): number | undefined
}

type WindowConfig = Pick<PlanQuota, 'every' | 'unit' | 'algorithm' | 'zone'>

/** Of a total nothing but its unit counts. @throws RangeError for a zone that is not known, and for a unit of a later release */
export function toLimitWindow({ every, unit, algorithm, zone }: WindowConfig): LimitWindow {
  if (unit === 'total') return { window: { kind: 'total' }, id: 'total', text: 'total', secondsAt: () => undefined }
  const text = every === 1 ? unit : `${every} ${unit}s`
  if (!Object.hasOwn(unitMs, unit)) throw new RangeError(`This release knows no windows by “${String(unit)}”.`)
  // Months have no fixed length: in fixed windows they are those of the calendar.
  const calendar = algorithm === 'calendar' || (algorithm === 'fixed' && unit === 'month')
  const usedZone = zone === undefined || zone.trim() === '' ? 'UTC' : zone.trim()
  const id = `${every}${unit}-${calendar ? `calendar-${usedZone}` : algorithm}`
  if (calendar) {
    const window = calendarWindow(unit, every, usedZone)
    return { window, id, text, secondsAt: (ms) => secondsOf(window.boundsAt(ms)) }
  }
  const lengthMs = every * unitMs[unit]
  const window: CounterWindow = algorithm === 'rolling' ? { kind: 'rolling', lengthMs, slices } : { kind: algorithm === 'flexi' ? 'flexi' : 'fixed', lengthMs }
  return { window, id, text, secondsAt: () => lengthMs / 1000 }
}

function secondsOf({ startMs, endMs }: { readonly startMs: number; readonly endMs: number }): number {
  return Math.round((endMs - startMs) / 1000)
}
