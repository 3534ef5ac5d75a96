import type { EditorNode, Problem } from '../core/flow.ts'

/**
 * Reads what claims to be Node-RED flow JSON: a list of records, or `{ flows: [...] }`. Never throws. What
 * cannot be read is left out and said so; ids are unique in the result.
 */
export function readNodes(json: unknown): { nodes: EditorNode[]; problems: Problem[] } {
  const problems: Problem[] = []
  const list = Array.isArray(json) ? json : isRecord(json) && Array.isArray(json.flows) ? json.flows : undefined
  if (!list) {
    problems.push({
      severity: 'error',
      code: 'flow.not_a_list',
      message: 'This is not flow JSON: it must be a list of nodes.',
      remedy: 'Export the flow from the editor (Menu › Export › JSON) and use that text as it is.',
    })
    return { nodes: [], problems }
  }
  const nodes: EditorNode[] = []
  const seen = new Set<string>()
  for (let index = 0; index < list.length; index++) {
    const item: unknown = list[index]
    const reason = whyUnreadable(item, seen)
    if (reason !== undefined) {
      const id = isRecord(item) && typeof item.id === 'string' ? item.id : undefined
      problems.push({
        severity: 'error',
        code: 'node.malformed',
        ...(id === undefined ? {} : { node: id }),
        message: `Entry ${index + 1} of the flow JSON ${reason}.`,
        remedy: 'Correct or remove this entry, or export the flow again from the editor.',
      })
      continue
    }
    const node = item as EditorNode
    seen.add(node.id)
    nodes.push(node)
  }
  return { nodes, problems }
}

function whyUnreadable(item: unknown, seen: ReadonlySet<string>): string | undefined {
  if (!isRecord(item)) return 'is not an object'
  if (typeof item.id !== 'string' || item.id === '') return 'has no id'
  if (item.id === '__proto__' || item.id === 'global') return `has the reserved id “${item.id}”`
  if (typeof item.type !== 'string' || item.type === '') return 'has no type'
  if (item.z !== undefined && typeof item.z !== 'string') return 'names its tab by something that is not an id'
  if (seen.has(item.id)) return `repeats the id “${item.id}”`
  if (item.wires !== undefined && !isWires(item.wires)) return 'has wires that are not lists of ids'
  return undefined
}

function isWires(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  // Loops, as every node of an estate passes here on each deploy.
  for (const port of value as unknown[]) {
    if (!Array.isArray(port)) return false
    for (const id of port as unknown[]) if (typeof id !== 'string') return false
  }
  return true
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
