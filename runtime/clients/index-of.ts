/**
 * A map in which several records may claim one key: a credential that was revoked beside the one that took its place.
 * `better` says which of them is shown. Nearly every key has one record, which is then kept without a list.
 */
export function createIndex<T extends object>(better: (one: T, other: T) => boolean) {
  const map = new Map<string, T | T[]>()
  return {
    get(key: string): T | undefined {
      const found = map.get(key)
      return Array.isArray(found) ? found.reduce((best, next) => (better(next, best) ? next : best)) : found
    },
    add(key: string, value: T): void {
      const found = map.get(key)
      if (found === undefined) map.set(key, value)
      else if (Array.isArray(found)) found.push(value)
      else map.set(key, [found, value])
    },
    remove(key: string, isIt: (value: T) => boolean): void {
      const found = map.get(key)
      if (found === undefined) return
      const left = (Array.isArray(found) ? found : [found]).filter((value) => !isIt(value))
      if (left.length === 0) map.delete(key)
      else map.set(key, left.length === 1 ? (left[0] as T) : left)
    },
    clear: () => map.clear(),
  }
}
