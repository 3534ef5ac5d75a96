import type { Balance } from '../../core/upstream/upstream-service.ts'

/** An instance as the balancer sees it. The balancer keeps `turn`; nobody else does. */
export interface Candidate {
  /** The same for as long as it is the same instance. */
  readonly id: string
  /** Share of the calls, above 0. */
  readonly weight: number
  /** Calls under way. */
  readonly inFlight: number
  /** When it began to take part, or came back; elapsed milliseconds. */
  readonly sinceMs: number
  /** What smooth round-robin remembers. */
  turn: number
}

/** Least share of its weight that an instance has when it begins: with none it would never warm up. */
const leastShare = 0.1

/**
 * Share of its weight that an instance has at the moment, 0.1 … 1: it grows evenly over `slowStartMs`, so that one that just
 * came up is not buried under calls while its caches are cold.
 */
export function warmth(sinceMs: number, nowMs: number, slowStartMs: number): number {
  if (slowStartMs <= 0) return 1
  return Math.min(1, Math.max(leastShare, (nowMs - sinceMs) / slowStartMs))
}

/**
 * Chooses one of the candidates; `undefined` only when there is none. `hash` is rendezvous hashing (Thaler and Ravishankar, 1998)
 * by weight: an instance that goes takes only its own keys along. Without a key it is round-robin.
 */
export function pick<C extends Candidate>(candidates: readonly C[], balance: Balance, key: string | undefined, nowMs: number, slowStartMs: number): C | undefined {
  if (candidates.length < 2) return candidates[0]
  if (balance === 'hash' && key !== undefined) return byHash(candidates, key)
  if (balance === 'least-connections') return byConnections(candidates, nowMs, slowStartMs)
  return byTurn(candidates, nowMs, slowStartMs)
}

/** Smooth weighted round-robin, as nginx does it: the heavy are spread out, not served in a row. */
function byTurn<C extends Candidate>(candidates: readonly C[], nowMs: number, slowStartMs: number): C | undefined {
  let best: C | undefined
  let total = 0
  for (const candidate of candidates) {
    const weight = candidate.weight * warmth(candidate.sinceMs, nowMs, slowStartMs)
    candidate.turn += weight
    total += weight
    if (best === undefined || candidate.turn > best.turn) best = candidate
  }
  if (best) best.turn -= total
  return best
}

/** Fewest calls under way for its weight. Those that are equal take turns. */
function byConnections<C extends Candidate>(candidates: readonly C[], nowMs: number, slowStartMs: number): C | undefined {
  let least = Infinity
  let equal: C[] = []
  for (const candidate of candidates) {
    const load = (candidate.inFlight + 1) / (candidate.weight * warmth(candidate.sinceMs, nowMs, slowStartMs))
    if (load > least) continue
    if (load < least) equal = []
    least = load
    equal.push(candidate)
  }
  return equal.length === 1 ? equal[0] : byTurn(equal, nowMs, slowStartMs)
}

function byHash<C extends Candidate>(candidates: readonly C[], key: string): C | undefined {
  let best: C | undefined
  let highest = -Infinity
  for (const candidate of candidates) {
    // Weighted rendezvous: the highest of -w / ln(h) wins, with h even in (0, 1).
    const score = -candidate.weight / Math.log((hash(`${candidate.id}\n${key}`) + 0.5) / 2 ** 32)
    if (score <= highest) continue
    highest = score
    best = candidate
  }
  return best
}

/** FNV-1a, then MurmurHash3's finish so that texts that differ in their last sign are far apart. Guards nothing. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
