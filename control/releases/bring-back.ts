import type { EditorNode } from '../../runtime/core/flow.ts'
import { Refused } from '../contract.ts'
import type { LoadedRelease } from './current.ts'

/**
 * What is live, with one tab or subflow as it was in an earlier release: in its place, last when it is gone by now, and taken out when it was
 * not there yet. Everything else stays as it is.
 * @throws Refused `release.flow` 404 when neither has it
 */
export function bringBack(flow: string, now: LoadedRelease | undefined, then: LoadedRelease): { readonly nodes: readonly EditorNode[]; readonly label: string } {
  const [before, after] = [now, then].map((release) => release?.revisions.find(({ document }) => document.id === flow && document.kind !== 'global')?.document)
  const label = after?.label ?? before?.label
  if (label === undefined) throw new Refused('release.flow', 404, `There is no flow “${flow}” in release ${then.manifest.id}, nor now.`, [], { flow, release: then.manifest.id })
  const old = new Set(before?.nodes.map(({ id }) => id))
  const nodes = now?.nodes ?? []
  const place = nodes.findIndex(({ id }) => old.has(id))
  const kept = (some: readonly EditorNode[]) => some.filter(({ id }) => !old.has(id))
  const brought = after?.nodes ?? []
  return { label, nodes: place === -1 ? [...nodes, ...brought] : [...kept(nodes.slice(0, place)), ...brought, ...kept(nodes.slice(place))] }
}
