import type { Problem } from '../core/flow.ts'
import { getProperty, parseMessagePath, PathError } from '../core/values/property.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'
import type { FlowNode } from './flow.ts'
import { subFlowInType } from './sub-flow-types.ts'

type LinkIns = ReadonlyMap<string, AssembledFlow>

interface Place {
  readonly node: FlowNode
  readonly home: AssembledFlow
  /** Branches around, counted from where the search began. */
  readonly depth: number
}

/** Deeper than this no run goes; what lies there is not looked at. */
const deepest = 20

/**
 * Branches of structured nodes: each that must give something back can reach an end node, no end node is reached where there is
 * no branch, and fields of an answer keep a source when a branch fails that may.
 */
export function checkBranches(assembled: AssembledFlow, linkIns: LinkIns): Problem[] {
  const openers = [...assembled.flow.nodes.values()].filter((node) => node.definition?.opens)
  const problems = openers.flatMap((node) => [...checkEnds(node, assembled, linkIns), ...checkProviders(node, assembled)])
  return [...problems, ...checkOutside(assembled, linkIns)]
}

function checkEnds(node: FlowNode, assembled: AssembledFlow, linkIns: LinkIns): Problem[] {
  const config = assembled.configs.get(node.id)
  if (!config) return []
  const ports = portsOf(node, config)
  return (node.definition?.opens?.(config) ?? []).flatMap(({ port, mustReturn }): Problem[] => {
    if (!mustReturn) return []
    const targets = node.wires[ports.indexOf(port)] ?? []
    const start = targets.flatMap((id) => placeAt(id, assembled, 1))
    if (start.length > 0 && finds(start, linkIns, ({ node: found, depth }) => returns(found, depth))) return []
    return [{
      severity: 'error', code: 'branch.no_end', ...node.origin,
      message: start.length === 0 ? `Nothing is wired to the output “${port}” of ${nameOf(node)}: nothing can come back of it.` : `No end node can be reached from the output “${port}” of ${nameOf(node)}: nothing can come back of it.`,
      remedy: 'Wire the last node of the branch to an end node.',
    }]
  })
}

/** An end node of this very branch, an answer to the caller, and what is known only when it runs. */
function returns(node: FlowNode, depth: number): boolean {
  if (node.definition?.ends) return depth === 1
  if (node.definition?.replies) return true
  return (node.type === 'link call' && node.properties.linkType === 'dynamic') || (node.type === 'link out' && node.properties.mode === 'return')
}

/** End nodes that a message reaches without having gone through a structured node: a fault each time. */
function checkOutside(assembled: AssembledFlow, linkIns: LinkIns): Problem[] {
  const ends = [...assembled.flow.nodes.values()].filter((node) => node.definition?.ends)
  if (ends.length === 0) return []
  const outside = new Set<FlowNode>()
  const start = assembled.entries
    // A Catch node may take faults of a branch, and then lies in it.
    .filter(({ node, entry }) => entry.on !== 'fault' && entry.on !== 'status' && entry.on !== 'complete' && assembled.flow.nodes.get(node)?.type !== subFlowInType)
    .flatMap(({ node }) => placeAt(node, assembled, 0))
  finds(start, linkIns, ({ node, depth }) => {
    if (node.definition?.ends && depth === 0) outside.add(node)
    return false
  })
  return ends.filter((node) => outside.has(node)).map((node) => ({
    severity: 'warning', code: 'end.outside', ...node.origin,
    message: `A message can come to ${nameOf(node)} without being in a branch: that is a fault.`,
    remedy: 'Lead only branches of parallel, for each, while, try and sub-flow nodes here; behind “done” the branch is over.',
  }))
}

