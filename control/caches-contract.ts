import type { KnownCache } from '../runtime/core/state/cache.ts'
import type { Actor } from './consumers-contract.ts'

/** What flows keep for a while, on the gateways that are connected. */
export interface Caches {
  /** By flow and name. @throws Refused `auth.role` 403 */
  list(by: Actor): Promise<readonly FlowCache[]>
  /**
   * Forgets on all gateways. What one of them could not do, and who did not hear of it, stands in the answer.
   * @throws Refused `auth.role` 403, `record.none` 404 when no gateway has such a cache, `record.invalid` 422
   */
  purge(what: CachePurge, by: Actor): Promise<CachePurged>
}

/** `flow`: id or label. */
export interface CacheChoice {
  readonly flow?: string
  readonly organisation?: string
  readonly cache?: string
}

/** Which caches (absent: whichever), and what of them: exactly one of `tags`, `key` and `all`. */
export interface CachePurge extends CacheChoice {
  readonly tags?: readonly string[]
  /** Parts of a key with `/` between them, or path and query of an answer; `*` stands for any text. */
  readonly key?: string
  readonly all?: true
}

export interface FlowCache extends Omit<KnownCache, 'entries'> {
  /** Of the flow. */
  readonly label?: string
  readonly gateways: readonly { readonly gateway: string; readonly store: CacheStore; readonly entries?: number }[]
}

/** Where a gateway keeps: in its own memory, or with others in Redis. */
export type CacheStore = 'memory' | 'redis'

export interface CachePurged {
  /** Values and answers, all together. */
  readonly entries: number
  /** True when every gateway did it. */
  readonly complete: boolean
  readonly caches: readonly { readonly reach: KnownCache['reach']; readonly owner: string; readonly cache: string; readonly label?: string }[]
  /** `entries`: those that this one took away; where several share a Redis, each is counted once. */
  readonly gateways: readonly { readonly gateway: string; readonly name: string; readonly store?: CacheStore; readonly entries?: number; readonly error?: string }[]
}
