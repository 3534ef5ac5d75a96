import { createHash, createPublicKey, verify } from 'node:crypto'
import type { Facts } from '../runtime/core/saying.ts'
import { toCanonicalJson } from './canonical-json.ts'
import { noHash } from './chain.ts'
import { createGrowingTree, hashLeaf } from './merkle.ts'
import { toReason, type Saying, type SayingCode } from './sayings.ts'

/** What is signed of a period: its entries as the root of a tree, and all periods before it. */
export interface PeriodRoot {
  readonly ledger: string
  /** From 1 on, without gaps. */
  readonly period: number
  /** Numbers of its first and last entry. */
  readonly first: number
  readonly last: number
  /** ISO 8601. */
  readonly closedAt: string
  /** Root of the tree of its entries. */
  readonly root: string
  /** Hash of its last entry. */
  readonly head: string
  /** Hash of the root before; `noHash` of the first. */
  readonly before: string
  /** Root of the tree of the hashes of all roots before. */
  readonly history: string
  /** Names the key that signs. */
  readonly key: string
}

export interface SignedRoot extends PeriodRoot {
  /** Ed25519 over `toSigned(hashRoot(root))`, base64. */
  readonly signature: string
}

/** SHA-256 in hex: what is signed, what the next root names, and what anchors outside hold. */
export function hashRoot({ ledger, period, first, last, closedAt, root, head, before, history, key }: PeriodRoot): string {
  return createHash('sha256').update(toCanonicalJson(['sluice ledger root 1', ledger, period, first, last, closedAt, root, head, before, history, key]), 'utf8').digest('hex')
}

/** The text under the signature. */
export function toSigned(rootHash: string): string {
  return `sluice ledger root\n${rootHash}`
}

/** Name of an Ed25519 key: the first 16 digits of the SHA-256 of its SubjectPublicKeyInfo. */
export function keyIdOf(publicKey: string): string {
  return createHash('sha256').update(createPublicKey(publicKey).export({ type: 'spki', format: 'der' })).digest('hex').slice(0, 16)
}

export type PublicKeys = ReadonlyMap<string, string>

/** @throws TypeError of what is no public key in PEM */
export function toPublicKeys(pems: readonly string[]): PublicKeys {
  return new Map(pems.map((pem) => [keyIdOf(pem), pem]))
}

/** Why the signature of a root is not good; `undefined` when it is. */
export function signatureFlaw(root: SignedRoot, keys: PublicKeys): Saying | undefined {
  const key = keys.get(root.key)
  if (key === undefined) return { code: 'root.key', facts: { period: root.period, key: root.key } }
  try {
    const signature = Buffer.from(root.signature, 'base64')
    // Base64 has several spellings of the same bytes; a root has one.
    if (signature.toString('base64') === root.signature && verify(null, Buffer.from(toSigned(hashRoot(root)), 'utf8'), key, signature)) return undefined
  } catch {
    // not a root at all
  }
  return { code: 'root.unsigned', facts: { period: root.period } }
}

/** An outside witness of a root. */
export interface AnchorReceipt {
  readonly ledger: string
  readonly period: number
  /** Hash of the root. */
  readonly hash: string
  readonly kind: 'file' | 'http' | 'timestamp'
  /** Where: a file or a URL. */
  readonly anchor: string
  readonly at: string
  /** Of a timestamp: the TimeStampResp of RFC 3161, base64. */
  readonly token?: string | undefined
}

/** What is wrong with the line of roots. */
export interface RootFlaw extends Saying {
  readonly kind: 'missing' | 'altered' | 'signature' | 'truncated' | 'anchor'
  readonly period: number
  /** Numbers of the entries it is about, as far as they are known. */
  readonly number: number
  readonly last?: number
  readonly reason: string
}

/**
 * Checks roots from period 1 on: each signed, each naming the one before, its history grown by one. `receipts` must be of roots that are here.
 * Gives those before the first that is wrong.
 */
export function checkRoots(ledger: string, roots: readonly SignedRoot[], keys: PublicKeys, receipts: readonly Pick<AnchorReceipt, 'period' | 'hash' | 'anchor' | 'at'>[] = []): { readonly good: readonly SignedRoot[]; readonly flaw?: RootFlaw } {
  const witnesses = new Map<number, (typeof receipts)[number][]>()
  for (const receipt of receipts) {
    const of = witnesses.get(receipt.period)
    if (of) of.push(receipt)
    else witnesses.set(receipt.period, [receipt])
  }
  const history = createGrowingTree()
  let before = noHash
  let last = 0
  for (const [place, root] of roots.entries()) {
    const expected = place + 1
    const { period } = root
    const flaw = (kind: RootFlaw['kind'], code: SayingCode, facts: Facts = { period }) => ({ good: roots.slice(0, place), flaw: { kind, period: expected, number: last + 1, ...(root.last > last ? { last: root.last } : {}), ...toReason(code, facts) } })
    if (period > expected) return flaw('missing', 'root.missing', { period: expected })
    if (period !== expected) return flaw('altered', 'root.replayed', { period, expected })
    if (root.ledger !== ledger) return flaw('altered', 'root.other_ledger')
    const signature = signatureFlaw(root, keys)
    if (signature) return flaw('signature', signature.code, signature.facts)
    if (root.first !== last + 1 || root.last < root.first) return flaw('altered', 'root.gap')
    if (root.before !== before || root.history !== history.root()) return flaw('altered', 'root.past')
    before = hashRoot(root)
    for (const receipt of witnesses.get(root.period) ?? []) {
      if (receipt.hash !== before) return flaw('anchor', 'root.anew', { period, witness: receipt.anchor, since: receipt.at })
    }
    history.add(hashLeaf(Buffer.from(before, 'hex')))
    last = root.last
  }
  const beyond = receipts.filter(({ period }) => period > roots.length).sort((one, other) => one.period - other.period)[0]
  if (beyond) return { good: roots, flaw: { kind: 'truncated', period: roots.length + 1, number: last + 1, ...toReason('root.cut', { period: beyond.period, witness: beyond.anchor, since: beyond.at, last: roots.length }) } }
  return { good: roots }
}
