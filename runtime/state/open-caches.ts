import { toCachePlace, type CacheName } from '../core/state/cache.ts'

/** Which caches somebody uses, counted. */
export function createOpenCaches() {
  const opened = new Map<string, { readonly name: CacheName; uses: number }>()
  return {
    open(name: CacheName): () => void {
      const place = toCachePlace(name)
      const known = opened.get(place) ?? { name, uses: 0 }
      opened.set(place, known)
      known.uses += 1
      let open = true
      return () => {
        if (!open) return
        open = false
        known.uses -= 1
        if (known.uses === 0) opened.delete(place)
      }
    },
    list: (): CacheName[] => [...opened.values()].map(({ name }) => name),
  }
}

/** Says whether a text is what a pattern says: `*` stands for any text. Takes time in proportion to both. */
export function createPattern(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return (text) => text === first
  return (text) => {
    if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    for (const piece of rest) {
      const found = text.indexOf(piece, at)
      if (found === -1 || found + piece.length > end) return false
      at = found + piece.length
    }
    return true
  }
}
