import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { RecordStore } from '../parts.ts'
import { repeat } from '../repeat.ts'
import { keptOf } from './certificate-facts.ts'
import { type Alarm, dueAlarms } from './due-alarms.ts'

const everyMs = 3_600_000

export interface CertificateWatch {
  /** Looks now. */
  look(): Promise<readonly Alarm[]>
  close(): void
}

/**
 * Looks at the certificates at once and every hour, and writes one line for each threshold that one of them crosses. Of several vaults on
 * one database one says it: what was said is in the record.
 */
export function watchCertificates({ records, clock, log }: { readonly records: RecordStore; readonly clock: Clock; readonly log: Log }): CertificateWatch {
  async function look(): Promise<readonly Alarm[]> {
    const found = await records.list('certificate')
    const due = dueAlarms(found.map((record) => ({ name: record.name, kept: keptOf(record) })), clock.now())
    const said: Alarm[] = []
    for (const alarm of due) {
      const record = found.find(({ name }) => name === alarm.name)
      if (!record || !(await records.put({ ...record, version: record.version + 1, facts: { ...record.facts, saidDays: alarm.atDays } }))) continue
      said.push(alarm)
      const { subject, endsAt } = keptOf(record)
      const facts = { certificate: alarm.name, subject, endsAt, daysLeft: alarm.daysLeft }
      if (alarm.atDays === 0) log.error(facts, 'a certificate has expired')
      else log.warn(facts, `a certificate expires within ${alarm.atDays === 1 ? 'a day' : `${alarm.atDays} days`}`)
    }
    return said
  }

  const watch = repeat(look, { everyMs, clock, failed: (thrown) => log.warn({ error: (thrown as Error).message }, 'certificates cannot be looked at') })
  return { look, close: watch.close }
}
