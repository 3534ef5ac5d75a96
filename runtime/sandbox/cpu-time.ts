/** Processor time that this process was given, ms since some moment. By it, not by the clock, scripts are judged. */
export interface CpuTime {
  /** Of the serving thread. */
  ofServing(): number
  /** Of all other threads together. */
  ofOthers(): number
}

/** Asking the system costs more than a small function: what it said counts for so long, ms. */
const freshMs = 2

/**
 * As the system counts it, at most {@link freshMs} old. `cpuTime` of an isolate will not do: the prebuilt isolated-vm
 * counts it by the clock, so that a thread that waits for a processor seems to compute.
 */
export function createSystemCpu(): CpuTime {
  let askedMs = -Infinity
  let serving = 0
  let others = 0
  const ask = (): void => {
    const now = performance.now()
    if (now - askedMs < freshMs) return
    askedMs = now
    const thread = process.threadCpuUsage()
    const all = process.cpuUsage()
    serving = (thread.user + thread.system) / 1000
    others = (all.user + all.system) / 1000 - serving
  }
  return {
    ofServing() {
      ask()
      return serving
    },
    ofOthers() {
      ask()
      return others
    },
  }
}
