import { Cron } from 'croner'
import type { Times } from '../core/jobs/schedules.ts'

/** Times in order. Cron follows its zone through changes of daylight saving time (OCPS): none is left out, none comes twice. */
export interface TimeLine {
  /** The first one after; `undefined`: none any more. */
  next(afterMs: number): number | undefined
  /** The last ones within (afterMs, untilMs], at most so many, oldest first. */
  between(afterMs: number, untilMs: number, most: number): readonly number[]
}

/** @throws Error for a cron or a zone that cannot be read */
export function createTimeLine(times: Times): TimeLine {
  switch (times.kind) {
    case 'once':
      return {
        next: (afterMs) => (times.atMs > afterMs ? times.atMs : undefined),
        between: (afterMs, untilMs) => (times.atMs > afterMs && times.atMs <= untilMs ? [times.atMs] : []),
      }
    case 'interval': {
      const { everyMs } = times
      return {
        next: (afterMs) => (Math.floor(afterMs / everyMs) + 1) * everyMs,
        between(afterMs, untilMs, most) {
          const found: number[] = []
          for (let at = Math.floor(untilMs / everyMs) * everyMs; at > afterMs && found.length < most; at -= everyMs) found.push(at)
          return found.reverse()
        },
      }
    }
    case 'cron': {
      const cron = new Cron(times.cron, { paused: true, ...(times.zone === undefined ? {} : { timezone: times.zone }) })
      const next = (afterMs: number) => cron.nextRun(new Date(afterMs))?.getTime()
      return {
        next,
        between(afterMs, untilMs, most) {
          // Backwards in steps, so that a long pause costs no more than what is asked for.
          for (let spanMs = 3_600_000; ; spanMs *= 8) {
            const fromMs = Math.max(afterMs, untilMs - spanMs)
            const found: number[] = []
            for (let at = next(fromMs); at !== undefined && at <= untilMs; at = next(at)) {
              found.push(at)
              if (found.length > most) found.shift()
            }
            if (found.length >= most || fromMs === afterMs) return found
          }
        },
      }
    }
  }
}
