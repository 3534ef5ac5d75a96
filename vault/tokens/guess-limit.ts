import { createHash } from 'node:crypto'
import type { Comparer } from '../../runtime/core/secrets/vault.ts'
import type { VaultStore } from '../store/vault-store.ts'
import type { DomainFacts } from './policy.ts'

const windowMs = 60_000
const guessesByDefault = 60

/** A comparison that was made, and what came of it. */
export interface Guess {
  readonly domain: DomainFacts
  readonly viewer: Comparer
  readonly same: boolean
}

/** Bounds how often somebody may compare a value with tokens of a domain and be wrong: a birthday is found in a few thousand tries. */
export interface GuessLimit {
  /**
   * Of each guess, in order: seconds until its client may compare again, and is not to be told what came of this one, right or
   * wrong; undefined: it may be told.
   */
  judge(guesses: readonly Guess[], now: number): Promise<readonly (number | undefined)[]>
}

/** Counts in the database, a minute from the first wrong one on: all vaults on it count together, and a vault that starts anew goes on counting. */
export function createGuessLimit({ store }: { readonly store: Pick<VaultStore, 'guesses'> }): GuessLimit {
  return {
    async judge(guesses, now) {
      if (guesses.length === 0) return []
      const places = guesses.map(placeOf)
      const wrong = new Map<string, number>()
      guesses.forEach(({ same }, index) => wrong.set(places[index] as string, (wrong.get(places[index] as string) ?? 0) + (same ? 0 : 1)))
      const asked = [...wrong].map(([place, count]) => ({ place, wrong: count }))
      const found = await store.guesses.add(asked, now, windowMs)
      const windows = new Map(asked.map(({ place }, index) => [place, { ...(found[index] as (typeof found)[number]) }]))
      return guesses.map(({ domain, same }, index) => {
        const window = windows.get(places[index] as string) as { before: number; readonly endsAt: number }
        if (window.before >= (domain.guessesPerMinute ?? guessesByDefault)) return Math.max(1, Math.ceil((window.endsAt - now) / 1000))
        if (!same) window.before++
        return undefined
      })
    },
  }
}

/** Who guesses at what, as a hash: whatever a client is called, a database takes it. Those who proved nothing share what their flow may. */
function placeOf({ domain, viewer: { client, flow } }: Guess): string {
  return createHash('sha256').update(JSON.stringify(client ? [domain.name, client] : [domain.name, null, flow])).digest('base64url')
}
