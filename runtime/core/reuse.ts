import type { Run } from './run.ts'
import type { Sandbox } from './sandbox.ts'
import type { Upstream } from './upstream/upstream.ts'

/**
 * Work that is not done twice: an answer of an upstream that says it has not changed is not sent again, one with the same
 * bytes is not parsed again, an expression is not evaluated again on what it was evaluated on before. Nobody can tell from
 * answers whether it is there.
 */
export interface Reuse {
  /** The doors of one node. `wanted` false: as they are. Whoever asks closes. */
  forNode(node: { readonly id: string; readonly flow: string }, doors: ReuseDoors, wanted: boolean): ReuseDoors & { remember(): Remember; close(): void }
  /** What is held for reuse, bytes as far as known. */
  readonly bytes: number
  clear(): void
}

export interface ReuseDoors {
  readonly upstream: Upstream
  readonly sandbox: Sandbox
}

/** A pure computation of a node: its result for these inputs, or what `compute` makes of them. */
export type Remember = <T>(inputs: MemoInputs, run: Run, compute: () => T) => T

/** Results of a pure computation by what it was made of. */
export interface Memo {
  /** The result for these inputs, or what `compute` makes of them. Faults are not kept. */
  of<T>(inputs: MemoInputs, compute: () => T | Promise<T>, hit?: () => void): T | Promise<T>
}

/** Where the inputs lie: paths of names from a root. Only what lies at their ends may have an effect on the result. */
export interface MemoInputs {
  readonly roots: Readonly<Record<string, unknown>>
  readonly paths: readonly (readonly string[])[]
}
