import type { Clock } from '../../runtime/core/time/clock.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { Log } from '../../runtime/core/log.ts'
import { parsePublicKeys, type PublicKeys } from '../../runtime/core/access/public-keys.ts'

/** Where an issuer's keys come from. */
export interface KeySource {
  /** The keys of now; when `kid` is not among them, those of a fresh look, if one is due. @throws Fault `auth.unavailable` */
  keys(kid: string | undefined): PublicKeys | Promise<PublicKeys>
}

/** What a fetch gives. */
export interface Fetched {
  readonly value: unknown
  /** For how long the answer says it is good (`Cache-Control: max-age`), ms. */
  readonly maxAgeMs?: number
}

const freshMs = 300_000
const shortestFreshMs = 60_000
const longestFreshMs = 24 * 3_600_000
/** A caller's unknown key id, or a source that is down, makes us ask again this often and no oftener. */
const againMs = 60_000
/** Keys that could not be renewed for so long are not believed any more. */
const staleMs = 24 * 3_600_000

/** Keys that somebody pasted. @throws TypeError when it is no JWK set, or none of its keys can be used */
export function fixedKeys(value: unknown): KeySource {
  const { keys, skipped } = parsePublicKeys(value)
  if (keys.size === 0) throw new TypeError(skipped[0] ?? 'The set has no key.')
  return { keys: () => keys }
}

/**
 * Keys that are fetched when first needed and kept: renewed in the background when they have aged, at once (but at most
 * once a minute) for a key id that is not among them, and kept for a day when the source does not answer.
 */
export function fetchedKeys(options: { readonly name: string; readonly clock: Clock; readonly log: Log; fetch(): Promise<Fetched> }): KeySource {
  const { clock, log, name } = options
  let have: { readonly keys: PublicKeys; readonly atMs: number; readonly freshMs: number } | undefined
  let triedAtMs = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined

  async function load(): Promise<void> {
    try {
      const { value, maxAgeMs } = await options.fetch()
      const { keys, skipped } = parsePublicKeys(value)
      if (keys.size === 0) throw new TypeError(skipped[0] ?? 'The set has no key.')
      for (const reason of skipped) log.warn({ source: name }, `A signing key is not used. ${reason}`)
      // The same keys stay the same object, so that what was verified with them stays verified.
      have = { keys: have?.keys.mark === keys.mark ? have.keys : keys, atMs: clock.elapsed(), freshMs: Math.min(Math.max(maxAgeMs ?? freshMs, shortestFreshMs), longestFreshMs) }
    } catch (error) {
      log.warn({ source: name, reason: error instanceof Error ? error.message : String(error) }, 'Signing keys could not be fetched.')
    } finally {
      running = undefined
    }
  }

  /** Fetches, unless somebody did so just now; all who ask meanwhile wait for the same answer. */
  function renew(): Promise<void> | undefined {
    if (running) return running
    const now = clock.elapsed()
    if (now - triedAtMs < againMs) return undefined
    triedAtMs = now
    return (running = load())
  }

  function current(): PublicKeys {
    if (have && clock.elapsed() - have.atMs < staleMs) return have.keys
    throw fault('auth.unavailable', { reason: 'the keys of the token’s issuer are not to be had' })
  }

  return {
    keys(kid) {
      const ageMs = have ? clock.elapsed() - have.atMs : Number.POSITIVE_INFINITY
      const missing = have !== undefined && kid !== undefined && !have.keys.has(kid)
      if (have && ageMs < staleMs && !missing) {
        if (ageMs >= have.freshMs) void renew()
        return have.keys
      }
      const renewal = renew()
      return renewal ? renewal.then(current) : current()
    },
  }
}
