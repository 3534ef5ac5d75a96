import { deserialize, serialize } from 'node:v8'

/** A copy that shares nothing with `value`; lists and plain objects of it are frozen. Functions and symbols are left out. */
export function copyValue(value: unknown, seen: Map<object, unknown> = new Map()): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  if (value instanceof Uint8Array) return keep(value, Buffer.from(value), seen)
  if (value instanceof Date) return keep(value, new Date(value), seen)
  if (Array.isArray(value)) {
    const list: unknown[] = []
    seen.set(value, list)
    for (const item of value) list.push(copyValue(item, seen))
    return Object.freeze(list)
  }
  if (value instanceof Map) return keep(value, new Map([...value].map(([k, v]) => [copyValue(k, seen), copyValue(v, seen)])), seen)
  if (value instanceof Set) return keep(value, new Set([...value].map((v) => copyValue(v, seen))), seen)
  const object: Record<string, unknown> = {}
  seen.set(value, object)
  for (const [key, item] of Object.entries(value)) if (key !== '__proto__') object[key] = copyValue(item, seen)
  return Object.freeze(object)
}

function keep<T>(from: object, copy: T, seen: Map<object, unknown>): T {
  seen.set(from, copy)
  return copy
}

/** About how many bytes a value takes in memory: enough to keep a limit by, no more. */
export function sizeOf(value: unknown, seen: Set<object> = new Set()): number {
  if (typeof value === 'string') return 16 + value.length
  if (typeof value !== 'object' || value === null || seen.has(value)) return 8
  seen.add(value)
  if (value instanceof Uint8Array) return 64 + value.byteLength
  let bytes = 32
  if (value instanceof Map) for (const [key, item] of value) bytes += sizeOf(key, seen) + sizeOf(item, seen)
  else if (value instanceof Set || Array.isArray(value)) for (const item of value) bytes += sizeOf(item, seen)
  else for (const [key, item] of Object.entries(value)) bytes += 16 + key.length + sizeOf(item, seen)
  return bytes
}

/** True when freezing alone protects it: then the one copy can be given to every reader. */
export function isFrozenPlain(value: unknown, seen: Set<object> = new Set()): boolean {
  if (typeof value !== 'object' || value === null || seen.has(value)) return true
  if (value instanceof Uint8Array || value instanceof Date || value instanceof Map || value instanceof Set) return false
  seen.add(value)
  return Object.isFrozen(value) && Object.values(value).every((item) => isFrozenPlain(item, seen))
}

/** A value in the file: JSON where JSON carries it, else V8's serialisation in base64. */
export type StoredValue = { readonly json: unknown } | { readonly v8: string }

export function toStored(value: unknown): StoredValue {
  return isJson(value, 0) ? { json: value } : { v8: serialize(value).toString('base64') }
}

export function fromStored(stored: StoredValue): unknown {
  return 'json' in stored ? stored.json : deserialize(Buffer.from(stored.v8, 'base64'))
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object' || depth > 200) return false
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1))
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every((item) => isJson(item, depth + 1))
}
