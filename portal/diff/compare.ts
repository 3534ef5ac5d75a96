import type { EditorNode } from '../../runtime/core/flow.ts'

export type Mark = 'added' | 'removed' | 'changed' | 'moved' | 'unchanged'

export interface PropertyChange {
  readonly node: string
  readonly label: string
  readonly property: string
  /** JSON text; absent when the property was not there. */
  readonly before?: string
  readonly after?: string
}

/** What differs on one tab, one subflow, or among the config nodes that lie on none (`global`). */
export interface FlowDifference {
  readonly id: string
  readonly label: string
  readonly change: 'added' | 'changed' | 'removed'
  readonly before: readonly EditorNode[]
  readonly after: readonly EditorNode[]
  readonly marks: ReadonlyMap<string, Mark>
  readonly properties: readonly PropertyChange[]
}

/** Where a node stands says nothing about what it does. */
const placing = new Set(['x', 'y', 'w', 'h'])

/** The flows that differ between two estates, in the order of the newer one; removed ones last. */
export function compareEstates(before: readonly EditorNode[], after: readonly EditorNode[]): FlowDifference[] {
  const old = groupByFlow(before)
  const now = groupByFlow(after)
  const ids = [...now.keys(), ...[...old.keys()].filter((id) => !now.has(id))]
  return ids.flatMap((id) => compareFlow(id, old.get(id), now.get(id)) ?? [])
}

function groupByFlow(nodes: readonly EditorNode[]): Map<string, EditorNode[]> {
  const flows = new Map<string, EditorNode[]>()
  for (const node of nodes) {
    const id = node.type === 'tab' || node.type === 'subflow' ? node.id : (node.z ?? 'global')
    const flow = flows.get(id)
    if (flow) flow.push(node)
    else flows.set(id, [node])
  }
  return flows
}

function compareFlow(id: string, before: readonly EditorNode[] = [], after: readonly EditorNode[] = []): FlowDifference | undefined {
  const old = new Map(before.map((node) => [node.id, node]))
  const now = new Map(after.map((node) => [node.id, node]))
  const marks = new Map<string, Mark>()
  const properties: PropertyChange[] = []
  for (const node of [...after, ...before.filter((one) => !now.has(one.id))]) {
    const changes = compareNode(old.get(node.id), now.get(node.id))
    marks.set(node.id, markOf(old.get(node.id), now.get(node.id), changes))
    if (marks.get(node.id) !== 'changed') continue // what is wholly new or gone is seen on the drawing
    for (const change of changes) if (!placing.has(change.property)) properties.push({ node: node.id, label: labelOf(node), ...change })
  }
  if (before.length > 0 && after.length > 0 && [...marks.values()].every((mark) => mark === 'unchanged')) return undefined
  const head = [...after, ...before].find((node) => node.id === id)
  const change = before.length === 0 ? 'added' : after.length === 0 ? 'removed' : 'changed'
  return { id, label: head ? labelOf(head) : id, change, before, after, marks, properties }
}

function markOf(before: EditorNode | undefined, after: EditorNode | undefined, changes: readonly { property: string }[]): Mark {
  if (!before) return 'added'
  if (!after) return 'removed'
  if (changes.length === 0) return 'unchanged'
  return changes.every((change) => placing.has(change.property)) ? 'moved' : 'changed'
}

function compareNode(before: EditorNode | undefined, after: EditorNode | undefined): { property: string; before?: string; after?: string }[] {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])
  const changes: { property: string; before?: string; after?: string }[] = []
  for (const property of names) {
    if (property === 'id' || property === 'z') continue
    const was = toText(before?.[property])
    const is = toText(after?.[property])
    if (was === is) continue
    changes.push({ property, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) })
  }
  return changes
}

/** Texts as they are, so that code reads as code; everything else as JSON. */
function toText(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string') return value
  const text = JSON.stringify(value)
  return text.length <= 80 ? text : JSON.stringify(value, null, 1)
}

/** What people call a node. */
export function labelOf(node: EditorNode): string {
  for (const name of [node.label, node.name]) if (typeof name === 'string' && name !== '') return name
  if (node.type === 'http in') return `[${String(node.method ?? 'get')}] ${String(node.url ?? '')}`
  return node.type
}
