import { BoundedMap } from '../bounded-map.ts'
import type { Clock } from '../time/clock.ts'
import { customerNetwork } from './customer-network.ts'

export interface AllowanceLimits {
  /** What an address may do at once. */
  readonly atOnce: number
  /** And once more after so long. */
  readonly betweenMs: number
  /** Addresses remembered. */
  readonly entries: number
}

/** How often one address may do something: so many times at once, then at a steady pace (GCRA). Of IPv6 a /64 network counts as one. */
export function createAllowance(clock: Pick<Clock, 'elapsed'>, { atOnce, betweenMs, entries }: AllowanceLimits) {
  /** When an address has all of it again. */
  const restedAt = new BoundedMap<number>(entries)
  return {
    /** Takes one. 0: it is taken; else how long until there is one, ms. */
    take(address: string): number {
      const key = customerNetwork(address)
      const nowMs = clock.elapsed()
      const next = Math.max(restedAt.get(key) ?? nowMs, nowMs) + betweenMs
      const waitMs = next - nowMs - atOnce * betweenMs
      if (waitMs > 0) return waitMs
      restedAt.set(key, next)
      return 0
    },
    /** Gives one back that was taken. */
    giveBack(address: string): void {
      const key = customerNetwork(address)
      const rested = restedAt.get(key)
      if (rested !== undefined) restedAt.set(key, rested - betweenMs)
    },
  }
}
