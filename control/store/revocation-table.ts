import { sql, type Kysely } from 'kysely'
import type { RevocationRow, Schema } from './schema.ts'

const headKey = 'revocations.head'

/** Tokens that ended before their time, numbered in the order of their commits. */
export function revocations(db: Kysely<Schema>) {
  const all = () => db.selectFrom('token_revocations').selectAll()
  const number = async () => Number((await db.selectFrom('meta').select('value').where('key', '=', headKey).executeTakeFirst())?.value ?? 0)
  return {
    /** Needs a transaction: the head stays locked until its end, so that whoever has seen a number has seen those before it. */
    async put(row: Omit<RevocationRow, 'number'>): Promise<void> {
      await db.insertInto('meta').values({ key: headKey, value: '0' }).onConflict((c) => c.column('key').doUpdateSet({ value: sql`meta.value` })).execute()
      const next = { ...row, number: (await number()) + 1 }
      const { id: _id, ...set } = next
      await db.insertInto('token_revocations').values(next).onConflict((c) => c.column('id').doUpdateSet(set)).execute()
      await db.updateTable('meta').set({ value: String(next.number) }).where('key', '=', headKey).execute()
    },
    head: number,
    has: async (id: string) => (await db.selectFrom('token_revocations').select('id').where('id', '=', id).executeTakeFirst()) !== undefined,
    after: (known: number, nowIso: string) => all().where('number', '>', known).where('expires_at', '>', nowIso).orderBy('number').execute(),
    async countOf(client: string, nowIso: string): Promise<number> {
      const row = await db.selectFrom('token_revocations').select((eb) => eb.fn.countAll().as('count')).where('client', '=', client).where('expires_at', '>', nowIso).executeTakeFirst()
      return Number(row?.count ?? 0)
    },
    async removeExpired(nowIso: string): Promise<void> {
      await db.deleteFrom('token_revocations').where('expires_at', '<=', nowIso).execute()
    },
  }
}
