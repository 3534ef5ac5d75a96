import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'

export interface ThrottleLimits {
  /** Failures that cost nothing: people mistype. */
  readonly free: number
  readonly firstDelayMs: number
  readonly longestDelayMs: number
  /** How far ahead attempts may queue; beyond it they are refused at once. */
  readonly queueMs: number
  /** Names and addresses remembered. */
  readonly entries: number
  /** After this long without a failure all is forgotten. */
  readonly forgetMs: number
}

export const throttleLimits: ThrottleLimits = {
  free: 3,
  firstDelayMs: 500,
  longestDelayMs: 15_000,
  queueMs: 30_000,
  entries: 10_000,
  forgetMs: 15 * 60_000,
}

interface Entry {
  failures: number
  /** Attempts under way: each counts as a failure until it turns out otherwise, or a burst would be free. */
  pending: number
  /** When the next attempt may be looked at. */
  freeAt: number
  touchedAt: number
}

/**
 * Slows guessing down: after some failures each attempt of one name from one address waits for the one
 * before it, longer every time. Nobody is ever locked out, and another address is not slowed.
 */
export function createThrottle(clock: Clock, limits: ThrottleLimits = throttleLimits) {
  const entries = new BoundedMap<Entry>(limits.entries)

  function touch(key: string): Entry {
    const now = clock.now()
    const found = entries.get(key)
    const entry = found && now - found.touchedAt < limits.forgetMs ? found : { failures: 0, pending: 0, freeAt: 0, touchedAt: now }
    entry.touchedAt = now
    entries.set(key, entry)
    return entry
  }

  return {
    /** Reserves the next turn: how long to wait, ms; or `undefined` with the seconds to wait when too many wait already. */
    reserve(key: string): { readonly waitMs: number; readonly refused: boolean } {
      const entry = touch(key)
      const now = clock.now()
      const startsAt = Math.max(now, entry.freeAt)
      const waitMs = startsAt - now
      if (waitMs > limits.queueMs) return { waitMs, refused: true }
      entry.pending++
      entry.freeAt = startsAt + delayAfter(entry.failures + entry.pending, limits)
      return { waitMs, refused: false }
    },
    failed(key: string): void {
      const entry = touch(key)
      entry.failures++
      entry.pending = Math.max(0, entry.pending - 1)
      entry.freeAt = Math.max(entry.freeAt, clock.now() + delayAfter(entry.failures, limits))
    },
    /** The attempt was not looked at, for a reason that is not of this name. */
    passedOver(key: string): void {
      const entry = touch(key)
      entry.pending = Math.max(0, entry.pending - 1)
    },
    succeeded(key: string): void {
      entries.delete(key)
    },
    get size(): number {
      return entries.size
    },
  }
}

function delayAfter(failures: number, { free, firstDelayMs, longestDelayMs }: ThrottleLimits): number {
  return failures < free ? 0 : Math.min(firstDelayMs * 2 ** (failures - free), longestDelayMs)
}
