import { sql, type Kysely } from 'kysely'
import { auditHead, auditHeadKey, hashAuditRow, noAuditHash, parseAuditHead, type AuditEntry, type AuditSealer } from './audit-chain.ts'
import { connectors } from './connector-table.ts'
import { consumers } from './consumer-table.ts'
import { decisions } from './decision-table.ts'
import { ledgers } from './ledger-table.ts'
import { oauth } from './oauth-table.ts'
import { revocations } from './revocation-table.ts'
import type { AcknowledgementRow, CredentialRow, FlowRow, GatewayRow, JoinTokenRow, ReleaseFlowRow, ReleaseRow, RevisionRow, Schema, TokenRow, UserRow } from './schema.ts'
import { toUnavailable } from './unavailable.ts'

/** Rows per statement: both databases bound the number of parameters (SQLite 32,766, PostgreSQL 65,535). */
const chunkRows = 500

/** The queries, table by table. Plain rows in and out; what they mean is the caller's business. */
export function createTables(db: Kysely<Schema>) {
  return {
    users: guarded(users(db)),
    tokens: guarded(tokens(db)),
    flows: guarded(flows(db)),
    revisions: guarded(revisions(db)),
    releases: guarded(releases(db)),
    credentials: guarded(credentials(db)),
    gateways: guarded(gateways(db)),
    documents: guarded(documents(db)),
    meta: guarded(meta(db)),
    audit: guarded(audit(db)),
    consumers: guarded(consumers(db)),
    decisions: guarded(decisions(db)),
    connectors: guarded(connectors(db)),
    ledgers: guarded(ledgers(db)),
    oauth: guarded(oauth(db)),
    revocations: guarded(revocations(db)),
  }
}

export interface AuditFilter {
  readonly limit: number
  /** Entries with a smaller number. */
  readonly before?: number | undefined
  readonly user?: string | undefined
  readonly subject?: string | undefined
  readonly action?: string | undefined
  /** Of these organisations only. */
  readonly organisations?: readonly string[] | undefined
}

/** Somebody who signs in with a password, unless more is said. */
type NewUserRow = Omit<UserRow, 'upstream' | 'upstream_role'> & Partial<UserRow>

export type Tables = ReturnType<typeof createTables>

function users(db: Kysely<Schema>) {
  return {
    get: (name: string) => db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst(),
    byUpstream: (upstream: string) => db.selectFrom('users').selectAll().where('upstream', '=', upstream).executeTakeFirst(),
    list: () => db.selectFrom('users').selectAll().orderBy('name').execute(),
    /** False when the name is taken. */
    async add(row: NewUserRow): Promise<boolean> {
      const done = await db.insertInto('users').values({ upstream: null, upstream_role: 0, ...row }).onConflict((c) => c.doNothing()).executeTakeFirst()
      return Number(done.numInsertedOrUpdatedRows ?? 0) > 0
    },
    async change(name: string, change: Partial<UserRow>): Promise<void> {
      await db.updateTable('users').set(change).where('name', '=', name).execute()
    },
  }
}

function tokens(db: Kysely<Schema>) {
  return {
    async add(row: TokenRow): Promise<void> {
      await db.insertInto('tokens').values(row).execute()
    },
    get: (hash: string) => db.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst(),
    async remove(hash: string): Promise<void> {
      await db.deleteFrom('tokens').where('hash', '=', hash).execute()
    },
    async removeOf(userName: string): Promise<void> {
      await db.deleteFrom('tokens').where('user_name', '=', userName).execute()
    },
    async removeExpired(nowIso: string): Promise<void> {
      await db.deleteFrom('tokens').where('expires_at', '<=', nowIso).execute()
    },
  }
}

function flows(db: Kysely<Schema>) {
  return {
    list: () => db.selectFrom('flows').selectAll().execute(),
    async put(rows: readonly FlowRow[]): Promise<void> {
      for (const part of chunks(rows)) {
        await db
          .insertInto('flows')
          .values(part)
          .onConflict((c) =>
            c.column('id').doUpdateSet((eb) => ({
              kind: eb.ref('excluded.kind'),
              label: eb.ref('excluded.label'),
              revision: eb.ref('excluded.revision'),
              updated_at: eb.ref('excluded.updated_at'),
            })),
          )
          .execute()
      }
    },
    async remove(ids: readonly string[]): Promise<void> {
      for (const part of chunks(ids)) await db.deleteFrom('flows').where('id', 'in', part).execute()
    },
  }
}

