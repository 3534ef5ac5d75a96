import { resolve } from '../../../runtime/core/http/body.ts'
import type { LabelMap } from '../../../runtime/core/labels/label-map.ts'
import { below, covers, every, type LabelPath, parseLabelPath } from '../../../runtime/core/labels/label-path.ts'
import type { ProtectedField } from '../../../runtime/core/labels/protect.ts'
import type { Message } from '../../../runtime/core/message.ts'
import { compileFieldPath, type Location } from '../field-paths.ts'

/** Text or bytes in which a labelled field would lie: nobody looks into them, so that they are protected as a whole. */
export interface TextAround extends Location {
  readonly whole: true
}

/** A field as people name it, found in messages. */
export interface MessageField {
  /** As it was written: a path, or a label. */
  readonly text: string
  /** All places of a message that it means, and texts in which some of them would lie. */
  locate(message: Message): (Location | TextAround)[]
}

/** What of a message is no data: when anything of it may carry a label, these stay. */
const own: ReadonlySet<unknown> = new Set(['_msgid', 'req', 'res'])

/**
 * Fields of a message by paths or labels, ready to be looked for: `$.people[*].id` is about the payload, `req.query.id` about the
 * message. A label is every place where the compiler knows that it may be.
 * @throws FieldPathError
 */
export function compileMessageField({ by, field }: ProtectedField, labels: LabelMap | undefined): MessageField {
  const text = field.trim()
  if (by === 'path') {
    const query = compileFieldPath(toQuery(text))
    const written = labels && !labels.clear.isEmpty ? parseLabelPath(text) : []
    const known = (labels?.clear.entries ?? []).map(({ path }) => path).filter((path) => written.some((one) => covers(one.path, path)))
    return { text, locate: known.length === 0 ? (message) => query.locate(message) : (message) => [...query.locate(message), ...textsAround(message, known)] }
  }
  const paths = new Map((labels?.clear.entries ?? []).filter(({ label }) => label === text).map(({ path }) => {
    const query = queryOf(path)
    return [query, compileFieldPath(query)] as const
  }))
  const queries = [...paths.values()]
  const known = [...(labels?.clear.entries ?? [])].filter(({ label }) => label === text).map(({ path }) => path)
  return { text, locate: (message) => [...queries.flatMap((query) => query.locate(message)), ...textsAround(message, known)].filter(({ keys }) => keys.length > 1 || !own.has(keys[0])) }
}

/** A path into a message, with or without `$`, as a query of the message. */
export function toQuery(text: string): string {
  return text.startsWith('$') ? `$.payload${text.slice(1)}` : `$.${text.startsWith('msg.') ? text.slice(4) : text}`
}

/** A second `..` is not asked for: what lies below the first is all taken. */
function queryOf(path: LabelPath): string {
  let query = '$'
  let deep = false
  for (const part of path) {
    if (part === below) {
      if (deep) return query
      deep = true
      query += '..'
    } else if (part === every) query += '[*]'
    else query += typeof part === 'number' ? `[${part}]` : `[${JSON.stringify(part)}]`
  }
  if (query === '$') return '$[*]'
  return query.endsWith('..') ? `${query}*` : query
}

/** Texts that stand where a path goes on, each once. */
function textsAround(message: Message, paths: readonly LabelPath[]): TextAround[] {
  const found = new Map<string, TextAround>()
  const walk = (given: unknown, path: LabelPath, keys: readonly (string | number)[]): void => {
    const part = path[keys.length]
    if (part === undefined) return
    const value = keys.length === 0 ? given : resolve(given)
    if ((typeof value === 'string' && value !== '') || (value instanceof Uint8Array && value.length > 0)) {
      found.set(keys.join('\0'), { keys, value, whole: true })
      return
    }
    // Below a step that goes anywhere every text is a field like others.
    if (typeof value !== 'object' || value === null || part === below) return
    if (part === every) for (const [key, one] of Object.entries(value)) walk(one, path, [...keys, Array.isArray(value) ? Number(key) : key])
    else if (Object.hasOwn(value, part)) walk((value as Record<string | number, unknown>)[part], path, [...keys, part])
  }
  for (const path of paths) walk(message, path, [])
  return [...found.values()]
}
