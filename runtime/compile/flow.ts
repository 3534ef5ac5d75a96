import type { EditorNode, FlowDocument } from '../core/flow.ts'
import type { NodeDefinition } from '../core/node.ts'

/** An environment entry of a tab, group, subflow or global config, as the editor wrote it. */
export interface EnvEntry {
  readonly name: string
  readonly type: string
  readonly value: unknown
  /** The record whose credentials hold it, for an entry of the global environment. */
  readonly owner?: string
}

/** Where nodes live: a tab, or one instance of a subflow inside another container. */
export interface Container {
  /** Tab id, or the expanded id of the subflow instance. */
  readonly id: string
  readonly label: string
  readonly env: readonly EnvEntry[]
  /** Whose credentials hold `cred` entries of `env`, most particular first. */
  readonly credentialIds: readonly string[]
  readonly groups: ReadonlyMap<string, Group>
  /** The instance this container is the inside of; absent for a tab. */
  readonly instance?: FlowNode
}

export interface Group {
  readonly id: string
  readonly name: string
  readonly parent?: string
  readonly env: readonly EnvEntry[]
}

/** A node of a flow with its subflows expanded. Wires name expanded ids. */
export interface FlowNode {
  /** Unique in the estate: a node inside a subflow is `<instance>-<node>`. */
  readonly id: string
  readonly type: string
  readonly name?: string
  /** Own config, references into the same subflow instance rewritten; not yet validated. */
  readonly properties: Readonly<Record<string, unknown>>
  readonly definition?: NodeDefinition
  readonly container: Container
  /** Innermost group first. */
  readonly groups: readonly string[]
  readonly wires: readonly (readonly string[])[]
  /** Targets of a link out or link call in `link`/`static` mode. */
  readonly links: readonly string[]
  /** For the status output of a subflow: the instance whose status it tells. */
  readonly instance?: FlowNode
  /** For the implicit call of a global policy: where the policy begins, and for the last one behind an entry which entry it leaves. */
  readonly policyCall?: { readonly policy: string; readonly when: 'before' | 'after'; readonly leaves?: string }
  /** For an HTTP entry behind which global policies run: the call that its messages leave by. */
  readonly left?: string
  /** For a node in front of which global policies run: the call that its messages come to first. */
  readonly reachedBy?: string
  /** Node and flow to paint when something is wrong with it: the template's own node for an expanded one. */
  readonly origin: { readonly node: string; readonly flow: string }
}

/** A tab, parsed, with every subflow instance replaced by a copy of its template. */
export interface Flow {
  readonly document: FlowDocument
  readonly container: Container
  readonly nodes: ReadonlyMap<string, FlowNode>
  /** Subflow templates it uses, transitively. */
  readonly subflows: readonly string[]
}

/** All documents of a release, indexed once. */
export interface Estate {
  readonly documents: readonly FlowDocument[]
  readonly subflows: ReadonlyMap<string, FlowDocument>
  readonly global: FlowDocument | undefined
  /** Link in nodes, wherever they lie, that name this link out node as one that leads to them. */
  claimedLinks(linkOut: string): readonly string[]
  /** The node that a sub-flow node calls: where it is pinned to a revision that is kept beside the deployed one, the node there. */
  called(target: string, pin: string): string
  /** Every record by its own id, wherever it lies. */
  readonly records: { get(id: string): EditorNode | undefined }
}
