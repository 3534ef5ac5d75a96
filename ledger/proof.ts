import type { Facts } from '../runtime/core/saying.ts'
import { toLeaf, hashEntry, type LedgerEntry } from './entry.ts'
import { consistencyPath, hashLeaf, inclusionPath, isConsistent, isIncluded } from './merkle.ts'
import { hashRoot, signatureFlaw, type AnchorReceipt, type PublicKeys, type SignedRoot } from './period-root.ts'
import { receiptFlaw } from './receipt.ts'
import { toReason, toSaid, type Said, type Saying, type SayingCode } from './sayings.ts'

/** A root shown to be part of what a later root was signed on top of. */
export interface RootInHistory {
  readonly root: SignedRoot
  readonly path: readonly string[]
}

/** That an entry stands in a ledger: JSON that needs nothing else but the public key. */
export interface InclusionProof {
  readonly sluice: 'ledger proof'
  readonly version: 1
  readonly kind: 'inclusion'
  readonly entry: LedgerEntry
  /** From the entry to the root of its period (RFC 9162 §2.1.3). */
  readonly path: readonly string[]
  readonly root: SignedRoot
  /** From that root to the newest. Absent: it is the newest. */
  readonly later?: RootInHistory | undefined
  /** Who outside has held these roots. */
  readonly receipts: readonly AnchorReceipt[]
  /** The key that signed, PEM: good for comparing; whoever checks must have it from elsewhere. */
  readonly publicKey: string
}

/** That a ledger has only grown from one root to another (RFC 9162 §2.1.4). */
export interface ConsistencyProof {
  readonly sluice: 'ledger proof'
  readonly version: 1
  readonly kind: 'consistency'
  readonly from: SignedRoot
  readonly to: SignedRoot
  /** Between the histories of the two. */
  readonly path: readonly string[]
  /** From the first root to the history of the second. */
  readonly inclusion: readonly string[]
  readonly receipts: readonly AnchorReceipt[]
  readonly publicKey: string
}

export type LedgerProof = InclusionProof | ConsistencyProof

const head = { sluice: 'ledger proof', version: 1 } as const
const leafOf = (rootHash: string) => hashLeaf(Buffer.from(rootHash, 'hex'))

/** `entries`: all of the period of `root`; `rootHashes`: of all roots up to `latest`. */
export function toInclusionProof(parts: {
  readonly number: number
  readonly entries: readonly LedgerEntry[]
  readonly root: SignedRoot
  readonly latest: SignedRoot
  readonly rootHashes: readonly string[]
  readonly receipts: readonly AnchorReceipt[]
  readonly publicKey: string
}): InclusionProof {
  const { number, entries, root, latest, rootHashes, receipts, publicKey } = parts
  const index = number - root.first
  const path = inclusionPath(entries.map(toLeaf), index)
  const later = latest.period > root.period ? { root: latest, path: inclusionPath(rootHashes.slice(0, latest.period - 1).map(leafOf), root.period - 1) } : undefined
  return { ...head, kind: 'inclusion', entry: entries[index] as LedgerEntry, path, root, ...(later ? { later } : {}), receipts, publicKey }
}

export function toConsistencyProof({ from, to, rootHashes, receipts, publicKey }: { readonly from: SignedRoot; readonly to: SignedRoot; readonly rootHashes: readonly string[]; readonly receipts: readonly AnchorReceipt[]; readonly publicKey: string }): ConsistencyProof {
  const leaves = rootHashes.slice(0, to.period - 1).map(leafOf)
  return { ...head, kind: 'consistency', from, to, path: consistencyPath(leaves, from.period - 1), inclusion: from.period < to.period ? inclusionPath(leaves, from.period - 1) : [], receipts, publicKey }
}

/** What a proof shows, or why it shows nothing; sentences in English beside their codes. */
export type ProofVerdict = { readonly ok: true; readonly kind: LedgerProof['kind']; readonly says: readonly Said[] } | (Saying & { readonly ok: false; readonly reason: string })

