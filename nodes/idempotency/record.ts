import type { StoredAnswer } from '../shared/caches/stored-answer.ts'

/**
 * What the store holds for a key. `fence` counts the runs that have held it: who comes later has the larger one.
 * `print` is empty when bodies are not compared. Texts are compared as a whole to take a key over, so what this
 * version does not know of a record is left alone.
 */
export type GuardRecord =
  | { readonly v: 1; readonly state: 'running'; readonly fence: number; readonly by: string; /** Store's time. */ readonly untilMs: number; readonly print: string }
  | { readonly v: 1; readonly state: 'done'; readonly fence: number; readonly print: string; /** Absent: too large to be kept. */ readonly answer?: StoredAnswer; /** The run had nobody to answer. */ readonly silent?: true }
  | { readonly v: 1; readonly state: 'free'; readonly fence: number }

/** Reads a record; `undefined` for one that a later version has written. */
export function parseRecord(text: string): GuardRecord | undefined {
  try {
    const record = JSON.parse(text) as GuardRecord
    return record.v === 1 && ['running', 'done', 'free'].includes(record.state) && Number.isSafeInteger(record.fence) ? record : undefined
  } catch {
    return undefined
  }
}
