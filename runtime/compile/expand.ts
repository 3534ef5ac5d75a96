import type { EditorNode, FlowDocument, Problem } from '../core/flow.ts'
import type { Catalogue } from './catalogue.ts'
import type { Container, EnvEntry, Estate, Flow, FlowNode, Group } from './flow.ts'
import { ownProperties } from './own-properties.ts'
import { pinText } from './pinned-flow.ts'
import { subFlowType } from './sub-flow-types.ts'

/** Deeper nesting than this is a mistake, not a design. */
const maxSubflowDepth = 20

/** Outputs beyond this do not exist: every port costs memory, also the ones before it. */
const maxPort = 1000

/**
 * Nodes that subflow instances may become in one release. Copies multiply: ten instances of a subflow with ten
 * instances of another are a hundred, and six such levels a million.
 */
export const maxCopies = 100_000

/**
 * A tab as a flow: disabled nodes left out, every subflow instance replaced by a copy of its template with
 * ids `<instance>-<node>`, wires and references rewritten. The instance itself stays as the node its
 * callers are wired to. Pure.
 * @param room how many copies it may make; a flow that needs more gets the problem `subflow.too_many`
 */
export function expand(document: FlowDocument, estate: Estate, catalogue: Catalogue, room = maxCopies): { flow: Flow; problems: Problem[]; copies: number } {
  const tab = document.nodes[0]
  const problems: Problem[] = []
  const nodes = new Map<string, FlowNode>()
  const subflows = new Set<string>()
  let copies = 0
  const container: Container = {
    id: document.id,
    label: document.label,
    env: readEnv(tab?.env),
    credentialIds: [document.id],
    groups: readGroups(document.nodes),
  }
  if (tab?.disabled !== true) {
    place({ members: document.nodes, container, prefix: '', outer: undefined, trail: [] })
  }
  return { flow: { document, container, nodes, subflows: [...subflows] }, problems, copies }

  interface Placement {
    readonly members: readonly EditorNode[]
    readonly container: Container
    readonly prefix: string
    /** For the inside of an instance: where wires to its outputs go, by template node and port. */
    readonly outer: ReadonlyMap<string, readonly string[]> | undefined
    readonly trail: readonly string[]
  }

  function place({ members, container, prefix, outer, trail }: Placement): void {
    const inside = new Set(members.filter((node) => node.type !== 'group').map((node) => node.id))
    const home = prefix === '' ? document.id : (trail.at(-1) as string)
    for (const node of members) {
      if (node.type === 'tab' || node.type === 'subflow' || node.type === 'group' || node.type === 'comment' || node.d === true) continue
      const origin = { node: node.id, flow: home }
      const rewritten = rewrite(node.type === subFlowType ? callOf(node, estate) : node, inside, prefix, estate.claimedLinks(node.id))
      const wires = rewritten.wires.map((targets, port) => [...targets, ...(outer?.get(`${node.id}:${port}`) ?? [])])
      // A port that only the subflow's output uses may lie beyond the wires the editor wrote.
      for (const [key, targets] of outer ?? []) {
        const cut = key.lastIndexOf(':')
        const port = Number(key.slice(cut + 1))
        if (key.slice(0, cut) === node.id && port >= wires.length) while (wires.length <= port) wires.push(wires.length === port ? [...targets] : [])
      }
      const definition = catalogue.get(node.type)
      const placed: FlowNode = {
        id: prefix + node.id,
        type: node.type,
        ...(typeof node.name === 'string' && node.name !== '' ? { name: node.name } : {}),
        properties: rewritten.properties,
        ...(definition ? { definition } : {}),
        container,
        groups: groupChain(node.g, container.groups),
        wires,
        links: rewritten.links,
        origin,
      }
      if (node.type.startsWith('subflow:')) enter(placed, node, trail)
      else nodes.set(placed.id, placed)
    }
  }

  function enter(instance: FlowNode, node: EditorNode, trail: readonly string[]): void {
    const id = node.type.slice('subflow:'.length)
    const template = estate.subflows.get(id)
    const where = { flow: instance.origin.flow, node: instance.origin.node }
    if (!template) {
      problems.push({
        severity: 'error', code: 'subflow.missing', ...where,
        message: `The subflow “${id}” of this node is not part of the flows.`,
        remedy: 'Import the subflow together with the flow, or remove this node.',
      })
      return
    }
    if (trail.includes(id) || trail.length >= maxSubflowDepth) {
      problems.push({
        severity: 'error', code: 'subflow.recursive', ...where,
        message: `The subflow “${template.label}” contains itself.`,
        remedy: 'Take this node out of the subflow, or use a link call to come back to it.',
      })
      return
    }
    subflows.add(id)
    if (copies > room) return // said already
    copies += template.nodes.length
    if (copies > room) {
      problems.push({
        severity: 'error', code: 'subflow.too_many', ...where,
        message: `The subflows of “${document.label}” become more than ${maxCopies} nodes.`,
        remedy: 'Call a flow with a link call instead of nesting subflows in subflows: it is not copied.',
      })
      return
    }
    const definition = template.nodes[0] as EditorNode
    const outer = new Map<string, string[]>()
    const passthrough: string[] = []
    readPorts(definition.out).forEach((sources, port) => {
      const targets = instance.wires[port] ?? []
      for (const source of sources) {
        if (source.id === id) passthrough.push(...targets) // the input wired straight to an output
        else {
          const key = `${source.id}:${source.port}`
          outer.set(key, [...(outer.get(key) ?? []), ...targets])
        }
      }
    })
    const prefix = `${instance.id}-`
    // The status port: what reaches it becomes the status of the instance.
    for (const source of readPorts([definition.status]).flat()) {
      const key = `${source.id}:${source.port}`
      if (source.id === id) passthrough.push(statusPortOf(instance.id))
      else outer.set(key, [...(outer.get(key) ?? []), statusPortOf(instance.id)])
    }
    const inner: Container = {
      id: instance.id,
      label: instance.name ?? template.label,
      env: mergeEnv(readEnv(definition.env), readEnv(node.env)),
      credentialIds: [instance.id, node.id, id],
      groups: readGroups(template.nodes),
      instance,
    }
    const inputs = readPorts(definition.in).flat().map((source) => prefix + source.id)
    nodes.set(instance.id, { ...instance, wires: [[...inputs, ...passthrough]] })
    if (definition.status) {
      nodes.set(statusPortOf(instance.id), { ...instance, id: statusPortOf(instance.id), type: 'subflow status', wires: [], links: [], instance })
    }
    place({ members: template.nodes, container: inner, prefix, outer, trail: [...trail, id] })
  }
}

