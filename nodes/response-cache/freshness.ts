import { type Directives, parseCacheControl, secondsOf } from './cache-control.ts'

/** How long an answer may be given again, and what then. */
export interface Lifetime {
  /** Fresh for so long from now, what it has aged already taken off. */
  readonly freshMs: number
  /** After that it may be given while a new one is made. */
  readonly revalidateMs: number
  /** After that it may be given where a new one fails. */
  readonly errorMs: number
}

export interface LifetimeRules {
  /** For answers that do not say it themselves, by status; `undefined`: such answers are not kept. */
  ttlMsOf(status: number): number | undefined
  readonly revalidateMs: number
  readonly errorMs: number
  /** Whether what the answer says of itself counts for its freshness. */
  readonly obeyAnswer: boolean
  /** One copy serves callers that differ. */
  readonly shared: boolean
}

/** The parts of an answer that decide; header names in lower case. */
export interface AnswerFacts {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly setsCookies: boolean
  /** The request proved its caller by `Authorization`. */
  readonly authorized: boolean
  readonly nowMs: number
}

/** Why an answer is not kept, for the header that says so; or how long it is. */
export type Keeping = { readonly keep: Lifetime } | { readonly not: string }

/** Statuses that are final and whole whatever their class: others are only kept when the node names them. */
const understood = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 451, 501])

/**
 * Whether a shared cache may keep an answer and for how long (RFC 9111 §3, §3.5, §4.2; RFC 5861). What the answer forbids is
 * forbidden also where the node has a time of its own.
 */
export function toKeeping(facts: AnswerFacts, rules: LifetimeRules): Keeping {
  const { headers, status } = facts
  if (facts.setsCookies || headers['set-cookie'] !== undefined) return { not: 'set-cookie' }
  if (status < 200 || status === 206 || status === 304) return { not: 'status' }
  const directives = parseCacheControl(headers['cache-control'])
  if (directives.has('no-store')) return { not: 'no-store' }
  if (directives.has('private')) return { not: 'private' }
  // What must be checked each time cannot be given again by one who has nobody to check it with.
  if (directives.has('no-cache') || (directives.size === 0 && /no-cache/i.test(String(headers.pragma ?? '')))) return { not: 'no-cache' }
  if (String(headers.vary ?? '').split(',').some((name) => name.trim() === '*')) return { not: 'vary' }
  if (rules.shared && facts.authorized && !directives.has('public') && !directives.has('s-maxage') && !directives.has('must-revalidate')) return { not: 'authorization' }

  const said = rules.obeyAnswer && understood.has(status) ? saidFreshMs(directives, headers, facts.nowMs) : undefined
  const ttlMs = said ?? rules.ttlMsOf(status)
  if (ttlMs === undefined) return { not: 'status' }
  const freshMs = Math.max(0, ttlMs - initialAgeMs(headers, said !== undefined))
  const mustCheck = directives.has('must-revalidate') || directives.has('proxy-revalidate')
  const window = (name: string, own: number) => {
    if (mustCheck) return 0
    const seconds = rules.obeyAnswer ? secondsOf(directives, name) : undefined
    // s-maxage forbids what is stale unless the answer allows it by name (RFC 9111 §5.2.2.10, RFC 5861).
    return seconds === undefined ? (directives.has('s-maxage') ? 0 : own) : seconds * 1000
  }
  const keep = { freshMs, revalidateMs: window('stale-while-revalidate', rules.revalidateMs), errorMs: window('stale-if-error', rules.errorMs) }
  return keep.freshMs + keep.revalidateMs + keep.errorMs > 0 ? { keep } : { not: 'stale' }
}

function saidFreshMs(directives: Directives, headers: Readonly<Record<string, unknown>>, nowMs: number): number | undefined {
  const seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age')
  if (seconds !== undefined) return seconds * 1000
  if (headers.expires === undefined) return undefined
  const untilMs = Date.parse(String(headers.expires))
  // A time that cannot be read, such as 0, has passed (RFC 9111 §5.3).
  if (Number.isNaN(untilMs)) return 0
  const dateMs = Date.parse(String(headers.date ?? ''))
  return Math.max(0, untilMs - (Number.isNaN(dateMs) ? nowMs : dateMs))
}

/** What an answer has aged before it came here; a time of the node's own begins here. */
function initialAgeMs(headers: Readonly<Record<string, unknown>>, said: boolean): number {
  return said && /^\d+$/.test(String(headers.age ?? '').trim()) ? Number(headers.age) * 1000 : 0
}

/** What a request asks of a cache (RFC 9111 §5.2.1). */
export interface Wish {
  /** Nothing of it may be kept. */
  readonly noStore: boolean
  /** What is kept may not be given. */
  readonly noCache: boolean
  /** Nothing may be made for it. */
  readonly onlyKept: boolean
  readonly maxAgeMs: number
  readonly minFreshMs: number
  /** How stale it may be; `undefined`: as the cache has it. */
  readonly maxStaleMs: number | undefined
}

export const noWish: Wish = Object.freeze({ noStore: false, noCache: false, onlyKept: false, maxAgeMs: Infinity, minFreshMs: 0, maxStaleMs: undefined })

export function toWish(headers: Readonly<Record<string, string | string[] | undefined>>): Wish {
  const given = headers['cache-control']
  if (given === undefined) return headers.pragma === undefined || !/no-cache/i.test(String(headers.pragma)) ? noWish : { ...noWish, noCache: true }
  const directives = parseCacheControl(given)
  const maxAge = secondsOf(directives, 'max-age')
  const maxStale = directives.get('max-stale') === '' ? Infinity : secondsOf(directives, 'max-stale')
  return {
    noStore: directives.has('no-store'),
    noCache: directives.has('no-cache') || maxAge === 0,
    onlyKept: directives.has('only-if-cached'),
    maxAgeMs: maxAge === undefined ? Infinity : maxAge * 1000,
    minFreshMs: (secondsOf(directives, 'min-fresh') ?? 0) * 1000,
    maxStaleMs: maxStale === undefined ? undefined : maxStale * 1000,
  }
}

/** An answer that is kept, as far as time goes. */
export interface Aged extends Lifetime {
  /** When it was kept, cache's time. */
  readonly atMs: number
  /** What it had aged by then. */
  readonly ageMs: number
}

/** What may be done with what is kept: given, given while a new one is made, given only for want of a better, or nothing. */
export type Use = 'fresh' | 'revalidate' | 'error' | 'none'

export function toUse(kept: Aged, wish: Wish, nowMs: number): Use {
  const sinceMs = Math.max(0, nowMs - kept.atMs)
  const staleMs = sinceMs - kept.freshMs
  const tooOld = sinceMs + kept.ageMs > wish.maxAgeMs || wish.noCache
  if (!tooOld && staleMs < 0 && staleMs + wish.minFreshMs <= 0) return 'fresh'
  if (!tooOld && staleMs >= 0 && wish.minFreshMs === 0) {
    if (staleMs <= kept.revalidateMs) return 'revalidate'
    // Whoever takes what is stale gets it, unless the answer forbids that: then both windows are nothing.
    if (wish.maxStaleMs !== undefined && staleMs <= wish.maxStaleMs && kept.errorMs > 0) return 'fresh'
  }
  return staleMs <= kept.errorMs ? 'error' : 'none'
}
