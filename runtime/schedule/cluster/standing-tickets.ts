import type { LineTickets, NewTicket } from './line-tickets.ts'

/** As many tickets of a rank are enough where gateways pass slots among themselves: one that is taken is followed by the next. */
const enoughOfRank = 16

/**
 * Tickets of one gateway that stand in Redis. A ticket is for whoever of this gateway waits with its rank, not for a certain one: those
 * that come and go between two looks never have one, and of a long line only the front does.
 */
export class StandingTickets {
  readonly #tickets: LineTickets
  readonly #gateway: string
  readonly #wallNow: () => number
  /** How many wait, by rank. */
  readonly #waiting = new Map<number, number>()
  /** Tickets in Redis by rank, in the order they went there. */
  readonly #standing = new Map<number, Set<string>>()
  readonly #rankOf = new Map<string, number>()
  /** Ranks where somebody came or went since the last look. */
  readonly #changed = new Set<number>()
  /** Tickets that stand there for nobody. */
  #surplus: string[] = []
  #sequence = 0
  #most = enoughOfRank

  constructor(tickets: LineTickets, gateway: string, wallNow: () => number) {
    this.#tickets = tickets
    this.#gateway = gateway
    this.#wallNow = wallNow
  }

  /** How many stand in Redis. */
  get size(): number {
    return this.#rankOf.size
  }

  get ids(): readonly string[] {
    return [...this.#rankOf.keys()]
  }

  /** Whether each who waits has a ticket. */
  get oneEach(): boolean {
    return this.#most === Infinity
  }

  /** @param oneEach whether each who waits has a ticket: where every turn comes from Redis, its order is that of the tickets */
  setOneEach(oneEach: boolean): void {
    this.#most = oneEach ? Infinity : enoughOfRank
    for (const rank of this.#waiting.keys()) this.#changed.add(rank)
  }

  came(rank: number): void {
    this.#waiting.set(rank, (this.#waiting.get(rank) ?? 0) + 1)
    this.#changed.add(rank)
  }

  went(rank: number): void {
    const left = (this.#waiting.get(rank) ?? 0) - 1
    if (left > 0) this.#waiting.set(rank, left)
    else this.#waiting.delete(rank)
    this.#changed.add(rank)
  }

  /** The ticket of a rank that has stood longest. */
  firstOf(rank: number): string | undefined {
    return this.#standing.get(rank)?.keys().next().value
  }

  /** A ticket's turn came, or it is lost. Gives its rank; undefined when it is none of those that stand for somebody. */
  taken(id: string): number | undefined {
    const rank = this.#rankOf.get(id)
    if (rank === undefined) return undefined
    this.#forget(id, rank)
    this.#changed.add(rank)
    return rank
  }

  /** All that stand there stand for nobody from now on, and nobody waits. */
  abandon(): void {
    for (const [id, rank] of this.#rankOf) {
      this.#forget(id, rank)
      this.#surplus.push(id)
    }
    this.#waiting.clear()
    this.#changed.clear()
  }

  /** Puts tickets there for those that came. Undefined when all have theirs; else resolves when Redis has them. */
  add(): { readonly count: number; readonly done: Promise<void> } | undefined {
    const added: NewTicket[] = []
    for (const rank of this.#changed) {
      const missing = Math.min(this.#waiting.get(rank) ?? 0, this.#most) - (this.#standing.get(rank)?.size ?? 0)
      for (let i = 0; i < missing; i += 1) added.push(this.#stand(rank))
      if (missing >= 0) this.#changed.delete(rank)
    }
    return added.length > 0 ? { count: added.length, done: this.#tickets.add(added, this.#gateway) } : undefined
  }

  /** Takes out those that stand there for nobody, the ones that came first. */
  async removeSurplus(): Promise<void> {
    for (const rank of this.#changed) {
      const ids = this.#standing.get(rank)
      const surplus = (ids?.size ?? 0) - (this.#waiting.get(rank) ?? 0)
      if (!ids || surplus <= 0) continue
      for (const id of [...ids].slice(0, surplus)) {
        this.#forget(id, rank)
        this.#surplus.push(id)
      }
      this.#changed.delete(rank)
    }
    const gone = this.#surplus
    this.#surplus = []
    await Promise.all(gone.map((id) => this.#tickets.remove(id)))
  }

  #stand(rank: number): NewTicket {
    const id = `${this.#gateway}-${Math.round(this.#wallNow())}-${++this.#sequence}`
    let ids = this.#standing.get(rank)
    if (!ids) this.#standing.set(rank, (ids = new Set()))
    ids.add(id)
    this.#rankOf.set(id, rank)
    return { id, rank }
  }

  #forget(id: string, rank: number): void {
    this.#rankOf.delete(id)
    const ids = this.#standing.get(rank) as Set<string>
    ids.delete(id)
    if (ids.size === 0) this.#standing.delete(rank)
  }
}
