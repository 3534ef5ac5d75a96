/**
 * What gateways keep for a while and may forget at any time: answers, looked-up values. In memory of one gateway, or in
 * Redis for many, with one meaning; a shared suite holds both to it. Never rejects but where it says so: while the shared
 * store is away nothing is found and nothing is kept.
 */
export interface StateCache {
  /** What lies under a key. Memory answers at once, Redis in one round trip. The value is shared: nobody changes it. */
  get(key: string): CacheFind | Promise<CacheFind>
  /**
   * Keeps a value. False when it is too large, when the store is away, or when its key or one of its tags was purged
   * since its mark: then what was read before the purge must not come back behind it.
   */
  set(key: string, value: CacheValue, options: CacheSetOptions): boolean | Promise<boolean>
  /**
   * Forgets values by key and by tag, whatever their number, in one step.
   * @throws Fault `state.unavailable` when nobody can tell whether it is done
   */
  purge(what: { readonly keys?: readonly string[]; readonly tags?: readonly string[] }): void | Promise<void>
  /**
   * As `purge`, for operators: by what they know of values, in all of the named caches, and counted. May take as long as
   * there is much kept.
   * @throws Fault `state.unavailable`
   */
  sweep(caches: readonly CacheName[], what: CacheSweep): number | Promise<number>
  /** Says that somebody uses the cache, until the result is called: so operators find it. */
  open(cache: CacheName): () => void
  /** The caches that somebody uses. */
  list(): readonly KnownCache[]
  /** Largest value that is kept, bytes. */
  readonly limitBytes: number
  /** True when values lie outside this process in clear: a node may refuse to keep there. */
  readonly inClear: boolean
  /** True when `get` never gives a promise. */
  readonly atOnce: boolean
}

export interface CacheFind {
  readonly value: CacheValue | undefined
  /** The moment of the look, as `set` takes it. */
  readonly mark: CacheMark
}

/** A moment among the purges of a cache. Means nothing to anybody else. */
export type CacheMark = number

export interface CacheSetOptions {
  /** How long it may be found, at most {@link longestCacheMs}. */
  readonly ttlMs: number
  /** By these it can be purged. */
  readonly tags?: readonly string[]
  /** What operators call it, for {@link CacheSweep}. */
  readonly name?: string
  /** When the making of the value began; absent: now. */
  readonly mark?: CacheMark | undefined
}

export interface CacheValue {
  /** What is said of the body; JSON text by convention. */
  readonly head: string
  /** A store may give bytes for a text. */
  readonly body?: Buffer | string | undefined
}

/** Whose cache it is, and what its nodes call it. `owner`: a flow, or an organisation; empty: flows of nobody. */
export interface CacheName {
  readonly reach: 'flow' | 'organisation'
  readonly owner: string
  readonly cache: string
}

/** `entries`: how many values are kept; absent where counting would cost. */
export interface KnownCache extends CacheName {
  readonly entries?: number
}

/** What operators forget: all, what has one of the tags, or what is called so; in a `key`, `*` stands for any text. */
export type CacheSweep = { readonly all: true } | { readonly tags: readonly string[] } | { readonly key: string }

/** The beginning of every key and tag of a cache. */
export function toCachePlace({ reach, owner, cache }: CacheName): string {
  // The id of a flow is any text: none may reach into the keys and tags of another.
  return `${reach === 'flow' ? 'f' : 'o'}:${owner.replaceAll(/[%/#*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)}/${cache}`
}

export function toCacheTag(place: string, tag: string): string {
  return `${place}#${tag}`
}

/** The tag that everything in a cache has. */
export function toWholeTag(place: string): string {
  return `${place}*`
}

/** Longest life of a value: a year would be a store, not a cache. */
export const longestCacheMs = 31 * 86_400_000

/** What a value takes of a cache, without its key. */
export function cacheValueBytes({ head, body }: CacheValue): number {
  return Buffer.byteLength(head) + (body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length)
}
