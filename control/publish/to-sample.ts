import { readPointer } from '../../runtime/core/json-schema/pointer.ts'
import { asList, asObject } from './json-values.ts'
import type { Json } from './read-document.ts'
import { textOfPattern } from './text-of-pattern.ts'

const depthLimit = 8
const texts: Readonly<Record<string, string>> = {
  date: '2027-01-31', 'date-time': '2027-01-31T08:30:00Z', time: '08:30:00Z', email: 'name@example.org', uuid: '3f2504e0-4f89-41d3-9a0c-0305e82c3301', uri: 'https://example.org/', url: 'https://example.org/', hostname: 'example.org', ipv4: '192.0.2.1', ipv6: '2001:db8::1', byte: 'AA==', duration: 'PT1H',
}

/** A value that fits a schema, as far as that can be told without solving riddles: its example, its default, or one that is made by its type. */
export function toSample(document: Json, schema: unknown): unknown {
  return make(schema, 0, [])

  /** `inside`: schemas that the value is inside of, so that what contains itself comes to an end. */
  function make(given: unknown, depth: number, inside: readonly Json[]): unknown {
    const own = follow(document, given)
    const [example] = asList(own['examples'])
    for (const said of [own['example'], example, own['const'], own['default']]) if (said !== undefined) return said
    const [choice] = asList(own['enum'])
    if (choice !== undefined) return choice
    const around = [...inside, own]
    const [way] = [...asList(own['oneOf']), ...asList(own['anyOf'])].filter((one) => asObject(one)['type'] !== 'null')
    const parts = asList(own['allOf'])
    if (depth < depthLimit && (parts.length > 0 || way !== undefined)) {
      const samples = [...parts, ...(way === undefined ? [] : [way]), ...(own['properties'] === undefined ? [] : [{ type: 'object', properties: own['properties'], required: own['required'] ?? [] }])].map((one) => make(one, depth + 1, around))
      const objects = samples.filter((one) => typeof one === 'object' && one !== null && !Array.isArray(one)) as Json[]
      return objects.length === samples.length ? Object.assign({}, ...objects) : (samples.find((one) => one !== undefined) ?? null)
    }
    switch (typeOf(own)) {
      case 'object': {
        const required = asList(own['required'])
        const shown = Object.entries(asObject(own['properties'])).filter(([name, one]) => required.includes(name) || !(isOver(one, depth, around) || asObject(one)['writeOnly'] === true))
        return Object.fromEntries(shown.slice(0, 200).map(([name, one]) => [name, depth > depthLimit + 4 ? null : make(one, depth + 1, around)]))
      }
      case 'array': {
        const least = Math.min(3, Number(own['minItems']) || 0)
        const first = asList(own['prefixItems'])
        if (first.length > 0) return first.map((one) => make(one, depth + 1, around))
        if (own['items'] === undefined || own['items'] === false || (least === 0 && isOver(own['items'], depth, around))) return []
        return Array.from({ length: Math.max(1, least) }, () => (depth > depthLimit + 4 ? null : make(own['items'], depth + 1, around)))
      }
      case 'integer':
      case 'number':
        return toNumber(own)
      case 'boolean':
        return true
      case 'null':
        return null
      default:
        return toText(own)
    }
  }

  function isOver(schema: unknown, depth: number, inside: readonly Json[]): boolean {
    const own = follow(document, schema)
    const items = follow(document, own['items'])
    return depth >= depthLimit || inside.includes(own) || (own['items'] !== undefined && inside.includes(items))
  }
}

function follow(document: Json, schema: unknown): Json {
  let at = asObject(schema)
  for (let steps = 0; typeof at['$ref'] === 'string' && steps < 20; steps++) at = asObject(readPointer(document, (at['$ref'] as string).slice(1)))
  return at
}

function typeOf(schema: Json): string {
  const type = schema['type']
  if (Array.isArray(type)) return String(type.find((one) => one !== 'null') ?? 'null')
  if (typeof type === 'string') return type
  return schema['properties'] !== undefined ? 'object' : schema['items'] !== undefined || schema['prefixItems'] !== undefined ? 'array' : 'string'
}

function toNumber(schema: Json): number {
  const [least, most, above, below] = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'].map((key) => (typeof schema[key] === 'number' ? schema[key] : undefined)) as (number | undefined)[]
  if (least !== undefined) return least
  if (above !== undefined) return above + 1
  if (most !== undefined && most < 0) return most
  return below !== undefined && below <= 0 ? below - 1 : 0
}

function toText(schema: Json): string {
  const format = typeof schema['format'] === 'string' ? texts[schema['format']] : undefined
  if (format !== undefined) return format
  if (typeof schema['pattern'] === 'string') {
    const fitting = textOfPattern(schema['pattern'])
    if (fitting !== undefined && fitting.length >= (Number(schema['minLength']) || 0)) return fitting
  }
  const least = Number(schema['minLength']) || 0
  const most = typeof schema['maxLength'] === 'number' ? schema['maxLength'] : Infinity
  return 'text'.padEnd(Math.min(least, 1000), 'x').slice(0, most)
}
