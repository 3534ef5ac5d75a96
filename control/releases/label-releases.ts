import type { FlowDocument } from '../../runtime/core/flow.ts'
import { perObject } from '../../runtime/core/values/per-object.ts'

/** A node that lets labelled data leave in clear, and what a deploy did to it. */
export interface LabelRelease {
  readonly flow: string
  readonly node: string
  readonly name?: string
  readonly change: 'added' | 'changed' | 'removed'
  /** Labels and paths. */
  readonly released: readonly string[]
  readonly reason: string
}

const type = 'release label'

/** What a deploy changed of the nodes that release labels; for the record. */
export function toLabelReleases(before: Iterable<FlowDocument>, after: Iterable<FlowDocument>): readonly LabelRelease[] {
  const [old, now] = [releasesIn(before), releasesIn(after)]
  const put = [...now].flatMap(([id, one]): LabelRelease[] => {
    const known = old.get(id)
    if (!known) return [{ ...one, change: 'added' }]
    return JSON.stringify([known.released, known.reason]) === JSON.stringify([one.released, one.reason]) ? [] : [{ ...one, change: 'changed' }]
  })
  return [...put, ...[...old].flatMap(([id, one]): LabelRelease[] => (now.has(id) ? [] : [{ ...one, change: 'removed' }]))]
}

function releasesIn(documents: Iterable<FlowDocument>): ReadonlyMap<string, Omit<LabelRelease, 'change'>> {
  return new Map([...documents].flatMap(releasesOf).map((one) => [one.node, one]))
}

const releasesOf = perObject(({ id: flow, nodes }: FlowDocument): readonly Omit<LabelRelease, 'change'>[] => {
  if (nodes[0]?.type === 'tab' && nodes[0].disabled === true) return []
  return nodes.flatMap((node) => {
    if (node.type !== type || node.d === true) return []
    const fields = Array.isArray(node['fields']) ? (node['fields'] as readonly { readonly field?: unknown }[]) : []
    return [{
      flow, node: node.id,
      ...(typeof node['name'] === 'string' && node['name'] !== '' ? { name: node['name'] } : {}),
      released: fields.map(({ field }) => String(field ?? '')),
      reason: String(node['reason'] ?? ''),
    }]
  })
})
