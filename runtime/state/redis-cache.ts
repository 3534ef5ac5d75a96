import { hash } from 'node:crypto'
import { cacheValueBytes, longestCacheMs, toCachePlace, toCacheTag, toWholeTag, type CacheFind, type CacheName, type CacheSetOptions, type CacheSweep, type CacheValue, type StateCache } from '../core/state/cache.ts'
import { createOpenCaches, createPattern } from './open-caches.ts'
import { openBytes, sealBytes } from './sealed-bytes.ts'
import { Lost, openRedisLink, type Commands, type RedisLink, type RedisLinkOptions } from './redis-link.ts'
import { unavailable } from './redis-records.ts'

/** Larger values are no work for a store that does one thing at a time. */
const limitBytes = 16 * 1024 * 1024
/** A mark of a purge is kept for longer than anything that it has to outlive. */
const markMs = longestCacheMs + 86_400_000
/** So long may a value be in the making behind the purge of its key. */
const keyMarkMs = 86_400_000
/** Mark of a look while the store was away: nobody knows what was purged meanwhile. */
const away = -1
/** Entries looked at in one step of a sweep. */
const sweepStep = 500
const nothing: CacheFind = Object.freeze({ value: undefined, mark: away })

type BufferScript = (keyCount: number, ...args: readonly (string | number | Buffer)[]) => Promise<readonly (Buffer | number | null)[]>

/**
 * Values in Redis: `c:` one hash each (`cs:` when sealed), named by the hash of its key; `ct:` the time of the last purge
 * of a tag, `ct:n` of the last purge by name. A value is good as long as none of its tags was purged after its making began, so that a purge costs the same
 * for one value and for a million. With a key everything is sealed (AES-256-GCM) before it leaves the gateway.
 */
