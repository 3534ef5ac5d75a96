/**
 * A context scope (node, flow, global or run): a map of copies. What you get is yours to read and never
 * live: a change is seen by others after `set`. Keys may be property paths as in Node-RED (`a.b[0]`).
 */
export interface Context {
  get(key: string): unknown
  /** `undefined` removes the key. */
  set(key: string, value: unknown): void
  keys(): string[]
  delete(key: string): void
  /** Adds `by` to a number in one step that no other caller can come between; a missing value counts as 0. */
  increment(key: string, by?: number): number
  /**
   * Remembers what stands under the key, for nothing but the time of one turn of the event loop.
   * @returns puts it there again, whatever was changed under the same first part of the key meanwhile
   */
  remember(key: string): () => void
}

/** The three context scopes a node sees; the fourth, `run`, is on the run. */
export interface Contexts {
  readonly node: Context
  readonly flow: Context
  readonly global: Context
}
