/** What became of the requests of a story. Every request ends in exactly one of these. */
export interface LedgerCounts {
  /** Answered 200 with its own id and one version. */
  ok: number
  /** Answered 4xx. */
  refusedByServer: number
  /** Answered 5xx. */
  failed: number
  /** The connection was reset. */
  reset: number
  /** The connection was refused. */
  refused: number
  /** The connection ended before the answer was complete, or nothing came in time. */
  cutOff: number
  /** Several versions in one answer, or a version older than the connection or the client had seen. */
  wrongVersion: number
  /** Someone else's answer. */
  wrongId: number
}

export type Outcome = keyof LedgerCounts

/** Books every request once and keeps the first few that went wrong, for the failure text. */
export class Ledger {
  readonly counts: LedgerCounts = { ok: 0, refusedByServer: 0, failed: 0, reset: 0, refused: 0, cutOff: 0, wrongVersion: 0, wrongId: 0 }
  readonly samples: string[] = []
  /** Versions that answered, with how many answers each gave. */
  readonly versions = new Map<number, number>()

  book(outcome: Outcome, detail = ''): void {
    this.counts[outcome] += 1
    if (outcome !== 'ok' && this.samples.length < 10) this.samples.push(`${outcome}: ${detail.slice(0, 300)}`)
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0)
  }

  get lost(): number {
    return this.total - this.counts.ok
  }
}
