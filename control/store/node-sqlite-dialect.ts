import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { SqliteDialect } from 'kysely'

export interface SqliteOptions {
  readonly file: string
  /** How long a write waits for another connection's lock, ms. */
  readonly busyTimeoutMs: number
  /** Largest size of the file, bytes; a write beyond it is refused as on a full disk. */
  readonly limitBytes?: number
}

const pageBytes = 4096
const statementsKept = 200

/**
 * Kysely on Node's own SQLite. WAL, so that readers never wait for the writer; `synchronous=FULL`, so that
 * what was answered for survives a power cut. Statements are prepared once and kept.
 */
export function createNodeSqliteDialect(options: SqliteOptions): SqliteDialect {
  return new SqliteDialect({
    database: async () => {
      const database = openFile(options)
      const kept = new Map<string, StatementSync>()
      return {
        close: () => database.close(),
        prepare(text: string) {
          // A full disk makes SQLite roll back by itself; a second rollback would hide that first error.
          if (text === 'rollback' && !database.isTransaction) return nothing
          let statement = kept.get(text)
          if (!statement) {
            // The authorization server writes to the same file: a transaction that reads first must not find out at its first write that it is late.
            statement = database.prepare(text === 'begin' ? 'begin immediate' : text)
            // The schema does not change after the migrations, whose statements are not worth keeping.
            if (kept.size >= statementsKept) kept.clear()
            kept.set(text, statement)
          }
          return toKyselyStatement(statement)
        },
      }
    },
  })
}

const nothing = { reader: false, all: () => [], run: () => ({ changes: 0, lastInsertRowid: 0 }), iterate: () => [].values() }

function openFile({ file, busyTimeoutMs, limitBytes }: SqliteOptions): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs })
  database.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma trusted_schema = off`)
  if (limitBytes !== undefined) database.exec(`pragma max_page_count = ${Math.ceil(limitBytes / pageBytes)}`)
  return database
}

function toKyselyStatement(statement: StatementSync) {
  const reader = statement.columns().length > 0
  return {
    reader,
    all: (parameters: readonly unknown[]) => statement.all(...(parameters as SQLInputValue[])),
    run: (parameters: readonly unknown[]) => statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters: readonly unknown[]) => statement.iterate(...(parameters as SQLInputValue[])),
  }
}
