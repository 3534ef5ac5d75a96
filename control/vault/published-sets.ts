import type { Clock } from '../../runtime/core/time/clock.ts'
import type { VaultDesk } from '../../vault/contract.ts'
import { Refused } from '../contract.ts'

/** A JWK set (RFC 7517 §5): public halves only. */
export interface KeySet {
  readonly keys: readonly unknown[]
}

/** How old what everybody is told may be; a key that was disabled is out of its set after this time. */
const freshMs = 10_000
/** So long the last known sets are given while the vault is away: partners go on verifying. */
const staleMs = 3_600_000
/** What nobody can tell of is asked for again after this time. */
const restMs = 2_000

/**
 * Key sets as everybody may read them, without signing in. Whoever asks, and however often, the vault is asked for all of them once in
 * a while: names that are no key set cost it nothing.
 * @throws Refused `key_set.unknown` 404, `vault.unavailable` 503
 */
export function createPublishedSets({ desk, clock }: { readonly desk: Pick<VaultDesk, 'keys'> | undefined; readonly clock: Pick<Clock, 'elapsed'> }): (set: string) => Promise<KeySet> {
  let known: { readonly sets: ReadonlyMap<string, KeySet>; readonly atMs: number } | undefined
  let failed: { readonly error: unknown; readonly atMs: number } | undefined
  let looking: Promise<void> | undefined

  async function look({ keys }: Pick<VaultDesk, 'keys'>): Promise<void> {
    const atMs = clock.elapsed()
    try {
      const names = new Set((await keys.list()).flatMap(({ set }) => set ?? []))
      known = { sets: new Map(await Promise.all([...names].map(async (name) => [name, await keys.publicSet(name)] as const))), atMs }
      failed = undefined
    } catch (error) {
      failed = { error, atMs }
    }
  }

  return async function published(set) {
    const isFresh = known !== undefined && clock.elapsed() - known.atMs < freshMs
    const rests = failed !== undefined && clock.elapsed() - failed.atMs < restMs
    if (desk && !isFresh && !rests) await (looking ??= look(desk).finally(() => (looking = undefined)))
    if (desk && (!known || clock.elapsed() - known.atMs >= staleMs)) throw failed?.error ?? new Refused('vault.unavailable', 503, 'The vault does not answer.')
    const found = known?.sets.get(set)
    if (!found) throw new Refused('key_set.unknown', 404, 'There is no key set of this name.')
    return found
  }
}
