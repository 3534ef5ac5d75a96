import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { Events } from '../simulate/events.ts'

/** Time that passes as fast as what happens in it: thousands of timers and messages a second of real time. */
export interface VirtualTime {
  /** A clock of its own for each machine; they may be apart. */
  clock(aheadMs?: number): Clock
  readonly nowMs: number
  at(atMs: number, happen: () => void): void
  /** Resolves so much later. */
  pass(ms: number): Promise<void>
  /** Lets everything happen that is due by then. */
  runUntil(untilMs: number): Promise<void>
}

/** Turns of the event loop after which promises and immediates that one event set off have settled. */
const turnsToSettle = 3

export function createVirtualTime(): VirtualTime {
  const events = new Events()
  return {
    clock: (aheadMs = 0) => ({
      now: () => Math.round(1_700_000_000_000 + events.nowMs + aheadMs),
      elapsed: () => events.nowMs,
      setTimer(callback, afterMs) {
        let isSet = true
        if (afterMs !== Infinity) events.at(events.nowMs + Math.max(0, afterMs), () => isSet && callback())
        return () => void (isSet = false)
      },
    }),
    get nowMs() {
      return events.nowMs
    },
    at: (atMs, happen) => events.at(atMs, happen),
    pass: (ms) => new Promise((resolve) => events.at(events.nowMs + ms, resolve)),
    async runUntil(untilMs) {
      for (let turn = 0; turn < turnsToSettle; turn += 1) await nextTurn()
      while (events.happenNext(untilMs)) for (let turn = 0; turn < turnsToSettle; turn += 1) await nextTurn()
    },
  }
}
