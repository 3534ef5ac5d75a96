import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import pg from 'pg'
import { makeFolder } from '../../runtime/core/files/make-folder.ts'
import { Refused } from '../contract.ts'
import { lockFolder } from './folder-lock.ts'
import { migrations } from './migrations.ts'
import { createNodeSqliteDialect } from './node-sqlite-dialect.ts'
import type { Schema } from './schema.ts'
import { createTables, type Tables } from './tables.ts'
import { toUnavailable } from './unavailable.ts'

export interface StoreOptions {
  /** Folder of `store.db`; made with mode 0700. With `databaseUrl` only the lock and the keys lie there. */
  readonly dataDir: string
  /** `postgres://…`: PostgreSQL 15 or newer instead of the embedded SQLite. */
  readonly databaseUrl?: string | undefined
  readonly busyTimeoutMs?: number | undefined
  readonly limitBytes?: number | undefined
  /**
   * Opens what another process has open too, without the lock of the folder: for a role that keeps nothing of it in memory and
   * writes in single statements or short transactions. Both databases let such writers wait for each other.
   */
  readonly shared?: boolean | undefined
}

/** What control remembers. Every method of the tables is one statement; `transaction` makes several one. */
export interface Store extends Tables {
  /** All or nothing. @throws Refused `store.unavailable` when the database fails */
  transaction<T>(work: (tables: Tables) => Promise<T>): Promise<T>
  readonly database: Kysely<Schema>
  readonly version: string
  close(): Promise<void>
}

/**
 * Opens the store and brings it to the current schema.
 * @throws Refused `store.locked` when another process has the folder, `store.unavailable` when it cannot be opened
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const lock = options.shared ? { release() {} } : takeFolder(options.dataDir)
  const database = new Kysely<Schema>({ dialect: toDialect(options) })
  try {
    const version = await migrate(database, options.databaseUrl !== undefined)
    return {
      ...createTables(database),
      database,
      version,
      transaction: (work) =>
        database
          .transaction()
          .execute((transaction) => work(createTables(transaction)))
          .catch((thrown: unknown) => {
            throw toUnavailable(thrown)
          }),
      async close() {
        await database.destroy()
        lock.release()
      },
    }
  } catch (thrown) {
    await database.destroy().catch(() => {})
    lock.release()
    throw toUnavailable(thrown)
  }
}

function takeFolder(dataDir: string): { release(): void } {
  try {
    makeFolder(dataDir, 0o700)
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    throw new Refused('store.unavailable', 503, `The data folder ${dataDir} cannot be made (${code}). Choose a folder that this user may write to with SLUICE_DATA_DIR.`)
  }
  try {
    return lockFolder(dataDir, new Date().toISOString())
  } catch (thrown) {
    throw toUnavailable(thrown)
  }
}

function toDialect({ dataDir, databaseUrl, busyTimeoutMs = 5000, limitBytes }: StoreOptions) {
  if (databaseUrl === undefined) {
    return createNodeSqliteDialect({ file: join(dataDir, 'store.db'), busyTimeoutMs, ...(limitBytes === undefined ? {} : { limitBytes }) })
  }
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8, connectionTimeoutMillis: 5000 })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => {})
  // So would one that breaks between two statements of a transaction; the next statement fails, and that is told.
  pool.on('connect', (client) => client.on('error', () => {}))
  return new PostgresDialect({ pool })
}

/** Applies what is missing. On PostgreSQL under an advisory lock and in a transaction (Kysely's migrator); on SQLite in one. */
async function migrate(database: Kysely<Schema>, postgres: boolean): Promise<string> {
  const provider = { getMigrations: async () => ({ ...migrations }) }
  const run = async (db: Kysely<Schema>) => {
    const { error, results } = await new Migrator({ db, provider }).migrateToLatest()
    if (error) throw error as Error
    return results
  }
  // The migrator uses no transaction of its own on SQLite, so a half-applied migration is ruled out here.
  if (postgres) await run(database)
  else await database.connection().execute(async (db) => await atomically(db, () => run(db)))
  return Object.keys(migrations).at(-1) as string
}

async function atomically<T>(db: Kysely<Schema>, work: () => Promise<T>): Promise<T> {
  await sql`begin immediate`.execute(db)
  try {
    const result = await work()
    await sql`commit`.execute(db)
    return result
  } catch (thrown) {
    await sql`rollback`.execute(db)
    throw thrown
  }
}

/** Only the owner reads the files of the store. */
export function protectFiles(dataDir: string): void {
  for (const name of ['store.db', 'store.db-wal', 'store.db-shm']) {
    try {
      chmodSync(join(dataDir, name), 0o600)
    } catch {
      // not there: PostgreSQL, or no write yet
    }
  }
}
