import { createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { noHash } from '../../ledger/chain.ts'
import type { Saying } from '../../ledger/sayings.ts'
import type { SealingKey } from '../keys/key-files.ts'
import type { LedgerRow } from '../store/schema.ts'
import { keyOfBytes } from '../../runtime/core/secrets/key-of-bytes.ts'

/** Says of the end of a ledger that control wrote it: until its period is signed, nothing else does. */
export interface HeadSealer {
  seal(row: Pick<LedgerRow, 'name' | 'organisation' | 'number' | 'hash'>): Pick<LedgerRow, 'seal' | 'sealed_by'>
  /** What is wrong with the seal of a row; `undefined`: nothing. */
  flaw(row: LedgerRow): Saying | undefined
}

/** HMAC-SHA-256 under keys derived from the credential keys (RFC 5869); the first of them seals. */
export function createHeadSealer(keys: readonly SealingKey[]): HeadSealer {
  const byId = new Map(keys.map(({ id, key }) => [id, keyOfBytes(Buffer.from(hkdfSync('sha256', key, '', 'sluice ledger head', 32)))]))
  const current = keys[0]?.id
  const hash = (key: KeyObject, { name, organisation, number, hash: end }: Pick<LedgerRow, 'name' | 'organisation' | 'number' | 'hash'>) => createHmac('sha256', key).update(JSON.stringify(['sluice ledger head', name, organisation, number, end]), 'utf8').digest('hex')
  return {
    seal(row) {
      const key = current === undefined ? undefined : byId.get(current)
      return key === undefined || current === undefined ? { seal: null, sealed_by: null } : { seal: hash(key, row), sealed_by: current }
    },
    flaw(row) {
      if (row.number === 0 && row.hash === noHash) return undefined
      if (byId.size === 0 && row.seal === null) return undefined
      const key = byId.get(row.sealed_by ?? '')
      if (!key) return { code: 'end.key', facts: {} }
      const good = Buffer.from(hash(key, row))
      const there = Buffer.from(row.seal ?? '')
      return good.length === there.length && timingSafeEqual(good, there) ? undefined : { code: 'end.forged', facts: {} }
    },
  }
}
