import type { EditorNode, FlowDocument } from '../../runtime/core/flow.ts'

/**
 * How documents interleave in the editor's flat list, as JSON text: `[document, count, document, count, …]`
 * takes so many nodes from that document each time. When the list does not keep the order inside the
 * documents (a node before its tab), `{"ids": […]}`.
 */
export function toLayout(nodes: readonly EditorNode[], documents: readonly FlowDocument[]): string {
  const indexes = new Map(documents.map(({ id }, index) => [id, index]))
  const taken = documents.map(() => 0)
  const runs: number[] = []
  const next = (index: number) => documents[index]?.nodes[taken[index] as number]
  let index = -1
  for (const node of nodes) {
    // That a document goes on is told by identity, without a look into the node: an estate has far more nodes than runs.
    if (next(index) !== node) {
      index = homeOf(node, indexes)
      if (next(index)?.id !== node.id) return JSON.stringify({ ids: nodes.map(({ id }) => id) })
    }
    taken[index] = (taken[index] as number) + 1
    if (runs.at(-2) === index) runs[runs.length - 1] = (runs.at(-1) as number) + 1
    else runs.push(index, 1)
  }
  return JSON.stringify(runs)
}

/** The editor's list again. What a layout does not mention comes last. */
export function fromLayout(layout: string, documents: readonly FlowDocument[]): EditorNode[] {
  const plan = JSON.parse(layout) as number[] | { ids: string[] }
  if (!Array.isArray(plan)) {
    const byId = new Map(documents.flatMap((document) => document.nodes.map((node) => [node.id, node] as const)))
    return plan.ids.flatMap((id) => byId.get(id) ?? [])
  }
  const taken = documents.map(() => 0)
  const nodes: EditorNode[] = []
  for (let index = 0; index + 1 < plan.length; index += 2) {
    const document = plan[index] as number
    const from = taken[document] ?? 0
    const to = from + (plan[index + 1] as number)
    for (let position = from; position < to; position++) nodes.push(documents[document]?.nodes[position] as EditorNode)
    taken[document] = to
  }
  return nodes
}

/** A guess that the caller checks: every node lies where `z` says, or in the global document. */
function homeOf(node: EditorNode, indexes: ReadonlyMap<string, number>): number {
  const own = node.type === 'tab' || node.type === 'subflow' ? indexes.get(node.id) : node.z === undefined ? undefined : indexes.get(node.z)
  return own ?? indexes.get('global') ?? -1
}
