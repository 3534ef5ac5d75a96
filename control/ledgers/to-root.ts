import type { SignedRoot } from '../../ledger/period-root.ts'
import type { LedgerPeriodRow } from '../store/schema.ts'

/** The root that a row holds. One that cannot be read any more gives a root that no key has signed: whoever checks it says so. */
export function toRoot({ ledger, period, last_number: last, root }: LedgerPeriodRow): SignedRoot {
  const unsigned = { ledger, period, first: last, last, closedAt: new Date(0).toISOString(), root: '', head: '', before: '', history: '', key: '', signature: '' }
  try {
    return { ...unsigned, ...(JSON.parse(root) as SignedRoot) }
  } catch {
    return unsigned
  }
}