function revisions(db: Kysely<Schema>) {
  return {
    /** A document is stored once, whoever deploys it again. */
    async add(rows: readonly RevisionRow[]): Promise<void> {
      for (const part of chunks(rows)) await db.insertInto('revisions').values(part).onConflict((c) => c.column('hash').doNothing()).execute()
    },
    /** The newest of a flow whose hash begins so. */
    begins: (flow: string, hash: string): Promise<RevisionRow | undefined> =>
      db.selectFrom('revisions').selectAll().where('flow_id', '=', flow).where('hash', '>=', hash).where('hash', '<', `${hash}g`).orderBy('created_at', 'desc').limit(1).executeTakeFirst(),
    async list(hashes: readonly string[]): Promise<RevisionRow[]> {
      const found: RevisionRow[] = []
      for (const part of chunks(hashes)) found.push(...(await db.selectFrom('revisions').selectAll().where('hash', 'in', part).execute()))
      return found
    },
  }
}

function releases(db: Kysely<Schema>) {
  return {
    async add(row: ReleaseRow, rows: readonly ReleaseFlowRow[]): Promise<void> {
      await db.insertInto('releases').values(row).execute()
      for (const part of chunks(rows)) await db.insertInto('release_flows').values(part).execute()
    },
    get: (id: number) => db.selectFrom('releases').selectAll().where('id', '=', id).executeTakeFirst(),
    newest: () => db.selectFrom('releases').selectAll().orderBy('id', 'desc').limit(1).executeTakeFirst(),
    list: (before: number | undefined, limit: number) =>
      db
        .selectFrom('releases')
        .selectAll()
        .$if(before !== undefined, (query) => query.where('id', '<', before as number))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute(),
    flowsOf: (id: number) => db.selectFrom('release_flows').selectAll().where('release_id', '=', id).orderBy('position').execute(),
  }
}

function credentials(db: Kysely<Schema>) {
  return {
    list: () => db.selectFrom('credentials').selectAll().execute(),
    async put(rows: readonly CredentialRow[]): Promise<void> {
      for (const part of chunks(rows)) {
        await db
          .insertInto('credentials')
          .values(part)
          .onConflict((c) =>
            c.column('node_id').doUpdateSet((eb) => ({
              key_id: eb.ref('excluded.key_id'),
              sealed: eb.ref('excluded.sealed'),
              updated_at: eb.ref('excluded.updated_at'),
              removed_at: eb.ref('excluded.removed_at'),
            })),
          )
          .execute()
      }
    },
    async setRemoved(ids: readonly string[], removedAt: string | null): Promise<void> {
      for (const part of chunks(ids)) await db.updateTable('credentials').set({ removed_at: removedAt }).where('node_id', 'in', part).execute()
    },
    async remove(ids: readonly string[]): Promise<void> {
      for (const part of chunks(ids)) await db.deleteFrom('credentials').where('node_id', 'in', part).execute()
    },
    async purge(removedBefore: string): Promise<void> {
      await db.deleteFrom('credentials').where('removed_at', '<', removedBefore).execute()
    },
  }
}

function gateways(db: Kysely<Schema>) {
  return {
    list: () => db.selectFrom('gateways').selectAll().where('revoked_at', 'is', null).orderBy('joined_at').execute(),
    async add(row: GatewayRow): Promise<void> {
      await db.insertInto('gateways').values(row).execute()
    },
    async change(id: string, change: Partial<GatewayRow>): Promise<void> {
      await db.updateTable('gateways').set(change).where('id', '=', id).execute()
    },
    async addJoinToken(row: JoinTokenRow): Promise<void> {
      await db.insertInto('join_tokens').values(row).execute()
    },
    /** True for one caller only, once, in time. */
    async useJoinToken(hash: string, nowIso: string): Promise<boolean> {
      const done = await db
        .updateTable('join_tokens')
        .set({ used_at: nowIso })
        .where('hash', '=', hash)
        .where('used_at', 'is', null)
        .where('expires_at', '>', nowIso)
        .executeTakeFirst()
      return Number(done.numUpdatedRows) === 1
    },
    async acknowledge(row: AcknowledgementRow): Promise<void> {
      await db
        .insertInto('acknowledgements')
        .values(row)
        .onConflict((c) => c.columns(['gateway_id', 'release_id']).doUpdateSet({ hash: row.hash, state: row.state, detail: row.detail, at: row.at }))
        .execute()
    },
    async forgetAcknowledgements(gatewayId: string, beforeRelease: number): Promise<void> {
      await db.deleteFrom('acknowledgements').where('gateway_id', '=', gatewayId).where('release_id', '<', beforeRelease).execute()
    },
    acknowledgements: () => db.selectFrom('acknowledgements').selectAll().orderBy('at').execute(),
  }
}

