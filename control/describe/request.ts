import type { HttpEntry } from '../../runtime/core/entry.ts'
import { upgradeOperation } from '../../runtime/core/openapi/upgrade-document.ts'
import { isObject } from '../consumers/json.ts'
import type { Reached } from './reach.ts'

type Json = Readonly<Record<string, unknown>>

/** What is known of the requests that a route takes: an operation, with `components` for what it refers to. */
export function toRequest(reached: readonly Reached[], entry: HttpEntry, name: string): Json {
  const checks = reached.filter(({ node, config }) => node.type === 'validate' && config['side'] !== 'answer')
  const answers = reached.filter(({ node, config }) => node.type === 'validate' && config['side'] === 'answer' && config['by'] === 'operation')
  const operations = checks.filter(({ config }) => config['by'] === 'operation').flatMap(({ config }) => readJson(config['operation']))
  const [first] = operations
  const plain = checks.filter(({ config }) => config['by'] !== 'operation').map(({ config }) => fromSchemas(config, entry, name))
  const base = first ? upgradeOperation(first) : undefined
  const described = base ?? answers.flatMap(({ config }) => readJson(config['operation'])).map((one) => keepDescription(upgradeOperation(one)))[0] ?? {}
  return plain.reduce<Json>((all, one) => join(all, one), described)
}

/** Of an operation that upstream answers are held to, what it says of itself and of answers. */
function keepDescription({ parameters: _parameters, requestBody: _body, responses: _responses, ...rest }: Json): Json {
  return rest
}

function join(first: Json, second: Json): Json {
  const parameters = [...list(first['parameters']), ...list(second['parameters'])]
  const once = [...new Map(parameters.map((one) => [`${String(one['in'])} ${String(one['name'])} ${String(one['$ref'])}`, one])).values()]
  const components: Record<string, Json> = {}
  for (const part of [first, second]) for (const [section, all] of Object.entries(isObject(part['components']) ? part['components'] : {})) components[section] = { ...components[section], ...(all as Json) }
  return { ...second, ...first, ...(once.length === 0 ? {} : { parameters: once }), ...(Object.keys(components).length === 0 ? {} : { components }) }
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : [])

/** Schemas of a node that has one for each part, as parameters and a body. */
function fromSchemas(config: Json, entry: HttpEntry, name: string): Json {
  const schemas: Record<string, unknown> = {}
  const parameters = ([['query', 'query'], ['headers', 'header'], ['cookies', 'cookie'], ['params', 'path']] as const).flatMap(([property, place]) => readJson(config[property]).flatMap((schema) => {
    const key = `${name}-${place}`
    if (refersToItself(schema)) schemas[key] = moveReferences(schema, `#/components/schemas/${key}`)
    return toParameters(schema, place, `#/components/schemas/${key}`)
  }))
  const [body] = readJson(config['body'])
  const key = `${name}-body`
  const hasBody = body !== undefined && config['property'] === 'payload'
  if (hasBody) schemas[key] = moveReferences(body, `#/components/schemas/${key}`)
  const types = (entry.accepts ?? []).filter((type) => !type.includes('*'))
  return {
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(hasBody ? {
      requestBody: { ...(config['bodyRequired'] === true ? { required: true } : {}), content: Object.fromEntries((types.length > 0 ? types : ['application/json']).map((type) => [type, { schema: { $ref: `#/components/schemas/${key}` } }])) },
    } : {}),
    ...(Object.keys(schemas).length === 0 ? {} : { components: { schemas } }),
  }
}

/** A parameter for each property. */
function toParameters(schema: Json, place: string, movedTo: string): Json[] {
  const required = new Set(Array.isArray(schema['required']) ? schema['required'].map(String) : [])
  const properties = isObject(schema['properties']) ? schema['properties'] : {}
  const names = [...new Set([...Object.keys(properties), ...required])]
  return names.map((name) => {
    const own = Object.hasOwn(properties, name) ? properties[name] : { type: 'string' }
    return { name, in: place, ...(required.has(name) || place === 'path' ? { required: true } : {}), schema: moveReferences(own, movedTo) }
  })
}

function refersToItself(schema: Json): boolean {
  return JSON.stringify(schema).includes('"$ref":"#')
}

/** A schema that stands somewhere else now: references to itself lead there. */
function moveReferences(value: unknown, to: string): unknown {
  if (Array.isArray(value)) return value.map((one) => moveReferences(one, to))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, key === '$ref' && typeof one === 'string' && (one === '#' || one.startsWith('#/')) ? to + one.slice(1) : moveReferences(one, to)]))
}

function readJson(text: unknown): Json[] {
  if (typeof text !== 'string' || text.trim() === '') return []
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? [value] : []
  } catch {
    return []
  }
}
