import { hashRoot, type AnchorReceipt, type SignedRoot } from '../../ledger/period-root.ts'
import type { Store } from '../store/store.ts'
import { toRoot } from './to-root.ts'

/** The signed periods of a ledger, with the hashes that were kept of them. */
export interface Roots {
  readonly roots: readonly SignedRoot[]
  readonly hashes: readonly string[]
}

export async function readRoots({ ledgers }: Pick<Store, 'ledgers'>, name: string): Promise<Roots> {
  const rows = await ledgers.periods(name)
  return { roots: rows.map(toRoot), hashes: rows.map(({ hash }) => hash) }
}

/** What witnesses have answered, as far as it is kept here. */
export async function readReceipts({ ledgers }: Pick<Store, 'ledgers'>, name: string, roots: readonly SignedRoot[]): Promise<readonly AnchorReceipt[]> {
  const rows = await ledgers.anchors(name)
  return rows.flatMap(({ state, period, anchor, done_at, token }) => {
    const root = roots[period - 1]
    if (state !== 'done' || !root) return []
    const kind = anchor.startsWith('file:') ? 'file' : anchor.startsWith('timestamp:') ? 'timestamp' : 'http'
    return [{ ledger: name, period, hash: hashRoot(root), kind, anchor, at: done_at ?? '', ...(token === null ? {} : { token }) } as const]
  })
}
