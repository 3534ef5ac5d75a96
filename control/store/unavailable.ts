import { Refused } from '../contract.ts'

/** What a failing database means for the person who runs it: Refused `store.unavailable` 503. A refusal stays itself. */
export function toUnavailable(thrown: unknown): Refused {
  if (thrown instanceof Refused) return thrown
  return new Refused('store.unavailable', 503, `The store is not available: ${reason(thrown)} Nothing was changed; what is live keeps serving.`)
}

// SQLite result codes: https://www.sqlite.org/rescode.html
const sqliteReasons: Readonly<Record<number, string>> = {
  5: 'the database is locked by another program.',
  8: 'the data folder cannot be written to. Check its owner and permissions.',
  10: 'reading or writing the data folder failed. Check the disk.',
  11: 'the database file is damaged. Restore it from a copy.',
  13: 'the disk is full. Free some space.',
  14: 'the database file cannot be opened. Check the owner and permissions of the data folder.',
}

function reason(thrown: unknown): string {
  const error = thrown as { errcode?: number; code?: string; message?: string }
  if (typeof error.errcode === 'number') return sqliteReasons[error.errcode & 0xff] ?? `SQLite said “${error.message}”.`
  if (error.code === 'ENOSPC') return 'the disk is full. Free some space.'
  if (error.code === 'EACCES' || error.code === 'EROFS' || error.code === 'EPERM') return 'the data folder cannot be written to. Check its owner and permissions.'
  if (error.code === '23505') return 'another control process writes to the same database. Run only one.'
  if (error.code === '53100') return 'the disk of the PostgreSQL server is full.'
  if (error.code === '28P01' || error.code === '28000') return 'PostgreSQL refused the user or password of DATABASE_URL.'
  if (error.code === '3D000') return 'the database named in DATABASE_URL does not exist.'
  if (error.code === 'ECONNREFUSED' || error.code === 'ENOTFOUND' || error.code === 'ETIMEDOUT' || error.code === 'ECONNRESET' || error.code === 'ENOENT') {
    return `PostgreSQL cannot be reached (${error.code}). Check DATABASE_URL and the server.`
  }
  return error.code ? `the database answered ${error.code}.` : 'the database failed.'
}
