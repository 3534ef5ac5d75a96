import type { Entry } from './entry.ts'
import type { LabelMap } from './labels/label-map.ts'
import type { Step } from './step.ts'

/** How a fault or status names the node it came from. */
export interface Source {
  readonly id: string
  readonly type: string
  readonly name?: string
}

/**
 * A node that can run: its step, and where each port leads. Junctions, link nodes (but those that a Complete
 * node watches) and the edges of subflows are gone; a wire to another tab is a `remote` node, found again in the run's own deployment.
 */
export interface LinkedNode {
  readonly id: string
  readonly type: string
  readonly name?: string
  readonly flow: string
  readonly revision: string
  /** remote: `target` names a link in elsewhere. call and return: a link call and its way back. */
  readonly kind: 'step' | 'remote' | 'call' | 'return'
  /** Absent: the message passes through to the first port. */
  readonly step: Step | undefined
  /** Where its messages go when its one port is `out` with one wire and nobody waits for completion: what nearly every message needs, in one field. */
  readonly only: LinkedNode | undefined
  readonly ports: readonly string[]
  /** Targets by port, in the order of `ports`. */
  readonly wires: readonly (readonly LinkedNode[])[]
  /** Link in ids: one for `remote`, the candidates of a `call`; none for a dynamic call. */
  readonly targets: readonly string[]
  /** How long a link call waits for its return. 0: the call of a global policy, which has as long as the run and may reply instead. */
  readonly timeoutMs: number
  /** Catch nodes that take this node's faults, and as whose faults they see them. */
  readonly rescue: { readonly catchers: readonly LinkedNode[]; readonly source: Source } | undefined
  readonly statuses: { readonly listeners: readonly LinkedNode[]; readonly source: Source } | undefined
  readonly completes: readonly LinkedNode[]
  /** Labels that messages which come here, or leave, may carry: for who writes them down. Absent: none. */
  readonly labels?: LabelMap
}

/** A flow that can run. Immutable once linked; closed when the last deployment that holds it has retired. */
export interface Pipeline {
  readonly flow: string
  /** Whose it is, as its tab says; absent: nobody's. */
  readonly organisation?: string
  readonly label: string
  readonly revision: string
  /** Content of everything it was linked from; equal keys, same pipeline. */
  readonly key: string
  /** Limit of a run that enters here, ms. */
  readonly deadlineMs: number
  readonly nodes: ReadonlyMap<string, LinkedNode>
  readonly entries: readonly { readonly node: LinkedNode; readonly entry: Entry }[]
  /** Where other tabs can lead to. */
  readonly linkIns: readonly LinkedNode[]
  /** Runs what waits for retirement, newest first; never rejects. */
  close(): Promise<void>
}
