import type { EditorNode } from '../../runtime/core/flow.ts'

/**
 * The part of an estate that one flow runs with: its tab, what its links lead to, global policies, subflows and global config
 * nodes. Secrets stay behind.
 */
export function pickNodes(all: readonly EditorNode[], flow: string): EditorNode[] {
  const tabs = new Set(all.filter(({ type }) => type === 'tab').map(({ id }) => id))
  const byTab = Map.groupBy(all.filter(({ z }) => z !== undefined && tabs.has(z)), ({ z }) => z as string)
  const linkIns = new Map(all.filter(({ type }) => type === 'link in' || type === 'sub-flow in').map((node) => [node.id, node.z]))
  const wanted = new Set<string>([flow, ...all.filter(({ type, z }) => type === 'global policy' && z !== undefined).map(({ z }) => z as string)])
  const dynamic = () => [...wanted].some((tab) => (byTab.get(tab) ?? []).some(({ type, linkType }) => type === 'link call' && linkType === 'dynamic'))
  for (const tab of wanted) {
    for (const node of byTab.get(tab) ?? []) {
      const links = leadsOf(node, linkIns.keys())
      for (const id of links) {
        const home = typeof id === 'string' ? linkIns.get(id) : undefined
        if (home !== undefined && tabs.has(home)) wanted.add(home) // the loop comes to it as well
      }
    }
  }
  const everyTab = dynamic()
  const isWanted = (node: EditorNode) => (node.type === 'tab' ? everyTab || wanted.has(node.id) : node.z === undefined || !tabs.has(node.z) || everyTab || wanted.has(node.z))
  return all.filter(isWanted).map(withoutSecrets)
}

/** What a node leads to on other tabs; of a call also the revisions kept of what it calls, whichever it is pinned to. */
function leadsOf({ type, links, flow }: EditorNode, linkIns: Iterable<string>): readonly unknown[] {
  if (type === 'sub-flow') return typeof flow === 'string' && flow !== '' ? [...linkIns].filter((id) => id === flow || id.startsWith(`${flow}@`)) : []
  return (type === 'link out' || type === 'link call') && Array.isArray(links) ? (links as unknown[]) : []
}

function withoutSecrets(node: EditorNode): EditorNode {
  const { credentials: _, ...rest } = node
  return rest as EditorNode
}
