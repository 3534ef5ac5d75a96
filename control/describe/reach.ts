import type { AssembledFlow, Assembly } from '../../runtime/compile/assemble.ts'
import type { FlowNode } from '../../runtime/compile/flow.ts'

/** A node that a request may come to, nearest to the entry first. */
export interface Reached {
  readonly node: FlowNode
  readonly config: Readonly<Record<string, unknown>>
  /** Whether something is wired to a port of this name. */
  isWired(port: string): boolean
}

/** Every node that lies behind an entry, over links, subflows and global policies, each once. */
export function reach(entry: string, from: AssembledFlow, linkIns: Assembly['linkIns']): readonly Reached[] {
  const reached: Reached[] = []
  const seen = new Set<string>()
  const waiting: { readonly id: string; readonly flow: AssembledFlow }[] = [{ id: entry, flow: from }]
  for (let at = waiting.shift(); at; at = waiting.shift()) {
    if (seen.has(at.id)) continue
    seen.add(at.id)
    const flow = at.flow.flow.nodes.has(at.id) ? at.flow : linkIns.get(at.id)
    const node = flow?.flow.nodes.get(at.id)
    if (!flow || !node) continue
    const config = flow.configs.get(node.id) ?? {}
    reached.push({ node, config, isWired: (port) => (node.wires[portsOf(node, config).indexOf(port)] ?? []).length > 0 })
    for (const id of [...node.wires.flat(), ...node.links]) waiting.push({ id, flow })
  }
  return reached
}

function portsOf(node: FlowNode, config: Readonly<Record<string, unknown>>): readonly string[] {
  const outputs = node.definition?.outputs ?? []
  return typeof outputs === 'function' ? outputs(config) : outputs
}
