import { createAllowance } from '../runtime/core/access/allowance.ts'
import type { Clock } from '../runtime/core/time/clock.ts'
import { createCrowd } from '../runtime/core/access/crowd.ts'

export interface TurnstileLimits {
  /** Sign-ins and device codes that an address may begin at once: each is kept in the store for a while. */
  readonly beginsAtOnce: number
  /** And one more after so long. */
  readonly betweenMs: number
  /** Codes of devices that an address may send at once. A household has few devices; a code lives for ten minutes. */
  readonly guessesAtOnce: number
  /** And one more after so long. */
  readonly betweenGuessesMs: number
  /** Forms and token requests of an address under way at once: each may cost the check of a secret. */
  readonly postsAtOnce: number
  /** Addresses remembered. */
  readonly entries: number
}

export const turnstileLimits: TurnstileLimits = { beginsAtOnce: 300, betweenMs: 200, guessesAtOnce: 60, betweenGuessesMs: 2000, postsAtOnce: 16, entries: 10_000 }

/**
 * So much of what whoever is not signed in may make this server do is one address's at most: it can neither fill the store nor
 * keep others waiting for their turn. Of IPv6 a /64 network counts as one.
 */
export function createTurnstile(clock: Pick<Clock, 'elapsed'>, limits: TurnstileLimits = turnstileLimits) {
  const begins = createAllowance(clock, { atOnce: limits.beginsAtOnce, betweenMs: limits.betweenMs, entries: limits.entries })
  const guesses = createAllowance(clock, { atOnce: limits.guessesAtOnce, betweenMs: limits.betweenGuessesMs, entries: limits.entries })
  const posts = createCrowd(limits.postsAtOnce)

  return {
    /** Whether another sign-in may be begun. */
    mayBegin: (address: string): boolean => begins.take(address) === 0,
    /** Whether another code of a device may be sent. */
    mayGuess: (address: string): boolean => guesses.take(address) === 0,
    /** The way out for a request that may come in; `undefined`: too many of this address are inside. */
    enter: posts.enter,
  }
}
