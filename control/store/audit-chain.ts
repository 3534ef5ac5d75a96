import { createHash } from 'node:crypto'
import type { AuditRow } from './schema.ts'

/** What the first entry hashes in place of one before it. */
export const noAuditHash = '0'.repeat(64)

/** Key in `meta` of number and hash of the last entry. */
export const auditHeadKey = 'audit.head'

export function auditHead(number: number, hash: string): string {
  return `${number}:${hash}`
}

/** SHA-256 over the hash before and the entry, hex. An array keeps the parts apart, whatever is in them. */
export function hashAuditRow(before: string, row: Omit<AuditRow, 'hash'>): string {
  const parts = [before, row.number, row.at, row.user_name, row.action, row.from_address, row.subject, row.organisation, row.before, row.after, row.detail]
  return createHash('sha256').update(JSON.stringify(parts), 'utf8').digest('hex')
}
