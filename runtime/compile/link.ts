import { inspect } from 'node:util'
import { payloadOf } from '../core/http/body.ts'
import { Fault, toFault } from '../core/fault.ts'
import type { Problem } from '../core/flow.ts'
import type { Message } from '../core/message.ts'
import type { NodeDefinition, Scope } from '../core/node.ts'
import type { LinkedNode, Pipeline } from '../core/pipeline.ts'
import type { NodeStatus } from '../core/sandbox.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'
import type { FlowNode } from './flow.ts'
import { toListeners } from './listeners.ts'
import { organisationOf } from './organisation-of.ts'
import { checkVaultNames, vaultNamesOf } from './check-vault-names.ts'
import { policyType } from './policies.ts'

/** What linking needs of the room that owns lifetimes. */
export interface Linking {
  readonly key: string
  readonly deadlineMs: number
  /** A config with everything filled in, credentials' environment included. @throws Fault when that does not fit the node */
  configOf(node: FlowNode): Readonly<Record<string, unknown>>
  /** A scope for a node; what it opens is taken back by `close`. */
  scopeOf(node: FlowNode, linked: LinkedNode): Scope
  close(): Promise<void>
}

export type LinkResult = { readonly pipeline: Pipeline } | { readonly problems: readonly Problem[] }

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
const linkCallTimeoutMs = 30_000
/** Of nodes that do not say what ports they have. */
const oneOut: readonly string[] = ['out']
/** One for all, so that a step finds it in the processor's cache. */
const nobody: readonly LinkedNode[] = []

/** Ways through junctions and links that one flow may have, and how many of them one behind the other. */
const mostWays = 100_000
const longestWay = 1000
/** Longest status text that is made of a value. */
const statusLength = 32

/**
 * Makes a flow runnable: compiles every step, joins the wires, and finds for each node who takes its
 * faults, statuses and completions. Everything that can fail does so here; what was opened is closed again.
 */
