import { DatabaseSync } from 'node:sqlite'
import { fault } from '../../core/fault.ts'

const tables = `
  CREATE TABLE IF NOT EXISTS jobs (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, work TEXT NOT NULL, flow TEXT NOT NULL, node TEXT NOT NULL, part TEXT,
    revision TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL, body TEXT NOT NULL, result TEXT,
    acceptedMs INTEGER NOT NULL, dueMs INTEGER NOT NULL, expiresMs INTEGER NOT NULL, startedMs INTEGER, endedMs INTEGER,
    failed INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL,
    backoffMs INTEGER NOT NULL, backoffMostMs INTEGER NOT NULL, keepMs INTEGER NOT NULL, progress TEXT, reason TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS jobsNext ON jobs (work, priority, place) WHERE state = 'pending';
  CREATE INDEX IF NOT EXISTS jobsOver ON jobs (state, endedMs);
  CREATE TABLE IF NOT EXISTS pauses (flow TEXT PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
`

interface Write {
  act(database: DatabaseSync): unknown
  resolve(value: never): void
  reject(error: unknown): void
}

/**
 * The file of a journal. What is written in one turn of the event loop is one transaction, and who wrote hears of it when the
 * disk has it: many that are accepted at once cost one sync.
 */
export class JournalFile {
  readonly #database: DatabaseSync
  #writes: Write[] = []
  #flushing = false
  #closed = false

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 2000 })
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
    this.#database.exec(tables)
  }

  read<T>(look: (database: DatabaseSync) => T): T {
    if (this.#closed) throw fault('job.unavailable', { reason: 'the gateway stops' })
    return look(this.#database)
  }

  /** @throws Fault `job.unavailable` when the disk does not take it */
  write<T>(act: (database: DatabaseSync) => T): Promise<T> {
    if (this.#closed) return Promise.reject(fault('job.unavailable', { reason: 'the gateway stops' }))
    return new Promise<T>((resolve, reject) => {
      this.#writes.push({ act, resolve: resolve as (value: never) => void, reject })
      if (this.#flushing) return
      this.#flushing = true
      setImmediate(() => this.flush())
    })
  }

  flush(): void {
    this.#flushing = false
    const writes = this.#writes
    if (writes.length === 0 || this.#closed) return
    this.#writes = []
    const results: unknown[] = []
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      for (const { act } of writes) results.push(act(this.#database))
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      const refused = fault('job.unavailable', { reason: 'the journal could not be written' }, error)
      for (const { reject } of writes) reject(refused)
      return
    }
    for (const [at, { resolve }] of writes.entries()) resolve(results[at] as never)
  }

  close(): void {
    if (this.#closed) return
    this.flush()
    this.abandon()
  }

  /** Without writing what was not written yet. */
  abandon(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { reject } of this.#writes.splice(0)) reject(fault('job.unavailable', { reason: 'the gateway stops' }))
    this.#database.close()
  }
}
