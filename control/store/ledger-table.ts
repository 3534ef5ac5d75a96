import { sql, type Kysely } from 'kysely'
import type { LedgerAnchorRow, LedgerEntryRow, LedgerPeriodRow, LedgerRow, Schema } from './schema.ts'

/** Rows per statement: below what either database allows as parameters. */
const chunkRows = 200

/** Records that cannot be altered. What their hashes mean is the caller's business. */
export function ledgers(db: Kysely<Schema>) {
  return {
    list: () => db.selectFrom('ledgers').selectAll().orderBy('name').execute(),
    get: (name: string) => db.selectFrom('ledgers').selectAll().where('name', '=', name).executeTakeFirst(),
    /** Makes it when there is none, and keeps everybody else from its end until the transaction is over. */
    async lock(row: LedgerRow): Promise<LedgerRow> {
      await db.insertInto('ledgers').values(row).onConflict((c) => c.column('name').doUpdateSet({ name: sql`ledgers.name` })).execute()
      return await db.selectFrom('ledgers').selectAll().where('name', '=', row.name).executeTakeFirstOrThrow()
    },
    async moveHead(name: string, head: Pick<LedgerRow, 'number' | 'hash' | 'seal' | 'sealed_by'>): Promise<void> {
      await db.updateTable('ledgers').set(head).where('name', '=', name).execute()
    },
    async addEntries(rows: readonly LedgerEntryRow[]): Promise<void> {
      for (let start = 0; start < rows.length; start += chunkRows) await db.insertInto('ledger_entries').values(rows.slice(start, start + chunkRows)).execute()
    },
    /** Those of the ids that are there. */
    async known(ledger: string, ids: readonly string[]): Promise<Pick<LedgerEntryRow, 'id' | 'number' | 'hash'>[]> {
      const found: Pick<LedgerEntryRow, 'id' | 'number' | 'hash'>[] = []
      for (let start = 0; start < ids.length; start += chunkRows) {
        found.push(...(await db.selectFrom('ledger_entries').select(['id', 'number', 'hash']).where('ledger', '=', ledger).where('id', 'in', ids.slice(start, start + chunkRows)).execute()))
      }
      return found
    },
    /** Oldest first. */
    after: (ledger: string, number: number, limit: number) => db.selectFrom('ledger_entries').selectAll().where('ledger', '=', ledger).where('number', '>', number).orderBy('number').limit(limit).execute(),
    /** Newest first. */
    before: (ledger: string, number: number, limit: number) => db.selectFrom('ledger_entries').selectAll().where('ledger', '=', ledger).where('number', '<', number).orderBy('number', 'desc').limit(limit).execute(),
    /** False when another process has closed it. */
    async addPeriod(row: LedgerPeriodRow): Promise<boolean> {
      const done = await db.insertInto('ledger_periods').values(row).onConflict((c) => c.columns(['ledger', 'period']).doNothing()).executeTakeFirst()
      return Number(done.numInsertedOrUpdatedRows ?? 0) > 0
    },
    periods: (ledger: string) => db.selectFrom('ledger_periods').selectAll().where('ledger', '=', ledger).orderBy('period').execute(),
    period: (ledger: string, period: number) => db.selectFrom('ledger_periods').selectAll().where('ledger', '=', ledger).where('period', '=', period).executeTakeFirst(),
    lastPeriod: (ledger: string) => db.selectFrom('ledger_periods').selectAll().where('ledger', '=', ledger).orderBy('period', 'desc').limit(1).executeTakeFirst(),
    async periodHashes(ledger: string): Promise<string[]> {
      return (await db.selectFrom('ledger_periods').select('hash').where('ledger', '=', ledger).orderBy('period').execute()).map(({ hash }) => hash)
    },
    async addAnchors(rows: readonly LedgerAnchorRow[]): Promise<void> {
      if (rows.length > 0) await db.insertInto('ledger_anchors').values([...rows]).onConflict((c) => c.columns(['ledger', 'period', 'anchor']).doNothing()).execute()
    },
    /** What waits for an anchor and is due: what was tried least, then the oldest. What would be due after `never` was put off by a clock that was set back since. */
    anchorDue: ({ now, never }: { readonly now: string; readonly never: string }, anchor: string, limit: number) =>
      db.selectFrom('ledger_anchors').selectAll().where('state', '=', 'waiting').where((is) => is.or([is('next_at', '<=', now), is('next_at', '>', never)])).where('anchor', '=', anchor).orderBy('attempts').orderBy('ledger').orderBy('period').limit(limit).execute(),
    /** How many roots wait for each anchor, of all ledgers together. */
    async anchorWaiting(): Promise<ReadonlyMap<string, number>> {
      const rows = await db.selectFrom('ledger_anchors').select(({ fn }) => ['anchor', fn.countAll().as('count')]).where('state', '=', 'waiting').groupBy('anchor').execute()
      return new Map(rows.map(({ anchor, count }) => [anchor, Number(count)]))
    },
    /** Takes one for this process until `until`; false when another was first. */
    async claimAnchor({ ledger, period, anchor, next_at: before }: LedgerAnchorRow, until: string): Promise<boolean> {
      const done = await db.updateTable('ledger_anchors').set({ next_at: until }).where('ledger', '=', ledger).where('period', '=', period).where('anchor', '=', anchor).where('state', '=', 'waiting').where('next_at', '=', before).executeTakeFirst()
      return Number(done.numUpdatedRows) === 1
    },
    async changeAnchor({ ledger, period, anchor }: Pick<LedgerAnchorRow, 'ledger' | 'period' | 'anchor'>, change: Partial<LedgerAnchorRow>): Promise<void> {
      await db.updateTable('ledger_anchors').set(change).where('ledger', '=', ledger).where('period', '=', period).where('anchor', '=', anchor).execute()
    },
    anchors: (ledger: string) => db.selectFrom('ledger_anchors').selectAll().where('ledger', '=', ledger).orderBy('period').orderBy('anchor').execute(),
    /** The newest receipt of each anchor, and how many wait for theirs. */
    async anchorState(ledger: string): Promise<readonly { readonly anchor: string; readonly done: number; readonly waiting: number; readonly last?: LedgerAnchorRow; readonly failed?: LedgerAnchorRow }[]> {
      const counts = await db.selectFrom('ledger_anchors').select(({ fn }) => ['anchor', 'state', fn.countAll().as('count'), fn.max('period').as('newest'), fn.min('period').as('oldest')]).where('ledger', '=', ledger).groupBy(['anchor', 'state']).orderBy('anchor').execute()
      const row = (anchor: string, period: number) => db.selectFrom('ledger_anchors').selectAll().where('ledger', '=', ledger).where('anchor', '=', anchor).where('period', '=', period).executeTakeFirst()
      return await Promise.all([...new Set(counts.map(({ anchor }) => anchor))].map(async (anchor) => {
        const done = counts.find((count) => count.anchor === anchor && count.state === 'done')
        const waiting = counts.find((count) => count.anchor === anchor && count.state === 'waiting')
        const last = done && (await row(anchor, Number(done.newest)))
        const failed = waiting && (await row(anchor, Number(waiting.oldest)))
        return { anchor, done: Number(done?.count ?? 0), waiting: Number(waiting?.count ?? 0), ...(last ? { last } : {}), ...(failed ? { failed } : {}) }
      }))
    },
  }
}
