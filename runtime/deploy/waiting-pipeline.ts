import type { AssembledFlow } from '../compile/assemble.ts'
import { organisationOf } from '../compile/organisation-of.ts'
import type { Fault } from '../core/fault.ts'
import type { LinkedNode, Pipeline } from '../core/pipeline.ts'

const prefix = 'waiting'

/**
 * A flow whose secrets cannot be had yet: its routes are there and answer with the fault, and so do links that lead to it; nothing in it
 * starts by itself.
 */
export function createWaitingPipeline(assembled: AssembledFlow, baseKey: string, reason: Fault, deadlineMs: number): Pipeline {
  const { flow, revision } = assembled
  const refusing = (id: string): LinkedNode => {
    const node = flow.nodes.get(id)
    return {
      id, type: node?.type ?? 'node', ...(node?.name === undefined ? {} : { name: node.name }), flow: flow.document.id, revision, kind: 'step',
      step: () => {
        throw reason
      },
      only: undefined, ports: ['out'], wires: [[]], targets: [], timeoutMs: 0, rescue: undefined, statuses: undefined, completes: [],
    }
  }
  const nodes = new Map<string, LinkedNode>()
  const entries = assembled.entries.flatMap(({ node, entry }) => {
    if (entry.on !== 'http') return []
    const linked = nodes.get(node) ?? refusing(node)
    nodes.set(node, linked)
    return [{ node: linked, entry }]
  })
  const linkIns = assembled.linkIns.map((id) => refusing(id))
  for (const node of linkIns) nodes.set(node.id, node)
  const organisation = organisationOf(flow.document)
  return {
    flow: flow.document.id, ...(organisation === undefined ? {} : { organisation }), label: flow.document.label, revision,
    key: waitingKey(baseKey, reason.code), deadlineMs, nodes, entries, linkIns, close: () => Promise.resolve(),
  }
}

export function waitingKey(baseKey: string, code: string): string {
  return `${prefix} ${code} ${baseKey}`
}

/** Whether a pipeline waits for the secrets of what would have this key. */
export function waitsFor(pipeline: Pipeline | undefined, baseKey?: string): boolean {
  return pipeline !== undefined && pipeline.key.startsWith(`${prefix} `) && (baseKey === undefined || pipeline.key.endsWith(` ${baseKey}`))
}
