import type { Kysely } from 'kysely'
import type { OauthArtifactRow, Schema } from './schema.ts'

/** What the authorization server remembers. What is in `body` is the caller's business. */
export function oauth(db: Kysely<Schema>) {
  const all = () => db.selectFrom('oauth_artifacts').selectAll()
  return {
    get: (kind: string, id: string) => all().where('kind', '=', kind).where('id', '=', id).executeTakeFirst(),
    byLookup: (kind: string, lookup: string) => all().where('kind', '=', kind).where('lookup', '=', lookup).executeTakeFirst(),
    /** What was used stays used, whatever is written over it. */
    async put(row: OauthArtifactRow): Promise<void> {
      const { body, grant_id, account, lookup, expires_at } = row
      await db.insertInto('oauth_artifacts').values(row).onConflict((conflict) => conflict.columns(['kind', 'id']).doUpdateSet({ body, grant_id, account, lookup, expires_at })).execute()
    },
    /** True for one caller only, once. */
    async consume(kind: string, id: string, nowIso: string): Promise<boolean> {
      const done = await db.updateTable('oauth_artifacts').set({ consumed_at: nowIso }).where('kind', '=', kind).where('id', '=', id).where('consumed_at', 'is', null).executeTakeFirst()
      return Number(done.numUpdatedRows) === 1
    },
    async remove(kind: string, id: string): Promise<void> {
      await db.deleteFrom('oauth_artifacts').where('kind', '=', kind).where('id', '=', id).execute()
    },
    async removeOfGrant(kind: string, grantId: string): Promise<void> {
      await db.deleteFrom('oauth_artifacts').where('kind', '=', kind).where('grant_id', '=', grantId).execute()
    },
    /** Sessions, grants, codes and tokens of a user. */
    async removeOfAccount(account: string): Promise<void> {
      await db.deleteFrom('oauth_artifacts').where('account', '=', account).execute()
    },
    async removeExpired(nowIso: string): Promise<void> {
      await db.deleteFrom('oauth_artifacts').where('expires_at', '<=', nowIso).execute()
    },
  }
}
