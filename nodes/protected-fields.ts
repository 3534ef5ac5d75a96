import type { LabelMap } from '../runtime/core/labels/label-map.ts'
import { below, every, type LabelPath } from '../runtime/core/labels/label-path.ts'
import type { ProtectedField } from '../runtime/core/labels/protect.ts'
import type { Message } from '../runtime/core/message.ts'
import { compileFieldPath, type Location } from './field-paths.ts'

/** A field as people name it, found in messages. */
export interface MessageField {
  /** As it was written: a path, or a label. */
  readonly text: string
  /** All places of a message that it means. */
  locate(message: Message): Location[]
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
    return { text, locate: (message) => query.locate(message) }
  }
  const paths = new Map((labels?.clear.entries ?? []).filter(({ label }) => label === text).map(({ path }) => {
    const query = queryOf(path)
    return [query, compileFieldPath(query)] as const
  }))
  const queries = [...paths.values()]
  return { text, locate: (message) => queries.flatMap((query) => query.locate(message)).filter(({ keys }) => keys.length > 1 || !own.has(keys[0])) }
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
