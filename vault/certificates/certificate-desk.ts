import type { Clock } from '../../runtime/core/clock.ts'
import type { VaultDesk } from '../contract.ts'
import { namePattern, nameRule } from '../words/names.ts'
import type { RecordStore } from '../parts.ts'
import { Refused } from '../refused.ts'
import { keptOf, toFacts, toKeptCertificate } from './certificate-facts.ts'
import { parseCertificates } from './parse-certificates.ts'

/** What operators do with certificates. Putting one in the place of another begins its alarms anew. */
export function createCertificateDesk({ records, clock }: { readonly records: RecordStore; readonly clock: Clock }): VaultDesk['certificates'] {
  return {
    async list() {
      const found = await records.list('certificate')
      return found.map((record) => toFacts(record.name, keptOf(record), clock.now())).sort((a, b) => a.daysLeft - b.daysLeft || (a.name < b.name ? -1 : 1))
    },

    async put(name, pem, by) {
      if (!namePattern.test(name)) throw new Refused('certificate.name', 422, `The name of a certificate ${nameRule}.`)
      const kept = toKeptCertificate(parseCertificates(pem), by)
      const before = await records.get('certificate', name)
      const isWritten = await records.put({ kind: 'certificate', name, version: (before?.version ?? 0) + 1, facts: { ...kept } })
      if (!isWritten) throw new Refused('certificate.conflict', 409, `Somebody else changed the certificate ${name} at the same time. Look at it, and try again.`)
      return toFacts(name, kept, clock.now())
    },

    async remove(name) {
      if (!(await records.remove('certificate', name))) throw new Refused('certificate.unknown', 404, `There is no certificate ${namePattern.test(name) ? name : 'of that name'}.`)
    },
  }
}
