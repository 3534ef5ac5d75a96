import { hashEntry } from '../../ledger/entry.ts'
import type { BoundedMap } from '../../runtime/core/bounded-map.ts'
import { noHash } from '../../ledger/chain.ts'
import type { AuditedAct, LedgerAnswer, TravellingRecord } from '../../runtime/core/state/ledger.ts'
import type { Audit } from '../audit.ts'
import { auditLedger } from '../ledger-contract.ts'
import type { LedgerEntryRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { HeadSealer } from './head-seal.ts'
import { toRecord } from './to-record.ts'

/** Acts of nodes that the audit log takes from gateways. */
const acts: ReadonlySet<unknown> = new Set<AuditedAct['action']>(['quota.adjust'])

/**
 * Gives records their places, in their order, in one transaction. A record that is there already gets the place it has. The answers
 * are in the order of the records. `noted` has the ids of the acts that the audit log took lately: a gateway that did not hear of it sends them again.
 */
export async function appendRecords(
  { store, now, sealer, audit, noted }: { readonly store: Pick<Store, 'transaction'>; readonly now: () => number; readonly sealer: HeadSealer; readonly audit: Pick<Audit, 'add'>; readonly noted: Pick<BoundedMap<true>, 'get' | 'set'> },
  gateway: string,
  given: readonly unknown[],
): Promise<readonly LedgerAnswer[]> {
  const answers: LedgerAnswer[] = given.map(() => ({ refused: 'ledger.value' }))
  const byLedger = new Map<string, { readonly place: number; readonly record: TravellingRecord; readonly text: string }[]>()
  async function noteAct(from: string, { id, value, flow, node, run, takenAt, organisation }: TravellingRecord): Promise<LedgerAnswer> {
    const { action, detail } = value as AuditedAct
    if (!noted.get(id)) await audit.add(`gateway ${from}`, action, { ...detail, node, run, takenAt }, undefined, { subject: `flows/${flow}`, organisation })
    noted.set(id, true)
    return { ledger: auditLedger, number: 0, hash: '' } // nobody waits for its place
  }

  for (const [place, one] of given.entries()) {
    const read = toRecord(one)
    if ('refused' in read) {
      answers[place] = read
    } else if (read.record.ledger === auditLedger) {
      answers[place] = acts.has((read.record.value as Partial<AuditedAct> | null)?.action) ? await noteAct(gateway, read.record) : { refused: 'ledger.refused' }
    } else {
      const of = byLedger.get(read.record.ledger)
      if (of) of.push({ place, ...read })
      else byLedger.set(read.record.ledger, [{ place, ...read }])
    }
  }
  if (byLedger.size === 0) return answers
  await store.transaction(async ({ ledgers }) => {
    const at = new Date(now()).toISOString()
    // In the order of their names: who locks several never waits for somebody who waits for him.
    for (const [ledger, records] of [...byLedger].sort(([one], [other]) => (one < other ? -1 : 1))) {
      const empty = { name: ledger, organisation: records[0]?.record.organisation ?? null, number: 0, hash: noHash, seal: null, sealed_by: null, created_at: at }
      const row = await ledgers.lock(empty)
      const known = new Map((await ledgers.known(ledger, records.map(({ record }) => record.id))).map(({ id, number, hash }) => [id, { ledger, number, hash }]))
      const rows: LedgerEntryRow[] = []
      let { number, hash } = row
      for (const { place, record, text } of records) {
        if ((record.organisation ?? null) !== row.organisation) {
          answers[place] = { refused: 'ledger.refused' }
          continue
        }
        let there = known.get(record.id)
        if (!there) {
          const source = { gateway, flow: record.flow, node: record.node, run: record.run, takenAt: record.takenAt }
          number++
          hash = hashEntry(hash, { ledger, number, at, id: record.id, source, value: JSON.parse(text) as unknown })
          rows.push({ ledger, number, at, id: record.id, source: JSON.stringify(source), value: text, hash })
          there = { ledger, number, hash }
          known.set(record.id, there)
        }
        answers[place] = there
      }
      if (rows.length === 0) continue
      await ledgers.addEntries(rows)
      await ledgers.moveHead(ledger, { number, hash, ...sealer.seal({ ...row, number, hash }) })
    }
  })
  return answers
}
