import type { EditorNode } from '../../runtime/core/flow.ts'
import { html, type Html } from '../html.ts'
import { labelOf, type Mark } from './compare.ts'

interface Box {
  readonly node: EditorNode
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Fills by what a node does; text stays dark on all of them. */
const fills: Readonly<Record<string, string>> = {
  'http in': '#e7e7ae', 'http response': '#e7e7ae', respond: '#e7e7ae', function: '#fdd0a2', change: '#e2d96e', switch: '#e2d96e', template: '#f3b567',
  transform: '#e2d96e', 'http request': '#cfe6f0', 'service callout': '#a9d2e8', debug: '#a9c89f', inject: '#a6bbcf', catch: '#e49191', comment: '#ffffff',
}

/** One version of a flow as it stands on the canvas, each node and wire marked by what became of it. `others` is the other version. */
export function drawFlow(nodes: readonly EditorNode[], marks: ReadonlyMap<string, Mark>, others: readonly EditorNode[], side: 'before' | 'after', title: string): Html {
  const boxes = new Map(nodes.filter(isPlaced).map((node) => [node.id, toBox(node)]))
  const all = [...boxes.values()]
  if (all.length === 0) return html`<svg class="canvas" role="img" aria-label="${title}" viewBox="0 0 400 60"></svg>`
  const left = Math.min(...all.map((box) => box.x)) - 20
  const top = Math.min(...all.map((box) => box.y)) - 20
  const right = Math.max(...all.map((box) => box.x + box.width)) + 20
  const bottom = Math.max(...all.map((box) => box.y + box.height)) + 20
  const kept = new Set(others.flatMap(wiresOf))
  return html`<svg class="canvas" role="img" aria-label="${title}" viewBox="${left} ${top} ${Math.max(right - left, 400)} ${Math.max(bottom - top, 80)}" preserveAspectRatio="xMinYMin">
${nodes.flatMap((node) => drawWires(node, boxes, kept, side === 'before' ? 'removed' : 'added'))}
${all.map((box) => drawBox(box, marks.get(box.node.id) ?? 'unchanged'))}
</svg>`
}

function isPlaced(node: EditorNode): boolean {
  return typeof node.x === 'number' && typeof node.y === 'number' && node.type !== 'group'
}

/** The editor gives a node's centre and leaves its size to its label. */
function toBox(node: EditorNode): Box {
  if (node.type === 'junction') return { node, x: (node.x as number) - 5, y: (node.y as number) - 5, width: 10, height: 10 }
  const width = Math.max(100, 40 + textWidth(labelOf(node)))
  const height = Math.max(30, portsOf(node) * 13)
  return { node, x: (node.x as number) - width / 2, y: (node.y as number) - height / 2, width, height }
}

/** Han and other wide letters take about twice the room. */
function textWidth(text: string): number {
  let width = 0
  for (const letter of text) width += letter.codePointAt(0)! > 0x2e7f ? 13.5 : 7.2
  return Math.min(width, 260)
}

function portsOf(node: EditorNode): number {
  return Array.isArray(node.wires) ? node.wires.length : 0
}

function drawBox({ node, x, y, width, height }: Box, mark: Mark): Html {
  const fill = fills[node.type] ?? '#dde6ea'
  const label = labelOf(node)
  const shown = shorten(label, 34)
  return html`<g class="${mark}"><title>${label} (${node.type}): ${mark}</title><rect class="box" x="${x}" y="${y}" width="${width}" height="${height}" rx="5" fill="${fill}"/>
${node.type !== 'junction' && html`<text x="${x + width / 2}" y="${y + height / 2 + 4.5}" text-anchor="middle">${shown}</text>`}</g>`
}

function* targetsOf(node: EditorNode): Generator<{ port: number; to: string }> {
  if (!Array.isArray(node.wires)) return
  for (const [port, wires] of node.wires.entries()) {
    if (!Array.isArray(wires)) continue
    for (const to of wires) if (typeof to === 'string') yield { port, to }
  }
}

function wiresOf(node: EditorNode): string[] {
  return [...targetsOf(node)].map(({ port, to }) => wireKey(node.id, port, to))
}

function wireKey(from: string, port: number, to: string): string {
  return `${from} ${port} ${to}`
}

function drawWires(node: EditorNode, boxes: ReadonlyMap<string, Box>, kept: ReadonlySet<string>, lone: 'added' | 'removed'): Html[] {
  const from = boxes.get(node.id)
  if (!from) return []
  const ports = portsOf(node)
  return [...targetsOf(node)].flatMap(({ port, to }) => {
    const target = boxes.get(to)
    if (!target) return []
    const x1 = from.x + from.width
    const y1 = from.y + from.height / 2 + (port - (ports - 1) / 2) * 13
    const x2 = target.x
    const y2 = target.y + target.height / 2
    const bend = Math.max(30, Math.abs(x2 - x1) / 2)
    const key = wireKey(node.id, port, to)
    return html`<path class="wire${kept.has(key) ? '' : ` ${lone}`}" d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"/>`
  })
}

/** At most `limit` letters, never half of one. */
function shorten(text: string, limit: number): string {
  const letters = Array.from(text)
  return letters.length > limit ? `${letters.slice(0, limit - 1).join('')}…` : text
}