/** Checks a proof as it was read from a file; needs no ledger and no network. */
export function checkProof(given: unknown, keys: PublicKeys): ProofVerdict {
  const proof = given as LedgerProof | null
  if (typeof proof !== 'object' || proof === null || proof.sluice !== 'ledger proof' || proof.version !== 1) return bad('proof.no_proof')
  try {
    return proof.kind === 'inclusion' ? checkInclusion(proof, keys) : proof.kind === 'consistency' ? checkConsistency(proof, keys) : bad('proof.kind')
  } catch {
    return bad('proof.torn')
  }
}

function checkInclusion({ entry, path, root, later, receipts }: InclusionProof, keys: PublicKeys): ProofVerdict {
  const { ledger, number } = entry
  const { period, first, last } = root
  const unsigned = signatureFlaw(root, keys)
  if (unsigned) return bad(unsigned.code, unsigned.facts)
  if (ledger !== root.ledger) return bad('proof.other_ledger')
  if (number < first || number > last) return bad('proof.other_period', { number, period, first, last })
  if (entry.sealedBy === undefined && hashEntry(entry.before, entry) !== entry.hash) return bad('proof.entry_changed', { number })
  if (!isIncluded({ leaf: toLeaf(entry), index: number - first, size: last - first + 1, path, root: root.root })) return bad('proof.not_signed', { number, period })
  const says: Saying[] = [{ code: 'proof.entry', facts: { number, ledger, period, first, last, at: root.closedAt } }]
  if (later) {
    const flaw = historyFlaw(root, later, keys)
    if (flaw) return bad(flaw.code, flaw.facts)
    says.push({ code: 'proof.later', facts: { period, later: later.root.period, at: later.root.closedAt } })
  }
  return withReceipts(says, 'inclusion', receipts, [root, ...(later ? [later.root] : [])])
}

function checkConsistency({ from, to, path, inclusion, receipts }: ConsistencyProof, keys: PublicKeys): ProofVerdict {
  for (const root of [from, to]) {
    const unsigned = signatureFlaw(root, keys)
    if (unsigned) return bad(unsigned.code, unsigned.facts)
  }
  const { ledger, period } = from
  if (ledger !== to.ledger) return bad('proof.roots_differ')
  if (period > to.period) return bad('proof.order')
  if (period === to.period && hashRoot(from) !== hashRoot(to)) return bad('proof.twice', { period })
  if (!isConsistent({ from: from.history, fromSize: period - 1, to: to.history, toSize: to.period - 1, path })) return bad('proof.past', { period })
  if (period < to.period) {
    const flaw = historyFlaw(from, { root: to, path: inclusion }, keys)
    if (flaw) return bad(flaw.code, flaw.facts)
  }
  return withReceipts([{ code: 'proof.grown', facts: { ledger, from: period, before: from.last, since: from.closedAt, to: to.period, after: to.last, until: to.closedAt } }], 'consistency', receipts, [from, to])
}

function historyFlaw(root: SignedRoot, { root: later, path }: RootInHistory, keys: PublicKeys): Saying | undefined {
  const unsigned = signatureFlaw(later, keys)
  if (unsigned) return unsigned
  if (later.ledger !== root.ledger) return { code: 'proof.later_ledger', facts: {} }
  const included = isIncluded({ leaf: leafOf(hashRoot(root)), index: root.period - 1, size: later.period - 1, path, root: later.history })
  return included ? undefined : { code: 'proof.not_part', facts: { period: root.period, later: later.period } }
}

function withReceipts(says: Saying[], kind: LedgerProof['kind'], receipts: readonly AnchorReceipt[], roots: readonly SignedRoot[]): ProofVerdict {
  const hashes = new Map(roots.map((root) => [hashRoot(root), root]))
  for (const receipt of receipts) {
    const { anchor: witness, at, hash } = receipt
    const root = hashes.get(hash)
    if (!root || root.ledger !== receipt.ledger || root.period !== receipt.period) return bad('proof.receipt', { witness })
    const flaw = receiptFlaw(receipt)
    if (flaw) return bad(flaw.code, flaw.facts)
    says.push(receipt.kind === 'timestamp' ? { code: 'proof.stamp', facts: { witness, period: root.period, at } } : { code: 'proof.witness', facts: { witness, at, hash, period: root.period } })
  }
  return { ok: true, kind, says: says.map(toSaid) }
}

const bad = (code: SayingCode, facts: Facts = {}): ProofVerdict => ({ ok: false, ...toReason(code, facts) })