/** A sub-flow node as it calls: the revision that it is pinned to, when that is kept beside the deployed one. */
function callOf(node: EditorNode, estate: Estate): EditorNode {
  const flow = typeof node.flow === 'string' ? estate.called(node.flow, pinText(node)) : node.flow
  return flow === node.flow ? node : { ...node, flow }
}

/** Id of the node that stands for the status output of a subflow instance. */
export function statusPortOf(instance: string): string {
  return `${instance}:status`
}

/** References to nodes of the same subflow get the instance's prefix; everything else stays as it is. */
function rewrite(node: EditorNode, inside: ReadonlySet<string>, prefix: string, claimed: readonly string[]) {
  const properties = ownProperties(node)
  const wires = (node.wires as readonly (readonly string[])[] | undefined) ?? []
  const links = linksOf(node, claimed)
  if (prefix === '') return { properties, wires, links }
  const into = (id: string) => (inside.has(id) ? prefix + id : id)
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === 'string') properties[key] = into(value)
    else if (Array.isArray(value)) properties[key] = value.map((item: unknown) => (typeof item === 'string' ? into(item) : item))
  }
  return { properties, wires: wires.map((targets) => targets.map(into)), links: links.map(into) }
}

/** Where a link out or link call leads. A link counts when either end names the other. */
function linksOf(node: EditorNode, claimed: readonly string[]): string[] {
  const named = Array.isArray(node.links) ? node.links.filter((id): id is string => typeof id === 'string') : []
  if (node.type === subFlowType) return typeof node.flow === 'string' && node.flow !== '' ? [node.flow] : []
  if (node.type === 'link call') return node.linkType === 'dynamic' ? [] : named
  if (node.type !== 'link out' || node.mode === 'return') return []
  return [...new Set([...named, ...claimed])]
}

function groupChain(group: unknown, groups: ReadonlyMap<string, Group>): string[] {
  const chain: string[] = []
  let id = typeof group === 'string' ? group : undefined
  while (id !== undefined && groups.has(id) && !chain.includes(id)) {
    chain.push(id)
    id = groups.get(id)?.parent
  }
  return chain
}

function readGroups(members: readonly EditorNode[]): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>()
  for (const node of members) {
    if (node.type !== 'group') continue
    groups.set(node.id, {
      id: node.id,
      name: typeof node.name === 'string' ? node.name : '',
      ...(typeof node.g === 'string' ? { parent: node.g } : {}),
      env: readEnv(node.env),
    })
  }
  return groups
}

/** An `env` property as entries; what is not one is left out. */
export function readEnv(env: unknown): EnvEntry[] {
  if (!Array.isArray(env)) return []
  return env.flatMap((entry: unknown) => {
    const { name, type, value } = (entry ?? {}) as Record<string, unknown>
    return typeof name === 'string' && name !== '' ? [{ name, type: typeof type === 'string' ? type : 'str', value }] : []
  })
}

/** An instance's own values win over its template's. */
function mergeEnv(template: readonly EnvEntry[], instance: readonly EnvEntry[]): EnvEntry[] {
  const own = new Set(instance.map((entry) => entry.name))
  return [...template.filter((entry) => !own.has(entry.name)), ...instance]
}

function readPorts(ports: unknown): { id: string; port: number }[][] {
  if (!Array.isArray(ports)) return []
  return ports.map((port: unknown) => {
    const wires = (port as { wires?: unknown } | null | undefined)?.wires
    if (!Array.isArray(wires)) return []
    return wires.flatMap((wire: unknown) => {
      const { id, port: from } = (wire ?? {}) as { id?: unknown; port?: unknown }
      if (typeof id !== 'string') return []
      const number = typeof from === 'number' ? from : 0
      return Number.isInteger(number) && number >= 0 && number <= maxPort ? [{ id, port: number }] : []
    })
  })
}
