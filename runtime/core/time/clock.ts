/** Time as an argument, so that tests can hold it. `setTimer` returns the function that cancels it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Monotonic milliseconds, for measuring how long something took. */
  elapsed(): number
  setTimer(callback: () => void, afterMs: number): () => void
}

/** A longer wait overflows the machine's timer, which then fires at once. */
const longestTimerMs = 2 ** 31 - 1

/** The machine's clock. Its timers do not keep a process alive, and may be longer than the machine's own (24.8 days). */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  setTimer(callback, afterMs) {
    let timer: NodeJS.Timeout
    const wait = (leftMs: number) => {
      timer = leftMs > longestTimerMs ? setTimeout(() => wait(leftMs - longestTimerMs), longestTimerMs) : setTimeout(callback, leftMs)
      timer.unref()
    }
    wait(afterMs)
    return () => clearTimeout(timer)
  },
}
