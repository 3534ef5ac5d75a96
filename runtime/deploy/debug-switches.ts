import { fault } from '../core/fault.ts'
import type { Pipeline } from '../core/pipeline.ts'

type Pipelines = Iterable<Pipeline>

/** What was switched by hand with the buttons of debug nodes: it holds until the flow of the node is deployed anew. */
export interface DebugSwitches {
  /**
   * Switches a debug node on or off: one by its expanded id, or by its id in a subflow for all copies of it.
   * @throws Fault `step.config` when the pipelines have no such node, so that nobody can make this grow
   */
  set(node: string, active: boolean, pipelines: Pipelines): void
  /** `undefined`: nobody touched it. */
  of(node: string): boolean | undefined
  /** A flow that was deployed anew shows what its debug nodes say, not what was switched by hand before. */
  forget(fresh: Pipelines, live: Pipelines): void
}

export function createDebugSwitches(): DebugSwitches {
  const switches = new Map<string, boolean>()
  return {
    set(node, active, pipelines) {
      if (!anyHas(pipelines, node)) throw fault('step.config', { message: `There is no debug node ${node} in the live release. Deploy first.` })
      switches.set(node, active)
    },
    of: (node) => switches.get(node),
    forget(fresh, live) {
      for (const node of switches.keys()) if (anyHas(fresh, node) || !anyHas(live, node)) switches.delete(node)
    },
  }
}

function anyHas(pipelines: Pipelines, id: string): boolean {
  for (const { nodes } of pipelines) {
    if (nodes.get(id)?.type === 'debug') return true
    // The editor knows a node in a subflow by its template's id, whose copies carry it at their end.
    for (const node of nodes.values()) if (node.type === 'debug' && node.id.endsWith(`-${id}`)) return true
  }
  return false
}
