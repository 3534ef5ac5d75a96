import type { TokenMarks, TokenRevocation } from '../../runtime/core/access/clients.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { createRevoked } from '../../runtime/core/access/revoked.ts'
import type { RevocationRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

export interface RevocationFeed {
  /** What gateways have to know now. */
  list(): readonly TokenRevocation[]
  isRevoked(token: TokenMarks): boolean
  /** Looks at once; it does so by itself all the time. */
  look(): Promise<void>
  close(): void
}

/** Number of the last one that is part of a published version of the callers' records. */
export const publishedKey = 'revocations.published'
/** How often the store is looked at: the authorization server is another process, and gateways are to know within a second. */
const everyMs = 250

/** Follows what was taken back, whoever wrote it into the store. `publish` is false when it cannot be done now; it is asked again. */
export async function openRevocationFeed({ store, clock, log, issuer, publish }: {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly issuer: string
  publish(revoked: readonly TokenRevocation[], head: number): Promise<boolean>
}): Promise<RevocationFeed> {
  const known = new Map<string, TokenRevocation>()
  const ended = createRevoked()
  let seen = Number((await store.meta.get(publishedKey)) ?? 0)
  let looking: Promise<void> | undefined
  let cancel = () => {}
  let closed = false
  let failed = false
  take((await store.revocations.after(0, nowIso())).filter((row) => row.number <= seen).map(toRevocation))

  function take(revoked: readonly TokenRevocation[]): void {
    for (const one of revoked) known.set(one.id, one)
    ended.revoke(revoked, clock.now())
  }

  function nowIso(): string {
    return new Date(clock.now()).toISOString()
  }

  function toRevocation(row: RevocationRow): TokenRevocation {
    return { issuer, id: row.id, untilMs: Date.parse(row.expires_at), ...(row.before_at === null ? {} : { beforeMs: Date.parse(row.before_at) }) }
  }

  async function look(): Promise<void> {
    const head = await store.revocations.head()
    if (head <= seen) return
    const rows = await store.revocations.after(seen, nowIso())
    const revoked = rows.map(toRevocation)
    take(revoked)
    if (await publish(revoked, rows.at(-1)?.number ?? head)) seen = rows.at(-1)?.number ?? head
    const nowMs = clock.now()
    for (const [id, { untilMs }] of known) if (untilMs <= nowMs) known.delete(id)
  }

  /** Never two at once. */
  function lookOnce(): Promise<void> {
    looking ??= look().finally(() => void (looking = undefined))
    return looking
  }

  function again(): void {
    cancel = clock.setTimer(() => {
      lookOnce()
        .then(() => void (failed = false))
        .catch((thrown: unknown) => {
          if (!failed) log.warn({ reason: (thrown as Error).message }, 'tokens that were taken back cannot be read; trying again')
          failed = true
        })
        .finally(() => void (closed || again()))
    }, everyMs)
  }

  again()
  return {
    list: () => [...known.values()],
    isRevoked: (token) => ended.isRevoked(token),
    async look() {
      // One that began before what is to be seen was written does not count.
      await looking?.catch(() => {})
      await lookOnce()
    },
    close() {
      closed = true
      cancel()
    },
  }
}
