import type { Clock } from '../core/clock.ts'

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
  /** In the order of their ends, as all are equally long. */
  const waits = new Map<() => void, number>()
  let cancel: (() => void) | undefined

  function arm(): void {
    const next = waits.values().next()
    if (next.done === true || cancel !== undefined) return
    cancel = clock.setTimer(() => setImmediate(() => {
      cancel = undefined
      const now = clock.elapsed()
      for (const [end, endsAt] of waits) {
        if (endsAt > now) break
        waits.delete(end)
        end()
      }
      arm()
    }), Math.max(0, next.value - clock.elapsed()))
  }

  return {
    add(late) {
      const end = () => late()
      waits.set(end, clock.elapsed() + afterMs)
      arm()
      return () => void waits.delete(end)
    },
    clear() {
      waits.clear()
      cancel?.()
      cancel = undefined
    },
  }
}
