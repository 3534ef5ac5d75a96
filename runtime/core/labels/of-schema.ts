import { every, type LabelPath } from './label-path.ts'
import { type LabelEntry, LabelMap, type LabelOrigin } from './label-map.ts'
import { labelName } from './labels.ts'

type Json = Readonly<Record<string, unknown>>

/** Schemas within each other that are looked into, and schemas in all. */
const deepest = 12
const mostLooks = 5000

/**
 * Labels that a JSON Schema gives by `x-label` (a name, or a list of names), as knowledge of a value that fits it. What `root`
 * holds is found by local references (`#/$defs/person`, `#/components/schemas/Person`).
 */
export function labelsOfSchema(schema: unknown, from: Omit<LabelOrigin, 'path'>, root: unknown = schema): LabelMap {
  const entries: LabelEntry[] = []
  let looks = 0
  look(schema, [], new Set())
  return LabelMap.of(entries)

  function look(given: unknown, path: LabelPath, seen: ReadonlySet<unknown>): void {
    if (!isObject(given) || seen.has(given) || path.length > deepest || (looks += 1) > mostLooks) return
    const inside = new Set([...seen, given])
    for (const label of [given['x-label']].flat()) {
      if (typeof label === 'string' && labelName.test(label)) entries.push({ path, label, from: { ...from, path: 'x-label' } })
    }
    if (typeof given['$ref'] === 'string') look(find(given['$ref']), path, inside)
    for (const [name, below] of Object.entries(asObject(given['properties']))) look(below, [...path, name], inside)
    for (const below of Object.values(asObject(given['patternProperties']))) look(below, [...path, every], inside)
    for (const keyword of ['additionalProperties', 'unevaluatedProperties', 'items', 'additionalItems', 'unevaluatedItems', 'contains']) for (const below of [given[keyword]].flat()) look(below, [...path, every], inside)
    for (const below of Array.isArray(given['prefixItems']) ? given['prefixItems'] : []) look(below, [...path, every], inside)
    for (const keyword of ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else', 'dependentSchemas']) {
      const below = given[keyword]
      for (const one of keyword === 'dependentSchemas' ? Object.values(asObject(below)) : [below].flat()) look(one, path, inside)
    }
  }

  function find(reference: string): unknown {
    if (!reference.startsWith('#')) return undefined
    if (reference === '#') return root
    if (!reference.startsWith('#/')) return undefined
    let at: unknown = root
    for (const part of reference.slice(2).split('/')) at = asObject(at)[decode(part).replaceAll('~1', '/').replaceAll('~0', '~')]
    return at
  }
}

/** Whether a text may hold a schema that gives labels. */
export function mayHoldLabels(text: string): boolean {
  return text.includes('x-label')
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asObject(value: unknown): Json {
  return isObject(value) ? value : {}
}