/** Searches along wires and links; faults may be caught anywhere, so Catch nodes of a flow count as reached at the depth they are met. */
function finds(start: readonly Place[], linkIns: LinkIns, wanted: (place: Place) => boolean): boolean {
  const seen = new Set<string>()
  const waiting: Place[] = []
  const go = (place: Place) => {
    const key = `${place.node.id}\n${place.depth}`
    if (place.depth > deepest || seen.has(key)) return
    seen.add(key)
    waiting.push(place)
  }
  start.forEach(go)
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    if (wanted(place)) return true
    const { node, home, depth } = place
    if (node.definition?.ends) continue
    const config = home.configs.get(node.id) ?? {}
    const opening = new Set((node.definition?.opens?.(config) ?? []).map(({ port }) => port))
    const ports = opening.size === 0 ? [] : portsOf(node, config)
    node.wires.forEach((targets, at) => {
      const inside = opening.has(ports[at] ?? '') ? depth + 1 : depth
      for (const id of targets) placeAt(id, home, inside).forEach(go)
    })
    // What a called flow gives back comes back to the call.
    const beyond = node.type === 'sub-flow' ? depth + 1 : depth
    for (const id of node.links) {
      const other = linkIns.get(id)
      if (other) placeAt(id, other, beyond).forEach(go)
    }
    if (depth === 0) continue
    for (const { node: id, entry } of home.entries) if (entry.on === 'fault') placeAt(id, home, depth).forEach(go)
  }
  return false
}

/**
 * A table that makes the answer right behind a node with branches: of each row that takes its value from a branch that may fail,
 * the default of the branch has one too.
 */
function checkProviders(node: FlowNode, assembled: AssembledFlow): Problem[] {
  const config = assembled.configs.get(node.id) as { readonly branches?: readonly OptionalBranch[]; readonly join?: unknown } | undefined
  if (!config || !Array.isArray(config.branches) || config.join === 'any') return []
  const ports = portsOf(node, config)
  const defaults = new Map(config.branches.flatMap(({ name, ifFails, value, valueType }): [string, unknown][] => {
    if (ifFails === 'fail' || ifFails === undefined || valueType !== 'json') return []
    try {
      return [[name, JSON.parse(value)]]
    } catch {
      return []
    }
  }))
  const tables = (node.wires[ports.indexOf('done')] ?? []).flatMap((id) => {
    const found = assembled.flow.nodes.get(id)
    const rows = assembled.configs.get(id)?.rows
    return found?.type === 'map' && Array.isArray(rows) ? [{ table: found, rows: rows as readonly TableRow[] }] : []
  })
  return tables.flatMap(({ table, rows }) => rows.flatMap(({ to, from, default: standard }): Problem[] => {
    if (from === undefined || standard !== undefined || to.startsWith('$')) return []
    const path = toPath(from)
    const [root, name, ...rest] = path ?? []
    if (root !== 'payload' || typeof name !== 'string' || !defaults.has(name)) return []
    const given = rest.length === 0 ? defaults.get(name) : getProperty(defaults.get(name), rest)
    if (given !== undefined && given !== null) return []
    return [{
      severity: 'warning', code: 'answer.no_provider', ...table.origin, property: 'rows',
      message: `${nameOf(table)} takes “${to}” from the branch “${name}” of ${nameOf(node)}, and when that fails nothing gives it: its default has no ${rest.length === 0 ? 'value' : rest.join('.')}.`,
      remedy: 'Give the row a default, or the branch a default that has the field; or make the branch required.',
    }]
  }))
}

interface OptionalBranch {
  readonly name: string
  readonly ifFails?: unknown
  readonly value: string
  readonly valueType?: unknown
}

interface TableRow {
  readonly to: string
  readonly from?: string
  readonly default?: unknown
}

function toPath(text: string) {
  try {
    return parseMessagePath(text)
  } catch (error) {
    if (!(error instanceof PathError)) throw error
    return undefined
  }
}

function placeAt(id: string, home: AssembledFlow, depth: number): Place[] {
  const node = home.flow.nodes.get(id)
  return node ? [{ node, home, depth }] : []
}

function portsOf({ definition }: FlowNode, config: object): readonly string[] {
  const outputs = definition?.outputs ?? []
  return typeof outputs === 'function' ? outputs(config) : outputs
}
