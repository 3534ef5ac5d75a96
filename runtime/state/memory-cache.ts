import { cacheValueBytes, longestCacheMs, toCachePlace, toCacheTag, toWholeTag, type CacheFind, type CacheMark, type CacheName, type CacheSetOptions, type CacheSweep, type CacheValue, type StateCache } from '../core/state/cache.ts'
import type { Clock } from '../core/time/clock.ts'
import { createOpenCaches, createPattern } from './open-caches.ts'

export interface MemoryCacheOptions {
  readonly clock: Pick<Clock, 'now'>
  /** Most that all values may hold together. */
  readonly limitBytes: number
}

/** A value in its owner's line, from the one used last to the one used longest ago. Is itself what a look gives. */
class Entry implements CacheFind {
  readonly key: string
  readonly value: CacheValue
  readonly endMs: number
  readonly tags: readonly string[]
  readonly bytes: number
  readonly owner: Owner
  readonly name: string | undefined
  newer: Entry | undefined = undefined
  older: Entry | undefined = undefined

  constructor(key: string, value: CacheValue, endMs: number, tags: readonly string[], bytes: number, owner: Owner, name: string | undefined) {
    this.key = key
    this.value = value
    this.endMs = endMs
    this.tags = tags
    this.bytes = bytes
    this.owner = owner
    this.name = name
  }

  /** Of the look, not of the making. */
  get mark(): CacheMark {
    return this.owner.purges()
  }
}

interface Owner {
  readonly name: string
  purges(): CacheMark
  bytes: number
  newest: Entry | undefined
  oldest: Entry | undefined
}

/** What an entry costs beside its bytes: objects, places in maps. */
const entryOverheadBytes = 300
const tagOverheadBytes = 100
/** No value may push out more than this part of all. */
const largestShare = 8
/** Purges remembered one by one; of older ones only that there were some. */
const purgesKept = 10_000

export interface MemoryCaches {
  of(owner: string): StateCache
  readonly bytes: number
  readonly entries: number
  clear(): void
}

/**
 * Values of one process. When there are too many bytes, those go that were used longest ago, of whoever holds most: a flow
 * that fills the cache drives out its own. Starts no timer: what has ended goes as new ones come, two for each.
 */
