import type { Source } from '../core/pipeline.ts'
import type { AssembledFlow } from './assemble.ts'
import type { Container, FlowNode } from './flow.ts'

/** Listening nodes by expanded id, and as whose events they see them. */
export interface Listening {
  readonly ids: readonly string[]
  readonly source: Source
}

/**
 * Who takes a node's faults, as Node-RED decides it: candidates of its own container, nearest group first;
 * an `uncaught` one only when none before it took the fault; inside a subflow with no taker, those around
 * the instance, which then stands as the source.
 */
export function catchersOf(node: FlowNode, assembled: AssembledFlow): Listening | undefined {
  return seek(node, assembled, 'fault', (candidates) => {
    let handled = false
    let byUncaught = false
    return candidates.filter(({ uncaught }) => {
      if (uncaught && !byUncaught) {
        if (handled) return false
        byUncaught = true
      }
      handled = true
      return true
    })
  })
}

/** Who hears a node's statuses; the same search, without the rule for uncaught ones. */
export function listenersOf(node: FlowNode, assembled: AssembledFlow): Listening | undefined {
  return seek(node, assembled, 'status', (candidates) => candidates)
}

/** Complete nodes that name this node. */
export function completesOf(node: FlowNode, assembled: AssembledFlow): string[] {
  return assembled.entries
    .filter(({ node: id, entry }) => entry.on === 'complete' && entry.of.includes(node.id) && homeOf(id, assembled) === node.container)
    .map(({ node: id }) => id)
}

interface Candidate {
  readonly id: string
  readonly distance: number
  readonly uncaught: boolean
}

function seek(node: FlowNode, assembled: AssembledFlow, on: 'fault' | 'status', choose: (candidates: Candidate[]) => Candidate[]): Listening | undefined {
  for (let at: FlowNode | undefined = node; at; at = at.container.instance) {
    const candidates = candidatesFor(at, assembled, on).sort((a, b) => a.distance - b.distance)
    const chosen = choose(candidates)
    if (chosen.length > 0) {
      const source: Source = { id: at.id, type: at.type, ...(at.name === undefined ? {} : { name: at.name }) }
      return { ids: chosen.map(({ id }) => id), source }
    }
  }
  return undefined
}

function candidatesFor(node: FlowNode, assembled: AssembledFlow, on: 'fault' | 'status'): Candidate[] {
  return assembled.entries.flatMap(({ node: id, entry }): Candidate[] => {
    if (entry.on !== on || homeOf(id, assembled) !== node.container || id === node.id) return []
    if (Array.isArray(entry.of) && !entry.of.includes(node.id)) return []
    const group = assembled.flow.nodes.get(id)?.groups[0]
    const found = group === undefined ? -1 : node.groups.indexOf(group)
    if (entry.of === 'group' && group !== undefined && found < 0) return []
    // Not in a group of the node's: as far away as the canvas itself.
    const distance = found < 0 ? node.groups.length : found
    return [{ id, distance, uncaught: entry.on === 'fault' && entry.uncaught }]
  })
}

function homeOf(id: string, assembled: AssembledFlow): Container | undefined {
  return assembled.flow.nodes.get(id)?.container
}
