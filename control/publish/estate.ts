import type { EditorNode, Problem } from '../../runtime/core/flow.ts'
import { Refused } from '../contract.ts'
import type { Converted } from './convert.ts'
import { mergeTab, type MergedTab } from './merge-tab.ts'

/** An estate with the registered flows in it. */
export interface Estate {
  readonly rev: string
  readonly before: readonly EditorNode[]
  readonly nodes: readonly EditorNode[]
  readonly merged: ReadonlyMap<string, MergedTab>
}

/** Puts the registered flows over what is there: each on its tab, new ones behind everything. */
export function mergeEstate(converted: readonly Converted[], { nodes: before, rev }: { readonly nodes: readonly EditorNode[]; readonly rev: string }): Estate {
  const merged = new Map<string, MergedTab>()
  const tabs = new Map<string, readonly EditorNode[]>()
  for (const { plan: { id }, generated } of converted) {
    const z = generated.tab.id
    const own = mergeTab(before.filter((node) => node.id === z || node.z === z), generated)
    merged.set(id, own)
    tabs.set(z, own.nodes)
  }
  const nodes: EditorNode[] = []
  const placed = new Set<string>()
  for (const node of before) {
    const z = node.type === 'tab' ? node.id : (node.z ?? '')
    const tab = tabs.get(z)
    if (!tab) nodes.push(node)
    else if (!placed.has(z)) {
      nodes.push(...tab)
      placed.add(z)
    }
  }
  for (const [z, tab] of tabs) if (!placed.has(z)) nodes.push(...tab)
  return { rev, before, nodes, merged }
}

/** @throws Refused `register.changed` 409 with everything that would be lost */
export function refuseLosses(converted: readonly Converted[], { merged }: Estate): void {
  const problems = converted.flatMap(({ base, plan: { id }, registration, generated }) =>
    registration.replace === true ? [] : (merged.get(id)?.lost ?? []).map(({ node, what, done }): Problem => ({
      severity: 'error', code: 'register.changed', pointer: base, flow: generated.tab.id, node,
      message: `${what} was ${done} by hand in the flow of “${id}”, and the source has changed it as well.`,
      remedy: 'Bring the two together in the editor, or register with “replace” to overwrite what was done by hand.',
    })))
  const [first] = problems
  if (first) throw new Refused('register.changed', 409, `${first.message}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}`, problems)
}
