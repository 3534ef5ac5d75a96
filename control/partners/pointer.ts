import { isObject } from '../consumers/json.ts'

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
