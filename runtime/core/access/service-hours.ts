import type { ServiceHours } from './clients.ts'
import { createZoneOffset, type ZoneOffset } from '../time/zone-offset.ts'

const minuteMs = 60_000
const dayMs = 86_400_000
const quarterMs = 900_000
/** The longest wait there is: a window on one day of the week, just missed, or lost to a change of the clocks. */
const searchedDays = 16

/** When a client may call. */
export interface OpeningHours {
  isOpen(ms: number): boolean
  /** The first instant after `ms` that is open, ms since the epoch; `undefined` when there is none. */
  nextOpening(ms: number): number | undefined
}

interface Window {
  /** 0 Monday … 6 Sunday. */
  readonly days: ReadonlySet<number>
  /** Minutes of the local day; `end` is above 1440 when the window goes over midnight. */
  readonly start: number
  readonly end: number
}

/**
 * Weekly hours by the clock on the wall of their zone. A window belongs to the day it begins on; one whose end is not
 * after its start goes on after midnight. What the wall skips in spring is never, what it shows twice in autumn is twice.
 * @throws TypeError for a time that is none, RangeError for a zone that is not known
 */
export function parseServiceHours(hours: ServiceHours): OpeningHours {
  const offsetAt = createZoneOffset(hours.zone)
  const windows = hours.windows.map(toWindow)

  function isOpen(ms: number): boolean {
    const local = ms + offsetAt(ms)
    const day = Math.floor(local / dayMs)
    const minute = (local - day * dayMs) / minuteMs
    return windows.some(({ days, start, end }) =>
      (days.has(weekday(day)) && minute >= start && minute < end) || (days.has(weekday(day - 1)) && minute + 1440 < end))
  }

  return {
    isOpen,
    nextOpening(ms) {
      const begin = ms + 1
      if (isOpen(begin)) return begin
      const firstDay = Math.floor((begin + offsetAt(begin)) / dayMs) - 1
      let first: number | undefined
      let lastDay = firstDay + searchedDays
      for (let day = firstDay; day <= lastDay; day += 1) {
        for (const at of candidates(day, windows, offsetAt)) {
          if (at < begin || !isOpen(at) || (first !== undefined && at >= first)) continue
          // A jump of the clocks is seen two days before: the days until then may have an earlier opening.
          if (first === undefined) lastDay = Math.min(lastDay, day + 3)
          first = at
        }
      }
      return first
    },
  }
}

/** Instants at which hours may begin on a local day: the windows' starts, and wherever the clocks jump. */
function candidates(day: number, windows: readonly Window[], offsetAt: ZoneOffset): number[] {
  const midnight = day * dayMs
  const before = offsetAt(midnight - dayMs)
  const after = offsetAt(midnight + 2 * dayMs)
  const offsets = before === after ? [before] : [before, after]
  const found: number[] = []
  for (const { days, start } of windows) if (days.has(weekday(day))) for (const offset of offsets) found.push(midnight + start * minuteMs - offset)
  if (before !== after) {
    // Within these three days; hours that are open right after a jump begin with it.
    for (let at = Math.floor((midnight - dayMs) / quarterMs) * quarterMs; at <= midnight + 2 * dayMs; at += quarterMs) {
      if (offsetAt(at) !== offsetAt(at - quarterMs)) found.push(at)
    }
  }
  return found
}

/** 0 Monday; day 0 of the epoch was a Thursday. */
function weekday(day: number): number {
  return (((day + 3) % 7) + 7) % 7
}

function toWindow({ days, from, to }: ServiceHours['windows'][number]): Window {
  const start = toMinutes(from)
  const end = toMinutes(to)
  return { days: new Set(days.map((day) => day - 1)), start, end: end > start ? end : end + 1440 }
}

function toMinutes(text: string): number {
  const match = /^([01]\d|2[0-4]):([0-5]\d)$/.exec(text)
  const minutes = match ? Number(match[1]) * 60 + Number(match[2]) : Number.NaN
  if (!(minutes <= 1440)) throw new TypeError(`“${text}” is no time of day such as 09:30.`)
  return minutes
}
