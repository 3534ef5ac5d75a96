import { hash as digest } from 'node:crypto'
import { toCanonicalJson } from './canonical-json.ts'
import { toReason, type Saying } from './sayings.ts'

/**
 * A hash chain: each link's hash covers the one before, so that no link can be changed, taken out, moved or put in without changing
 * all that follow. The door for whoever keeps records in a table of his own: give each a number from 1 on, write
 * `hashLink('reveals', hashBefore, number, content)` beside it (`noHash` before the first; content is plain JSON), in one
 * transaction that locks the end of the chain; `checkChain('reveals', links)` names the first that is not as it was written. The end
 * itself must be known from elsewhere (`head`), or links cut off at the end are not missed.
 */

/** What the first link hashes in place of one before it. */
export const noHash = '0'.repeat(64)

/** SHA-256 in hex, over name of the chain, hash before, number and content as canonical JSON. */
export function hashLink(chain: string, before: string, number: number, content: unknown): string {
  return digest('sha256', toCanonicalJson(['sluice chain 1', chain, before, number, content]), 'hex')
}

export interface Link {
  readonly number: number
  readonly hash: string
  /** Plain JSON, as it was hashed. */
  readonly content: unknown
}

/** A place in a chain: number and hash of the link there; 0 and `noHash` before the first. */
export interface ChainPoint {
  readonly number: number
  readonly hash: string
}

export type FlawKind = 'altered' | 'missing' | 'reordered' | 'replayed' | 'inserted' | 'truncated'

/** The first thing that is wrong; its code and facts say the same as its reason. */
export interface ChainFlaw extends Saying {
  readonly kind: FlawKind
  /** Of the first link that is not as it was written, or is not there. */
  readonly number: number
  /** A sentence, in English. */
  readonly reason: string
}

export interface ChainCheck {
  /** Where the chain was left; the last good one when there is a flaw. */
  readonly end: ChainPoint
  readonly flaw?: ChainFlaw
}

/**
 * Reads links in the order given. `from` is the place before the first of them; `head` where the chain is known to end;
 * `hash` makes the hash of a link where it is not `hashLink`.
 */
export function checkChain(
  chain: string,
  links: Iterable<Link>,
  { from = { number: 0, hash: noHash }, head, hash = (before, link) => hashLink(chain, before, link.number, link.content) }: { from?: ChainPoint | undefined; head?: ChainPoint | undefined; hash?: (before: string, link: Link) => string } = {},
): ChainCheck {
  let end = from
  const seen = new Map<number, string>()
  const iterator = links[Symbol.iterator]()
  for (let step = iterator.next(); !step.done; step = iterator.next()) {
    const link = step.value
    const flaw = link.number === end.number + 1 ? undefined : outOfTurn(link, end.number + 1, seen, iterator)
    if (flaw) return { end, flaw }
    if (!isHashOf(link, end.hash, hash)) return { end, flaw: { kind: 'altered', number: link.number, ...toReason('record.altered', { number: link.number }) } }
    end = { number: link.number, hash: link.hash }
    seen.set(link.number, link.hash)
  }
  if (head && end.number < head.number) return { end, flaw: { kind: 'truncated', number: end.number + 1, ...toReason('record.cut', { number: end.number + 1, count: head.number }) } }
  if (head && end.number === head.number && end.hash !== head.hash) return { end, flaw: { kind: 'altered', number: Math.max(1, end.number), ...toReason('record.not_last', { number: end.number }) } }
  return { end }
}

function isHashOf(link: Link, before: string, hash: (before: string, link: Link) => string): boolean {
  try {
    return hash(before, link) === link.hash
  } catch {
    return false // what cannot be hashed was never written
  }
}

/** Why a link has another number than the next one. */
function outOfTurn(link: Link, expected: number, seen: ReadonlyMap<number, string>, rest: Iterator<Link>): ChainFlaw {
  if (link.number < expected) {
    const known = seen.get(link.number)
    if (known === link.hash) return { kind: 'replayed', number: link.number, ...toReason('record.replayed', { number: link.number, after: expected - 1 }) }
    return { kind: 'inserted', number: link.number, ...toReason('record.inserted', { number: link.number, after: expected - 1 }) }
  }
  for (let step = rest.next(); !step.done; step = rest.next()) {
    if (step.value.number === expected) return { kind: 'reordered', number: expected, ...toReason('record.moved', { number: expected, instead: link.number }) }
  }
  return { kind: 'missing', number: expected, ...toReason('record.missing', { number: expected }) }
}
