import { noHash } from '../../ledger/chain.ts'
import { toConsistencyProof, toInclusionProof, type ConsistencyProof, type InclusionProof } from '../../ledger/proof.ts'
import type { ExportLine } from '../../ledger/read-export.ts'
import { Refused } from '../contract.ts'
import type { Store } from '../store/store.ts'
import type { Periods } from './periods.ts'
import { readReceipts, readRoots, type Roots } from './read-roots.ts'
import { openSource, pageRows, type EntrySource } from './sources.ts'

/** What auditors take away: proofs and exports, which need nothing but the public key. */
export interface TakeAway {
  /** @throws Refused `record.none` 404, `ledger.flawed` 409 */
  proveEntry(source: EntrySource, number: number): Promise<InclusionProof>
  /** Between two periods; `to` absent: the newest. @throws Refused `record.none` 404 */
  proveGrowth(name: string, from: number, to: number | undefined): Promise<ConsistencyProof>
  /** `cursor`: number and hash of the last entry before, and the number of the last one wanted. @throws Refused `query.invalid` 422 */
  exportPage(source: EntrySource, cursor: string | undefined): Promise<{ readonly lines: readonly string[]; readonly next?: string }>
}

const toLine = (value: ExportLine) => JSON.stringify(value)

export function createTakeAway({ store, periods, publicKey }: { readonly store: Pick<Store, 'ledgers' | 'audit'>; readonly periods: Pick<Periods, 'close'>; readonly publicKey: string }): TakeAway {
  /** Signs what is open where the entry is in no period yet. */
  async function signedUpTo(name: string, number: number): Promise<Roots> {
    const found = await readRoots(store, name)
    if ((found.roots.at(-1)?.last ?? 0) >= number) return found
    const flaw = await periods.close(name, true)
    if (flaw) throw new Refused('ledger.flawed', 409, `What is open in ledger ${name} cannot be signed: ${flaw.reason} Verify the ledger.`)
    return await readRoots(store, name)
  }

  async function receiptsOf(name: string, roots: Roots['roots'], one: number, other: number) {
    return (await readReceipts(store, name, roots)).filter(({ period }) => period === one || period === other)
  }

  /** Head, roots and receipts; where entries follow, up to which. */
  async function exportFirst(name: string): Promise<{ readonly lines: readonly string[]; readonly next?: string }> {
    await periods.close(name, true)
    const { roots } = await readRoots(store, name)
    const receipts = await readReceipts(store, name, roots)
    const end = (await openSource(store, name))?.head.number ?? 0
    return {
      lines: [toLine({ sluice: 'ledger', version: 1, ledger: name, publicKey }), ...roots.map((root) => toLine({ root })), ...receipts.map((receipt) => toLine({ receipt }))],
      ...(end > 0 ? { next: `0.${noHash}.${end}` } : {}),
    }
  }

  return {
    async proveEntry(source, number) {
      const { name, head } = source
      if (!Number.isSafeInteger(number) || number < 1 || number > head.number) throw new Refused('record.none', 404, `Ledger ${name} has no record ${number}; it has ${head.number}.`)
      const { roots, hashes } = await signedUpTo(name, number)
      const root = roots.find(({ last }) => last >= number)
      const latest = roots.at(-1)
      if (!root || !latest) throw new Refused('record.none', 404, `Record ${number} of ledger ${name} is in no period yet. Try again.`)
      const previous = roots[root.period - 2]
      const size = root.last - root.first + 1
      const entries = await source.after(previous ? { number: previous.last, hash: previous.head } : { number: 0, hash: noHash }, size)
      if (entries.length !== size) throw new Refused('ledger.flawed', 409, `Records of period ${root.period} are missing. Verify the ledger.`)
      const receipts = await receiptsOf(name, roots, root.period, latest.period)
      return toInclusionProof({ number, entries, root, latest, rootHashes: hashes, receipts, publicKey })
    },
    async proveGrowth(name, from, to) {
      const { roots, hashes } = await readRoots(store, name)
      const first = roots[from - 1]
      const second = roots[(to ?? roots.length) - 1]
      if (!first || !second || first.period > second.period) throw new Refused('record.none', 404, `Ledger ${name} has ${roots.length} signed periods; give two of them, the earlier one first.`)
      const receipts = await receiptsOf(name, roots, first.period, second.period)
      return toConsistencyProof({ from: first, to: second, rootHashes: hashes, receipts, publicKey })
    },
    async exportPage(source, cursor) {
      if (cursor === undefined) return await exportFirst(source.name)
      const [, number, hash, end] = /^(\d{1,10})\.([0-9a-f]{64})\.(\d{1,10})$/.exec(cursor) ?? []
      if (number === undefined || hash === undefined || end === undefined) throw new Refused('query.invalid', 422, '“cursor” is not the `next` of a page.')
      const page = await source.after({ number: Number(number), hash }, Math.min(pageRows, Math.max(0, Number(end) - Number(number))))
      const last = page.at(-1)
      return { lines: page.map((entry) => toLine({ entry })), ...(last && last.number < Number(end) ? { next: `${last.number}.${last.hash}.${end}` } : {}) }
    },
  }
}
