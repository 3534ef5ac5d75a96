import { toLeaf, hashEntry, type LedgerEntry } from './entry.ts'
import { consistencyPath, hashLeaf, inclusionPath, isConsistent, isIncluded } from './merkle.ts'
import { hashRoot, signatureFlaw, type AnchorReceipt, type PublicKeys, type SignedRoot } from './period-root.ts'
import { receiptFlaw } from './receipt.ts'
import { say } from './sayings.ts'

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

/** What a proof shows, or why it shows nothing. */
export type ProofVerdict = { readonly ok: true; readonly kind: LedgerProof['kind']; readonly says: readonly string[] } | { readonly ok: false; readonly reason: string }

/** Checks a proof as it was read from a file; needs no ledger and no network. */
export function checkProof(given: unknown, keys: PublicKeys): ProofVerdict {
  const proof = given as LedgerProof | null
  if (typeof proof !== 'object' || proof === null || proof.sluice !== 'ledger proof' || proof.version !== 1) return bad('This is no proof of a ledger of version 1.')
  try {
    return proof.kind === 'inclusion' ? checkInclusion(proof, keys) : proof.kind === 'consistency' ? checkConsistency(proof, keys) : bad('It is a proof of a kind that is not known here.')
  } catch {
    return bad('The proof is not whole: something that belongs to it is missing, or is of another type.')
  }
}

function checkInclusion({ entry, path, root, later, receipts }: InclusionProof, keys: PublicKeys): ProofVerdict {
  const unsigned = signatureFlaw(root, keys)
  if (unsigned) return bad(say(unsigned))
  if (entry.ledger !== root.ledger) return bad('The entry is of another ledger than the root.')
  if (entry.number < root.first || entry.number > root.last) return bad(`Entry ${entry.number} is not in period ${root.period}, which has ${root.first} to ${root.last}.`)
  if (entry.sealedBy === undefined && hashEntry(entry.before, entry) !== entry.hash) return bad(`Entry ${entry.number} was changed: its hash is another one.`)
  if (!isIncluded({ leaf: toLeaf(entry), index: entry.number - root.first, size: root.last - root.first + 1, path, root: root.root })) return bad(`Entry ${entry.number} is not what was signed in period ${root.period}: it, or the proof, was changed.`)
  const says = [`Entry ${entry.number} of ledger ${entry.ledger} is as it was written: period ${root.period} (entries ${root.first} to ${root.last}) was signed over it at ${root.closedAt}.`]
  if (later) {
    const flaw = historyFlaw(root, later, keys)
    if (flaw !== undefined) return bad(flaw)
    says.push(`Period ${root.period} is part of what was signed as period ${later.root.period} at ${later.root.closedAt}.`)
  }
  return withReceipts(says, 'inclusion', receipts, [root, ...(later ? [later.root] : [])])
}

function checkConsistency({ from, to, path, inclusion, receipts }: ConsistencyProof, keys: PublicKeys): ProofVerdict {
  for (const root of [from, to]) {
    const unsigned = signatureFlaw(root, keys)
    if (unsigned) return bad(say(unsigned))
  }
  if (from.ledger !== to.ledger) return bad('The two roots are of different ledgers.')
  if (from.period > to.period) return bad('The first root is younger than the second.')
  if (from.period === to.period && hashRoot(from) !== hashRoot(to)) return bad(`Period ${from.period} was signed twice, with different entries.`)
  if (!isConsistent({ from: from.history, fromSize: from.period - 1, to: to.history, toSize: to.period - 1, path })) return bad(`What lies before period ${from.period} is not the same in both roots.`)
  if (from.period < to.period) {
    const flaw = historyFlaw(from, { root: to, path: inclusion }, keys)
    if (flaw !== undefined) return bad(flaw)
  }
  return withReceipts([`Ledger ${from.ledger} has only grown between period ${from.period} (${from.last} entries, ${from.closedAt}) and period ${to.period} (${to.last} entries, ${to.closedAt}).`], 'consistency', receipts, [from, to])
}

function historyFlaw(root: SignedRoot, { root: later, path }: RootInHistory, keys: PublicKeys): string | undefined {
  const unsigned = signatureFlaw(later, keys)
  if (unsigned) return say(unsigned)
  if (later.ledger !== root.ledger) return 'The later root is of another ledger.'
  const included = isIncluded({ leaf: leafOf(hashRoot(root)), index: root.period - 1, size: later.period - 1, path, root: later.history })
  return included ? undefined : `Period ${root.period} is not part of what was signed as period ${later.period}.`
}

function withReceipts(says: string[], kind: LedgerProof['kind'], receipts: readonly AnchorReceipt[], roots: readonly SignedRoot[]): ProofVerdict {
  const hashes = new Map(roots.map((root) => [hashRoot(root), root]))
  for (const receipt of receipts) {
    const root = hashes.get(receipt.hash)
    if (!root || root.ledger !== receipt.ledger || root.period !== receipt.period) return bad(`The receipt of ${receipt.anchor} is of another root.`)
    const flaw = receiptFlaw(receipt)
    if (flaw) return bad(say(flaw))
    says.push(receipt.kind === 'timestamp' ? `The time stamp of ${receipt.anchor} says that period ${root.period} was there at ${receipt.at}; its own signature is for \`openssl ts -verify\`.` : `Look at ${receipt.anchor}: since ${receipt.at} it should hold ${receipt.hash} for period ${root.period}.`)
  }
  return { ok: true, kind, says }
}

const bad = (reason: string): ProofVerdict => ({ ok: false, reason })
