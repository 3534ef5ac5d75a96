import type { Context } from '../core/state/context.ts'
import { deleteProperty, getProperty, parsePath, setProperty, type PropertyPath } from '../core/values/property.ts'
import { copyValue, isFrozenPlain, sizeOf } from './context-value.ts'

/** One context scope in memory. Keys are property paths; what goes in and out is a copy, or frozen. */
export interface MemoryScope extends Context {
  clear(): void
  entries(): Iterable<readonly [key: string, value: unknown]>
}

/** What scopes may hold together, as an estimate. Whoever keeps a value per request would else end the process for all. */
export interface Room {
  readonly limitBytes: number
  leftBytes: number
}

export function createRoom(limitBytes: number): Room {
  return { limitBytes, leftBytes: limitBytes }
}

/**
 * @param changed called after every change
 * @param room shared by the scopes that count together; a change that does not fit throws an Error
 * @param initial is taken whatever its size
 */
export function createMemoryScope(changed: () => void, room: Room, initial: Iterable<readonly [string, unknown]> = []): MemoryScope {
  const data = new Map<string, { value: unknown; shared: boolean; bytes: number }>()
  const drop = (key: string): void => {
    room.leftBytes += data.get(key)?.bytes ?? 0
    data.delete(key)
  }
  const put = (key: string, value: unknown): void => {
    const bytes = sizeOf(key) + sizeOf(value)
    const more = bytes - (data.get(key)?.bytes ?? 0)
    // What grows nothing may always be written, also when there is too much already.
    if (more > 0 && more > room.leftBytes) throw new Error(`The context is full: it holds ${Math.round(room.limitBytes / 1024 / 1024)} MB. Delete what is not needed any more.`)
    room.leftBytes -= more
    data.set(key, { value, shared: isFrozenPlain(value), bytes })
  }
  for (const [key, value] of initial) {
    const bytes = sizeOf(key) + sizeOf(value)
    room.leftBytes -= bytes
    const copy = copyValue(value)
    data.set(key, { value: copy, shared: isFrozenPlain(copy), bytes })
  }

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
    if (path.length === 1) drop(first)
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
    remember(key) {
      const first = String(parsePath(key)[0])
      const before = data.get(first) // entries are replaced, never changed
      return () => {
        room.leftBytes += (data.get(first)?.bytes ?? 0) - (before?.bytes ?? 0)
        if (before) data.set(first, before)
        else data.delete(first)
        changed()
      }
    },
    clear() {
      for (const key of data.keys()) drop(key)
      changed()
    },
    *entries() {
      for (const [key, { value }] of data) yield [key, value] as const
    },
  }
}