export function createMemoryCache({ clock, limitBytes }: MemoryCacheOptions): MemoryCaches {
  const entries = new Map<string, Entry>()
  const owners = new Map<string, Owner>()
  const tagged = new Map<string, Set<Entry>>()
  /** Number of the last purge of a tag (`t:`) or key (`k:`), for values that are still being made. */
  let purged = new Map<string, CacheMark>()
  let purgedBefore = new Map<string, CacheMark>()
  let purges = 0
  /** Marks below this may be older than a purge that was forgotten. */
  let forgotten = 0
  let forgottenNext = 0
  let bytes = 0
  let walker = entries.values()
  const { open, list } = createOpenCaches()

  function unlink(entry: Entry): void {
    const { owner, newer, older } = entry
    if (newer) newer.older = older
    else owner.newest = older
    if (older) older.newer = newer
    else owner.oldest = newer
    entry.newer = entry.older = undefined
  }

  function lead(entry: Entry): void {
    const { owner } = entry
    entry.older = owner.newest
    if (owner.newest) owner.newest.newer = entry
    owner.newest = entry
    owner.oldest ??= entry
  }

  function drop(entry: Entry): void {
    entries.delete(entry.key)
    unlink(entry)
    bytes -= entry.bytes
    entry.owner.bytes -= entry.bytes
    if (entry.owner.oldest === undefined) owners.delete(entry.owner.name)
    for (const tag of entry.tags) {
      const all = tagged.get(tag)
      all?.delete(entry)
      if (all?.size === 0) tagged.delete(tag)
    }
  }

  function ownerOf(name: string): Owner {
    let owner = owners.get(name)
    if (!owner) owners.set(name, (owner = { name, purges: () => purges, bytes: 0, newest: undefined, oldest: undefined }))
    return owner
  }

  /** Who holds more than an equal part, the writer first. */
  function whoGives(writer: Owner): Owner {
    if (writer.bytes > limitBytes / owners.size) return writer
    let most = writer
    for (const owner of owners.values()) if (owner.bytes > most.bytes) most = owner
    return most
  }

  function sweep(): void {
    const nowMs = clock.now()
    for (let looked = 0; looked < 2; looked++) {
      const next = walker.next()
      if (next.done === true) {
        walker = entries.values()
        return
      }
      if (next.value.endMs <= nowMs) drop(next.value)
    }
  }

  function wasPurgedSince(key: string, tags: readonly string[], mark: CacheMark): boolean {
    if (mark >= purges) return false
    if (mark < forgotten) return true
    return purgeOf(`k:${key}`) > mark || tags.some((tag) => purgeOf(`t:${tag}`) > mark)
  }

  function purgeOf(name: string): CacheMark {
    return purged.get(name) ?? purgedBefore.get(name) ?? 0
  }

  function notePurge(name: string): void {
    if (purged.size >= purgesKept) {
      forgotten = Math.max(forgotten, forgottenNext)
      forgottenNext = purges
      purgedBefore = purged
      purged = new Map()
    }
    purged.set(name, purges)
  }

  function get(key: string): CacheFind {
    const entry = entries.get(key)
    if (entry === undefined) return { value: undefined, mark: purges }
    if (entry.endMs <= clock.now()) {
      drop(entry)
      return { value: undefined, mark: purges }
    }
    if (entry.newer !== undefined) {
      unlink(entry)
      lead(entry)
    }
    return entry
  }

  function set(name: string, key: string, value: CacheValue, { ttlMs, tags = [], name: shownAs, mark = purges }: CacheSetOptions): boolean {
    const own = cacheValueBytes(value)
    if (own > limitBytes / largestShare || !(ttlMs > 0) || wasPurgedSince(key, tags, mark)) return false
    const before = entries.get(key)
    if (before) drop(before)
    const size = own + (key.length + (shownAs?.length ?? 0)) * 2 + entryOverheadBytes + tags.reduce((sum, tag) => sum + tag.length * 2 + tagOverheadBytes, 0)
    const owner = ownerOf(name)
    const entry = new Entry(key, value, clock.now() + Math.min(ttlMs, longestCacheMs), tags, size, owner, shownAs)
    entries.set(key, entry)
    lead(entry)
    bytes += size
    owner.bytes += size
    for (const tag of tags) {
      const all = tagged.get(tag)
      if (all) all.add(entry)
      else tagged.set(tag, new Set([entry]))
    }
    while (bytes > limitBytes) {
      const last = whoGives(owner).oldest
      if (last === undefined) break
      drop(last)
    }
    sweep()
    return true
  }

  function purge({ keys = [], tags = [] }: { readonly keys?: readonly string[]; readonly tags?: readonly string[] }): number {
    if (keys.length + tags.length === 0) return 0
    const gone: Entry[] = []
    purges += 1
    for (const key of keys) {
      notePurge(`k:${key}`)
      const entry = entries.get(key)
      if (entry) gone.push(entry)
    }
    for (const tag of tags) {
      notePurge(`t:${tag}`)
      for (const entry of tagged.get(tag) ?? []) gone.push(entry)
    }
    return dropAll(gone)
  }

  /** Gives how many of them could have been found, by a name. */
  function dropAll(gone: readonly Entry[]): number {
    const nowMs = clock.now()
    let found = 0
    for (const entry of new Set(gone)) {
      drop(entry)
      if (entry.name !== undefined && entry.endMs > nowMs) found += 1
    }
    return found
  }

  function countOf(known: CacheName): number {
    let count = 0
    for (const { name } of tagged.get(toWholeTag(toCachePlace(known))) ?? []) if (name !== undefined) count += 1
    return count
  }

  function sweepAway(caches: readonly CacheName[], what: CacheSweep): number {
    const places = caches.map(toCachePlace)
    if ('all' in what) return purge({ tags: places.map(toWholeTag) })
    if ('tags' in what) return purge({ tags: places.flatMap((place) => what.tags.map((tag) => toCacheTag(place, tag))) })
    // Names of what is still in the making are not known: none of it is kept.
    purges += 1
    forgotten = purges
    const isMeant = createPattern(what.key)
    return dropAll(places.flatMap((place) => [...(tagged.get(toWholeTag(place)) ?? [])].filter(({ name }) => name !== undefined && isMeant(name))))
  }

  return {
    get bytes() {
      return bytes
    },
    get entries() {
      return entries.size
    },
    of: (name) => ({
      get,
      set: (key, value, options) => set(name, key, value, options),
      purge(what) {
        purge(what)
      },
      sweep: sweepAway,
      open,
      list: () => list().map((known) => ({ ...known, entries: countOf(known) })),
      limitBytes: Math.floor(limitBytes / largestShare),
      inClear: false,
      atOnce: true,
    }),
    clear() {
      entries.clear()
      owners.clear()
      tagged.clear()
      bytes = 0
      walker = entries.values()
    },
  }
}
