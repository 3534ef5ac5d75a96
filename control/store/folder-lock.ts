import { DatabaseSync } from 'node:sqlite'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Refused } from '../contract.ts'

/**
 * Makes this process the only one that writes to a data folder. The lock itself is the operating system's
 * (an exclusive SQLite lock on `control.lock`), so a holder that died holds nothing; `control.pid` beside
 * it only tells who the holder is. @throws Refused `store.locked` 409, naming the holder
 */
export function lockFolder(folder: string, nowIso: string): { release(): void } {
  const pidFile = join(folder, 'control.pid')
  const lock = new DatabaseSync(join(folder, 'control.lock'), { timeout: 0 })
  try {
    // Memory journal: the lock file has no content to recover.
    lock.exec('pragma journal_mode = memory; begin exclusive')
  } catch {
    lock.close()
    throw new Refused(
      'store.locked',
      409,
      `The data folder ${folder} is in use by ${holder(pidFile)}. Stop that process, or give this one another folder with SLUICE_DATA_DIR.`,
    )
  }
  writeFileSync(pidFile, JSON.stringify({ pid: process.pid, since: nowIso }), { mode: 0o600 })
  return {
    release() {
      rmSync(pidFile, { force: true })
      lock.close()
    },
  }
}

function holder(pidFile: string): string {
  try {
    const { pid, since } = JSON.parse(readFileSync(pidFile, 'utf8')) as { pid?: unknown; since?: unknown }
    return `process ${pid} since ${since}`
  } catch {
    return 'another process'
  }
}
