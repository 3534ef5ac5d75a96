import { hashLink } from './chain.ts'
import { toCanonicalJson } from './canonical-json.ts'
import { hashLeaf } from './merkle.ts'

/** A record in its place, as it is kept, shown and exported. */
export interface LedgerEntry {
  readonly ledger: string
  /** From 1 on, without gaps. */
  readonly number: number
  /** When control took it, ISO 8601. */
  readonly at: string
  /** What a second delivery of the same record is known by. */
  readonly id: string
  /** Where it came from: gateway, flow, node, run; whatever it is, it is plain JSON. */
  readonly source: unknown
  readonly value: unknown
  /** Hash of the entry before it; `noHash` of the first. */
  readonly before: string
  readonly hash: string
  /** Of the audit log: name of the key under which `hash` was made. Such a hash control alone can check; the period's root covers it. */
  readonly sealedBy?: string | undefined
}

/** The link's hash of an entry that is not sealed. */
export function hashEntry(before: string, { ledger, number, at, id, source, value }: Omit<LedgerEntry, 'before' | 'hash'>): string {
  return hashLink(`ledger ${ledger}`, before, number, [at, id, source, value])
}

/** The leaf of an entry in the tree of its period: covers all of it, its place and its hash. */
export function toLeaf({ ledger, number, at, id, source, value, before, hash, sealedBy }: LedgerEntry): string {
  return hashLeaf(toCanonicalJson(['sluice ledger entry 1', ledger, number, at, id, source, value, before, hash, sealedBy ?? null]))
}
