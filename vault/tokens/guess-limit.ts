import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import type { Comparer } from '../../runtime/core/vault.ts'
import type { DomainFacts } from './policy.ts'

const windowMs = 60_000
const guessesByDefault = 60
/** Clients whose guesses are remembered. */
const clientsLimit = 50_000

/** Bounds how often somebody may compare a value with tokens of a domain and be wrong: a birthday is found in a few thousand tries. */
export interface GuessLimit {
  /** Seconds until the client may compare again; undefined: it may. */
  wait(domain: DomainFacts, viewer: Comparer, now: number): number | undefined
  wrong(domain: DomainFacts, viewer: Comparer, now: number): void
}

/** Counts in memory, a minute from the first wrong one on. */
export function createGuessLimit(): GuessLimit {
  const windows = new BoundedMap<{ readonly endsAt: number; readonly count: number }>(clientsLimit)
  // Those who proved nothing share what their flow may.
  const keyOf = ({ name }: DomainFacts, { client, flow }: Comparer) => JSON.stringify(client ? [name, client] : [name, null, flow])
  return {
    wait(domain, viewer, now) {
      const window = windows.get(keyOf(domain, viewer))
      if (!window || window.endsAt <= now || window.count < (domain.guessesPerMinute ?? guessesByDefault)) return undefined
      return Math.max(1, Math.ceil((window.endsAt - now) / 1000))
    },
    wrong(domain, viewer, now) {
      const key = keyOf(domain, viewer)
      const window = windows.get(key)
      windows.set(key, window && window.endsAt > now ? { ...window, count: window.count + 1 } : { endsAt: now + windowMs, count: 1 })
    },
  }
}
