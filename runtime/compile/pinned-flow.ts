import type { EditorNode, FlowDocument } from '../core/flow.ts'
import type { Revision } from '../core/release.ts'
import { perObject } from '../core/values/per-object.ts'
import { subFlowInType, subFlowType } from './sub-flow-types.ts'

/**
 * A flow at an earlier revision, beside the one that is deployed: a document of its own, in which every id ends with the beginning of
 * the revision. Control makes it as long as somebody is pinned to it; for gateways it is a tab like any other.
 */
export interface Pin {
  /** Tab that it is a revision of. */
  readonly flow: string
  /** The whole hash. */
  readonly revision: string
}

/** So much of a revision names it. */
export const shortestPin = 8
const namedBy = 12
/** Types that hear of nodes without being wired to them. */
const listeners = new Set(['catch', 'status', 'complete'])

/** What a document is a revision of; `undefined`: it is what somebody drew. */
export function pinOf({ id, kind, nodes: [tab] }: FlowDocument): Pin | undefined {
  const { pinOf: pin } = (kind === 'tab' ? (tab ?? {}) : {}) as { readonly pinOf?: Partial<Pin> }
  return typeof pin?.flow === 'string' && typeof pin.revision === 'string' && id === pinnedId(pin.flow, pin.revision) ? { flow: pin.flow, revision: pin.revision } : undefined
}

/** Id of a tab or node within a revision of its flow. */
export function pinnedId(id: string, revision: string): string {
  return `${id}@${revision.slice(0, namedBy)}`
}

/** Id of the tab or node as it was drawn. */
export function drawnId(id: string): string {
  return id.replace(/@[0-9a-f]{12}(?=$|-)/, '')
}

/** Whether a revision is the one that the text of a node means. */
export function isPinnedTo(pin: string, revision: string): boolean {
  return pin.length >= shortestPin && revision.startsWith(pin)
}

/** What a sub-flow node is pinned to; empty: to nothing. */
export function pinText({ revision }: Readonly<Record<string, unknown>>): string {
  return typeof revision === 'string' ? revision.trim() : ''
}

/** A sub-flow node that is pinned to a revision of what it calls. */
export interface PinnedCall {
  readonly node: EditorNode
  readonly target: string
  readonly pin: string
}

/** The calls of a document that are pinned, disabled ones too: what they call depends on which revisions are kept. */
export const pinnedCallsOf = perObject(({ nodes }: FlowDocument) =>
  nodes.flatMap((node): PinnedCall[] => {
    const pin = pinText(node)
    return node.type === subFlowType && typeof node.flow === 'string' && pin !== '' ? [{ node, target: node.flow, pin }] : []
  }))

/**
 * The part of a tab that others call: its sub-flow in nodes, what stands behind them, and what hears of that. Nothing else of the tab
 * begins a second time: no route, no timer, no link from elsewhere.
 */
export function toPinnedDocument({ hash, document }: Revision): FlowDocument {
  const [tab, ...nodes] = document.nodes as [EditorNode, ...EditorNode[]]
  const kept = keptOf(nodes)
  const into = (id: string) => (id === document.id || kept.has(id) ? pinnedId(id, hash) : id)
  const inside = (ids: unknown) => (Array.isArray(ids) ? (ids as unknown[]).filter((id): id is string => typeof id === 'string' && kept.has(id)).map(into) : ids)
  const renamed = nodes.flatMap((node): EditorNode[] => {
    if (!kept.has(node.id)) return []
    const own: Record<string, unknown> = { ...node }
    for (const [key, value] of Object.entries(node)) {
      // A call that is pinned itself goes where it says.
      if (key === 'flow' && node.type === subFlowType && pinText(node) !== '') continue
      if (typeof value === 'string') own[key] = into(value)
      else if (Array.isArray(value)) own[key] = value.map((item: unknown) => (typeof item === 'string' ? into(item) : item))
    }
    // What leads in from elsewhere goes on leading to the flow that is deployed.
    if (node.type === 'link in') own.links = inside(node.links)
    if (node.type === 'group') own.nodes = inside(node.nodes)
    if (listeners.has(node.type) && Array.isArray(node.scope)) own.scope = inside(node.scope)
    if (Array.isArray(node.wires)) own.wires = (node.wires as unknown[]).map(inside)
    return listeners.has(node.type) && Array.isArray(own.scope) && own.scope.length === 0 ? [] : [own as unknown as EditorNode]
  })
  const pin: Pin = { flow: document.id, revision: hash }
  const label = `${document.label} @${hash.slice(0, shortestPin)}`
  return { id: pinnedId(document.id, hash), kind: 'tab', label, nodes: [{ ...tab, id: pinnedId(document.id, hash), label, pinOf: pin }, ...renamed] }
}

function keptOf(nodes: readonly EditorNode[]): ReadonlySet<string> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const claims = new Map<string, string[]>()
  for (const { id, type, links } of nodes) if (type === 'link in' && Array.isArray(links)) for (const out of links as string[]) claims.set(out, [...(claims.get(out) ?? []), id])
  const kept = new Set<string>()
  const waiting = nodes.filter(({ type }) => type === subFlowInType || listeners.has(type) || type === 'group').map(({ id }) => id)
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const node = byId.get(id)
    if (!node || kept.has(id)) continue
    kept.add(id)
    const named = Object.entries(node).flatMap(([key, value]) => (typeof value === 'string' && key !== 'id' && key !== 'z' ? [value] : []))
    const links = node.type === 'link in' || !Array.isArray(node.links) ? [] : (node.links as string[])
    waiting.push(...((node.wires as string[][] | undefined) ?? []).flat(), ...links, ...(claims.get(id) ?? []), ...named)
  }
  return kept
}
