import type { Clock } from '../../runtime/core/time/clock.ts'
import type { VaultStatus } from '../contract.ts'
import type { RecordStore } from '../parts.ts'
import { daysLeft, keptOf } from './certificate-facts.ts'

/** How the certificates are, in numbers: for whoever watches the vault from outside. */
export async function loadCertificateStatus({ records, clock }: { readonly records: Pick<RecordStore, 'list'>; readonly clock: Pick<Clock, 'now'> }): Promise<NonNullable<VaultStatus['certificates']>> {
  const days = (await records.list('certificate')).map((record) => daysLeft(keptOf(record), clock.now()))
  return { imported: days.length, expired: days.filter((left) => left < 0).length, ...(days.length > 0 ? { leastDaysLeft: Math.min(...days) } : {}) }
}
