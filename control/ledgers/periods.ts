import { checkEntries, type LedgerFlaw } from '../../ledger/check-entries.ts'
import { noHash, type ChainPoint } from '../../ledger/chain.ts'
import { toLeaf, type LedgerEntry } from '../../ledger/entry.ts'
import { createGrowingTree } from '../../ledger/merkle.ts'
import { hashRoot, type AnchorReceipt, type SignedRoot } from '../../ledger/period-root.ts'
import { toReason } from '../../ledger/sayings.ts'
import { signRoot, type ClosedPeriod, type RootSigner } from '../../ledger/sign-root.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Audit } from '../audit.ts'
import { auditLedger } from '../ledger-contract.ts'
import { createSerial } from '../serial.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'
import { toWaiting } from './deliver.ts'
import type { HeadSealer } from './head-seal.ts'
import { openSource, pageRows, type EntrySource } from './sources.ts'
import { toRoot } from './to-root.ts'

export interface PeriodsParts {
  readonly store: Pick<Store, 'ledgers' | 'audit' | 'transaction'>
  readonly audit: Pick<Audit, 'verify'>
  readonly sealer: HeadSealer
  readonly signer: RootSigner
  /** Each is to be given the root of every period. */
  readonly anchors: readonly Anchor[]
  readonly clock: Clock
  readonly log: Log
  /** A period is due when its first entry is so old, or when it has so many. */
  readonly periodMs: number
  readonly periodEntries: number
}

/** Periods of ledgers: closed one after the other, each signed when all of it is as it was written. */
export interface Periods {
  /** Closes what is due, or with `all` whatever is open. What is not as it was written is not signed: the result says why. */
  close(name: string, all: boolean): Promise<LedgerFlaw | undefined>
  lastRoot(name: string): Promise<SignedRoot | undefined>
  /** What is wrong with the end of a ledger, as control alone can tell: its own seal; of the audit log its chain behind `start`. */
  headFlaw(source: EntrySource, start: ChainPoint): Promise<LedgerFlaw | undefined>
  /** Why what is open in a ledger cannot be signed. */
  problemOf(name: string): LedgerFlaw | undefined
}

const closesWaiting = 200

/** Makes what closes periods; one is closed at a time in this process, and another process that was faster is no harm. */
export function createPeriods({ store, audit, sealer, signer, anchors, clock, log, periodMs, periodEntries }: PeriodsParts): Periods {
  const closing = createSerial(1, closesWaiting)
  const problems = new Map<string, LedgerFlaw>()

  async function lastRoot(name: string): Promise<SignedRoot | undefined> {
    const row = await store.ledgers.lastPeriod(name)
    return row && toRoot(row)
  }

  async function close(name: string, all: boolean): Promise<LedgerFlaw | undefined> {
    return await closing(async () => {
      for (;;) {
        const before = await lastRoot(name)
        const source = await openSource(store, name)
        const start: ChainPoint = before ? { number: before.last, hash: before.head } : { number: 0, hash: noHash }
        const open = (source?.head.number ?? 0) - start.number
        if (!source || open <= 0) return undefined
        if (!all && open < periodEntries) {
          const [first] = await source.after(start, 1)
          // Its distance: a clock that was set back would keep what was written before from being signed until it is there again.
          if (first && Math.abs(clock.now() - Date.parse(first.at)) < periodMs) return undefined
        }
        const read = await readOpen(source, before, start)
        if ('flaw' in read) return note(name, read.flaw)
        const rootHashes = await store.ledgers.periodHashes(name)
        const period = before?.period ?? 0
        if (rootHashes.length !== period) {
          if (((await lastRoot(name))?.period ?? 0) !== period) continue // another process was here meanwhile
          return note(name, { kind: 'missing', number: start.number + 1, ...toReason('root.history', { have: rootHashes.length, periods: period }) })
        }
        const beyond = await knownBeyond(name, period)
        if (beyond) {
          if (((await lastRoot(name))?.period ?? 0) !== period) continue // likewise
          return note(name, { kind: 'truncated', period: period + 1, number: start.number + 1, ...toReason('root.cut', { period: beyond.period, witness: beyond.anchor, since: beyond.at, last: period }) })
        }
        const root = signRoot(signer, { ...read, rootHashes, closedAt: new Date(clock.now()).toISOString() })
        await store.transaction(async (tables) => {
          const added = await tables.ledgers.addPeriod({ ledger: name, period: root.period, last_number: root.last, hash: hashRoot(root), root: JSON.stringify(root) })
          if (added) await tables.ledgers.addAnchors(anchors.map((anchor) => toWaiting(name, root.period, anchor, new Date(clock.now()).toISOString())))
        })
        problems.delete(name)
      }
    })
  }

  /** What a witness holds of a period behind the last one here: another past would be signed in its place. */
  async function knownBeyond(name: string, period: number): Promise<AnchorReceipt | undefined> {
    for (const anchor of anchors) {
      const newest = await anchor.newest?.(name)
      if (newest && newest.period > period) return newest
    }
    return undefined
  }

  function note(name: string, flaw: LedgerFlaw): LedgerFlaw {
    if (problems.get(name)?.reason !== flaw.reason) log.error({ ledger: name, number: flaw.number, reason: flaw.reason }, 'a ledger is not as it was written: what is open in it is not signed')
    problems.set(name, flaw)
    return flaw
  }

  /** The next entries to sign, read against the root before them. */
  async function readOpen(source: EntrySource, before: SignedRoot | undefined, start: ChainPoint): Promise<Pick<ClosedPeriod, 'first' | 'last' | 'root'> | { readonly flaw: LedgerFlaw }> {
    const check = checkEntries({ ledger: source.name, roots: before ? [before] : [], from: start.number + 1 })
    const tree = createGrowingTree()
    let first: LedgerEntry | undefined
    let last: LedgerEntry | undefined
    const wanted = Math.min(periodEntries, source.head.number - start.number)
    // A page at a time: nothing else of control waits for ten thousand hashes.
    while (tree.size < wanted) {
      const page = await source.after(check.end, Math.min(pageRows, wanted - tree.size))
      const flaw = page.length === 0 ? check.finish(source.head) : check.take(page)
      if (flaw) return { flaw }
      if (page.length === 0) break
      for (const entry of page) tree.add(toLeaf(entry))
      first ??= page[0]
      last = page.at(-1)
    }
    const flaw = (wanted === source.head.number - start.number ? check.finish(source.head) : undefined) ?? (await headFlaw(source, start))
    if (flaw) return { flaw }
    if (!first || !last) return { flaw: { kind: 'missing', number: start.number + 1, ...toReason('record.missing', { number: start.number + 1 }) } }
    return { first, last, root: tree.root() }
  }

  async function headFlaw({ name, head }: EntrySource, start: ChainPoint): Promise<LedgerFlaw | undefined> {
    if (name === auditLedger) {
      const verdict = await audit.verify(start)
      return verdict.ok ? undefined : { kind: 'altered', number: verdict.number, code: verdict.code, facts: verdict.facts, reason: verdict.reason }
    }
    const row = await store.ledgers.get(name)
    const flaw = row && sealer.flaw(row)
    return flaw && { kind: 'altered', number: Math.max(1, head.number), ...toReason(flaw.code, flaw.facts) }
  }

  return { close, lastRoot, headFlaw, problemOf: (name) => problems.get(name) }
}
