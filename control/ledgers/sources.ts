import { noHash, type ChainPoint } from '../../ledger/chain.ts'
import type { LedgerEntry } from '../../ledger/entry.ts'
import { auditLedger } from '../ledger-contract.ts'
import { parseAuditHead } from '../store/audit-chain.ts'
import type { AuditRow, LedgerEntryRow, LedgerRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** Entries that are read at a time: whoever reads many lets others in between. */
export const pageRows = 1000

/** The entries of a ledger, wherever they lie. */
export interface EntrySource {
  readonly name: string
  readonly organisation: string | null
  /** Where it ends. */
  readonly head: ChainPoint
  /** The next ones behind a place, oldest first, each with the hash of the one before it. */
  after(point: ChainPoint, limit: number): Promise<readonly LedgerEntry[]>
  /** Those below a number, newest first. */
  before(number: number, limit: number): Promise<readonly LedgerEntry[]>
}

/** Where the entries of a ledger are read; `undefined` when there is none of that name. */
export async function openSource(tables: Pick<Store, 'ledgers' | 'audit'>, name: string): Promise<EntrySource | undefined> {
  if (name === auditLedger) return auditSource(tables, parseAuditHead(await tables.audit.head()))
  const row = await tables.ledgers.get(name)
  return row && ledgerSource(tables, row)
}

function ledgerSource({ ledgers }: Pick<Store, 'ledgers'>, { name, organisation, number, hash }: LedgerRow): EntrySource {
  return {
    name,
    organisation,
    head: { number, hash },
    after: async (point, limit) => chained(point.hash, (await ledgers.after(name, point.number, limit)).map(toEntry)),
    async before(below, limit) {
      // One more: its hash is what the last of them stands on.
      const entries = (await ledgers.before(name, below, limit + 1)).map(toEntry)
      return entries.slice(0, limit).map((entry, place) => ({ ...entry, before: entries[place + 1]?.hash ?? noHash }))
    },
  }
}

/** The audit log as a ledger: its own hashes are keyed, the roots of its periods are as those of all others. */
function auditSource({ audit }: Pick<Store, 'audit'>, head: ChainPoint): EntrySource {
  return {
    name: auditLedger,
    organisation: null,
    head,
    after: async (point, limit) => chained(point.hash, (await audit.after(point.number, limit)).map(toAuditEntry)),
    async before(below, limit) {
      const entries = (await audit.list({ before: below, limit: limit + 1 })).map(toAuditEntry)
      return entries.slice(0, limit).map((entry, place) => ({ ...entry, before: entries[place + 1]?.hash ?? noHash }))
    },
  }
}

type Unchained = Omit<LedgerEntry, 'before'>

function chained(hash: string, entries: readonly Unchained[]): LedgerEntry[] {
  let before = hash
  return entries.map((entry) => {
    const full = { ...entry, before }
    before = entry.hash
    return full
  })
}

function toEntry({ ledger, number, at, id, source, value, hash }: LedgerEntryRow): Unchained {
  return { ledger, number, at, id, source: parse(source), value: parse(value), hash }
}

function toAuditEntry(row: AuditRow): Unchained {
  const { number, at, user_name: user, from_address: from, action, subject, organisation, before, after, detail, hash, sealed_by } = row
  return {
    ledger: auditLedger, number, at, id: String(number), source: { user, from }, hash,
    value: { action, subject, organisation, before: before === null ? null : parse(before), after: after === null ? null : parse(after), detail: parse(detail) },
    sealedBy: sealed_by ?? 'none',
  }
}

/** What is no JSON any more is shown as the text it is: no hash fits it. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return { unreadable: text }
  }
}
