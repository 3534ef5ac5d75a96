import type { EditorNode } from '../runtime/core/flow.ts'

/**
 * Puts flows into an estate: tabs and subflows that come with the same id are replaced with all that lies
 * on them, config nodes of the same id likewise, everything else is kept. Pure.
 */
export function mergeFlows(estate: readonly EditorNode[], coming: readonly EditorNode[]): EditorNode[] {
  const ids = new Set(coming.map((node) => node.id))
  const flows = new Set(coming.filter((node) => node.type === 'tab' || node.type === 'subflow').map((node) => node.id))
  const kept = estate.filter((node) => !ids.has(node.id) && !(node.z !== undefined && flows.has(node.z)))
  return [...kept, ...coming]
}