function documents(db: Kysely<Schema>) {
  return {
    get: (key: string) => db.selectFrom('documents').selectAll().where('key', '=', key).executeTakeFirst(),
    async set(key: string, value: string, updatedAt: string): Promise<void> {
      await db
        .insertInto('documents')
        .values({ key, value, updated_at: updatedAt })
        .onConflict((c) => c.column('key').doUpdateSet({ value, updated_at: updatedAt }))
        .execute()
    },
    async remove(key: string): Promise<void> {
      await db.deleteFrom('documents').where('key', '=', key).execute()
    },
    async list(prefix: string): Promise<string[]> {
      // substr and not LIKE: SQLite's LIKE ignores case, PostgreSQL's does not.
      const rows = await db
        .selectFrom('documents')
        .select('key')
        .where(sql<string>`substr(key, 1, ${sql.lit(prefix.length)})`, '=', prefix)
        .execute()
      // Sorted here: the collations of the two databases differ.
      return rows.map((row) => row.key).sort()
    },
  }
}

function meta(db: Kysely<Schema>) {
  return {
    async get(key: string): Promise<string | undefined> {
      return (await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst())?.value
    },
    async set(key: string, value: string): Promise<void> {
      await db.insertInto('meta').values({ key, value }).onConflict((c) => c.column('key').doUpdateSet({ value })).execute()
    },
    /** False when it is there already. */
    async add(key: string, value: string): Promise<boolean> {
      const done = await db.insertInto('meta').values({ key, value }).onConflict((c) => c.column('key').doNothing()).executeTakeFirst()
      return Number(done.numInsertedOrUpdatedRows ?? 0) > 0
    },
    /** False when it is not `before` any more. */
    async exchange(key: string, before: string, value: string): Promise<boolean> {
      const done = await db.updateTable('meta').set({ value }).where('key', '=', key).where('value', '=', before).executeTakeFirst()
      return Number(done.numUpdatedRows) === 1
    },
    async remove(key: string): Promise<void> {
      await db.deleteFrom('meta').where('key', '=', key).execute()
    },
  }
}

function audit(db: Kysely<Schema>) {
  const store = meta(db)
  return {
    /** Appends to the chain. Needs a transaction: the head stays locked until its end, so that entries come one after the other. */
    async append(entry: AuditEntry, sealer?: AuditSealer): Promise<void> {
      const none = auditHead(0, noAuditHash)
      await db.insertInto('meta').values({ key: auditHeadKey, value: none }).onConflict((c) => c.column('key').doUpdateSet({ value: sql`meta.value` })).execute()
      const { number, hash: before } = parseAuditHead(await store.get(auditHeadKey))
      const row = { ...entry, number: number + 1 }
      const hash = sealer ? sealer.hash(before, row) : hashAuditRow(before, row)
      await db.insertInto('audit_log').values({ ...row, hash, sealed_by: sealer?.id ?? null }).execute()
      await store.set(auditHeadKey, auditHead(row.number, hash))
    },
    head: () => store.get(auditHeadKey),
    /** Number of the first entry that carries a key. */
    async firstSealed(): Promise<number | undefined> {
      return (await db.selectFrom('audit_log').select('number').where('sealed_by', 'is not', null).orderBy('number').limit(1).executeTakeFirst())?.number
    },
    /** Oldest first, for checking. */
    after: (number: number, limit: number) => db.selectFrom('audit_log').selectAll().where('number', '>', number).orderBy('number').limit(limit).execute(),
    /** Newest first. */
    list(filter: AuditFilter) {
      let query = db.selectFrom('audit_log').selectAll()
      if (filter.before !== undefined) query = query.where('number', '<', filter.before)
      if (filter.user !== undefined) query = query.where('user_name', '=', filter.user)
      if (filter.subject !== undefined) query = query.where('subject', '=', filter.subject)
      if (filter.action !== undefined) query = query.where('action', '=', filter.action)
      if (filter.organisations !== undefined) query = filter.organisations.length > 0 ? query.where('organisation', 'in', filter.organisations) : query.where(sql<boolean>`1 = 0`)
      return query.orderBy('number', 'desc').limit(filter.limit).execute()
    },
  }
}

function* chunks<T>(items: readonly T[]): Iterable<T[]> {
  for (let start = 0; start < items.length; start += chunkRows) yield items.slice(start, start + chunkRows)
}

/** Every query that fails says so as Refused `store.unavailable`, never with a driver's words. */
function guarded<T extends Record<string, (...args: any[]) => Promise<unknown>>>(table: T): T {
  const wrapped = Object.entries(table).map(([name, query]) => [
    name,
    async (...args: unknown[]) => {
      try {
        return await query(...args)
      } catch (thrown) {
        throw toUnavailable(thrown)
      }
    },
  ])
  return Object.fromEntries(wrapped) as T
}
