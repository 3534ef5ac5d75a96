import type { Facts } from './saying.ts'

/** A record of Node-RED flow JSON, as the editor wrote it: untrusted until `parse` has looked at it. */
export interface EditorNode {
  readonly id: string
  readonly type: string
  /** Tab or subflow it lies on; absent for tabs, subflows and global config nodes. */
  readonly z?: string
  readonly [property: string]: unknown
}

/**
 * The unit that is versioned: one tab with all that lies on it, one subflow template, or (kind `global`)
 * every config node without a tab. `id` is the tab's or subflow's id, or `global`.
 */
export interface FlowDocument {
  readonly id: string
  readonly kind: 'tab' | 'subflow' | 'global'
  readonly label: string
  readonly nodes: readonly EditorNode[]
}

/** Something the compiler says about a flow. Errors refuse a deploy; warnings do not, and notes only tell what is so. */
export interface Problem {
  readonly severity: 'error' | 'warning' | 'note'
  /** Dotted and stable, like a fault code: `wire.nowhere`, `route.duplicate`. */
  readonly code: string
  /** Tab or subflow id, when one is to blame. */
  readonly flow?: string
  /** Node id to paint, when one is to blame. */
  readonly node?: string
  /** Config property to point at. */
  readonly property?: string
  /** JSON pointer (RFC 6901) into what was sent, when a record is to blame. */
  readonly pointer?: string
  /** What is wrong, as a sentence that names the place. */
  readonly message: string
  /** What to do, as a sentence. */
  readonly remedy: string
  /** What the sentence names, for who says it in other words. */
  readonly facts?: Facts
}
