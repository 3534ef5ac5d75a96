import { checkChain, noHash, type ChainPoint, type FlawKind } from './chain.ts'
import { hashEntry, toLeaf, type LedgerEntry } from './entry.ts'
import { createGrowingTree } from './merkle.ts'
import type { RootFlaw, SignedRoot } from './period-root.ts'
import { toReason, type Saying } from './sayings.ts'

/** The first thing that is wrong with a ledger. */
export interface LedgerFlaw extends Saying {
  readonly kind: FlawKind | RootFlaw['kind']
  /** Of the first entry that is not as it was written, or is not there. */
  readonly number: number
  /** Where the entry cannot be told more closely: it is between `number` and this one. */
  readonly last?: number | undefined
  readonly period?: number | undefined
  /** In English, what code and facts say. */
  readonly reason: string
}

export interface EntriesCheck {
  /** Number of the entry to begin with: the first of the period that holds `from`. */
  readonly first: number
  /** Number of the entry to end with: the last of the period that holds `to`; Infinity when that is not closed. */
  readonly stop: number
  /** The next entries, in the order they lie in. */
  take(entries: readonly LedgerEntry[]): LedgerFlaw | undefined
  /** There are no more. `head`: what was written last, where that is known. */
  finish(head?: ChainPoint): LedgerFlaw | undefined
  /** The first entry of an earlier time than the one before it. */
  readonly backInTime: Saying | undefined
  /** Entries that were good, and periods that are whole. */
  readonly entries: number
  readonly periods: number
  /** Where the last good one stands. */
  readonly end: ChainPoint
}

/** Clocks of several controls may differ so much without anybody having done anything. */
const skewMs = 60_000

/**
 * Reads the entries of a ledger against roots that `checkRoots` found good. `from`: the number to begin with; the root before its
 * period vouches for all before. Stops at `to`, or rather at the end of its period.
 */
export function checkEntries({ ledger, roots, from = 1, to = Infinity }: { readonly ledger: string; readonly roots: readonly SignedRoot[]; readonly from?: number | undefined; readonly to?: number | undefined }): EntriesCheck {
  const found = roots.findIndex(({ last }) => last >= from)
  let place = found === -1 ? roots.length : found
  const previous = roots[place - 1]
  const start: ChainPoint = previous ? { number: previous.last, hash: previous.head } : { number: 0, hash: noHash }
  let end = start
  let tree = createGrowingTree()
  const stop = roots.find(({ last }) => last >= to)?.last ?? Infinity
  let entries = 0
  let periods = 0
  let at: string | undefined
  let backInTime: Saying | undefined

  function plant(entry: LedgerEntry): LedgerFlaw | undefined {
    const root = roots[place]
    if (!root) return undefined
    tree.add(toLeaf(entry))
    if (entry.number < root.last) return undefined
    const same = tree.root() === root.root && entry.hash === root.head
    const { first, last, period } = root
    if (!same) return { kind: 'altered', number: first, last, period, ...toReason('period.altered', { first, last, period }) }
    place++
    periods++
    tree = createGrowingTree()
    return undefined
  }

  return {
    first: start.number + 1,
    stop,
    take(given) {
      const links = given.map((entry) => ({ number: entry.number, hash: entry.hash, content: entry }))
      const check = checkChain(ledger, links, {
        from: end,
        hash: (before, { content }) => {
          const entry = content as LedgerEntry
          if (entry.ledger !== ledger || entry.before !== before) return ''
          return entry.sealedBy === undefined ? hashEntry(before, entry) : entry.hash
        },
      })
      for (const entry of given) {
        if (entry.number <= end.number) continue
        if (entry.number > check.end.number) break
        let flaw: LedgerFlaw | undefined
        try {
          flaw = plant(entry)
        } catch {
          flaw = { kind: 'altered', number: entry.number, ...toReason('record.unwritable', { number: entry.number }) }
        }
        if (flaw) return flaw
        if (at !== undefined && Date.parse(at) - Date.parse(entry.at) > skewMs) backInTime ??= { code: 'time.back', facts: { number: entry.number, at: entry.at, before: at } }
        at = entry.at
        end = { number: entry.number, hash: entry.hash }
        entries++
      }
      return check.flaw
    },
    finish(head) {
      const most = Math.min(stop, Math.max(head?.number ?? 0, roots.at(-1)?.last ?? 0))
      if (end.number < most) {
        const root = roots[place]
        const cut = { number: end.number + 1, count: most }
        const said = tree.size > 0 && root ? toReason('record.cut_in_period', { ...cut, first: root.first, end: end.number, period: root.period }) : toReason('record.cut', cut)
        return { kind: 'truncated', number: cut.number, ...said }
      }
      if (head && end.number === head.number && end.hash !== head.hash) return { kind: 'altered', number: Math.max(1, end.number), ...toReason('record.not_last', { number: end.number }) }
      return undefined
    },
    get backInTime() {
      return backInTime
    },
    get entries() {
      return entries
    },
    get periods() {
      return periods
    },
    get end() {
      return end
    },
  }
}

/** The one that comes first in the ledger. */
export function firstOf(entry: LedgerFlaw | undefined, root: LedgerFlaw | undefined): LedgerFlaw | undefined {
  if (!entry || !root) return entry ?? root
  return root.number < entry.number ? root : entry
}
