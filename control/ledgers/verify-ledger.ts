import { checkEntries, firstOf, type LedgerFlaw } from '../../ledger/check-entries.ts'
import { noHash, type ChainPoint } from '../../ledger/chain.ts'
import { checkRoots, type AnchorReceipt, type PublicKeys, type SignedRoot } from '../../ledger/period-root.ts'
import { toVerdict } from '../../ledger/read-export.ts'
import { receiptFlaw } from '../../ledger/receipt.ts'
import { toReason, type Saying } from '../../ledger/sayings.ts'
import type { LedgerVerdict } from '../../ledger/verdict.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'
import type { Periods } from './periods.ts'
import { readReceipts, readRoots } from './read-roots.ts'
import { openSource, pageRows, type EntrySource } from './sources.ts'

export interface VerifyParts {
  readonly store: Pick<Store, 'ledgers' | 'audit'>
  readonly periods: Pick<Periods, 'headFlaw'>
  readonly anchors: readonly Anchor[]
  readonly trusted: PublicKeys
}

/** Numbers of the first and the last entry that are wanted; what is read is whole periods. */
export interface EntryRange {
  readonly from?: number
  readonly to?: number
}

/**
 * Reads a ledger, or the periods that hold a range of it: roots against witnesses and signatures, entries against chain and roots, the
 * end against what control alone knows of it. `endChecked`: who asks has checked the end himself.
 */
export async function verifyLedger({ store, periods, anchors, trusted }: VerifyParts, source: EntrySource, range: EntryRange, { endChecked = false } = {}): Promise<LedgerVerdict> {
  const { name, head } = source
  const { roots } = await readRoots(store, name)
  const kept = await readReceipts(store, name, roots)
  // Files are asked themselves: what the database says of them is no witness.
  const read = (await Promise.all(anchors.map(async (anchor) => (await anchor.read?.(name)) ?? []))).flat()
  const receipts = [...kept.filter(({ kind }) => kind !== 'file'), ...read]
  const { good, flaw: ofRoots } = checkRoots(name, roots, trusted, receipts)
  const rootFlaw = ofRoots ?? spoiledReceipt(kept, roots)
  const check = checkEntries({ ledger: name, roots: good, from: range.from, to: range.to })
  const wanted = Math.min(head.number, check.stop)
  let flaw: LedgerFlaw | undefined
  while (!flaw && check.end.number < wanted) {
    const page = await source.after(check.end, Math.min(pageRows, wanted - check.end.number))
    if (page.length === 0) break
    flaw = check.take(page)
  }
  flaw ??= check.finish(head)
  const lost = check.stop === Infinity ? anchors.flatMap((anchor) => (anchor.read ? lostRoots(anchor.name, kept, read) : [])) : []
  // Only who reads to the end can say something of it.
  if (!flaw && check.stop === Infinity) flaw = (endChecked ? undefined : await periods.headFlaw(source, { number: 0, hash: noHash })) ?? (await beyondEnd(store, name, check.end))
  return toVerdict(name, check, good.at(-1)?.last ?? 0, rootFlaw ? 0 : receipts.length, firstOf(flaw, rootFlaw), lost)
}

/** Roots that a file was given, and does not hold any more. */
function lostRoots(witness: string, kept: readonly AnchorReceipt[], read: readonly AnchorReceipt[]): Saying[] {
  const held = new Set(read.filter(({ anchor }) => anchor === witness).map(({ period }) => period))
  const lost = kept.filter(({ anchor, period }) => anchor === witness && !held.has(period)).map(({ period }) => period)
  return lost.length === 0 ? [] : [{ code: 'witness.lost', facts: { witness, count: lost.length, period: Math.min(...lost) } }]
}

/** The first receipt that proves nothing by itself. */
function spoiledReceipt(receipts: readonly AnchorReceipt[], roots: readonly SignedRoot[]): LedgerFlaw | undefined {
  for (const receipt of receipts) {
    const root = roots[receipt.period - 1]
    const found = root && receiptFlaw(receipt)
    if (found) return { kind: 'anchor', period: root.period, number: root.first, last: root.last, ...toReason(found.code, found.facts) }
  }
  return undefined
}

/** A row behind the end. */
async function beyondEnd(store: VerifyParts['store'], name: string, end: ChainPoint): Promise<LedgerFlaw | undefined> {
  const source = await openSource(store, name)
  const [row] = (await source?.after(end, 1)) ?? []
  // What was written since is within the end as it is now.
  const head = (await openSource(store, name))?.head
  if (!row || !head || row.number <= head.number) return undefined
  return { kind: 'inserted', number: row.number, ...toReason('record.beyond', { number: row.number, last: head.number }) }
}
