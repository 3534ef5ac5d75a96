import { canonicalJson, sha256 } from '../../runtime/compile/hash.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { tabProperties } from '../../runtime/core/tab-properties.ts'
import type { HandMade } from './contract.ts'
import { blockWidth, rowHeight, type GeneratedFlow } from './to-nodes.ts'

export interface MergedTab {
  /** The tab and everything on it, in order. */
  readonly nodes: readonly EditorNode[]
  readonly change: 'add' | 'change' | 'same'
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly EditorNode[]
  /** Changed by people, and left as it is. */
  readonly kept: readonly HandMade[]
  /** Changed by people, and overwritten if the merge is used. */
  readonly lost: readonly HandMade[]
}

/**
 * A generated flow over what is on its tab now. The note on the tab says what was generated the last time, so that what people
 * changed since is told from what the input changed: theirs stays, unless both changed the same node. What they added stays always.
 */
export function mergeTab(current: readonly EditorNode[], { tab, nodes, note }: GeneratedFlow): MergedTab {
  const before = new Map(current.map((node) => [node.id, node]))
  const tabNow = before.get(tab.id)
  const marked = withMarks(note, nodes)
  if (!tabNow) return { nodes: [tab, marked, ...nodes], change: 'add', added: [marked, ...nodes].map(({ id }) => id), changed: [], removed: [], kept: [], lost: [] }

  const marks = readMarks(before.get(note.id))
  const place = createPlaces(current, nodes)
  const next = new Map<string, EditorNode>()
  const added: string[] = []
  const changed: string[] = []
  const kept: HandMade[] = []
  const lost: HandMade[] = []
  for (const node of nodes) {
    const now = before.get(node.id)
    const mark = marks.get(shortId(node.id))
    const made = markOf(node)
    if (!now) {
      const deleted = { node: node.id, what: describe(node), done: 'deleted' } as const
      if (mark === made) kept.push(deleted)
      else {
        if (mark !== undefined) lost.push(deleted)
        next.set(node.id, place(node))
        added.push(node.id)
      }
      continue
    }
    const is = markOf(pick(now, node))
    if (is === made) next.set(node.id, now)
    else if (is === mark) {
      // Where people put it, and what they set beside what is generated, stays.
      next.set(node.id, { ...now, ...node, x: now['x'], y: now['y'] })
      changed.push(node.id)
    } else if (mark === made) {
      next.set(node.id, now)
      kept.push({ node: node.id, what: describe(now), done: 'changed' })
    } else {
      next.set(node.id, { ...now, ...node, x: now['x'], y: now['y'] })
      changed.push(node.id)
      lost.push({ node: node.id, what: describe(now), done: 'changed' })
    }
  }

  const made = new Set(nodes.map(({ id }) => id))
  const removed: EditorNode[] = []
  for (const now of current) {
    if (now.z !== tab.id || made.has(now.id) || now.id === note.id) continue
    const mark = marks.get(shortId(now.id))
    if (mark === undefined) continue
    removed.push(now)
    if (mark !== markOf(pick(now, generatedShape(now)))) lost.push({ node: now.id, what: describe(now), done: 'changed' })
  }

  const gone = new Set(removed.map(({ id }) => id))
  const noteNow = before.get(note.id)
  const noteNext = noteNow ? { ...noteNow, name: marked['name'], info: marked['info'] } : marked
  const tabNext = { ...tabNow, env: mergeEnv(tabNow['env'], tab['env'] as readonly Env[]) }
  const merged = [
    ...current.flatMap((node): EditorNode[] => {
      if (node.id === tab.id) return [tabNext]
      if (node.id === note.id) return [noteNext]
      return gone.has(node.id) ? [] : [next.get(node.id) ?? node]
    }),
    ...(noteNow ? [] : [noteNext]),
    ...added.map((id) => next.get(id) as EditorNode),
  ].map((node) => withoutWiresTo(node, gone))
  const same = canonicalJson(merged) === canonicalJson(current)
  return { nodes: merged, change: same ? 'same' : 'change', added, changed, removed, kept, lost }
}

/** Where nodes go that come to a tab which has others: into the row of their route, or below everything. */
function createPlaces(current: readonly EditorNode[], nodes: readonly EditorNode[]): (node: EditorNode) => EditorNode {
  const rowOf = (node: EditorNode) => `${Math.floor(Number(node['x']) / blockWidth)} ${String(node['y'])}`
  const now = new Map(current.map((node) => [node.id, node]))
  const rows = new Map<string, { readonly dx: number; readonly dy: number }>()
  for (const node of nodes) {
    const there = now.get(node.id)
    if (there && !rows.has(rowOf(node))) rows.set(rowOf(node), { dx: Number(there['x']) - Number(node['x']), dy: Number(there['y']) - Number(node['y']) })
  }
  let lowest = current.reduce((y, node) => Math.max(y, Number(node['y']) || 0), 0)
  return (node) => {
    const row = rowOf(node)
    let moved = rows.get(row)
    if (!moved) {
      lowest += rowHeight
      rows.set(row, (moved = { dx: -Math.floor(Number(node['x']) / blockWidth) * blockWidth, dy: lowest - Number(node['y']) }))
    }
    return { ...node, x: Number(node['x']) + moved.dx, y: Number(node['y']) + moved.dy }
  }
}

