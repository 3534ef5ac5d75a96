/** Things that outlive a swap: opened for the first who asks for a key, closed when the last has let go (Caddy's usage pool). */
export interface SharedThings {
  /** Holds the thing; the second part of the result lets go, once. */
  hold<T>(key: string, open: () => T, close: (thing: T) => void | Promise<void>): [T, () => void | Promise<void>]
}

export function createSharedThings(): SharedThings {
  const things = new Map<string, { thing: unknown; holders: number; close: (thing: never) => void | Promise<void> }>()
  return {
    hold<T>(key: string, open: () => T, close: (thing: T) => void | Promise<void>) {
      let entry = things.get(key)
      if (!entry) things.set(key, (entry = { thing: open(), holders: 0, close: close as (thing: never) => void }))
      const held = entry
      held.holders++
      let released = false
      return [
        held.thing as T,
        () => {
          if (released) return
          released = true
          if (--held.holders > 0) return
          things.delete(key)
          return held.close(held.thing as never)
        },
      ]
    },
  }
}
