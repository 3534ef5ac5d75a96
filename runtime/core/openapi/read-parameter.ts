import { asJson, isJsonObject, type Json } from './json-object.ts'

/** Where parameters stand. */
export type ParameterPlace = 'query' | 'path' | 'header' | 'cookie'

/** What a request carries, by place. Names of headers are lower case. */
export type Carried = Readonly<Record<ParameterPlace, Readonly<Record<string, unknown>>>>

/** Finds a parameter's value in a request, taken apart as its style says; texts stay texts. `undefined`: it is not there. */
export type ReadParameter = (carried: Carried) => unknown

const separators: Readonly<Record<string, string>> = { form: ',', simple: ',', spaceDelimited: ' ', pipeDelimited: '|' }

/**
 * How a parameter is read (OpenAPI 3.1 §4.8.12.2). Styles `form`, `simple`, `spaceDelimited`, `pipeDelimited` and `deepObject`;
 * `matrix` and `label` are read as they stand.
 */
export function createParameterReader(parameter: Json, shape: { readonly isList: boolean; readonly properties: readonly string[] | undefined }): ReadParameter {
  const name = String(parameter['name'])
  const place = parameter['in'] as ParameterPlace
  const style = typeof parameter['style'] === 'string' ? parameter['style'] : place === 'query' || place === 'cookie' ? 'form' : 'simple'
  const explode = typeof parameter['explode'] === 'boolean' ? parameter['explode'] : style === 'form'
  const key = place === 'header' ? name.toLowerCase() : name
  const separator = separators[style]
  const { isList, properties } = shape

  if (properties !== undefined && !isList && style === 'form' && explode && place === 'query') {
    return (carried) => {
      const found = Object.fromEntries(properties.filter((one) => carried.query[one] !== undefined).map((one) => [one, carried.query[one]]))
      return Object.keys(found).length === 0 ? undefined : found
    }
  }
  return (carried) => {
    const raw = lookUp(carried[place], key)
    if (typeof raw !== 'string' || separator === undefined) return raw
    if (isList && !(style === 'form' && explode && place === 'query')) return raw === '' ? [] : raw.split(separator)
    if (properties !== undefined && !isList) return toObject(raw, separator, explode)
    return raw
  }
}

/** By name; `filter[name]` and `ids[]` have been taken apart by whoever read the query. */
function lookUp(from: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(from, name)) return from[name]
  if (!name.includes('[')) return undefined
  const parts = name.split(/[[\]]+/).filter((part) => part !== '')
  let found: unknown = from
  for (const part of parts) {
    if (!isJsonObject(found) && !Array.isArray(found)) return undefined
    if (!Object.hasOwn(found as object, part)) return undefined
    found = asRecord(found)[part]
  }
  return found
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : asJson(value)
}

/** `R,100,G,200`, or `R=100,G=200` where it explodes. */
function toObject(text: string, separator: string, explode: boolean): Record<string, unknown> {
  const parts = text.split(separator)
  if (explode) return Object.fromEntries(parts.map((part) => [part.split('=', 1)[0] as string, part.slice(part.indexOf('=') + 1)]))
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < parts.length; i += 2) pairs.push([parts[i] as string, parts[i + 1] as string])
  return Object.fromEntries(pairs)
}
