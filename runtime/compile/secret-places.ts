import type { NodeDefinition } from '../core/node.ts'
import { replaceReferences } from '../core/secrets/secret-reference.ts'

type Properties = Readonly<Record<string, unknown>>

/** Names of what holds the value in a row of a list, and types under which it is written out and not computed. */
const valueKeys = new Set(['value', 'valueValue'])
const writtenOut = new Set<unknown>([undefined, 'str', 'other'])

/** Properties of a node in whose values a secret may be referred to: those whose schema says `x-secret: true`. */
export function secretPropertiesOf({ config }: Pick<NodeDefinition, 'config'>): readonly string[] {
  const properties = (config.properties ?? {}) as Readonly<Record<string, { readonly 'x-secret'?: unknown } | undefined>>
  return Object.keys(properties).filter((name) => properties[name]?.['x-secret'] === true)
}

/**
 * A node's properties with each text changed in which a secret may be referred to: a plain text, texts of a list, and in rows of a list the
 * value where it is written out. `place` is like `headers.0.value`. The same properties when nothing changed.
 */
export function mapSecretTexts(definition: Pick<NodeDefinition, 'config'>, properties: Properties, change: (text: string, place: string) => string): Properties {
  let changed: Record<string, unknown> | undefined
  for (const name of secretPropertiesOf(definition)) {
    const before = properties[name]
    const after = mapValue(before, name, change)
    if (after !== before) (changed ??= { ...properties })[name] = after
  }
  return changed ?? properties
}

function mapValue(value: unknown, place: string, change: (text: string, place: string) => string): unknown {
  if (typeof value === 'string') return change(value, place)
  if (!Array.isArray(value)) return value
  let changed = false
  const items = value.map((item: unknown, at) => {
    const after = mapItem(item, `${place}.${at}`, change)
    if (after !== item) changed = true
    return after
  })
  return changed ? items : value
}

function mapItem(item: unknown, place: string, change: (text: string, place: string) => string): unknown {
  if (typeof item === 'string') return change(item, place)
  if (item === null || typeof item !== 'object' || !writtenOut.has((item as Properties)['valueType'])) return item
  let changed: Record<string, unknown> | undefined
  for (const [key, value] of Object.entries(item)) {
    if (typeof value !== 'string' || !valueKeys.has(key)) continue
    const after = change(value, `${place}.${key}`)
    if (after !== value) (changed ??= { ...item })[key] = after
  }
  return changed ?? item
}

/** Properties as they can be checked before anybody knows a secret: something unknown, as a variable of the environment, in place of each. */
export function withStandIns(definition: Pick<NodeDefinition, 'config'>, properties: Properties): Properties {
  return mapSecretTexts(definition, properties, (text) => replaceReferences(text, (name) => `\${secret:${name}}`))
}
