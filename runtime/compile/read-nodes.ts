import type { EditorNode, Problem } from '../core/flow.ts'

/**
 * Reads what claims to be Node-RED flow JSON: a list of records, or `{ flows: [...] }`. Never throws. What
 * cannot be read is left out and said so; ids are unique in the result.
 */
export function readNodes(json: unknown): { nodes: EditorNode[]; problems: Problem[] } {
  const problems: Problem[] = []
  const list = listOf(json)
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

/** A list that could be read, and its ids. */
interface Read {
  readonly list: readonly unknown[]
  readonly ids: Set<string>
}

/**
 * {@link readNodes} for lists that mostly repeat the one before: entries that are the same objects at both ends, as the reader
 * of deploys gives them, are not looked at again. What was read must not be changed by anybody. A list with secrets as they
 * were typed is not kept for the next one.
 */
export function createNodesReader(): typeof readNodes {
  let before: Read | undefined
  return (json) => {
    const list = listOf(json)
    const read = before
    before = undefined
    if (list && read && isRepeated(list, read)) {
      before = { list, ids: read.ids }
      return { nodes: [...list] as EditorNode[], problems: [] }
    }
    const result = readNodes(json)
    if (list && result.problems.length === 0 && !result.nodes.some(mayHoldSecrets)) before = { list, ids: new Set(result.nodes.map(({ id }) => id)) }
    return result
  }
}

/** Whether all that is new in a list can be read. The ids are those of the list then; else they are nobody's any more. */
function isRepeated(list: readonly unknown[], { list: old, ids }: Read): boolean {
  const most = Math.min(list.length, old.length)
  let head = 0
  while (head < most && list[head] === old[head]) head++
  let tail = 0
  while (tail < most - head && list[list.length - 1 - tail] === old[old.length - 1 - tail]) tail++
  for (let index = head; index < old.length - tail; index++) ids.delete((old[index] as EditorNode).id)
  for (let index = head; index < list.length - tail; index++) {
    if (whyUnreadable(list[index], ids) !== undefined || mayHoldSecrets(list[index] as EditorNode)) return false
    ids.add((list[index] as EditorNode).id)
  }
  return true
}

function mayHoldSecrets({ credentials, env }: EditorNode): boolean {
  return credentials !== undefined || (Array.isArray(env) && env.some((entry) => isRecord(entry) && entry.type === 'cred'))
}

function listOf(json: unknown): readonly unknown[] | undefined {
  if (Array.isArray(json)) return json
  return isRecord(json) && Array.isArray(json.flows) ? json.flows : undefined
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
