import type { Clock } from '../runtime/core/time/clock.ts'
import type { VaultStore } from './store/vault-store.ts'

type Revisions = Awaited<ReturnType<VaultStore['revisions']>>

/**
 * What other vaults on the same database changed, asked for when somebody needs it and not more often than every so many
 * milliseconds.
 */
export interface RevisionWatch {
  /** The revisions, at most `freshMs` old; without a promise when they are. */
  look(): Revisions | Promise<Revisions>
  /** Asks again with the next look: this vault changed something itself. */
  stale(): void
}

export function createRevisionWatch({ store, clock, freshMs = 500 }: { readonly store: Pick<VaultStore, 'revisions'>; readonly clock: Pick<Clock, 'elapsed'>; readonly freshMs?: number | undefined }): RevisionWatch {
  let last: { readonly revisions: Revisions; readonly atMs: number } | undefined
  let asking: Promise<Revisions> | undefined
  const ask = async (): Promise<Revisions> => {
    const atMs = clock.elapsed() // before the question: what changes while it is asked is seen the next time
    const mine = store.revisions()
    try {
      const revisions = await mine
      last = { revisions, atMs }
      return revisions
    } finally {
      asking = undefined
    }
  }
  return {
    look() {
      if (last && clock.elapsed() - last.atMs < freshMs) return last.revisions
      return (asking ??= ask())
    },
    stale() {
      last = undefined
      asking = undefined
    },
  }
}
