import { sql, type Kysely } from 'kysely'
import { ownApplications, type Reach } from './reach.ts'
import type { ConsumerRow, Schema } from './schema.ts'

/** Values per statement: below what either database allows as parameters. */
const chunkValues = 500

export interface ConsumerFilter {
  readonly kind: string
  readonly limit: number
  /** Ids after this one. */
  readonly after?: string | undefined
  readonly search?: string | undefined
  readonly organisation?: string | undefined
  readonly parent?: string | undefined
  readonly state?: string | undefined
  readonly retired?: boolean | undefined
  readonly reach?: Reach | undefined
}

/** The records of consumers. What is in `body`, and who may see it, is the caller's business. */
export function consumers(db: Kysely<Schema>) {
  const all = () => db.selectFrom('consumer_records').selectAll()
  const inChunks = async (kind: string, column: 'id' | 'parent' | 'target' | 'plan' | 'organisation', values: readonly string[], retired: boolean | { readonly since: string }): Promise<ConsumerRow[]> => {
    const found: ConsumerRow[] = []
    for (let start = 0; start < values.length; start += chunkValues) {
      const query = all().where('kind', '=', kind).where(column, 'in', values.slice(start, start + chunkValues))
      const wanted =
        retired === true ? query
        : retired === false ? query.where('retired_at', 'is', null)
        : query.where((where) => where.or([where('retired_at', 'is', null), where('retired_at', '>', retired.since)]))
      for (const row of await wanted.execute()) found.push(row)
    }
    return found
  }
  return {
    get: (kind: string, id: string) => all().where('kind', '=', kind).where('id', '=', id).executeTakeFirst(),
    byLookup: (kind: string, lookup: string) => all().where('kind', '=', kind).where('lookup', '=', lookup).executeTakeFirst(),
    /** Retired ones included. */
    byIds: (kind: string, ids: readonly string[]) => inChunks(kind, 'id', ids, true),
    /** With `since` (ISO 8601) also those that were retired after it. */
    byParents: (kind: string, parents: readonly string[], since?: string) => inChunks(kind, 'parent', parents, since === undefined ? false : { since }),
    byPlan: (kind: string, plan: string) => inChunks(kind, 'plan', [plan], false),
    byOrganisations: (kind: string, organisations: readonly string[]) => inChunks(kind, 'organisation', organisations, false),
    byTargets: (kind: string, targets: readonly string[]) => inChunks(kind, 'target', targets, false),
    /** Of one kind that is not retired, in order of ids. */
    page(filter: ConsumerFilter) {
      const { reach } = filter
      let query = all().where('kind', '=', filter.kind)
      if (filter.after !== undefined) query = query.where('id', '>', filter.after)
      if (filter.organisation !== undefined) query = query.where('organisation', '=', filter.organisation)
      if (filter.parent !== undefined) query = query.where('parent', '=', filter.parent)
      if (filter.state !== undefined) query = query.where('state', '=', filter.state)
      if (!filter.retired) query = query.where('retired_at', 'is', null)
      if (filter.search !== undefined) query = query.where(sql<boolean>`search like ${toPattern(filter.search)} escape '!'`)
      if (reach) {
        const { organisations, owning, owner } = reach
        query = query.where((where) =>
          where.or([
            sql<boolean>`1 = 0`,
            ...(organisations.length > 0 ? [where('organisation', 'in', organisations), where('provider', 'in', organisations)] : []),
            ...(owning.length > 0
              ? [
                  where.and([where('owner', '=', owner), where('organisation', 'in', owning)]),
                  where('parent', 'in', ownApplications(db, reach)),
                ]
              : []),
          ]),
        )
      }
      return query.orderBy('id').limit(filter.limit).execute()
    },
    /** False when id or lookup is taken. */
    async add(row: ConsumerRow): Promise<boolean> {
      const done = await db.insertInto('consumer_records').values(row).onConflict((conflict) => conflict.doNothing()).executeTakeFirst()
      return Number(done.numInsertedOrUpdatedRows ?? 0) > 0
    },
    /** False when the record has another version by now. */
    async change(kind: string, id: string, version: number, change: Partial<ConsumerRow>): Promise<boolean> {
      const done = await db.updateTable('consumer_records').set(change).where('kind', '=', kind).where('id', '=', id).where('version', '=', version).executeTakeFirst()
      return Number(done.numUpdatedRows) === 1
    },
  }
}

/** `like` with every character meaning itself. */
function toPattern(search: string): string {
  return `%${search.toLowerCase().replace(/[!%_]/g, '!$&')}%`
}
