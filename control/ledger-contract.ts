import type { LedgerEntry } from '../ledger/entry.ts'
import type { ConsistencyProof, InclusionProof } from '../ledger/proof.ts'
import type { Saying } from '../ledger/sayings.ts'
import type { LedgerVerdict } from '../ledger/verdict.ts'
import type { Actor, Page } from './consumers-contract.ts'

export type { LedgerEntry } from '../ledger/entry.ts'
export type { ConsistencyProof, InclusionProof } from '../ledger/proof.ts'
export type { LedgerVerdict } from '../ledger/verdict.ts'
export type { Saying } from '../ledger/sayings.ts'

export { auditLedger } from '../runtime/core/state/ledger.ts'

/**
 * Records that cannot be altered. A ledger belongs to the organisation of the flow that wrote its first record; whoever may read the
 * audit log there may read it. Every method throws Refused `record.none` 404 for what is not there or not his, `auth.role` 403.
 */
export interface Ledgers {
  /** Those somebody may read, by name. */
  list(by: Actor): Promise<readonly LedgerInfo[]>
  get(name: string, by: Actor): Promise<LedgerInfo>
  /** Newest first; 1 … 200, 50 when absent. */
  entries(name: string, query: { readonly limit?: number; readonly cursor?: string }, by: Actor): Promise<Page<LedgerEntry>>
  /**
   * Reads the ledger, or the periods that hold a range of it, and names the first thing that is wrong. Without a range, what is open
   * is signed first. @throws Refused `query.invalid` 422
   */
  verify(name: string, range: { readonly from?: number; readonly to?: number }, by: Actor): Promise<LedgerVerdict>
  /** That one entry stands there. Signs what is open when it is not in a period yet. @throws Refused `ledger.flawed` 409 when that cannot be signed */
  prove(name: string, number: number, by: Actor): Promise<InclusionProof>
  /** That the ledger has only grown between two periods; to the newest when `to` is absent. */
  proveGrowth(name: string, from: number, to: number | undefined, by: Actor): Promise<ConsistencyProof>
  /** All of it, a part at a time, as lines of JSON: head, roots and receipts, then entries. What is open is signed first. */
  exportPage(name: string, cursor: string | undefined, by: Actor): Promise<{ readonly lines: readonly string[]; readonly next?: string }>
  /** How the witnesses are doing, for whoever reads some ledger. */
  witnesses(by: Actor): Promise<readonly LedgerWitness[]>
  /** Witnesses that took no root the last time they were asked. */
  readonly witnessesAway: number
  /** What signs: Ed25519, PEM. */
  key(by: Actor): Promise<{ readonly publicKey: string; readonly keyId: string }>
}

export interface LedgerInfo {
  readonly name: string
  readonly organisation?: string
  readonly entries: number
  /** Of the last entry. */
  readonly hash: string
  readonly lastPeriod?: { readonly period: number; readonly last: number; readonly closedAt: string; readonly hash: string }
  /** Entries that are in no signed period yet. */
  readonly open: number
  /** Why the open entries cannot be signed. */
  readonly problem?: string
  /** The same for whoever has words for it. */
  readonly why?: Saying
  readonly anchors: readonly LedgerAnchorInfo[]
}

/** A witness outside, whatever ledger it holds roots of. */
export interface LedgerWitness {
  /** File or URL, without what may be secret in it. */
  readonly anchor: string
  readonly kind: 'file' | 'http' | 'timestamp'
  /** Roots that wait to be taken there, of all ledgers together. */
  readonly waiting: number
  /** Since when it takes none, how often it was asked since, when it is asked again, and why it took none the last time. */
  readonly away?: { readonly since: string; readonly tries: number; readonly nextTryAt: string; readonly problem: string; readonly why: Saying }
}

export interface LedgerAnchorInfo {
  /** File or URL, without what may be secret in it. */
  readonly anchor: string
  readonly kind: 'file' | 'http' | 'timestamp'
  /** Newest period it has, and when it got it. */
  readonly period?: number
  readonly at?: string
  /** Roots that wait to be taken there. */
  readonly waiting: number
  /** Why the oldest of them was not taken the last time. */
  readonly problem?: string
  /** Since when this anchor takes no roots. */
  readonly since?: string
  /** The same as the problem, for whoever has words for it. */
  readonly why?: Saying
}

/** How control calls witnesses outside: one POST, past the egress policy. Rejects with an error whose message may be shown. */
export type WitnessPost = (request: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer; readonly timeoutMs: number; readonly limitBytes: number }) => Promise<{ readonly status: number; readonly body: Buffer }>