export async function link(assembled: AssembledFlow, linking: Linking): Promise<LinkResult> {
  const { flow, revision } = assembled
  const problems: Problem[] = []
  const linked = new Map<string, Mutable<LinkedNode>>()
  const definitions = new Map<string, { definition: NodeDefinition; config: Readonly<Record<string, unknown>> }>()
  for (const node of flow.nodes.values()) {
    if (node.definition?.configNode) continue
    try {
      if (node.definition) definitions.set(node.id, { definition: node.definition, config: linking.configOf(node) })
    } catch (thrown) {
      problems.push(compileProblem(node, thrown))
      continue
    }
    const labels = assembled.labels?.get(node.id)
    linked.set(node.id, { ...blank(node, flow.document.id, revision, definitions.get(node.id)), ...(labels ? { labels: labels.around } : {}) })
  }

  if (problems.length > 0) return { problems }

  const listeners = toListeners(assembled)
  const linkedAs = (ids: readonly string[]) => ids.map((id) => linked.get(id) as LinkedNode)
  const remotes = new Map<string, LinkedNode>()
  let ways = 0
  let tangled: FlowNode | undefined
  for (const node of flow.nodes.values()) {
    const own = linked.get(node.id)
    if (!own) continue
    own.wires = node.type === 'subflow status' ? [] : node.wires.map((targets) => targets.flatMap((id) => follow(id, new Set())))
    const completing = listeners.completesOf(node)
    if (completing.length > 0) own.completes = linkedAs(completing)
    if (node.policyCall) nameCall(own, node)
    if (node.type === 'link out' && isPassage(node) && own.completes.length > 0) {
      own.ports = ['out']
      own.wires = [followLinks(node, new Set([node.id]))]
    }
    const catching = listeners.catchersOf(node)
    if (catching) own.rescue = { catchers: linkedAs(catching.ids), source: catching.source }
    const listening = listeners.statusesOf(node)
    if (listening) own.statuses = { listeners: linkedAs(listening.ids), source: listening.source }
  }

  for (const own of linked.values()) own.only = onlyTarget(own)

  if (tangled) {
    problems.push({
      severity: 'error', code: 'wire.too_many', ...tangled.origin,
      message: `Wires meet and part again so often around ${nameOf(tangled)} that a message would take more than ${mostWays} ways.`,
      remedy: 'Wire the nodes without junctions that lead to the same places several times.',
    })
    await linking.close()
    return { problems }
  }
  const organisation = organisationOf(flow.document)
  await Promise.all(
    [...definitions].map(async ([id, { definition, config }]) => {
      if (!definition.compile) return
      // Once more: credentials of the environment may have put another name in its place.
      const foreign = definition.vaultNames ? checkVaultNames(vaultNamesOf(definition, config, (flow.nodes.get(id) as FlowNode).origin), organisation) : []
      if (foreign.length > 0) return void problems.push(...foreign)
      const own = linked.get(id) as Mutable<LinkedNode>
      try {
        own.step = await definition.compile(config, linking.scopeOf(flow.nodes.get(id) as FlowNode, own))
      } catch (thrown) {
        problems.push(compileProblem(flow.nodes.get(id) as FlowNode, thrown))
      }
    }),
  )
  for (const node of flow.nodes.values()) {
    if (!node.instance) continue
    const own = linked.get(node.id) as Mutable<LinkedNode>
    const scope = linking.scopeOf(node.instance, linked.get(node.instance.id) as LinkedNode)
    own.step = (message, run) => {
      const status = toStatus(message)
      if (status) scope.status(status, run, message)
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
      ...(organisation === undefined ? {} : { organisation }),
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

  /** The call of a policy shows itself as the policy; to who waits for the entry that it leaves, as that entry. */
  function nameCall(own: Mutable<LinkedNode>, { policyCall }: FlowNode): void {
    const entry = own.completes.length === 0 ? undefined : flow.nodes.get(policyCall?.leaves ?? '')
    own.id = entry?.id ?? policyCall?.policy ?? own.id
    own.type = entry?.type ?? policyType
    if (entry) {
      if (entry.name === undefined) delete own.name
      else own.name = entry.name
    }
    own.timeoutMs = 0
  }

  /** Where a wire ends once junctions, link nodes and subflow edges are taken out of it. */
  function follow(id: string, seen: Set<string>): LinkedNode[] {
    const node = flow.nodes.get(id)
    if (!node || seen.has(id)) return [] // disabled, or a circle of junctions that holds no step
    // Every way is a message of its own; two junctions wired to two doubles them row by row.
    if (++ways > mostWays || seen.size > longestWay) {
      tangled ??= node
      return []
    }
    const beyond = () => new Set([...seen, id])
    if (isInstance(node)) return followAll(node.wires.flat(), beyond())
    // A Complete node that names a junction or a link node wants to hear of it: then it stays a step that passes messages on.
    if (isPassage(node) && listeners.completesOf(node).length === 0) {
      return node.type === 'link out' ? followLinks(node, beyond()) : followAll(node.wires.flat(), beyond())
    }
    const own = linked.get(id)
    return own ? [own] : []
  }

  function followAll(targets: readonly string[], seen: Set<string>): LinkedNode[] {
    return targets.flatMap((target) => follow(target, seen))
  }

  /** Where the links of a link out node end, on this tab or on others. */
  function followLinks(node: FlowNode, seen: Set<string>): LinkedNode[] {
    return node.links.flatMap((target) => (flow.nodes.has(target) ? follow(target, seen) : [remote(target, node)]))
  }

  function remote(target: string, from: FlowNode): LinkedNode {
    let node = remotes.get(target)
    if (!node) remotes.set(target, (node = { ...blank(from, flow.document.id, revision, undefined), kind: 'remote', targets: [target] }))
    return node
  }
}

function blank(node: FlowNode, flow: string, revision: string, own: { definition: NodeDefinition; config: Readonly<Record<string, unknown>> } | undefined): Mutable<LinkedNode> {
  const outputs = own?.definition.outputs ?? oneOut
  const kind = node.type === 'link call' ? 'call' : node.type === 'link out' && node.properties.mode === 'return' ? 'return' : 'step'
  const seconds = Number(node.properties.timeout)
  // In this order: what every message needs of a node lies together, in as few lines of the processor's cache as can be.
  return {
    kind,
    step: undefined,
    only: undefined,
    flow,
    revision,
    wires: [],
    ports: typeof outputs === 'function' ? outputs(own?.config as never) : outputs,
    completes: nobody,
    id: node.id,
    type: node.type,
    targets: kind === 'call' && node.properties.linkType !== 'dynamic' ? node.links.slice(0, 1) : [],
    timeoutMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : linkCallTimeoutMs,
    rescue: undefined,
    statuses: undefined,
    ...(node.name === undefined ? {} : { name: node.name }),
  }
}

function onlyTarget({ ports, wires, completes }: LinkedNode): LinkedNode | undefined {
  return ports.length === 1 && ports[0] === 'out' && wires[0]?.length === 1 && completes.length === 0 ? wires[0][0] : undefined
}

/** A junction or link node through which messages only pass; not a link out node that goes back to whoever called. */
function isPassage(node: FlowNode): boolean {
  return node.type === 'junction' || node.type === 'link in' || (node.type === 'link out' && node.properties.mode !== 'return')
}

function isInstance(node: FlowNode): boolean {
  return node.type.startsWith('subflow:')
}

/** What a message at the status output of a subflow says, as Node-RED reads it. */
function toStatus(message: Message): NodeStatus | undefined {
  const payload = payloadOf(message)
  if (payload === undefined) return typeof message.status === 'object' && message.status !== null ? message.status : undefined
  if (typeof payload === 'string') return { text: payload }
  const looksLikeStatus = typeof payload === 'object' && payload !== null && (Object.keys(payload).length === 0 || 'text' in payload || 'fill' in payload || 'shape' in payload)
  if (looksLikeStatus) return payload as NodeStatus
  const text = inspect(payload)
  return { text: text.length > statusLength ? `${text.slice(0, statusLength)}...` : text }
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
