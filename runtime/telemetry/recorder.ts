import type { RunRecorder } from '../core/deployment.ts'

/** A recorder that hands every summary to all of these. */
export function recordTo(...recorders: readonly RunRecorder[]): RunRecorder {
  if (recorders.length === 2) {
    const [first, second] = recorders as readonly [RunRecorder, RunRecorder]
    return {
      record(summary) {
        first.record(summary)
        second.record(summary)
      },
    }
  }
  return {
    record(summary) {
      for (const recorder of recorders) recorder.record(summary)
    },
  }
}
