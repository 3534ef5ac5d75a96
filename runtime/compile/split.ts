import type { EditorNode, FlowDocument } from '../core/flow.ts'

/**
 * Takes the editor's flat list apart into the units that are versioned: a document per tab and per
 * subflow, each with all that lies on it, and one (`global`) for what lies nowhere. Tabs come first, in
 * the editor's order, then subflows, then the global document when it holds anything.
 */
export function splitFlows(nodes: readonly EditorNode[]): FlowDocument[] {
  const tabs = new Map<string, EditorNode[]>()
  const subflows = new Map<string, EditorNode[]>()
  const global: EditorNode[] = []
  for (const node of nodes) {
    if (node.type === 'tab') tabs.set(node.id, [node])
    else if (node.type === 'subflow') subflows.set(node.id, [node])
  }
  for (const node of nodes) {
    if (node.type === 'tab' || node.type === 'subflow') continue
    const home = node.z ? (tabs.get(node.z) ?? subflows.get(node.z)) : undefined
    ;(home ?? global).push(node)
  }
  const documents: FlowDocument[] = []
  for (const [id, members] of tabs) documents.push({ id, kind: 'tab', label: text(members[0]?.label, id), nodes: members })
  for (const [id, members] of subflows) documents.push({ id, kind: 'subflow', label: text(members[0]?.name, id), nodes: members })
  if (global.length > 0) documents.push({ id: 'global', kind: 'global', label: 'global', nodes: global })
  return documents
}

/** Puts documents together again into the flat list that the editor reads. */
export function joinFlows(documents: readonly FlowDocument[]): EditorNode[] {
  return documents.flatMap((document) => document.nodes)
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}
