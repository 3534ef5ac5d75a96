import type { CounterWindow } from '../state/state.ts'

/** Lengths that windows have, the shortest first. */
export const calendarUnits = ['second', 'minute', 'hour', 'day', 'week', 'month'] as const
export type CalendarUnit = (typeof calendarUnits)[number]

const lengths = { second: 1000, minute: 60_000, hour: 3_600_000 } as const
const dayMs = 86_400_000
/** Monday, 5 January 1970: weeks begin on Monday (ISO 8601). */
const firstMonday = 4

/**
 * Windows of `every` real days, weeks (from Monday) or months in an IANA time zone, however long daylight saving makes
 * them. Several days or weeks are counted from the first of January 1970 or its first Monday, several months from a
 * January. Seconds, minutes and hours are counted from local midnight when they divide a day, else from the epoch.
 * @throws RangeError when the zone is unknown or `every` is not a whole number from 1
 */
export function calendarWindow(unit: CalendarUnit, every: number, zone: string): Extract<CounterWindow, { kind: 'calendar' }> {
  if (!Number.isSafeInteger(every) || every < 1) throw new RangeError(`A window takes a whole number of ${unit}s from 1, not ${every}.`)
  const toLocal = localTimeIn(zone)
  const work = boundsOf(unit, every, toLocal)
  let last = { startMs: 0, endMs: 0 }
  return {
    kind: 'calendar',
    boundsAt(ms) {
      if (ms < last.startMs || ms >= last.endMs) last = work(ms)
      return last
    },
  }
}

type Bounds = { readonly startMs: number; readonly endMs: number }
type ToLocal = (ms: number) => number

function boundsOf(unit: CalendarUnit, every: number, toLocal: ToLocal): (ms: number) => Bounds {
  if (unit === 'month') return periods(toLocal, (local) => Math.floor(monthOf(local) / every), (index) => startOfMonth(index * every))
  if (unit === 'day') return periods(toLocal, (local) => Math.floor(dayOf(local) / every), (index) => index * every * dayMs)
  if (unit === 'week') {
    return periods(toLocal, (local) => Math.floor((dayOf(local) - firstMonday) / (7 * every)), (index) => (index * 7 * every + firstMonday) * dayMs)
  }
  const lengthMs = lengths[unit] * every
  if (dayMs % lengthMs !== 0) return (ms) => sliceFrom(0, ms, lengthMs)
  const day = boundsOf('day', 1, toLocal)
  return (ms) => {
    const { startMs: midnight, endMs: nextMidnight } = day(ms)
    const { startMs, endMs } = sliceFrom(midnight, ms, lengthMs)
    return { startMs, endMs: Math.min(endMs, nextMidnight) }
  }
}

function sliceFrom(originMs: number, ms: number, lengthMs: number): Bounds {
  const startMs = originMs + Math.floor((ms - originMs) / lengthMs) * lengthMs
  return { startMs, endMs: startMs + lengthMs }
}

/** Bounds of numbered periods that each begin at a local midnight. */
function periods(toLocal: ToLocal, indexOf: (local: number) => number, localStartOf: (index: number) => number): (ms: number) => Bounds {
  return (ms) => {
    let index = indexOf(toLocal(ms))
    let startMs = instantOf(localStartOf(index), toLocal)
    // Where clocks go back over midnight an instant's date can lie a period beside the one it falls in.
    while (ms < startMs) startMs = instantOf(localStartOf(--index), toLocal)
    let endMs = instantOf(localStartOf(index + 1), toLocal)
    while (ms >= endMs) [startMs, endMs] = [endMs, instantOf(localStartOf(++index + 1), toLocal)]
    return { startMs, endMs }
  }
}

/** The instant at which clocks reach a local time; when they leap over it, the instant of the leap. */
function instantOf(local: number, toLocal: ToLocal): number {
  let before = local - dayMs
  let after = local + dayMs
  const offset = toLocal(before) - before
  if (toLocal(after) - after === offset) return local - offset
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (toLocal(middle) >= local) after = middle
    else before = middle
  }
  return after
}

const dayOf = (local: number) => Math.floor(local / dayMs)

function monthOf(local: number): number {
  const date = new Date(local)
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
}

const startOfMonth = (index: number) => Date.UTC(1970, index, 1)

/** What a clock on the wall shows at an instant, as milliseconds of a UTC date with the same figures. */
function localTimeIn(zone: string): ToLocal {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23',
    year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  })
  return (ms) => {
    const wholeMs = Math.floor(ms / 1000) * 1000
    const figures: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(wholeMs)) figures[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = figures
    return Date.UTC(year, month - 1, day, hour, minute, second) + (ms - wholeMs)
  }
}
