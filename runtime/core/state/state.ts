import type { StateCache } from './cache.ts'

/**
 * What gateways count and remember together: quotas, rates, leases, sessions, replies already given. In memory for
 * one gateway, in Redis for many, with one meaning; a shared suite holds both to it. Time is the store's own, so that
 * gateways whose clocks differ count in the same windows.
 */
export interface State {
  /** Milliseconds since the epoch as the store sees it, as far as known. */
  now(): number
  /**
   * Charges several limits as one step: all of them or none. Memory answers at once, Redis in one round trip.
   * Never rejects: what happens while the store is away is `onLoss`'s to say, and `outcome.degraded` tells it.
   */
  charge(charges: readonly Charge[], onLoss: OnLoss): ChargeOutcome | Promise<ChargeOutcome>
  /**
   * Gives back what a run was charged but did not use (a refusal before the backend). Best effort. With the outcome's
   * `atMs` as `chargedAtMs`, a window that began since then is left as it is.
   */
  refund(charges: readonly Charge[], chargedAtMs?: number): void | Promise<void>
  /** Frees leases by their token. Best effort: a lease ends with its time anyhow. */
  release(leases: readonly { readonly key: string; readonly token: string }[]): void | Promise<void>
  /**
   * An operator's correction of what a counter has left: `add` so many to it (also beyond the limit, in this window
   * alone; below 0 takes away), `set` it to so many, `zero` the count so that the whole limit is left.
   * @throws Fault `state.unavailable`
   */
  adjust(charge: CounterCharge, change: { readonly op: 'add' | 'set' | 'zero'; readonly amount: number }): Promise<LimitState>
  readonly records: StateRecords
  /** What may be forgotten at any time. */
  readonly cache: StateCache
  /**
   * The same state for one owner (a flow), where owners share what one process has: none can take all the room of its records or of its cache.
   * Absent where the store sees to that.
   */
  of?(owner: string): State
  /** True while the shared store answers; always for memory. */
  readonly healthy: boolean
  close(): Promise<void>
}

/** While the shared store is away: let pass, refuse, or count on this gateway alone with a share of each limit. */
export type OnLoss = 'open' | 'closed' | 'share'

export type Charge = CounterCharge | RateCharge | LeaseCharge

/** A quota: so many per window. */
export interface CounterCharge {
  readonly kind: 'counter'
  /** Names the counter, without its window: `quota/<name>/<who>`. Keeps its count when the limit changes. */
  readonly key: string
  readonly limit: number
  /** Integer ≥ 0. */
  readonly cost: number
  readonly window: CounterWindow
  /**
   * `enforce` refuses above the limit; `count` only counts; `peek` only looks. The latter two never refuse the charge;
   * their `LimitState.allowed` says what `enforce` would have said. A cost of 0 is never refused.
   */
  readonly mode: 'enforce' | 'count' | 'peek'
}

/**
 * `fixed`: windows of equal length since the epoch. `calendar`: real days, weeks and months of a time zone, bounds
 * worked out by `boundsAt`. `rolling`: looks back exactly one length, in `slices` steps that are never counted too
 * late. `flexi`: begins with the first call. `total`: never ends; what was charged counts until it is given back.
 */
export type CounterWindow =
  | { readonly kind: 'fixed'; readonly lengthMs: number }
  | { readonly kind: 'calendar'; boundsAt(ms: number): { readonly startMs: number; readonly endMs: number } }
  | { readonly kind: 'rolling'; readonly lengthMs: number; readonly slices: number }
  | { readonly kind: 'flexi'; readonly lengthMs: number }
  | { readonly kind: 'total' }

/**
 * A rate by GCRA (ITU-T I.371): one per `intervalMs`, `burst` at once; 1 is Apigee's SpikeArrest. A cost above the burst
 * passes when the rate is at rest, and is paid off before the next.
 */
export interface RateCharge {
  readonly kind: 'rate'
  readonly key: string
  readonly intervalMs: number
  readonly burst: number
  readonly cost: number
  /** Longest delay that may be asked of the caller instead of a refusal; 0: refuse at once. */
  readonly maxDelayMs: number
}

/** A slot among `limit`, held until it is released or `ttlMs` have passed without renewal (charge it again to renew). */
export interface LeaseCharge {
  readonly kind: 'lease'
  readonly key: string
  readonly limit: number
  readonly token: string
  readonly ttlMs: number
}

export interface ChargeOutcome {
  readonly allowed: boolean
  /** In the order of the charges. */
  readonly limits: readonly LimitState[]
  /** Place of the charge that refused; -1 when allowed. */
  readonly refusedBy: number
  /** Longest delay that the rates ask for, 0 when none. */
  readonly delayMs: number
  /** Store's time of the charge. */
  readonly atMs?: number
  /** Set when the shared store did not answer and `onLoss` decided. */
  readonly degraded?: OnLoss
}

/** How a limit stands after the charge. */
export interface LimitState {
  readonly allowed: boolean
  readonly limit: number
  readonly used: number
  readonly remaining: number
  /** When the window ends, or the rate is at rest again; store's time. For rolling windows: when something becomes free. `Infinity` for a total. */
  readonly resetsAtMs: number
  /** Earliest time at which the same cost can pass, `Infinity` when it is more than the limit; store's time. */
  readonly retryAtMs: number
}

/**
 * Small values with a life time. Keys, groups and members are at most 512 bytes, values 1 MB: Fault `state.too_large`.
 * All throw Fault `state.unavailable`.
 */
export interface StateRecords {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string, ttlMs: number): Promise<void>
  /** Sets when nothing is there; else gives what is there. */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<string | undefined>
  /** Sets when the value is still `expected`. */
  replace(key: string, expected: string, value: string, ttlMs: number): Promise<boolean>
  delete(key: string): Promise<void>
  /**
   * Joins a group with at most `cap` members, oldest first in `evicted` when the group makes room. A member that has not
   * been touched for `ttlMs` has left; joining again touches it and keeps its place. `joined` false: full and nobody was
   * to go.
   */
  join(group: string, member: string, options: { readonly cap: number; readonly whenFull: 'refuse' | 'evict'; readonly ttlMs: number }): Promise<{ readonly joined: boolean; readonly evicted: readonly string[] }>
  leave(group: string, member: string): Promise<void>
  /** Oldest first. */
  members(group: string): Promise<readonly string[]>
}
