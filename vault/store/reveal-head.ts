import type { NewReveal, RevealRow } from './vault-store.ts'

/** Name in `meta` of number and hash of the last line of the record of reveals. */
export const revealHead = 'reveals.head'

/** What the first line hashes in place of one before it. */
const noHash = '0'.repeat(64)

export function parseHead(text: string | undefined): { readonly number: number; readonly hash: string } {
  const [number = '0', hash = noHash] = (text ?? '').split(':')
  return text ? { number: Number(number), hash } : { number: 0, hash: noHash }
}

/** Lines in their places behind the head, and the head after them. */
export function nextReveals(
  head: { readonly number: number; readonly hash: string },
  reveals: readonly NewReveal[],
  taken: readonly boolean[],
  hash: (before: string, row: Omit<RevealRow, 'hash'>) => string,
): { readonly rows: readonly RevealRow[]; readonly value: string } {
  let { number, hash: before } = head
  const rows = reveals.map(({ at, domain, token, client, purpose, run, flow, node, outcome }, index): RevealRow => {
    const row = { number: ++number, at, domain, token, client, purpose, run, flow, node, outcome: taken[index] ? outcome : 'expired' }
    return { ...row, hash: (before = hash(before, row)) }
  })
  return { rows, value: `${number}:${before}` }
}
