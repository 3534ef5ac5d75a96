import type { LedgerFlaw } from './check-entries.ts'

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
}

/** What to do about it. */
export function remedyOf(flaw: LedgerFlaw): string {
  switch (flaw.kind) {
    case 'signature':
      return 'If control was set up anew, give the public key that it had before; else somebody has written this root who does not hold the key. Compare with a backup and with the anchors outside.'
    case 'anchor':
      return 'Keep what the anchor holds: it is what was signed first. Compare this ledger with a backup from that time.'
    default:
      return 'Change nothing. Compare with a backup, or with an export from before, to see what was written there; the audit log and the database log say who was in the database.'
  }
}
