/** Name of a ledger. */
export const ledgerNamePattern = '^[a-z0-9][a-z0-9-]{0,63}$'

/** Name under which control's audit log is a ledger like any other. Flows write nothing of their own to it; some nodes do: see {@link AuditedAct}. */
export const auditLedger = 'audit'

/** What a node did that belongs into the audit log, as the value of a record for {@link auditLedger}. */
export interface AuditedAct {
  readonly action: 'quota.adjust'
  /** What was done. Holds no secret, and of callers no more than who they proved to be. */
  readonly detail: Readonly<Record<string, unknown>>
}

/** What a record may be large, as JSON in UTF-8. */
export const recordLimitBytes = 64 * 1024

/** Whether JSON holds what no ledger keeps: NUL, which PostgreSQL does not take, or half a character (a lone surrogate). */
export function holdsUnkeepable(json: string): boolean {
  // After an even number of backslashes; after an odd one the backslash itself is escaped, as in a path of Windows.
  return /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(json)
}

/** Where records go that cannot be altered: control keeps them, gateways hand them over. */
export interface Ledger {
  /**
   * Resolves when control has given the record its place.
   * @throws Fault `ledger.unavailable` when control does not say so by `deadline`: it may have the record, once, all the same;
   * `ledger.refused`, `ledger.too_large`, `ledger.value`
   */
  append(record: LedgerRecord, options: { readonly deadline: number; readonly signal?: AbortSignal }): Promise<LedgerPlace>
  /**
   * Resolves when the record is on this gateway's disk, from where it is handed over in the order of these calls, exactly once,
   * however often the gateway is killed meanwhile.
   * @throws Fault `ledger.unavailable` when it cannot be written, or too much waits; `ledger.too_large`, `ledger.value`
   */
  appendSoon(record: LedgerRecord): Promise<{ readonly id: string }>
}

export interface LedgerRecord {
  readonly ledger: string
  /** JSON. */
  readonly value: unknown
  readonly flow: string
  readonly node: string
  readonly run: string
  /** Whose flow it is; absent: nobody's. */
  readonly organisation?: string | undefined
}

/** A record as it travels. `id` is the same however often it is sent. */
export interface TravellingRecord extends LedgerRecord {
  readonly id: string
  /** When the gateway took it, ISO 8601. */
  readonly takenAt: string
}

/** Where a record stands. */
export interface LedgerPlace {
  readonly ledger: string
  /** From 1 on. */
  readonly number: number
  /** Of the entry, which covers all before it. */
  readonly hash: string
}

/** What control says of one record that it was sent. */
export type LedgerAnswer = LedgerPlace | { readonly refused: string }

/** Records on their way to control, oldest first. */
export interface LedgerQueue {
  /** The oldest that wait, within a number and a size; nothing is taken out. */
  peek(limit: number, limitBytes: number): readonly TravellingRecord[]
  /** Control has answered what `peek` gave, in its order. */
  answered(records: readonly TravellingRecord[], answers: readonly LedgerAnswer[]): void
  /** Told when something waits; one listener. */
  onWaiting(listener: () => void): void
}
