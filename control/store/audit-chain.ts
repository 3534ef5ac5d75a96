import { createHash, createHmac, hkdfSync } from 'node:crypto'
import type { AuditRow } from './schema.ts'
import { keyOfBytes } from '../../runtime/core/secrets/key-of-bytes.ts'

/** What the first entry hashes in place of one before it. */
export const noAuditHash = '0'.repeat(64)

/** Key in `meta` of number and hash of the last entry. */
export const auditHeadKey = 'audit.head'

/** Where the log stands, as it lies in the store. */
export function auditHead(number: number, hash: string): string {
  return `${number}:${hash}`
}

/** Reads it back; that of an empty log when there is none. */
export function parseAuditHead(head: string | undefined): { readonly number: number; readonly hash: string } {
  const [number = '0', hash = noAuditHash] = (head ?? '').split(':')
  return { number: Number(number), hash }
}

/** An entry as it is written; number and hash come with its place in the chain. */
export type AuditEntry = Omit<AuditRow, 'number' | 'hash' | 'sealed_by'>
type Hashed = Omit<AuditRow, 'hash' | 'sealed_by'>

/** Gives entries hashes that nobody without the key can make. */
export interface AuditSealer {
  /** Name of the key, kept with every entry. */
  readonly id: string
  hash(before: string, row: Hashed): string
}

/**
 * SHA-256 over the hash before and the entry, hex: entries of stores from before there was a key. An array keeps the parts
 * apart, whatever is in them.
 */
export function hashAuditRow(before: string, row: Hashed): string {
  return createHash('sha256').update(JSON.stringify(partsOf(before, row)), 'utf8').digest('hex')
}

/** HMAC-SHA-256 under a key derived from the credential key (RFC 5869), so that whoever holds the database alone cannot make a chain anew. */
export function createAuditSealer({ id, key }: { readonly id: string; readonly key: Buffer }): AuditSealer {
  const own = keyOfBytes(Buffer.from(hkdfSync('sha256', key, '', 'sluice audit log', 32)))
  return { id, hash: (before, row) => createHmac('sha256', own).update(JSON.stringify(['sealed', id, ...partsOf(before, row)]), 'utf8').digest('hex') }
}

function partsOf(before: string, row: Hashed): unknown[] {
  return [before, row.number, row.at, row.user_name, row.action, row.from_address, row.subject, row.organisation, row.before, row.after, row.detail]
}
