import type { EditorNode } from '../core/flow.ts'

/** Properties that every node has because it lies on a canvas; the rest is the node's own config. */
const common = new Set(['id', 'type', 'z', 'x', 'y', 'wires', 'g', 'd', 'l', 'info', 'credentials', 'inputLabels', 'outputLabels', '_users', '_alias'])

/** A node's own config, without what belongs to the canvas. `name` stays: some nodes mean something by it. */
export function ownProperties(node: EditorNode): Record<string, unknown> {
  const own: Record<string, unknown> = {}
  for (const key of Object.keys(node)) if (!common.has(key) && key !== '__proto__') own[key] = node[key]
  return own
}
