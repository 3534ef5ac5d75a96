import { noHash } from './chain.ts'
import type { LedgerEntry } from './entry.ts'
import { toLeaf } from './entry.ts'
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

/** The root of the next period over these entries, which `checkEntries` found good. `rootHashes`: of all roots before. */
export function signRoot(signer: RootSigner, { entries, rootHashes, closedAt }: { readonly entries: readonly LedgerEntry[]; readonly rootHashes: readonly string[]; readonly closedAt: string }): SignedRoot {
  const first = entries[0]
  const last = entries.at(-1)
  if (!first || !last) throw new Error('A period has at least one entry.')
  const tree = createGrowingTree()
  for (const entry of entries) tree.add(toLeaf(entry))
  const history = createGrowingTree()
  for (const hash of rootHashes) history.add(hashLeaf(Buffer.from(hash, 'hex')))
  const root: PeriodRoot = {
    ledger: first.ledger,
    period: rootHashes.length + 1,
    first: first.number,
    last: last.number,
    closedAt,
    root: tree.root(),
    head: last.hash,
    before: rootHashes.at(-1) ?? noHash,
    history: history.root(),
    key: signer.keyId,
  }
  return { ...root, signature: signer.sign(toSigned(hashRoot(root))) }
}
