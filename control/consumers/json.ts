import { sameJson } from '../same-json.ts'

/** JSON merge patch (RFC 7396). */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else define(result, key, mergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value))
  }
  return result
}

export interface JsonDifference {
  /** RFC 6901. */
  readonly pointer: string
  readonly before?: unknown
  readonly after?: unknown
}

/** Where two JSON values differ. Lists are compared as wholes: a diff of places in a list says little to a reader. */
export function diffJson(before: unknown, after: unknown, pointer = ''): JsonDifference[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    return keys.flatMap((key) => diffJson(before[key], after[key], `${pointer}/${toPointerPart(key)}`))
  }
  if (sameJson(before, after)) return []
  return [{ pointer, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }]
}

/** A name as part of a JSON pointer (RFC 6901 §3). */
export function toPointerPart(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** What a JSON pointer (RFC 6901) leads to; `undefined` when there is nothing. Only what a value has itself is found. */
export function readPointer(value: unknown, pointer: string): unknown {
  let at = value
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(at)) at = /^(?:0|[1-9]\d{0,9})$/.test(key) ? (at as unknown[])[Number(key)] : undefined
    else if (isObject(at) && Object.hasOwn(at, key)) at = at[key]
    else return undefined
  }
  return at
}

/** Whether a JSON value is an object: neither null nor a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Own property whatever its name, `__proto__` included. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}
