import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The key of a journal for which none is given: made once, and kept beside it for its owner alone. */
export function loadOwnKey(folder: string): Buffer {
  const path = join(folder, 'job.key')
  try {
    const found = Buffer.from(readFileSync(path, 'utf8'), 'base64')
    if (found.length === 32) return found
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const made = randomBytes(32)
  writeFileSync(path, made.toString('base64'), { mode: 0o600, flush: true })
  return made
}
