import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { makeFolder } from '../core/files/make-folder.ts'
import type { Log } from '../core/log.ts'
import type { Clock } from '../core/time/clock.ts'

/** Counts that never end, by name. They outlive the process but for what was counted in its last second. */
export interface Totals {
  /** What was counted under a name, 0 for one that is not known; not `whole` while what is on disk cannot be read. */
  read(name: string): StoredTotal
  /** Counts so much more, or less. Written with all of the same second. */
  add(name: string, change: number): void
  /** Writes what is not written yet. */
  close(): void
}

export interface StoredTotal {
  readonly used: number
  readonly whole: boolean
}

export interface TotalsOptions {
  /** Where `totals.db` lies; only this gateway writes there. */
  readonly folder: string
  readonly clock: Pick<Clock, 'setTimer'>
  readonly log: Log
}

/** What may be forgotten by a gateway that is killed. */
const saveAfterMs = 1000
/** Names that are written in one turn of the event loop. */
const mostAtOnce = 1000

interface TotalsFile {
  readonly database: DatabaseSync
  readonly find: StatementSync
  readonly change: StatementSync
  readonly drop: StatementSync
}

/**
 * Totals of one gateway, in a file of its own, which is opened when somebody needs it. What is written are changes, never sums:
 * a sum that could not be read is not overwritten. While the disk does nothing, counting goes on in memory, which is logged once, and
 * the disk is asked again each second.
 */
export function openTotals({ folder, clock, log }: TotalsOptions): Totals {
  const path = join(folder, 'totals.db')
  /** Changes that are not written yet. */
  const waiting = new Map<string, number>()
  let file: TotalsFile | undefined
  let complained = false
  let resting = false
  let closed = false
  let cancel: (() => void) | undefined

  function opened(): TotalsFile {
    if (file) return file
    makeFolder(folder, 0o700)
    try {
      file = openFile(path)
    } catch (error) {
      if (!isDamaged(error)) throw error
      setAside(path)
      log.error({ file: `${path}.unreadable`, error }, 'the totals of earlier runs are damaged; they were put aside and begin anew')
      file = openFile(path)
    }
    return file
  }

  function fail(error: unknown): void {
    resting = true
    saveLater()
    if (complained) return
    complained = true
    log.error({ file: path, error }, 'totals cannot be kept on disk; they are counted in memory')
  }

  function save(most: number): void {
    const changes = [...waiting.entries().take(most)]
    try {
      write(opened(), changes)
    } catch (error) {
      fail(error)
      return
    }
    complained = false
    for (const [name] of changes) waiting.delete(name)
  }

  function saveLater(): void {
    cancel ??= clock.setTimer(() => {
      cancel = undefined
      resting = false
      saveInTurns()
    }, saveAfterMs)
  }

  /** Calls are answered between one portion and the next. */
  function saveInTurns(): void {
    if (closed) return
    if (waiting.size > 0) save(mostAtOnce)
    if (waiting.size > 0 && !resting) setImmediate(saveInTurns)
  }

  return {
    read(name) {
      const unsaved = waiting.get(name) ?? 0
      if (!closed && !resting) {
        try {
          return { used: ((opened().find.get(name) as { used: number } | undefined)?.used ?? 0) + unsaved, whole: true }
        } catch (error) {
          fail(error)
        }
      }
      return { used: unsaved, whole: false }
    },
    add(name, change) {
      if (closed) return
      const sum = (waiting.get(name) ?? 0) + change
      if (sum === 0) waiting.delete(name)
      else waiting.set(name, sum)
      saveLater()
    },
    close() {
      if (closed) return
      if (waiting.size > 0) save(waiting.size)
      closed = true
      cancel?.()
      file?.database.close()
    },
  }
}

function openFile(path: string): TotalsFile {
  const database = new DatabaseSync(path, { timeout: 2000 })
  try {
    // Written is what a killed process cannot take along; a sync each second would hold up calls.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;')
    return {
      database,
      find: database.prepare('SELECT used FROM totals WHERE name = ?'),
      change: database.prepare('INSERT INTO totals (name, used) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET used = used + excluded.used'),
      drop: database.prepare('DELETE FROM totals WHERE name = ? AND used = 0'),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

function write({ database, change, drop }: TotalsFile, changes: readonly (readonly [name: string, change: number])[]): void {
  try {
    database.exec('BEGIN IMMEDIATE')
    for (const [name, by] of changes) {
      change.run(name, by)
      if (by < 0) drop.run(name)
    }
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB: the file is no database, or none any more. */
function isDamaged(error: unknown): boolean {
  return [11, 26].includes((error as { errcode?: number }).errcode ?? 0)
}

function setAside(path: string): void {
  renameSync(path, `${path}.unreadable`)
  for (const beside of ['-wal', '-shm']) {
    try {
      renameSync(`${path}${beside}`, `${path}.unreadable${beside}`)
    } catch {
      // It was closed in good order, or never written to.
    }
  }
}
