import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../runtime/core/time/clock.ts'

/** A clock that a test holds: time passes when `advance` says so, and timers fire in order. */
export interface FakeClock extends Clock {
  /** Lets time pass; what the timers started has settled when it resolves. */
  advance(ms: number): Promise<void>
  /** Puts the clock on the wall forward or back, as an operator or NTP does: no time passes. */
  jump(ms: number): void
  /** Timers that are set and have not fired. */
  readonly pending: number
}

/** @param startMs what `now()` says at first (default 2024-01-01T00:00:00Z) */
export function fakeClock(startMs = Date.UTC(2024, 0, 1)): FakeClock {
  let passed = 0
  let put = 0
  const timers = new Set<{ at: number; callback: () => void }>()
  return {
    now: () => startMs + passed + put,
    elapsed: () => passed,
    setTimer(callback, afterMs) {
      const timer = { at: passed + Math.max(0, afterMs), callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async advance(ms) {
      const until = passed + ms
      await nextTurn()
      for (;;) {
        const due = [...timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers.delete(due)
        passed = due.at
        due.callback()
        await nextTurn()
      }
      passed = until
      await nextTurn()
    },
    jump(ms) {
      put += ms
    },
    get pending() {
      return timers.size
    },
  }
}
