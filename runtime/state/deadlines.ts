import type { Clock } from '../core/time/clock.ts'

/** Waits that are all equally long, on one timer. */
export interface Deadlines {
  /** @returns what ends the wait; `late` is not called after that */
  add(late: () => void): () => void
  clear(): void
}

/**
 * A turn of the event loop that was long is not the other side's silence: what has arrived meanwhile is read before
 * anything is called late.
 */
export function createDeadlines(clock: Clock, afterMs: number): Deadlines {
  /**
   * In the order of their ends, as all are equally long. A list, because a Map or Set through which much passes leaves its old
   * tables behind in V8's old generation, and every collection of the young one walks them.
   */
  let waits: Wait[] = []
  /** How many at the front have ended. */
  let ended = 0
  let cancel: (() => void) | undefined

  function arm(): void {
    const next = waits[ended]
    if (cancel !== undefined || next === undefined) return
    cancel = clock.setTimer(() => setImmediate(() => {
      cancel = undefined
      const now = clock.elapsed()
      for (let wait = waits[ended]; wait !== undefined && wait.endsAtMs <= now; wait = waits[ended]) {
        const { late } = wait
        end(wait)
        late?.()
      }
      arm()
    }), Math.max(0, next.endsAtMs - clock.elapsed()))
  }

  function end(wait: Wait): void {
    wait.late = undefined
    while (ended < waits.length && waits[ended]?.late === undefined) ended += 1
    if (ended < keptEnded) return
    waits = waits.slice(ended)
    ended = 0
  }

  return {
    add(late) {
      const wait: Wait = { late, endsAtMs: clock.elapsed() + afterMs }
      waits.push(wait)
      arm()
      return () => end(wait)
    },
    clear() {
      waits = []
      ended = 0
      cancel?.()
      cancel = undefined
    },
  }
}

interface Wait {
  /** Undefined once it has ended: what it would have told is not held any longer. */
  late: (() => void) | undefined
  readonly endsAtMs: number
}

/** Ended waits at the front that are kept before the list is cut. */
const keptEnded = 256
