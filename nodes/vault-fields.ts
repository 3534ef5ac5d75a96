import { payloadOf, resolve } from '../runtime/core/body.ts'
import { fault } from '../runtime/core/fault.ts'
import type { Message } from '../runtime/core/message.ts'
import type { JsonSchema, NodeProblem } from '../runtime/core/node.ts'
import { getProperty, parseMessagePath, setProperty } from '../runtime/core/property.ts'
import { checkTypedValue } from '../runtime/core/typed-value.ts'
import { checkFieldPath, compileFieldPath, replaceFields, type FieldPath, type Location } from './field-paths.ts'

/** A field that a row of a table found in a message. */
export interface FoundField<Row> {
  readonly row: Row
  readonly path: FieldPath
  readonly location: Location
}

/** Fields of one property of messages, by rows that each hold a path. */
export interface MessageFields<Row> {
  /** Each place once: the first row that finds it has it. @throws Fault `field.missing` where a row finds nothing and must */
  find(message: Message): FoundField<Row>[]
  replace(message: Message, changes: readonly (readonly [Location, unknown])[]): Message
}

/** Fields of one message; more than anybody means, fewer than a vault would choke on. */
const mostFields = 10_000

export const missingSchema: JsonSchema = {
  enum: ['ignore', 'refuse'], default: 'ignore', title: 'Nothing there', description: 'A path that finds nothing in a message: ignore, or refuse the message (422 field.missing).',
  'x-form': { 'zh-TW': { title: '找不到欄位時', description: '路徑在訊息中找不到任何欄位時：略過，或拒絕訊息（422 field.missing）。', choices: { ignore: '略過', refuse: '拒絕' } } },
}

export const propertySchema: JsonSchema = {
  type: 'string', default: 'payload', minLength: 1, title: 'In', description: 'Property of the message whose fields these are; “$” in a path is its value.',
  'x-form': { 'zh-TW': { title: '位於', description: '欄位所在的訊息屬性；路徑中的「$」即為其值。' } },
}

export const pathSchema: JsonSchema = { type: 'string', default: '$.id', title: 'Path', 'x-form': { 'zh-TW': { title: '路徑' } } }

export function compileFields<Row extends { readonly path: string }>(property: string, rows: readonly Row[], missing: 'ignore' | 'refuse'): MessageFields<Row> {
  const compiled = rows.map((row) => ({ row, path: compileFieldPath(row.path) }))
  const at = parseMessagePath(property)
  const isPayload = at.length === 1 && at[0] === 'payload'
  return {
    find(message) {
      const root = isPayload ? payloadOf(message) : resolve(getProperty(message, at))
      const found: FoundField<Row>[] = []
      const seen = compiled.length > 1 ? new Set<string>() : undefined
      for (const { row, path } of compiled) {
        const locations = path.locate(root)
        if (locations.length === 0 && missing === 'refuse') throw fault('field.missing', { path: path.text })
        if (found.length + locations.length > mostFields) throw fault('vault.too_large', { path: path.text })
        for (const location of locations) {
          if (seen) {
            const name = location.keys.join('\u0000')
            if (seen.has(name)) continue
            seen.add(name)
          }
          found.push({ row, path, location })
        }
      }
      return found
    },
    replace(message, changes) {
      if (changes.length === 0) return message
      const root = isPayload ? payloadOf(message) : resolve(getProperty(message, at))
      const value = replaceFields(root, changes)
      if (isPayload) return { ...message, payload: value }
      return setProperty(message, at, value) ?? message
    },
  }
}

/** Problems of rows of fields: none there, or paths that cannot be used. */
export function checkFields(property: string, rows: readonly { readonly path: string }[]): NodeProblem[] {
  const problems: (NodeProblem | undefined)[] = [checkTypedValue(property, 'msg', 'property')]
  if (rows.length === 0) problems.push({ code: 'field.none', severity: 'warning', property: 'fields', message: 'The node does nothing: it names no field.', remedy: 'Add a row with the path of a field.' })
  for (const [index, { path }] of rows.entries()) {
    problems.push(path.trim() === ''
      ? { code: 'field.path', property: 'fields', message: `Row ${index + 1} has no path.`, remedy: 'Write where the field stands, such as $.person.id.' }
      : checkFieldPath(path, 'fields'))
  }
  return problems.filter((problem) => problem !== undefined)
}

/** Whether a name can be that of a domain. */
export function checkDomain(name: string, property: string, where: string): NodeProblem | undefined {
  if (/^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u.test(name) || name.includes('${')) return undefined
  return { code: 'vault.domain', property, message: `${where} says no domain.`, remedy: 'Give the name of a domain of the vault.' }
}

/** A value as it travels to the vault: text as it is, all else as JSON. */
export function toVaultValue(value: unknown): { readonly value: string; readonly json?: true } {
  return typeof value === 'string' ? { value } : { value: JSON.stringify(value) ?? 'null', json: true }
}
