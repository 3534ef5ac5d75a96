import { createHash } from 'node:crypto'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Artifact, Artifacts } from '../oauth-contract.ts'
import type { OauthArtifactRow } from '../store/schema.ts'
import type { Tables } from '../store/tables.ts'
import type { Sealer } from './sealer.ts'

/** What the authorization server remembers: a copy of the store gives nobody a token. */
export function createArtifacts(tables: Pick<Tables, 'oauth' | 'revocations'>, sealer: Sealer, clock: Clock): Artifacts {
  const { oauth, revocations } = tables

  function toArtifact(row: OauthArtifactRow | undefined): Artifact | undefined {
    if (!row || (row.expires_at !== null && Date.parse(row.expires_at) <= clock.now())) return undefined
    const text = sealer.open(row.body, `${row.kind} ${row.id}`)
    // Sealed under a key that is gone: whoever has it signs in again.
    if (text === undefined) return undefined
    return { value: JSON.parse(text) as Record<string, unknown>, ...(row.consumed_at === null ? {} : { consumedAtMs: Date.parse(row.consumed_at) }) }
  }

  return {
    get: async (kind, id) => toArtifact(await oauth.get(kind, hashed(id))),
    byLookup: async (kind, lookup) => toArtifact(await oauth.byLookup(kind, hashed(lookup))),
    async put(kind, id, value, { grantId, account, lookup, expiresInMs }) {
      const name = hashed(id)
      await oauth.put({
        kind,
        id: name,
        body: sealer.seal(JSON.stringify(value), `${kind} ${name}`),
        grant_id: grantId === undefined ? null : hashed(grantId),
        account: account === undefined ? null : hashed(account),
        lookup: lookup === undefined ? null : hashed(lookup),
        consumed_at: null,
        expires_at: expiresInMs === undefined ? null : new Date(clock.now() + expiresInMs).toISOString(),
      })
    },
    consume: (kind, id) => oauth.consume(kind, hashed(id), nowIso()),
    remove: (kind, id) => oauth.remove(kind, hashed(id)),
    removeOfGrant: (kind, grantId) => oauth.removeOfGrant(kind, hashed(grantId)),
    async removeExpired() {
      await oauth.removeExpired(nowIso())
      await revocations.removeExpired(nowIso())
    },
  }

  function nowIso(): string {
    return new Date(clock.now()).toISOString()
  }
}

/** A name as it lies in the store. */
export function hashed(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('base64url')
}
