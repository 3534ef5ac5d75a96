import { priorities, zeroPerClass } from '../../core/lines/priority.ts'
import type { Exchanged } from './line-tickets.ts'
import type { Report } from './report.ts'

/** Of a class, who waits on another gateway. */
export interface Claim {
  readonly gateway: string
  readonly priority: number
  count: number
  /** Since when the one waits that waits longest, by the clock of this gateway. */
  sinceMs: number
  /** Ticket of the one that waits longest, if it has one. */
  readonly ticket: string | undefined
  /** Its gateway called for help: it waits longer there than it should. */
  called: boolean
}

/** Of a class, who waits on gateways that know how fast it goes, and how fast it goes on all of them. */
export interface Paced {
  readonly waiting: number
  readonly perMs: number
}

/** What is known of another gateway. */
interface Known {
  readonly held: number
  /** By class; looked through for every turn, so without holes. */
  readonly claims: (Claim | undefined)[]
  /** Turns per millisecond, by class. */
  readonly paces: (number | undefined)[]
}

/** Knowledge is renewed when it is this old and somebody asks. */
const leastStaleMs = 20
/** With many gateways each asks less often: all together they ask Redis once in so long. */
const staleMsEach = 2
/** So many times older than stale it decides nothing. */
const worthless = 3
/** What a gateway said is believed for so long. */
const believedMs = 500
/** Two times at which somebody came are the same if they are no further apart: both were rounded. */
const sameMs = 3
/** A gateway that has said nothing for so long is no more. */
const goneMs = 10_000

const noClaims = (): (Claim | undefined)[] => Array.from({ length: priorities }, () => undefined)

/** Who waits on the other gateways, as this one knows it: some milliseconds old. */
export class KnownClaims {
  readonly #own: string
  readonly #others = new Map<string, Known>()
  /** For whom a gateway called last, until it has had a slot from here. */
  readonly #calls = new Map<string, { readonly priority: number; readonly sinceMs: number }>()
  #active = Infinity
  #paused = false
  #knownMs = -Infinity

  constructor(own: string) {
    this.#own = own
  }

  /** How many slots are taken; `Infinity` while nothing is known. */
  get active(): number {
    return this.#active
  }

  /** Whether somebody has stopped the line, on whichever gateway. */
  get paused(): boolean {
    return this.#paused
  }

  /** Whether somebody waits elsewhere. */
  get anybody(): boolean {
    for (const { claims } of this.#others.values()) for (const claim of claims) if (claim && claim.count > 0) return true
    return false
  }

  /**
   * The gateway that would soonest have a slot for somebody of a class: of those where nobody waits who is as important, the one with most slots.
   * @param asked gateways that are not to be asked again
   */
  helperFor(priority: number, asked: ReadonlySet<string>): string | undefined {
    let [helper, most] = [undefined as string | undefined, 0]
    for (const [gateway, { held, claims }] of this.#others) {
      if (held <= most || asked.has(gateway) || claims.some((claim) => claim !== undefined && claim.count > 0 && claim.priority <= priority)) continue
      ;[helper, most] = [gateway, held]
    }
    return helper
  }

  /** How many wait elsewhere, by class. */
  countByClass(): number[] {
    const counts = zeroPerClass()
    for (const { claims } of this.#others.values()) for (const claim of claims) if (claim) counts[claim.priority] = (counts[claim.priority] as number) + claim.count
    return counts
  }

  /** How a class goes on the other gateways. */
  pacedOf(priority: number): Paced {
    let [waiting, perMs] = [0, 0]
    for (const { claims, paces } of this.#others.values()) {
      const pace = paces[priority]
      if (pace === undefined) continue
      waiting += claims[priority]?.count ?? 0
      perMs += pace
    }
    return { waiting, perMs }
  }

  /** How often to ask. */
  get staleMs(): number {
    return Math.max(leastStaleMs, staleMsEach * (this.#others.size + 1))
  }

  /** How old what decides may be. */
  get freshMs(): number {
    return worthless * this.staleMs
  }

  /** Whether it is time to ask again. */
  isStale(nowMs: number): boolean {
    return nowMs - this.#knownMs >= this.staleMs
  }

  /** Whether it is new enough to decide whose turn it is. */
  isFresh(nowMs: number): boolean {
    return nowMs - this.#knownMs <= this.freshMs
  }

  /**
   * Of some classes, the claim that waits longest, those of more important classes first if asked.
   * @param to first class that is not among them
   */
  best(from: number, to: number, byClass: boolean): Claim | undefined {
    let best: Claim | undefined
    for (const { claims } of this.#others.values()) {
      for (let at = from; at < to; at += 1) {
        const claim = claims[at]
        if (!claim || claim.count === 0) continue
        if (!best || (byClass && claim.priority < best.priority) || ((!byClass || claim.priority === best.priority) && claim.sinceMs < best.sinceMs)) best = claim
      }
    }
    return best
  }

  /**
   * What Redis answered.
   * @returns gateways that have said nothing for long
   */
  learn({ nowMs: redisMs, active, paused, reports }: Exchanged, askedMs: number): readonly string[] {
    this.#active = active
    this.#paused = paused
    this.#knownMs = askedMs
    const gone: string[] = []
    this.#others.clear()
    for (const { gateway, saidMs, text } of reports) {
      const ageMs = redisMs - saidMs
      if (ageMs > goneMs) gone.push(gateway)
      if (gateway === this.#own || ageMs > believedMs) continue
      const claims = noClaims()
      const call = this.#calls.get(gateway)
      const { held, waits, paces: told = [] } = JSON.parse(text) as Report
      for (const [priority, count, waitedMs, ticket] of waits) {
        const sinceMs = askedMs - ageMs - waitedMs
        claims[priority] = { gateway, priority, count, sinceMs, ticket, called: call?.priority === priority && sinceMs <= call.sinceMs + sameMs }
      }
      const paces: (number | undefined)[] = []
      for (const [priority, perSecond] of told) paces[priority] = perSecond / 1000
      this.#others.set(gateway, { held, claims, paces })
    }
    return gone
  }

  /** A gateway has called for somebody who waits too long there. */
  noteCall(gateway: string, priority: number, sinceMs: number): void {
    const known = this.#others.get(gateway)
    const claims = known?.claims ?? noClaims()
    if (!known) this.#others.set(gateway, { held: 0, claims, paces: [] })
    this.#calls.set(gateway, { priority, sinceMs })
    const claim = claims[priority]
    claims[priority] = { gateway, priority, ticket: claim?.ticket, count: Math.max(1, claim?.count ?? 0), sinceMs: Math.min(sinceMs, claim?.sinceMs ?? Infinity), called: true }
  }

  /** A slot goes to a claim: one fewer waits there, and the next has waited less. */
  noteServed(claim: Claim, nowMs: number): void {
    claim.sinceMs += Math.max(0, nowMs - claim.sinceMs) / claim.count
    claim.count -= 1
    claim.called = false
    this.#calls.delete(claim.gateway)
  }

  /** A gateway hears nothing. */
  forget(gateway: string): void {
    this.#others.delete(gateway)
    this.#calls.delete(gateway)
  }
}
