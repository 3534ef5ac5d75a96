import type { Kysely } from 'kysely'
import type { ConnectorStateRow, Schema } from './schema.ts'

/** How far connectors are. What is in `tags` and `problem` is the caller's business. */
export function connectors(db: Kysely<Schema>) {
  return {
    get: (id: string) => db.selectFrom('connector_states').selectAll().where('id', '=', id).executeTakeFirst(),
    list: () => db.selectFrom('connector_states').selectAll().orderBy('id').execute(),
    /** Makes the row of a connector that has none. */
    async add(id: string): Promise<void> {
      await db.insertInto('connector_states').values({ id, state: 'new', failures: 0, partners: 0 } as ConnectorStateRow).onConflict((c) => c.doNothing()).execute()
    },
    /** Takes or renews the lease; false while another one holds it. `due`: only when the time of the next fetch has come. */
    async take(id: string, holder: string, nowIso: string, untilIso: string, due: boolean): Promise<boolean> {
      let query = db.updateTable('connector_states').set({ lease_holder: holder, lease_until: untilIso }).where('id', '=', id)
        .where((where) => where.or([where('lease_holder', 'is', null), where('lease_holder', '=', holder), where('lease_until', '<=', nowIso)]))
      if (due) query = query.where((where) => where.or([where('next_at', 'is', null), where('next_at', '<=', nowIso)]))
      return Number((await query.executeTakeFirst()).numUpdatedRows) === 1
    },
    /** True as long as nobody else has taken the lease. */
    async renew(id: string, holder: string, untilIso: string): Promise<boolean> {
      return Number((await db.updateTable('connector_states').set({ lease_until: untilIso }).where('id', '=', id).where('lease_holder', '=', holder).executeTakeFirst()).numUpdatedRows) === 1
    },
    /** Writes down how it went, and gives the lease back. False when somebody else has taken it meanwhile. */
    async finish(id: string, holder: string, change: Partial<ConnectorStateRow>): Promise<boolean> {
      const done = await db.updateTable('connector_states').set({ ...change, lease_holder: null, lease_until: null }).where('id', '=', id).where('lease_holder', '=', holder).executeTakeFirst()
      return Number(done.numUpdatedRows) === 1
    },
    /** The settings were changed: what is or was fetched by the old ones says nothing, and the next fetch is at once. Whoever fetches loses the lease. */
    async reset(id: string): Promise<void> {
      await db.updateTable('connector_states').set({ tags: null, next_at: null, failures: 0, lease_holder: null, lease_until: null }).where('id', '=', id).execute()
    },
  }
}
