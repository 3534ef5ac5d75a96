import type { Context } from '../core/state/context.ts'

/** A context that shows what lies in `shared` where it has nothing of its own; whatever is written stays in `own`. */
export function createLayeredContext(own: Context, shared: Pick<Context, 'get' | 'keys'>): Context {
  return {
    get(key) {
      const value = own.get(key)
      return value === undefined ? shared.get(key) : value
    },
    set: (key, value) => own.set(key, value),
    keys: () => [...new Set([...own.keys(), ...shared.keys()])],
    delete: (key) => own.delete(key),
    increment: (key, by) => own.increment(key, by),
    remember: (key) => own.remember(key),
  }
}
