import type { Clock } from '../../runtime/core/time/clock.ts'
import { checkRevision } from '../check-revision.ts'
import type { VaultDesk } from '../contract.ts'
import { namePattern, nameRule } from '../words/names.ts'
import type { RecordStore, VaultRecord } from '../parts.ts'
import { Refused } from '../refused.ts'
import { toFacts, toKeptCertificate } from './certificate-facts.ts'
import { parseCertificates } from './parse-certificates.ts'

/** What operators do with certificates. Putting one in the place of another begins its alarms anew. */
export function createCertificateDesk({ records, clock }: { readonly records: RecordStore; readonly clock: Clock }): VaultDesk['certificates'] {
  return {
    async list() {
      const found = await records.list('certificate')
      return found.map((record) => toFacts(record, clock.now())).sort((a, b) => a.daysLeft - b.daysLeft || (a.name < b.name ? -1 : 1))
    },

    async put(name, pem, by, expected) {
      if (!namePattern.test(name)) throw new Refused('certificate.name', 422, `The name of a certificate ${nameRule}.`)
      const kept = toKeptCertificate(parseCertificates(pem), by)
      const before = await records.get('certificate', name)
      checkRevision(`certificate ${name}`, expected, before?.version)
      const record: VaultRecord = { kind: 'certificate', name, version: (before?.version ?? 0) + 1, facts: { ...kept } }
      const isWritten = await records.put(record)
      if (!isWritten && expected !== undefined) checkRevision(`certificate ${name}`, expected, (await records.get('certificate', name))?.version)
      if (!isWritten) throw new Refused('certificate.conflict', 409, `Somebody else changed the certificate ${name} at the same time. Look at it, and try again.`)
      return toFacts(record, clock.now())
    },

    async remove(name, _by, expected) {
      const revision = typeof expected === 'number' ? expected : undefined
      if (expected !== 'none' && (await records.remove('certificate', name, revision))) return
      const found = revision === undefined ? undefined : await records.get('certificate', name)
      if (found) checkRevision(`certificate ${name}`, revision, found.version)
      throw new Refused('certificate.unknown', 404, `There is no certificate ${namePattern.test(name) ? name : 'of that name'}.`)
    },
  }
}
