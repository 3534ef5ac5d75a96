import { checkEntries, firstOf, type EntriesCheck, type LedgerFlaw } from './check-entries.ts'
import { noHash } from './chain.ts'
import type { LedgerEntry } from './entry.ts'
import { checkRoots, toPublicKeys, type AnchorReceipt, type PublicKeys, type SignedRoot } from './period-root.ts'
import { receiptFlaw } from './receipt.ts'
import { sayRemedy, toReason, toSaid, type Saying } from './sayings.ts'
import type { LedgerVerdict } from './verdict.ts'

/** The first line of an export. Roots follow, then receipts, then entries, one JSON text per line. */
export interface ExportHead {
  readonly sluice: 'ledger'
  readonly version: 1
  readonly ledger: string
  /** PEM: good for comparing; whoever checks must have it from elsewhere. */
  readonly publicKey: string
}

export type ExportLine = ExportHead | { readonly root: SignedRoot } | { readonly receipt: AnchorReceipt } | { readonly entry: LedgerEntry }

export interface VerifyExport {
  /** Keys that are trusted; absent: the one in the export, which proves only that the file is of one piece. */
  readonly keys?: PublicKeys | undefined
  /** What anchors outside hold, besides what the export says of them. */
  readonly receipts?: readonly AnchorReceipt[] | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
}

const batchEntries = 1000

/**
 * Reads an export to its end, or to the first thing that is wrong: no database, no network.
 * @throws Error with a sentence when this is no export at all
 */
export async function verifyExport(lines: AsyncIterable<string> | Iterable<string>, options: VerifyExport = {}): Promise<LedgerVerdict> {
  let head: ExportHead | undefined
  const roots: SignedRoot[] = []
  const receipts: AnchorReceipt[] = [...(options.receipts ?? [])]
  let check: EntriesCheck | undefined
  let rootFlaw: LedgerFlaw | undefined
  let flaw: LedgerFlaw | undefined
  let fits = 0
  let lastRoot = 0
  let batch: LedgerEntry[] = []
  let line = 0

  const begin = (ledger: string, keys: PublicKeys): EntriesCheck => {
    const own = receipts.filter((receipt) => receipt.ledger === ledger)
    const found = checkRoots(ledger, roots, keys, own)
    const spoiled = own.map((receipt) => ({ receipt, flaw: receiptFlaw(receipt) })).find(({ flaw: found }) => found !== undefined)
    rootFlaw = found.flaw
    if (spoiled?.flaw && (!rootFlaw || rootFlaw.period === undefined || spoiled.receipt.period < rootFlaw.period)) {
      const root = roots[spoiled.receipt.period - 1]
      rootFlaw = { kind: 'anchor', period: spoiled.receipt.period, number: root?.first ?? 1, ...(root ? { last: root.last } : {}), ...toReason(spoiled.flaw.code, spoiled.flaw.facts) }
    }
    fits = rootFlaw ? 0 : own.length
    lastRoot = found.good.at(-1)?.last ?? 0
    return checkEntries({ ledger, roots: found.good, from: options.from, to: options.to })
  }
  const flush = () => {
    if (batch.length > 0) flaw ??= check?.take(batch)
    batch = []
  }

  for await (const text of lines) {
    line++
    if (text.trim() === '') continue
    const value = parseLine(text)
    if (!head) {
      if (value?.sluice !== 'ledger' || value.version !== 1 || typeof value.ledger !== 'string') throw new Error('This is not an export of a ledger: its first line is not the head of one.')
      head = value as unknown as ExportHead
      continue
    }
    const entry = value?.entry as LedgerEntry | undefined
    if (!value || (entry === undefined && check)) {
      flush()
      flaw ??= { kind: 'altered', number: (check?.end.number ?? 0) + 1, ...toReason('line.altered', { line }) }
    } else if (value.root) {
      roots.push(value.root as SignedRoot)
    } else if (value.receipt) {
      receipts.push(value.receipt as AnchorReceipt)
    } else if (entry !== undefined) {
      check ??= begin(head.ledger, options.keys ?? toPublicKeys([head.publicKey]))
      if (entry.number >= check.first && entry.number <= check.stop) batch.push(entry)
      if (batch.length >= batchEntries) flush()
    }
    if (flaw) break
  }
  if (!head) throw new Error('This is not an export of a ledger: it is empty.')
  check ??= begin(head.ledger, options.keys ?? toPublicKeys([head.publicKey]))
  flush()
  flaw ??= check.finish()
  const first = firstOf(flaw, rootFlaw)
  return toVerdict(head.ledger, check, lastRoot, fits, first)
}

export function toVerdict(ledger: string, check: EntriesCheck, lastRoot: number, receipts: number, flaw: LedgerFlaw | undefined, others: readonly Saying[] = []): LedgerVerdict {
  const remarks = [...(check.backInTime ? [check.backInTime] : []), ...others]
  const { end, entries, periods, first } = check
  return {
    ok: flaw === undefined,
    ledger,
    from: entries === 0 ? 0 : first,
    to: entries === 0 ? 0 : end.number,
    periods,
    open: Math.max(0, end.number - Math.max(lastRoot, first - 1)),
    receipts,
    head: end.number === 0 ? noHash : end.hash,
    ...(flaw ? { flaw: { ...flaw, remedy: sayRemedy(flaw.kind) } } : {}),
    ...(remarks.length > 0 ? { remarks: remarks.map(toSaid) } : {}),
  }
}

function parseLine(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
