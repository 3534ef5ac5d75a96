import { sql, type Kysely } from 'kysely'
import { ownApplications, type Reach } from './reach.ts'
import type { DecisionRow, Schema } from './schema.ts'

/** Rows per statement: below what either database allows as parameters. */
const chunkRows = 200

export interface DecisionFilter {
  readonly limit: number
  /** Older than this one. */
  readonly before?: { readonly at: string; readonly id: string } | undefined
  readonly application?: string | undefined
  readonly api?: string | undefined
  readonly code?: string | undefined
  readonly organisation?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly reach?: Reach | undefined
}

/** Why calls were refused. What is in `body`, and who may see it, is the caller's business. */
export function decisions(db: Kysely<Schema>) {
  const all = () => db.selectFrom('decisions').selectAll()
  const removed = (done: { readonly numDeletedRows: bigint }) => Number(done.numDeletedRows)
  return {
    get: (id: string) => all().where('id', '=', id).executeTakeFirst(),
    /** What is there already stays as it is: a batch may arrive twice. */
    async add(rows: readonly DecisionRow[]): Promise<void> {
      for (let start = 0; start < rows.length; start += chunkRows) {
        await db.insertInto('decisions').values(rows.slice(start, start + chunkRows)).onConflict((conflict) => conflict.column('id').doNothing()).execute()
      }
    },
    /** Newest first. */
    page({ limit, before, application, api, code, organisation, from, to, reach }: DecisionFilter) {
      let query = all()
      if (before !== undefined) query = query.where((where) => where.or([where('at', '<', before.at), where.and([where('at', '=', before.at), where('id', '<', before.id)])]))
      if (application !== undefined) query = query.where('application', '=', application)
      if (api !== undefined) query = query.where('api', '=', api)
      if (code !== undefined) query = query.where('code', '=', code)
      if (organisation !== undefined) query = query.where((where) => where.or([where('organisation', '=', organisation), where('provider', '=', organisation)]))
      if (from !== undefined) query = query.where('at', '>=', from)
      if (to !== undefined) query = query.where('at', '<=', to)
      if (reach) {
        const { organisations, owning } = reach
        query = query.where((where) =>
          where.or([
            sql<boolean>`1 = 0`,
            ...(organisations.length > 0 ? [where('organisation', 'in', organisations), where('provider', 'in', organisations)] : []),
            ...(owning.length > 0
              ? [where('application', 'in', ownApplications(db, reach))]
              : []),
          ]),
        )
      }
      return query.orderBy('at', 'desc').orderBy('id', 'desc').limit(limit).execute()
    },
    /** How many there are, and how many of callers whom nobody knew. */
    async count(): Promise<{ readonly all: number; readonly unknown: number }> {
      const row = await db.selectFrom('decisions').select(({ fn }) => [fn.countAll().as('all'), fn.count('application').as('known')]).executeTakeFirstOrThrow()
      return { all: Number(row.all), unknown: Number(row.all) - Number(row.known) }
    },
    /** Removes at most `limit` from before a time. @returns how many */
    async removeBefore(at: string, limit: number): Promise<number> {
      const oldest = db.selectFrom('decisions').select('id').where('at', '<', at).orderBy('at').limit(limit)
      return removed(await db.deleteFrom('decisions').where('id', 'in', oldest).executeTakeFirst())
    },
    /** Removes the oldest; `unknown`: of callers whom nobody knew. @returns how many */
    async removeOldest(limit: number, unknown: boolean): Promise<number> {
      let oldest = db.selectFrom('decisions').select('id').orderBy('at').limit(limit)
      if (unknown) oldest = oldest.where('application', 'is', null)
      return removed(await db.deleteFrom('decisions').where('id', 'in', oldest).executeTakeFirst())
    },
  }
}
