import type { Context, Contexts } from '../../runtime/core/state/context.ts'
import { deleteProperty, getProperty, parsePath, setProperty } from '../../runtime/core/values/property.ts'

/** A context in memory with the rules of the contract: copies in, copies out, keys are property paths. */
export function memoryContext(initial: Readonly<Record<string, unknown>> = {}): Context {
  let data: Record<string, unknown> = structuredClone(initial)
  const read = (key: string) => structuredClone(getProperty(data, parsePath(key)))
  const write = (key: string, value: unknown) => {
    data = setProperty(data, parsePath(key), structuredClone(value)) ?? data
  }
  return {
    get: read,
    set: write,
    keys: () => Object.keys(data),
    delete(key) {
      data = deleteProperty(data, parsePath(key))
    },
    increment(key, by = 1) {
      const next = (Number(read(key)) || 0) + by
      write(key, next)
      return next
    },
    remember(key) {
      const path = parsePath(key).slice(0, 1)
      const before = getProperty(data, path)
      return () => void (data = before === undefined ? deleteProperty(data, path) : (setProperty(data, path, before) ?? data))
    },
  }
}

/** The three scopes of a node. */
export function memoryContexts(initial: { flow?: Record<string, unknown>; global?: Record<string, unknown>; node?: Record<string, unknown> } = {}): Contexts {
  return { node: memoryContext(initial.node), flow: memoryContext(initial.flow), global: memoryContext(initial.global) }
}
