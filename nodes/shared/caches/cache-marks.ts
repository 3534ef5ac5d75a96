import type { CacheMark } from '../../../runtime/core/state/cache.ts'
import type { Run } from '../../../runtime/core/run.ts'

const key = Object.freeze({})

/**
 * When a run looked for what it did not find: what it keeps under the same key afterwards is no newer than that. A purge
 * in between then wins.
 */
export function lookMarks(run: Run): Map<string, CacheMark> {
  return run.state(key, () => new Map<string, CacheMark>(), 'run')
}
