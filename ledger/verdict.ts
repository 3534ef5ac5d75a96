import type { LedgerFlaw } from './check-entries.ts'
import type { Said } from './sayings.ts'

/** What reading a ledger, or a part of it, found. */
export interface LedgerVerdict {
  readonly ok: boolean
  readonly ledger: string
  /** Numbers of the first and the last entry that were read; 0 and 0 when there was none. */
  readonly from: number
  readonly to: number
  /** Whole periods that were read. */
  readonly periods: number
  /** Entries behind the last period: chained, and not signed yet. */
  readonly open: number
  /** Receipts of witnesses outside that fit. */
  readonly receipts: number
  /** Hash of the last entry that was read. */
  readonly head: string
  /** The first thing that is wrong. */
  readonly flaw?: LedgerFlaw & { readonly remedy: string }
  /** What is no flaw, and what an auditor will want to ask about; `text` in English. */
  readonly remarks?: readonly Said[]
}
