/** Time as an argument, so that tests can hold it. `setTimer` returns the function that cancels it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Monotonic milliseconds, for measuring how long something took. */
  elapsed(): number
  setTimer(callback: () => void, afterMs: number): () => void
}

/** The machine's clock. Its timers do not keep a process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  setTimer(callback, afterMs) {
    const timer = setTimeout(callback, afterMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
