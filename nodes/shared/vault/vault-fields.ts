import { fault } from '../../../runtime/core/fault.ts'
import type { LabelMap } from '../../../runtime/core/labels/label-map.ts'
import { checkName } from '../../../runtime/core/labels/labels.ts'
import { fieldBelow, type ProtectedField } from '../../../runtime/core/labels/protect.ts'
import type { Message } from '../../../runtime/core/message.ts'
import type { JsonSchema, NodeProblem } from '../../../runtime/core/node.ts'
import type { VaultName } from '../../../runtime/core/secrets/vault-name.ts'
import { checkTypedValue } from '../../../runtime/core/values/typed-value.ts'
import { checkFieldPath, replaceFields, type Location } from '../field-paths.ts'
import { compileMessageField, toQuery } from './protected-fields.ts'

/** Names fields: by a path from the node's property down, or by a data label. */
export interface FieldRow {
  /** Default: path. */
  readonly by?: 'path' | 'label'
  readonly path: string
}

/** A field that a row of a table found in a message. */
export interface FoundField<Row> {
  readonly row: Row
  /** The path or label as it is written: faults name the field by it. */
  readonly text: string
  readonly location: Location
}

/** Fields of messages by the rows of a table. */
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

/** @throws FieldPathError */
export function compileFields<Row extends FieldRow>(property: string, rows: readonly Row[], missing: 'ignore' | 'refuse', labels?: LabelMap): MessageFields<Row> {
  const compiled = rows.map((row) => ({ row, field: compileMessageField(toField(property, row), labels), text: row.path.trim() }))
  return {
    find(message) {
      const found: FoundField<Row>[] = []
      const seen = compiled.length > 1 ? new Set<string>() : undefined
      for (const { row, field, text } of compiled) {
        const locations = field.locate(message)
        if (locations.length === 0 && missing === 'refuse') throw fault('field.missing', { path: text })
        if (found.length + locations.length > mostFields) throw fault('vault.too_large', { path: text })
        for (const location of locations) {
          if (seen) {
            const name = location.keys.join('\u0000')
            if (seen.has(name)) continue
            seen.add(name)
          }
          found.push({ row, text, location })
        }
      }
      return found
    },
    replace: (message, changes) => replaceFields(message, changes) as Message,
  }
}

/** The row as the compiler and the search understand it: from the message down. */
export function toField(property: string, { by = 'path', path }: FieldRow): ProtectedField {
  return by === 'label' ? { by, field: path.trim() } : fieldBelow(property, path)
}

/** Problems of rows of fields: none there, or paths that cannot be used. */
export function checkFields(property: string, rows: readonly FieldRow[]): NodeProblem[] {
  const problems: (NodeProblem | undefined)[] = [checkTypedValue(property, 'msg', 'property') ?? checkProperty(property)]
  if (rows.length === 0) problems.push({ code: 'field.none', severity: 'warning', property: 'fields', message: 'The node does nothing: it names no field.', remedy: 'Add a row with the path of a field.' })
  for (const [index, { by, path }] of rows.entries()) {
    if (by === 'label') problems.push(...checkName(path.trim(), 'fields'))
    else if (path.trim() === '') problems.push({ code: 'field.path', property: 'fields', message: `Row ${index + 1} has no path.`, remedy: 'Write where the field stands, such as $.person.id.' })
    else problems.push(checkFieldPath(path.trim(), 'fields'))
  }
  return problems.filter((problem) => problem !== undefined)
}

/** Paths go on from the property: it has to be one itself. */
function checkProperty(property: string): NodeProblem | undefined {
  if (!property.trim().startsWith('$') && checkFieldPath(toQuery(property.trim()), 'property') === undefined) return undefined
  return { code: 'field.property', property: 'property', message: `Fields cannot be looked for in “${property}”.`, remedy: 'Name a property of the message: payload, or another such as person.card.' }
}

/** Whether a name can be that of a domain. */
export function checkDomain(name: string, property: string, where: string): NodeProblem | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) || name.includes('${')) return undefined
  return { code: 'vault.domain', property, message: `${where} says no domain.`, remedy: 'Give the name of a domain of the vault: letters, digits, dots, dashes and underscores.' }
}

/** A value as it travels to the vault: text as it is, all else as JSON. */
export function toVaultValue(value: unknown): { readonly value: string; readonly json?: true } {
  return typeof value === 'string' ? { value } : { value: JSON.stringify(value) ?? 'null', json: true }
}

/** The domains that rows of fields name: their own, else the node's. */
export function domainNames(domain: string, rows: readonly { readonly domain: string }[]): readonly VaultName[] {
  return rows.map((row) => ({ kind: 'domain', name: row.domain || domain, property: row.domain ? 'fields' : 'domain' }))
}
