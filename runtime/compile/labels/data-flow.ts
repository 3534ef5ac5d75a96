import type { LabelEntry, Protection } from '../../core/labels/label-map.ts'
import { labelPathText } from '../../core/labels/label-path.ts'
import type { LeakTo } from '../../core/labels/labels.ts'
import type { Assembly, AssembledFlow } from '../assemble.ts'
import type { FlowNode } from '../flow.ts'
import { homesOf } from './check-labels.ts'
import { followLabels, type Visited } from './follow-labels.ts'

/** A node as people know it. */
export interface NamedNode {
  readonly flow: string
  readonly node: string
  readonly type: string
  readonly name?: string
}

/** What becomes of the data that gets one label at one place. */
export interface LabelledData {
  readonly label: string
  readonly from: NamedNode & { readonly path: string }
  /** The nodes that it comes to, in the order of the way, and where in the message it may lie there. */
  readonly passes: readonly (NamedNode & { readonly at: readonly string[]; readonly inClear: boolean })[]
  readonly protected: readonly (NamedNode & { readonly by: Protection['by']; readonly reason?: string })[]
  /** What of it leaves, and how. */
  readonly leaves: readonly (NamedNode & { readonly to: LeakTo; readonly what: string; readonly as: Protection['by'] | 'clear' })[]
}

/** Labelled data of one flow, for auditors: what was drawn, and nothing that passed. */
export interface DataFlow {
  readonly flow: string
  readonly label: string
  readonly organisation?: string
  /** `POST /people`. */
  readonly routes: readonly string[]
  readonly data: readonly LabelledData[]
}

/** What labelled data does in every flow of an estate in which there is any. */
export function toDataFlows({ flows, linkIns }: Assembly): readonly DataFlow[] {
  return flows.flatMap((home): DataFlow[] => {
    if (home.entries.length === 0 || !home.labels) return []
    const homes = homesOf(home, linkIns)
    const { visited } = followLabels(home, linkIns)
    const data = toData(visited, homes)
    if (data.length === 0) return []
    const organisation = home.routes[0]?.organisation
    return [{
      flow: home.flow.document.id, label: home.flow.document.label, ...(organisation === undefined ? {} : { organisation }),
      routes: [...new Set(home.routes.map(({ entry }) => `${entry.method} ${entry.path}`))], data,
    }]
  })
}

function toData(visited: readonly Visited[], homes: readonly AssembledFlow[]): readonly LabelledData[] {
  const named = new Map(homes.flatMap(({ flow }) => [...flow.nodes.values()].map((node) => [node.origin.node, nameNode(node)] as const)))
  const nameOf = ({ flow, node }: { readonly flow: string; readonly node: string }) => named.get(node) ?? { flow, node, type: '' }
  const origins = new Map<string, LabelEntry>()
  for (const { input, sent } of visited) for (const entry of [...input.entries, ...sent.entries]) origins.set(keyOf(entry), origins.get(keyOf(entry)) ?? entry)
  return [...origins].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { label, from }]): LabelledData => {
    const own = (entries: readonly LabelEntry[]) => entries.filter((entry) => keyOf(entry) === key)
    const passes = unique(visited.flatMap(({ node, input }) => {
      const found = own(input.entries)
      if (found.length === 0 || passages.has(node.type) || node.type.startsWith('subflow:')) return []
      return [{ ...nameNode(node), at: [...new Set(found.map(({ path }) => labelPathText(path) || '*'))].sort(), inClear: found.some(({ protection }) => !protection) }]
    }))
    const done = visited.flatMap(({ sent }) => own(sent.entries)).flatMap(({ protection }) => (protection ? [{ ...nameOf(protection), by: protection.by, ...(protection.reason === undefined ? {} : { reason: protection.reason }) }] : []))
    const leaves = visited.flatMap(({ node, leaks }) => leaks.flatMap(({ to, what, labels }) => own(labels.entries).map(({ protection }) => ({ ...nameNode(node), to, what, as: protection?.by ?? ('clear' as const) }))))
    return { label, from: { ...nameOf(from), path: from.path }, passes, protected: unique(done), leaves: unique(leaves) }
  })
}

const passages: ReadonlySet<string> = new Set(['junction', 'link in', 'link out', 'subflow status'])

function nameNode({ origin, type, name }: FlowNode): NamedNode {
  return { flow: origin.flow, node: origin.node, type, ...(name === undefined ? {} : { name }) }
}

function keyOf({ label, from }: LabelEntry): string {
  return `${label}\n${from.flow}\n${from.node}\n${from.path}`
}

/** A template that is used twice is one place for whoever reads. */
function unique<T>(list: readonly T[]): readonly T[] {
  return [...new Map(list.map((one) => [JSON.stringify(one), one])).values()]
}
