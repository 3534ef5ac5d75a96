import type { Problem } from '../core/flow.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'

/** As many are named; the others are counted. */
const mostNamed = 3

/**
 * Where bodies are held in memory, and how large they may get: one note per flow, so that whoever deploys knows what a call may
 * cost. Bodies that pass as a stream are not held.
 */
export function checkBodies({ flow, configs, entries }: AssembledFlow): Problem[] {
  if (!entries.some(({ entry }) => entry.on === 'http')) return []
  const held = [...flow.nodes.values()].flatMap((node) => {
    const config = configs.get(node.id)
    const bytes = config && node.definition?.holdsBytes?.(config)
    return bytes === undefined ? [] : [{ node, bytes }]
  })
  const [first] = held
  if (!first) return []
  const named = held.slice(0, mostNamed).map(({ node, bytes }) => `${nameOf(node)} ${bytes === 'gateway' ? 'as much as the gateway takes' : `up to ${toSize(bytes)}`}`)
  const more = held.length > mostNamed ? ` and ${held.length - mostNamed} more` : ''
  const sum = held.reduce((total, { bytes }) => total + (bytes === 'gateway' ? 0 : bytes), 0)
  return [{
    severity: 'note', code: 'body.held', flow: flow.document.id, node: first.node.origin.node,
    message: `A call of “${flow.document.label}” may hold bodies in memory: ${named.join(', ')}${more}${sum > 0 && held.length > 1 ? `; ${toSize(sum)} together` : ''}.`,
    remedy: 'Nothing to do where that is meant. Lower the limits of these nodes to what is needed; “pass through” and “Body as a stream” hold nothing.',
  }]
}

function toSize(bytes: number): string {
  if (bytes >= 1_048_576) return `${Number((bytes / 1_048_576).toFixed(1))} MB`
  return bytes >= 1024 ? `${Math.ceil(bytes / 1024)} KB` : `${bytes} bytes`
}
