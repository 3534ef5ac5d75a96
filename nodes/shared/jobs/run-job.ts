import { createHash } from 'node:crypto'
import type { RunJob } from '../../../runtime/core/run.ts'
import type { JobProgress } from '../../../runtime/core/jobs/jobs.ts'

/** A job as the run of one attempt sees it. Keys are made of its id in a way that does not tell the id. */
export function toRunJob({ id, attempt, progress }: { readonly id: string; readonly attempt: number; progress(progress: JobProgress): void }): RunJob {
  const calls = new Map<string, number>()
  return {
    id,
    attempt,
    progress,
    key: keyOf(id),
    callKey(node) {
      const count = (calls.get(node) ?? 0) + 1
      calls.set(node, count)
      return keyOf(id, node, count)
    },
  }
}

function keyOf(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 32)
}
