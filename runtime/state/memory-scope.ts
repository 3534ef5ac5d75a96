import type { Context } from '../core/context.ts'
import { deleteProperty, getProperty, parsePath, setProperty, type PropertyPath } from '../core/property.ts'
import { copyValue, isFrozenPlain } from './context-value.ts'

/** One context scope in memory. Keys are property paths; what goes in and out is a copy, or frozen. */
export interface MemoryScope extends Context {
  clear(): void
  entries(): Iterable<readonly [key: string, value: unknown]>
}

/** @param changed called after every change */
export function createMemoryScope(changed: () => void, initial: Iterable<readonly [string, unknown]> = []): MemoryScope {
  const data = new Map<string, { value: unknown; shared: boolean }>()
  const put = (key: string, value: unknown): void => {
    data.set(key, { value, shared: isFrozenPlain(value) })
  }
  for (const [key, value] of initial) put(key, copyValue(value))

  const read = (path: PropertyPath): unknown => {
    const entry = data.get(String(path[0]))
    if (entry === undefined) return undefined
    const value = path.length === 1 ? entry.value : getProperty({ at: entry.value }, ['at', ...path.slice(1)])
    return entry.shared ? value : copyValue(value)
  }
  const write = (path: PropertyPath, value: unknown): void => {
    const first = String(path[0])
    if (path.length === 1) put(first, copyValue(value))
    else {
      const holder = setProperty({ at: data.get(first)?.value }, ['at', ...path.slice(1)], copyValue(value))
      if (holder === undefined) throw new Error(`The context key cannot be set: “${first}” holds a plain value`)
      put(first, copyValue(holder['at']))
    }
    changed()
  }
  const remove = (path: PropertyPath): void => {
    const first = String(path[0])
    if (path.length === 1) data.delete(first)
    else if (data.has(first)) put(first, copyValue((deleteProperty({ at: data.get(first)?.value }, ['at', ...path.slice(1)]) as { at: unknown }).at))
    changed()
  }
  return {
    get: (key) => read(parsePath(key)),
    set: (key, value) => (value === undefined ? remove(parsePath(key)) : write(parsePath(key), value)),
    keys: () => [...data.keys()],
    delete: (key) => remove(parsePath(key)),
    increment(key, by = 1) {
      const path = parsePath(key)
      const sum = Number(read(path) ?? 0) + by
      if (Number.isNaN(sum)) throw new Error(`The context key “${key}” does not hold a number`)
      write(path, sum)
      return sum
    },
    clear() {
      data.clear()
      changed()
    },
    *entries() {
      for (const [key, { value }] of data) yield [key, value] as const
    },
  }
}
