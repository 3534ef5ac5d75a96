import type { Entry } from '../core/entry.ts'
import type { Source } from '../core/pipeline.ts'
import type { AssembledFlow } from './assemble.ts'
import { statusPortOf } from './expand.ts'
import type { Container, FlowNode } from './flow.ts'

/** Listening nodes by expanded id, and as whose events they see them. */
export interface Listening {
  readonly ids: readonly string[]
  readonly source: Source
}

/** Who hears what of a flow's nodes, as Node-RED decides it. */
export interface Listeners {
  /**
   * Who takes a node's faults: candidates of its own container, nearest group first; an `uncaught` one only
   * when none before it took the fault; inside a subflow with no taker, those around the instance.
   */
  catchersOf(node: FlowNode): Listening | undefined
  /**
   * Who hears a node's statuses: the same search without the rule for uncaught ones. A subflow with a status
   * output tells its own status and keeps those of its nodes to itself.
   */
  statusesOf(node: FlowNode): Listening | undefined
  /** Complete nodes that name this node. */
  completesOf(node: FlowNode): readonly string[]
}

interface Listener {
  readonly node: FlowNode
  readonly of: 'flow' | 'group' | readonly string[]
  readonly uncaught: boolean
}

/** Looks at the entries of a flow once; asking for a node costs what listens in its own container. */
export function toListeners({ flow, entries }: AssembledFlow): Listeners {
  const listening = (on: Entry['on']): ReadonlyMap<Container, readonly Listener[]> =>
    Map.groupBy(
      entries.flatMap(({ node, entry }): Listener[] =>
        entry.on === on && 'of' in entry ? [{ node: flow.nodes.get(node) as FlowNode, of: entry.of, uncaught: entry.on === 'fault' && entry.uncaught }] : [],
      ),
      ({ node }) => node.container,
    )
  const catches = new Map([...listening('fault')].map(([container, found]) => [container, found.toSorted((a, b) => rankOf(a) - rankOf(b))]))
  const statuses = listening('status')
  const completes = listening('complete')
  return {
    // A policy that fails ends the call: the Catch nodes of an API must not be a way around it.
    catchersOf: (node) => node.policyCall ? undefined : seek(node, (at) => withoutLateUncaught(candidatesFor(at, catches.get(at.container)))),
    statusesOf: (node) =>
      node.policyCall ? undefined : seek(node, (at) => candidatesFor(at, statuses.get(at.container)), ({ instance }) => instance !== undefined && flow.nodes.has(statusPortOf(instance.id))),
    // One that is wired to the node it watches leaves it out, as Node-RED's does: they would set each other off for ever.
    // Who waits for an entry with policies behind it hears of it when they have let the message pass.
    completesOf(node) {
      if (node.left !== undefined) return []
      if (!node.policyCall) return completesOf(node)
      const entry = node.policyCall.leaves === undefined ? undefined : flow.nodes.get(node.policyCall.leaves)
      return entry ? completesOf(entry) : []
    },
  }

  function completesOf(node: FlowNode): readonly string[] {
    const ways = [node.id, node.reachedBy]
    return (completes.get(node.container) ?? []).filter((found) => found.of.includes(node.id) && !found.node.wires.flat().some((id) => ways.includes(id))).map((found) => found.node.id)
  }
}

/** Catch nodes that choose come before those that take all, and those before the ones that wait for the uncaught. */
function rankOf({ of, uncaught }: Listener): number {
  if (of !== 'flow') return 0
  return uncaught ? 2 : 1
}

/** Searches from the node outwards; `ends` says at which container the search stops. */
function seek(
  node: FlowNode,
  find: (at: FlowNode) => readonly Listener[],
  ends: (container: Container) => boolean = () => false,
): Listening | undefined {
  for (let at: FlowNode | undefined = node; at; at = ends(at.container) ? undefined : at.container.instance) {
    const found = find(at)
    if (found.length > 0) {
      const source: Source = { id: node.id, type: node.type, ...(node.name === undefined ? {} : { name: node.name }) }
      return { ids: found.map((listener) => listener.node.id), source }
    }
  }
  return undefined
}

/** Listeners that mean this node, nearest group first; equally near ones stay in order. */
function candidatesFor(node: FlowNode, listeners: readonly Listener[] = []): readonly Listener[] {
  return listeners
    .flatMap((listener) => {
      const { of } = listener
      if (listener.node.id === node.id || (Array.isArray(of) && !of.includes(node.id))) return []
      const group = listener.node.groups[0]
      const found = group === undefined ? -1 : node.groups.indexOf(group)
      if (of === 'group' && group !== undefined && found < 0) return []
      // Not in a group of the node's: as far away as the canvas itself.
      return [{ listener, distance: found < 0 ? node.groups.length : found }]
    })
    .toSorted((a, b) => a.distance - b.distance)
    .map(({ listener }) => listener)
}

/** Those for the uncaught have a turn only when one of them is the first of all. */
function withoutLateUncaught(candidates: readonly Listener[]): readonly Listener[] {
  return candidates[0]?.uncaught ? candidates : candidates.filter(({ uncaught }) => !uncaught)
}