/** Nodes that people added may be wired to what goes. */
function withoutWiresTo(node: EditorNode, gone: ReadonlySet<string>): EditorNode {
  const wires = node['wires'] as readonly (readonly string[])[] | undefined
  if (gone.size === 0 || !wires?.some((port) => port.some((id) => gone.has(id)))) return node
  return { ...node, wires: wires.map((port) => port.filter((id) => !gone.has(id))) }
}

interface Env {
  readonly name: string
  readonly value: string
  readonly type: string
}

/** Ours are set, or taken away; those of people stay. */
function mergeEnv(now: unknown, ours: readonly Env[]): readonly unknown[] {
  const own: ReadonlySet<string> = new Set(Object.values(tabProperties))
  const list = Array.isArray(now) ? (now as readonly Env[]) : []
  const kept = list.filter((entry) => !own.has(entry?.name) || entry.name === tabProperties.notSecret || ours.some(({ name }) => name === entry.name))
    .map((entry) => mergeEntry(entry, ours.find(({ name }) => name === entry.name)))
  return [...kept, ...ours.filter(({ name }) => !list.some((entry) => entry?.name === name))]
}

/** Ours, but for the places that people said hold no secret: these go on doing so. */
function mergeEntry(now: Env, ours: Env | undefined): Env {
  if (ours === undefined || ours.name !== tabProperties.notSecret) return ours ?? now
  const places = [now, ours].flatMap(({ value }) => String(value).split(',')).map((place) => place.trim()).filter((place) => place !== '')
  return { ...ours, value: [...new Set(places)].join(',') }
}

/** Where a node stands and which group it is in says nothing about what it does. */
const placed: ReadonlySet<string> = new Set(['x', 'y', 'g', 'id', 'z'])

function markOf(node: EditorNode): string {
  return sha256(canonicalJson(Object.fromEntries(Object.entries(node).filter(([key]) => !placed.has(key))))).slice(0, 8)
}

/** The properties that the generated node has. What else there is has an empty default of the editor's, or was set by people, and stays. */
function pick(node: EditorNode, like: EditorNode): EditorNode {
  return Object.fromEntries(Object.keys(like).map((key) => [key, node[key]])) as EditorNode
}

/** What a node that is generated no more was made of: the same properties as all of its type. */
function generatedShape(node: EditorNode): EditorNode {
  return Object.fromEntries((shapes[node.type] ?? Object.keys(node)).map((key) => [key, true])) as unknown as EditorNode
}

const shapes: Readonly<Record<string, readonly string[]>> = {
  'http in': ['id', 'type', 'z', 'name', 'url', 'method', 'upload', 'skipBodyParsing', 'swaggerDoc', 'wires'],
  auth: ['id', 'type', 'z', 'name', 'methods', 'wires'],
  validate: ['id', 'type', 'z', 'name', 'by', 'operation', 'coerce', 'wires'],
  respond: ['id', 'type', 'z', 'name', 'status', 'statusType', 'headers', 'body', 'bodyType', 'wires'],
  'service callout': ['id', 'type', 'z', 'name', 'method', 'url', 'query', 'headers', 'bodyFrom', 'passQuery', 'expectedStatus', 'wires'],
  'http response': ['id', 'type', 'z', 'name', 'statusCode', 'headers', 'wires'],
}

const shortId = (id: string) => id.slice(0, 8)
const head = 'Registered nodes, as they were generated'

/** The note of people's eyes, with what was generated below. */
function withMarks(note: EditorNode, nodes: readonly EditorNode[]): EditorNode {
  const lines: string[] = []
  for (let start = 0; start < nodes.length; start += 6) lines.push(nodes.slice(start, start + 6).map((node) => `${shortId(node.id)}:${markOf(node)}`).join(' '))
  return {
    ...note,
    info: `Everything here may be changed and extended. Registering the API again changes only what its source changed; keep this note, it tells the two apart.\n\n${head}:\n\n    ${lines.join('\n    ')}\n`,
  }
}

function readMarks(note: EditorNode | undefined): ReadonlyMap<string, string> {
  const info = typeof note?.['info'] === 'string' ? note['info'] : ''
  return new Map([...(info.split(`${head}:`)[1] ?? '').matchAll(/\b([0-9a-f]{8}):([0-9a-f]{8})\b/g)].map(([, id, mark]) => [id as string, mark as string]))
}

function describe(node: EditorNode): string {
  const what = [node['name'], node.type === 'http in' ? `${String(node['method']).toUpperCase()} ${String(node['url'])}` : node['url']].find((text) => typeof text === 'string' && text !== '')
  return what === undefined ? node.type : `${node.type} “${String(what).slice(0, 100)}”`
}
