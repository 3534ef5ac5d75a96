import type { EditorNode, FlowDocument } from '../../runtime/core/flow.ts'
import { untouched } from '../credentials/extract.ts'
import { sameJson } from '../same-json.ts'

/**
 * The editor writes every flow again at each deploy, and not always letter by letter as it read it: it adds settings that are
 * empty and ports that lead nowhere, measures groups anew and orders config nodes its own way. Flows that somebody may not change
 * are taken as they were when no more than that differs; what differs more stays in, to be refused.
 */
export function keepUnchanged(nodes: readonly EditorNode[], kept: readonly FlowDocument[]): readonly EditorNode[] {
  if (kept.length === 0) return nodes
  const homes = new Map(kept.flatMap((document) => document.nodes.map((node) => [node.id, document] as const)))
  const places = new Map<FlowDocument, number[]>()
  const result = nodes.map((node, index) => {
    const home = homes.get(node.id)
    if (!home) return node
    const list = places.get(home)
    if (list) list.push(index)
    else places.set(home, [index])
    return node
  })
  for (const [document, indexes] of places) {
    if (indexes.length !== document.nodes.length) continue
    const stored = new Map(document.nodes.map((node) => [node.id, node]))
    if (!indexes.every((index) => meansTheSame(result[index] as EditorNode, stored.get((result[index] as EditorNode).id) as EditorNode))) continue
    for (const [position, index] of indexes.entries()) result[index] = document.nodes[position] as EditorNode
  }
  return result
}

/** What the editor measures by itself. */
const measured: ReadonlySet<string> = new Set(['x', 'y', 'w', 'h'])

function meansTheSame(a: EditorNode, b: EditorNode): boolean {
  if (a === b) return true
  const group = a.type === 'group' && b.type === 'group'
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (group && measured.has(key)) continue
    if (!(key === 'wires' ? alike(wired(a.wires), wired(b.wires)) : alike(a[key], b[key]))) return false
  }
  return true
}

/** Ports up to the last one that leads somewhere: a newer release may have given the node more of them. */
function wired(wires: unknown): unknown {
  return Array.isArray(wires) ? wires.slice(0, wires.findLastIndex((port) => says(port)) + 1) : wires
}

function alike(one: unknown, other: unknown): boolean {
  if (one === other || (says(one) === false && says(other) === false)) return true
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((item, index) => alike(item, other[index]))
  if (isRecord(one) && isRecord(other)) return [...new Set([...Object.keys(one), ...Object.keys(other)])].every((key) => alike(one[key], other[key]))
  return sameJson(one, other)
}

/** False for what stands for “not set”. */
function says(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false || value === untouched) return false
  if (Array.isArray(value)) return value.length > 0
  return typeof value !== 'object' || Object.keys(value).length > 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
