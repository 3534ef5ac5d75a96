import { readPointer } from '../json-schema/pointer.ts'
import { isJsonObject, mapValues, type Json } from './json-object.ts'

/** Values that only look like schemas. */
const data: ReadonlySet<string> = new Set(['example', 'examples', 'default', 'enum', 'const'])
/** Objects whose keys are names that people chose. */
const names: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas', 'schemas'])

/**
 * A document in which properties that are `readOnly` (or `writeOnly`) are not required: of a request, or of an answer, they are not
 * (OpenAPI 3.1 §4.8.24.2).
 */
export function relaxRequired(document: Json, mark: 'readOnly' | 'writeOnly'): Json {
  if (!JSON.stringify(document).includes(`"${mark}":true`)) return document
  const isMarked = (property: unknown): boolean => {
    if (!isJsonObject(property)) return false
    if (property[mark] === true) return true
    const reference = property['$ref']
    if (typeof reference !== 'string' || !reference.startsWith('#/')) return false
    const target = readPointer(document, reference.slice(1))
    return isJsonObject(target) && target[mark] === true
  }
  const walk = (value: unknown, ofNames: boolean): unknown => {
    if (Array.isArray(value)) return value.map((one) => walk(one, false))
    if (!isJsonObject(value)) return value
    const made = mapValues(value, (one, name) => (!ofNames && data.has(name) ? one : walk(one, !ofNames && names.has(name)))) as Record<string, unknown>
    if (ofNames) return made
    const { required, properties } = value
    if (Array.isArray(required) && isJsonObject(properties)) {
      const left = required.filter((name) => typeof name !== 'string' || !Object.hasOwn(properties, name) || !isMarked(properties[name]))
      if (left.length < required.length) made['required'] = left
    }
    return made
  }
  return walk(document, false) as Json
}
