import { isObject } from './scalars.ts'

/** A document from which an example can be made, and what it is of. */
export interface Sample {
  readonly name: string
  readonly value: unknown
}

const deepest = 8

/** Examples of the answers that an OpenAPI document (3.x) describes, or of a JSON Schema; empty for anything else. */
export function toSamples(document: unknown): readonly Sample[] {
  if (!isObject(document)) return []
  if (typeof document['openapi'] === 'string' && isObject(document['paths'])) {
    return Object.entries(document['paths']).flatMap(([path, item]) => Object.entries(isObject(item) ? item : {}).flatMap(([method, operation]) => {
      const responses = isObject(operation) ? operation['responses'] : undefined
      const answer = isObject(responses) ? follow(responses['200'] ?? responses['201'] ?? responses['default'], document) : undefined
      const content = isObject(answer) ? answer['content'] : undefined
      const json = isObject(content) ? (content['application/json'] ?? Object.entries(content).find(([type]) => type.includes('json'))?.[1]) : undefined
      const value = isObject(json) ? ofMedia(json, document) : undefined
      return value === undefined ? [] : [{ name: `${method.toUpperCase()} ${path}`, value }]
    })).slice(0, 200)
  }
  if (typeof document['$schema'] === 'string' || (isObject(document['properties']) && document['type'] === 'object')) {
    const value = ofSchema(document, document, 0)
    return value === undefined ? [] : [{ name: String(document['title'] ?? 'JSON Schema'), value }]
  }
  return []
}

function ofMedia(media: { readonly [name: string]: unknown }, document: unknown): unknown {
  if ('example' in media) return media['example']
  const first = isObject(media['examples']) ? follow(Object.values(media['examples'])[0], document) : undefined
  if (isObject(first) && 'value' in first) return first['value']
  return ofSchema(media['schema'], document, 0)
}

/** Follows a reference within the document. */
function follow(value: unknown, document: unknown, hops = 0): unknown {
  if (!isObject(value) || typeof value['$ref'] !== 'string' || hops > 8) return value
  if (!value['$ref'].startsWith('#/')) return undefined
  let at: unknown = document
  for (const part of value['$ref'].slice(2).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined
  }
  return follow(at, document, hops + 1)
}

function ofSchema(given: unknown, document: unknown, depth: number): unknown {
  const schema = follow(given, document)
  if (!isObject(schema) || depth > deepest) return undefined
  for (const name of ['example', 'default', 'const']) if (name in schema) return schema[name]
  if (Array.isArray(schema['examples']) && schema['examples'].length > 0) return schema['examples'][0]
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  if (Array.isArray(schema['allOf'])) return Object.assign({}, ...schema['allOf'].map((one) => ofSchema(one, document, depth + 1)).filter(isObject))
  const choice = [schema['oneOf'], schema['anyOf']].find(Array.isArray) as unknown[] | undefined
  if (choice) return ofSchema(choice[0], document, depth + 1)
  const type = Array.isArray(schema['type']) ? schema['type'].find((one) => one !== 'null') : schema['type']
  if (type === 'object' || isObject(schema['properties'])) {
    const entries = Object.entries(isObject(schema['properties']) ? schema['properties'] : {}).slice(0, 100).map(([name, one]) => [name, ofSchema(one, document, depth + 1)])
    return Object.fromEntries(entries.filter(([name, value]) => value !== undefined && name !== '__proto__'))
  }
  if (type === 'array') {
    const item = ofSchema(schema['items'], document, depth + 1)
    return item === undefined ? [] : [item]
  }
  if (type === 'string') return schema['format'] === 'date' ? '2026-11-22' : schema['format'] === 'date-time' ? '2026-11-22T14:30:00+08:00' : 'text'
  if (type === 'integer') return 1
  if (type === 'number') return 1.5
  return type === 'boolean' ? true : undefined
}
