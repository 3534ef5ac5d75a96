import type { State } from '../../runtime/core/state/state.ts'

const bucketMs = 2_000
const cursorMs = 30 * 86_400_000
/** Buckets looked through in one go: after a long silence the rest comes next time. */
const mostBuckets = 500
/** How long a session that is over may wait for a janitor. */
export const closingMs = 7 * 86_400_000

/**
 * Which sessions are to be looked at when, in buckets of two seconds, so that finding what is due costs what is due
 * and not all there is. Touching a session moves nothing: it is looked at when it would have expired, and put further on.
 */
export interface DueList {
  add(handle: string, atMs: number): Promise<void>
  /** Buckets that are due and complete, oldest first. */
  due(): Promise<readonly number[]>
  members(bucket: number): Promise<readonly string[]>
  remove(bucket: number, handle: string): Promise<void>
  /** Everything up to this bucket has been looked at. */
  done(bucket: number): Promise<void>
}

export function createDueList(state: State, closer: string): DueList {
  const { records } = state
  const cursor = `session-due/${closer}`
  const group = (bucket: number) => `session-due/${closer}/${bucket}`
  let begun = false
  return {
    async add(handle, atMs) {
      const nowMs = state.now()
      if (!begun) await records.setIfAbsent(cursor, String(Math.floor(nowMs / bucketMs)), cursorMs)
      begun = true
      // Never the bucket of now: a janitor may be done with it.
      const bucket = Math.floor(Math.max(atMs, nowMs) / bucketMs) + 1
      await records.join(group(bucket), handle, { cap: 1_000_000_000, whenFull: 'refuse', ttlMs: Math.max(0, atMs - nowMs) + closingMs })
    },
    async due() {
      const text = await records.get(cursor)
      if (text === undefined) return []
      const from = Number(text) + 1
      const to = Math.min(Math.floor(state.now() / bucketMs) - 1, from + mostBuckets - 1)
      return Array.from({ length: Math.max(0, to - from + 1) }, (_, place) => from + place)
    },
    members: (bucket) => records.members(group(bucket)),
    remove: (bucket, handle) => records.leave(group(bucket), handle),
    done: (bucket) => records.set(cursor, String(bucket), cursorMs),
  }
}
