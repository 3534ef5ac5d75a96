import { noHash } from './chain.ts'
import type { LedgerEntry } from './entry.ts'
import { createGrowingTree, hashLeaf } from './merkle.ts'
import { hashRoot, toSigned, type PeriodRoot, type SignedRoot } from './period-root.ts'

/** Signs roots: control's key, or another of Ed25519. */
export interface RootSigner {
  /** PEM. */
  readonly publicKey: string
  readonly keyId: string
  /** Base64. */
  sign(text: string): string
}

export interface ClosedPeriod {
  /** Its first and its last entry, which `checkEntries` found good as all between. */
  readonly first: Pick<LedgerEntry, 'ledger' | 'number'>
  readonly last: Pick<LedgerEntry, 'number' | 'hash'>
  /** Of the tree of the leaves of its entries. */
  readonly root: string
  /** Hashes of all roots before. */
  readonly rootHashes: readonly string[]
  readonly closedAt: string
}

/** The root of the next period. */
export function signRoot(signer: RootSigner, { first, last, root: ofEntries, rootHashes, closedAt }: ClosedPeriod): SignedRoot {
  const history = createGrowingTree()
  for (const hash of rootHashes) history.add(hashLeaf(Buffer.from(hash, 'hex')))
  const root: PeriodRoot = {
    ledger: first.ledger,
    period: rootHashes.length + 1,
    first: first.number,
    last: last.number,
    closedAt,
    root: ofEntries,
    head: last.hash,
    before: rootHashes.at(-1) ?? noHash,
    history: history.root(),
    key: signer.keyId,
  }
  return { ...root, signature: signer.sign(toSigned(hashRoot(root))) }
}
