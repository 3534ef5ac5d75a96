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
  return {
    ofServing: whileFresh(() => sumOf(process.threadCpuUsage())),
    // Of all threads together it costs many times as much, and is asked for far less.
    ofOthers: whileFresh(() => sumOf(process.cpuUsage()) - sumOf(process.threadCpuUsage())),
  }
}

function whileFresh(ask: () => number): () => number {
  let askedMs = -Infinity
  let said = 0
  return () => {
    const now = performance.now()
    if (now - askedMs >= freshMs) {
      askedMs = now
      said = ask()
    }
    return said
  }
}

const sumOf = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000
