import { Fault, toFault } from '../core/fault.ts'
import type { Problem } from '../core/flow.ts'
import type { NodeDefinition, Scope } from '../core/node.ts'
import type { LinkedNode, Pipeline } from '../core/pipeline.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'
import type { FlowNode } from './flow.ts'
import { catchersOf, completesOf, listenersOf } from './listeners.ts'

/** What linking needs of the room that owns lifetimes. */
export interface Linking {
  readonly key: string
  readonly deadlineMs: number
  /** A config with everything filled in, credentials' environment included. */
  configOf(node: FlowNode): Readonly<Record<string, unknown>>
  /** A scope for a node; what it opens is taken back by `close`. */
  scopeOf(node: FlowNode, linked: LinkedNode): Scope
  close(): Promise<void>
}

export type LinkResult = { readonly pipeline: Pipeline } | { readonly problems: readonly Problem[] }

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
const linkCallTimeoutMs = 30_000

/**
 * Makes a flow runnable: compiles every step, joins the wires, and finds for each node who takes its
 * faults, statuses and completions. Everything that can fail does so here; what was opened is closed again.
 */
export async function link(assembled: AssembledFlow, linking: Linking): Promise<LinkResult> {
  const { flow, revision } = assembled
  const linked = new Map<string, Mutable<LinkedNode>>()
  const definitions = new Map<string, { definition: NodeDefinition; config: Readonly<Record<string, unknown>> }>()
  for (const node of flow.nodes.values()) {
    if (node.definition?.configNode) continue
    if (node.definition) definitions.set(node.id, { definition: node.definition, config: linking.configOf(node) })
    linked.set(node.id, blank(node, flow.document.id, revision, definitions.get(node.id)))
  }

  const remotes = new Map<string, LinkedNode>()
  for (const node of flow.nodes.values()) {
    const own = linked.get(node.id)
    if (!own) continue
    own.wires = node.type === 'subflow status' ? [] : node.wires.map((targets) => targets.flatMap((id) => follow(id, new Set())))
    own.completes = completesOf(node, assembled).flatMap((id) => linked.get(id) ?? [])
    const catching = catchersOf(node, assembled)
    if (catching) own.rescue = { catchers: catching.ids.map((id) => linked.get(id) as LinkedNode), source: catching.source }
    const listening = listenersOf(node, assembled)
    if (listening) own.statuses = { listeners: listening.ids.map((id) => linked.get(id) as LinkedNode), source: listening.source }
  }

  const problems: Problem[] = []
  await Promise.all(
    [...definitions].map(async ([id, { definition, config }]) => {
      if (!definition.compile) return
      const own = linked.get(id) as Mutable<LinkedNode>
      try {
        own.step = await definition.compile(config, linking.scopeOf(flow.nodes.get(id) as FlowNode, own))
      } catch (thrown) {
        problems.push(compileProblem(flow.nodes.get(id) as FlowNode, thrown))
      }
    }),
  )
  for (const node of flow.nodes.values()) {
    if (node.type !== 'subflow status') continue
    const own = linked.get(node.id) as Mutable<LinkedNode>
    const scope = linking.scopeOf(node.container.instance ?? node, linked.get(node.id.slice(0, -':status'.length)) ?? own)
    own.step = (message, run) => {
      const { payload } = message
      scope.status(typeof payload === 'object' && payload !== null ? payload : { text: String(payload ?? '') }, run, message)
      return undefined
    }
  }
  if (problems.length > 0) {
    await linking.close()
    return { problems }
  }

  return {
    pipeline: {
      flow: flow.document.id,
      label: flow.document.label,
      revision,
      key: linking.key,
      deadlineMs: linking.deadlineMs,
      nodes: linked,
      entries: assembled.entries.map(({ node, entry }) => ({ node: linked.get(node) as LinkedNode, entry })),
      linkIns: assembled.linkIns.map((id) => linked.get(id) as LinkedNode),
      close: () => linking.close(),
    },
  }

  /** Where a wire ends once junctions, link nodes and subflow edges are taken out of it. */
  function follow(id: string, seen: Set<string>): LinkedNode[] {
    const node = flow.nodes.get(id)
    if (!node || seen.has(id)) return [] // disabled, or a circle of junctions that holds no step
    const pass = (targets: readonly string[]) => targets.flatMap((target) => follow(target, new Set([...seen, id])))
    if (node.type === 'junction' || node.type === 'link in' || isInstance(node)) return pass(node.wires.flat())
    if (node.type === 'link out' && node.properties.mode !== 'return') {
      return node.links.flatMap((target) => (flow.nodes.has(target) ? pass([target]) : [remote(target, node)]))
    }
    const own = linked.get(id)
    return own ? [own] : []
  }

  function remote(target: string, from: FlowNode): LinkedNode {
    let node = remotes.get(target)
    if (!node) remotes.set(target, (node = { ...blank(from, flow.document.id, revision, undefined), kind: 'remote', targets: [target] }))
    return node
  }
}

function blank(node: FlowNode, flow: string, revision: string, own: { definition: NodeDefinition; config: Readonly<Record<string, unknown>> } | undefined): Mutable<LinkedNode> {
  const outputs = own?.definition.outputs ?? ['out']
  const kind = node.type === 'link call' ? 'call' : node.type === 'link out' && node.properties.mode === 'return' ? 'return' : 'step'
  const seconds = Number(node.properties.timeout)
  return {
    id: node.id,
    type: node.type,
    ...(node.name === undefined ? {} : { name: node.name }),
    flow,
    revision,
    kind,
    step: undefined,
    ports: typeof outputs === 'function' ? outputs(own?.config as never) : outputs,
    wires: [],
    targets: kind === 'call' && node.properties.linkType !== 'dynamic' ? node.links.slice(0, 1) : [],
    timeoutMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : linkCallTimeoutMs,
    rescue: undefined,
    statuses: undefined,
    completes: [],
  }
}

function isInstance(node: FlowNode): boolean {
  return node.type.startsWith('subflow:')
}

function compileProblem(node: FlowNode, thrown: unknown): Problem {
  const caught = toFault(thrown)
  const property = typeof caught.facts.property === 'string' ? { property: caught.facts.property } : {}
  return {
    severity: 'error',
    code: thrown instanceof Fault ? caught.code : 'node.compile',
    ...node.origin,
    ...property,
    message: `${nameOf({ id: node.id, type: node.type, name: node.name })}: ${caught.message}`,
    remedy: typeof caught.facts.remedy === 'string' ? caught.facts.remedy : 'Open the node, correct it, and deploy again.',
  }
}