export function createRedisCache(link: RedisLink, sealKey: Buffer | undefined): StateCache {
  const opened = createOpenCaches()
  const place = (name: string) => `${sealKey ? 'cs' : 'c'}:${name}`

  function read(name: string, [mark, head, body]: readonly (Buffer | number | null)[]): CacheFind {
    const at = Number(String(mark))
    if (!Buffer.isBuffer(head)) return { value: undefined, mark: at }
    try {
      return { value: { head: open(head, `${name}h`).toString('utf8'), ...(Buffer.isBuffer(body) ? { body: open(body, `${name}b`) } : {}) }, mark: at }
    } catch {
      return { value: undefined, mark: at } // sealed under another key
    }
  }

  function open(bytes: Buffer, about: string): Buffer {
    return sealKey ? openBytes(sealKey, bytes, about) : bytes
  }

  function close(content: Buffer | string, about: string): Buffer | string {
    return sealKey ? sealBytes(sealKey, content, about) : content
  }

  async function purge(keys: readonly string[], tags: readonly string[]): Promise<readonly string[]> {
    if (keys.length + tags.length === 0) return []
    const names = keys.map(nameOf)
    const places = [...names.map(place), ...names.map((name) => `ct:k${name}`), ...tags.map((tag) => `ct:t${nameOf(tag)}`)]
    return (await link.ask('record', (redis) => scriptOf(redis, 'sluiceCachePurge')(places.length, ...places, names.length, keyMarkMs, markMs))).map(String)
  }

  /** What has been purged is gone at once; then all entries are looked at, to count them and to make room. */
  async function sweep(caches: readonly CacheName[], what: CacheSweep): Promise<number> {
    if (caches.length === 0) return 0
    const places = caches.map(toCachePlace)
    if ('key' in what) return await sweepNamed(places.map(toWholeTag), createPattern(what.key))
    const tags = 'all' in what ? places.map(toWholeTag) : places.flatMap((one) => what.tags.map((tag) => toCacheTag(one, tag)))
    const before = await purge([], tags)
    const marks = tags.flatMap((tag, at) => [`t${nameOf(tag)}`, before[at] ?? ''])
    let gone = 0
    for await (const keys of entries()) {
      const [count] = await link.ask('record', (redis) => scriptOf(redis, 'sluiceCacheSweep')(keys.length + 1, 'ct:', ...keys, 1, tags.length, ...marks))
      gone += Number(String(count))
    }
    return gone
  }

  async function sweepNamed(tags: readonly string[], isMeant: (name: string) => boolean): Promise<number> {
    // Names of what is still in the making are not known: none of it is kept.
    await link.ask('record', (redis) => scriptOf(redis, 'sluiceCachePurge')(1, 'ct:n', 0, keyMarkMs, keyMarkMs))
    const marks = await link.ask('record', (redis) => redis.mget(tags.map((tag) => `ct:t${nameOf(tag)}`)))
    const known = tags.flatMap((tag, at) => [`t${nameOf(tag)}`, marks[at] ?? ''])
    let gone = 0
    for await (const keys of entries()) {
      const found = await link.ask('record', (redis) => scriptOf(redis, 'sluiceCacheSweepBuffer')(keys.length + 1, 'ct:', ...keys, 0, tags.length, ...known))
      const meant: string[] = []
      for (let at = 0; at < found.length; at += 2) {
        const key = keys[Number(String(found[at]))] as string
        const name = nameIn(key, found[at + 1])
        if (name !== undefined && isMeant(name)) meant.push(key)
      }
      if (meant.length > 0) gone += await link.ask('record', (redis) => redis.del(...meant))
    }
    return gone
  }

  function nameIn(key: string, bytes: Buffer | number | null | undefined): string | undefined {
    if (!Buffer.isBuffer(bytes)) return undefined
    try {
      return open(bytes, `${key.slice(place('').length)}n`).toString('utf8')
    } catch {
      return undefined // sealed under another key
    }
  }

  /** All entries there are, without the prefix of the connection. */
  async function* entries(): AsyncGenerator<readonly string[]> {
    let cursor = '0'
    do {
      const [next, found] = await link.ask('record', (redis) => redis.scan(cursor, 'MATCH', `${link.prefix.replace(/[\\*?[\]]/g, '\\$&')}${place('*')}`, 'COUNT', sweepStep))
      if (found.length > 0) yield [...new Set(found)].map((key) => key.slice(link.prefix.length))
      cursor = next
    } while (cursor !== '0')
  }

  async function sure<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } catch (thrown) {
      throw thrown instanceof Lost ? unavailable(thrown) : thrown
    }
  }

  return {
    limitBytes,
    inClear: sealKey === undefined,
    atOnce: false,
    async get(key) {
      if (!link.healthy) return nothing
      const name = nameOf(key)
      try {
        return read(name, await link.ask('charge', (redis) => scriptOf(redis, 'sluiceCacheGetBuffer')(2, place(name), 'ct:')))
      } catch (thrown) {
        if (thrown instanceof Lost) return nothing
        throw thrown
      }
    },
    async set(key, value, { ttlMs, tags = [], name: shownAs, mark }) {
      if (!link.healthy || mark === away || !(ttlMs > 0) || cacheValueBytes(value) > limitBytes) return false
      const name = nameOf(key)
      const { head, body } = value
      const life = Math.max(1, Math.ceil(Math.min(ttlMs, longestCacheMs)))
      const parts = [mark ?? '', life, close(head, `${name}h`), body === undefined ? 0 : 1, body === undefined ? '' : close(body, `${name}b`), shownAs === undefined ? '' : close(shownAs, `${name}n`)]
      try {
        return Number(await link.ask('record', (redis) => scriptOf(redis, 'sluiceCacheSet')(2, place(name), 'ct:', ...parts, `k${name}`, ...tags.map((tag) => `t${nameOf(tag)}`)))) === 1
      } catch (thrown) {
        if (thrown instanceof Lost) return false
        throw thrown
      }
    },
    async purge({ keys = [], tags = [] }) {
      await sure(purge(keys, tags))
    },
    sweep: (caches, what) => sure(sweep(caches, what)),
    open: opened.open,
    list: opened.list,
  } satisfies StateCache & { set(key: string, value: CacheValue, options: CacheSetOptions): Promise<boolean> }
}

/** A cache in a Redis of its own, which may forget what it likes. */
export function openRedisCache(options: Omit<RedisLinkOptions, 'for'> & { readonly key: Buffer | undefined }): { readonly cache: StateCache; connected(limitMs: number): Promise<boolean>; close(): Promise<void> } {
  const link = openRedisLink({ ...options, for: 'cache' })
  return { cache: createRedisCache(link, options.key), connected: link.connected, close: link.close }
}

/** Keys may be long, and say what a caller asked for: the store sees their hash. */
function nameOf(key: string): string {
  return hash('sha256', key, 'base64url')
}

function scriptOf(redis: Commands, name: 'sluiceCacheGetBuffer' | 'sluiceCacheSet' | 'sluiceCachePurge' | 'sluiceCacheSweep' | 'sluiceCacheSweepBuffer'): BufferScript {
  return ((redis as unknown as Record<string, BufferScript>)[name] as BufferScript).bind(redis)
}
