import { isDeepStrictEqual } from 'node:util'
import { fault, type Fault } from '../../runtime/core/fault.ts'
import { Body, resolve } from '../../runtime/core/http/body.ts'

/** What stands when two sources say something different of the same place. */
export type Conflict = 'last' | 'first' | 'fail'

/** A value to merge, and what it is called where something is wrong with it. */
export interface Source {
  readonly name: string
  readonly value: unknown
}

/** As deep as any JSON may be that comes in; also ends what would go round in a circle. */
const deepest = 1000

/** One object of all: the keys of each, one level deep. */
export function mergeShallow(sources: readonly Source[], conflict: Conflict): object {
  const result: Record<string, unknown> = {}
  for (const { name, value } of sources) {
    if (isMissing(value)) continue
    if (!isPlain(value)) throw badInput(name, value, 'an object')
    for (const key of Object.keys(value)) set(result, key, isWhole(value[key]) ? value[key] : resolve(value[key]), conflict, key)
  }
  return result
}

/** One object of all: objects are merged at every level; lists and plain values are taken as a whole. */
export function mergeDeep(sources: readonly Source[], conflict: Conflict): object {
  let result: Record<string, unknown> = {}
  for (const { name, value } of sources) {
    if (isMissing(value)) continue
    if (!isPlain(value)) throw badInput(name, value, 'an object')
    result = deep(result, value, conflict, '', 0)
  }
  return result
}

/** One list of all, in the order of the sources. What is no list is an item of its own. */
export function concat(sources: readonly Source[]): readonly unknown[] {
  return sources.flatMap(({ value }) => (isMissing(value) ? [] : Array.isArray(value) ? (value as unknown[]) : [value]))
}

/**
 * One list of all, of which items with the same key are one, in the order in which keys first came. Items without the key stand by themselves.
 * `keyOf` reads the key of an item.
 */
export function mergeByKey(sources: readonly Source[], keyOf: (item: unknown) => unknown, conflict: Conflict): readonly unknown[] {
  const result: unknown[] = []
  const places = new Map<string, number>()
  for (const { name, value } of sources) {
    if (isMissing(value)) continue
    if (!Array.isArray(value)) throw badInput(name, value, 'a list')
    for (const item of value as unknown[]) {
      const key = keyOf(item)
      const text = isMissing(key) || typeof key === 'object' ? undefined : `${typeof key} ${String(key)}`
      const at = text === undefined ? undefined : places.get(text)
      if (at === undefined || !isPlain(item)) {
        if (text !== undefined) places.set(text, result.length)
        result.push(item)
        continue
      }
      result[at] = isPlain(result[at]) ? deep(result[at], item, conflict, String(key), 0) : item
    }
  }
  return result
}

function deep(before: Record<string, unknown>, more: Record<string, unknown>, conflict: Conflict, path: string, depth: number): Record<string, unknown> {
  if (depth > deepest) throw fault('merge.input', { source: path, is: 'nested too deeply', expected: 'shallower' })
  const result = { ...before }
  for (const key of Object.keys(more)) {
    const at = path === '' ? key : `${path}.${key}`
    if (!isSaid(result, key) && isWhole(more[key])) {
      put(result, key, more[key])
      continue
    }
    const known = Object.hasOwn(result, key) ? resolve(result[key]) : undefined
    const value = resolve(more[key])
    if (isPlain(known) && isPlain(value)) put(result, key, deep(known, value, conflict, at, depth + 1))
    else set(result, key, value, conflict, at)
  }
  return result
}

/** Sets what nobody has said; of what somebody has, the conflict decides. Two who say the same do not conflict. */
function set(result: Record<string, unknown>, key: string, value: unknown, conflict: Conflict, at: string): void {
  if (value === undefined) return
  if (isSaid(result, key) && result[key] !== value && !isDeepStrictEqual(resolve(result[key]), resolve(value))) {
    if (conflict === 'first') return
    if (conflict === 'fail') throw fault('merge.conflict', { at })
  }
  put(result, key, value)
}

function isSaid(result: Readonly<Record<string, unknown>>, key: string): boolean {
  return Object.hasOwn(result, key) && result[key] !== undefined
}

/** A body that nobody has read and that is known to be JSON: where no other source says anything, it goes into the result as it came. */
function isWhole(value: unknown): value is Body {
  return value instanceof Body && value.isUnread && value.plainJson() !== undefined
}

/** `__proto__` is a key like any other in data, and must stay one. */
function put(result: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: true })
  else result[key] = value
}

function isMissing(value: unknown): value is undefined | null {
  return value === undefined || value === null
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function badInput(source: string, value: unknown, expected: string): Fault {
  return fault('merge.input', { source, is: Array.isArray(value) ? 'a list' : value instanceof Uint8Array ? 'bytes' : `a ${typeof value}`.replace('a object', 'an object'), expected })
}
