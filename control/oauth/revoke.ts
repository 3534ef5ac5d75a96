import type { Clock } from '../../runtime/core/time/clock.ts'
import { memberName, revocationId } from '../../runtime/core/access/revocation-id.ts'
import type { TokenRevocations } from '../oauth-contract.ts'
import type { Store } from '../store/store.ts'
import type { Tables } from '../store/tables.ts'

/** Tokens of one client that are taken back one by one; beyond, all that it has end at once. */
const mostOfClient = 1000
const leastMs = 3_600_000
const skewMs = 120_000

/** What is taken back, kept until it would have ended by itself. */
export function createTokenRevocations(store: Store, clock: Clock, tokenTtlMs: number): TokenRevocations {
  return {
    async token({ id, client, endsAtMs }) {
      const nowIso = new Date(clock.now()).toISOString()
      const until = new Date(endsAtMs + skewMs).toISOString()
      await store.transaction(async (tables) => {
        if (await tables.revocations.has(revocationId('jti', id))) return
        if ((await tables.revocations.countOf(client, nowIso)) < mostOfClient) return await tables.revocations.put({ id: revocationId('jti', id), client, before_at: null, expires_at: until })
        await tables.revocations.put({ id: revocationId('client', client), client, before_at: nowIso, expires_at: untilIso(clock.now(), tokenTtlMs) })
      })
    },
    async grant(mark) {
      await store.transaction(async (tables) => {
        if (await tables.revocations.has(revocationId('grant', mark))) return
        await tables.revocations.put({ id: revocationId('grant', mark), client: null, before_at: null, expires_at: untilIso(clock.now(), tokenTtlMs) })
      })
    },
  }
}

/** All access tokens that a user gave to anybody until now. Stands or falls with the transaction. */
export async function revokeTokensOfUser(tables: Pick<Tables, 'revocations'>, user: string, nowMs: number, tokenTtlMs: number): Promise<void> {
  await tables.revocations.put({ id: revocationId('user', user), client: null, before_at: new Date(nowMs).toISOString(), expires_at: untilIso(nowMs, tokenTtlMs) })
}

/** Those that she gave for APIs of one organisation, where a role of hers in it has changed. */
export async function revokeTokensOfMember(tables: Pick<Tables, 'revocations'>, { organisation, user }: Readonly<Record<'organisation' | 'user', string>>, nowMs: number, tokenTtlMs: number): Promise<void> {
  await tables.revocations.put({ id: revocationId('member', memberName(organisation, user)), client: null, before_at: new Date(nowMs).toISOString(), expires_at: untilIso(nowMs, tokenTtlMs) })
}

/** Longer than any token lasts, also one that was made before the setting became shorter. */
const untilIso = (nowMs: number, tokenTtlMs: number) => new Date(nowMs + Math.max(tokenTtlMs, leastMs) + skewMs).toISOString()
