import type { Clock } from '../core/time/clock.ts'

/** Longest sleep: a clock that was put forward is noticed by then. */
const longestSleepMs = 60_000

/**
 * Calls back once when the clock on the wall has reached a time, late by a minute at most when that clock is put forward, and
 * never early when it is put back. The result takes it back.
 */
export function atTime(clock: Clock, atMs: number, callback: () => void): () => void {
  let cancel = () => {}
  const sleep = () => {
    cancel = clock.setTimer(() => {
      // A timer may fire a little early; then it is set once more.
      if (clock.now() >= atMs) callback()
      else sleep()
    }, Math.min(longestSleepMs, Math.max(1, Math.ceil(atMs - clock.now()))))
  }
  sleep()
  return () => cancel()
}
