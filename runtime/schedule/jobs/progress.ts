import type { JobProgress } from '../../core/jobs/jobs.ts'

/** Not more often than somebody could look. */
const everyMs = 250

/** How far one attempt is, on its way to where it is kept. */
export interface ProgressNotes {
  note(progress: JobProgress): void
  /** Resolves when the latest is written, or could not be. */
  flush(): Promise<void>
}

/** Writes progress down now and then: the latest always, what came in between not. */
export function createProgressNotes(write: (progress: JobProgress) => Promise<unknown>): ProgressNotes {
  let latest: JobProgress | undefined
  let writing: Promise<unknown> | undefined
  let writtenMs = 0
  const writeAll = async () => {
    while (latest) {
      const progress = latest
      latest = undefined
      const restMs = everyMs - (performance.now() - writtenMs)
      if (restMs > 0 && writtenMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs).unref())
      writtenMs = performance.now()
      await write(latest ?? progress).catch(() => {})
    }
    writing = undefined
  }
  return {
    note(progress) {
      latest = progress
      writing ??= writeAll()
    },
    async flush() {
      if (!latest) return
      const progress = latest
      latest = undefined
      await write(progress).catch(() => {})
    },
  }
}
