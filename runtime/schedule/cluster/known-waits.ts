import { type Priority, priorities } from '../../core/priority.ts'
import { enteredAtOf } from './cluster-place.ts'
import type { RankFacts, SharedTickets } from './shared-tickets.ts'

/** Ranks of the classes: BullMQ's 0 goes before all others and is kept for those whose turn it is out of order. */
export const rankOfClass = (priority: number): number => priority + 1
const classRanks = Array.from({ length: priorities }, (_, priority) => rankOfClass(priority))

/** Knowledge is renewed when it is this old and somebody asks. */
const staleMs = 25
/** Older than this it decides nothing. */
const worthlessMs = 60
/**
 * How much longer than ours somebody on another gateway may wait before a slot leaves this one: for a more important one, and
 * for one of the same class. A slot that changes gateways stands empty for as long as messages between them take.
 */
const graceMs = { higher: 10, same: 100 } as const

const nobody: RankFacts = Object.freeze({ count: 0, head: undefined, order: Infinity })

/** Who waits on all gateways together, as this one knows it: some milliseconds old. */
export class KnownWaits {
  readonly #tickets: SharedTickets
  readonly #elapsed: () => number
  #facts: readonly RankFacts[] = classRanks.map(() => nobody)
  #counts: readonly number[] = classRanks.map(() => 0)
  #active = Infinity
  #paused = false
  #knownMs = -Infinity
  #asking = false

  constructor(tickets: SharedTickets, elapsed: () => number) {
    this.#tickets = tickets
    this.#elapsed = elapsed
  }

  /** How many wait, by class. */
  get counts(): readonly number[] {
    return this.#counts
  }

  /** How many slots are taken; `Infinity` while nothing is known. */
  get active(): number {
    return this.#active
  }

  /** Whether anybody waits. */
  get anybody(): boolean {
    return this.#counts.some((count) => count > 0)
  }

  /** Whether somebody has stopped the line, on whichever gateway. */
  get paused(): boolean {
    return this.#paused
  }

  /** Whether it is new enough to decide whose turn it is. */
  get fresh(): boolean {
    return this.#elapsed() - this.#knownMs <= worthlessMs
  }

  /** The ticket of a class that waits longest. */
  headOf(priority: number): string | undefined {
    return this.#facts[priority]?.head
  }

  /** Of the classes between two, the ticket that waits longest. */
  oldestBetween(above: number, below: number): string | undefined {
    let oldest = nobody
    for (let at = above + 1; at < below; at += 1) if ((this.#facts[at] as RankFacts).order < oldest.order) oldest = this.#facts[at] as RankFacts
    return oldest.head
  }

  /** Asks Redis again, unless what is known is new. Counts of deadline order stand all in the last class. */
  async renew(inDeadlineOrder: boolean): Promise<void> {
    const now = this.#elapsed()
    if (this.#asking || now - this.#knownMs < staleMs) return
    this.#asking = true
    try {
      if (inDeadlineOrder) {
        const waiting = await this.#tickets.countWaiting()
        this.#counts = classRanks.map((_, at) => (at === priorities - 1 ? waiting : 0))
      } else {
        const { paused, active, ranks } = await this.#tickets.look(classRanks)
        this.#paused = paused
        this.#active = active
        this.#facts = ranks
        this.#counts = this.#facts.map(({ count }) => count)
      }
      this.#knownMs = now
    } finally {
      this.#asking = false
    }
  }

  /** A turn of this rank was taken: in strict order nobody more important waited then, and one less waits now. */
  noteTaken(rank: number, inOrder: boolean): void {
    const priority = rank - 1
    if (priority < 0) return
    this.#counts = this.#counts.map((count, at) => (at === priority ? Math.max(0, count - 1) : inOrder && at < priority ? 0 : count))
  }

  /**
   * Whether somebody on another gateway has waited so much longer that a turn may not go to this one.
   * @param place own class, and since when it waits (ms since epoch)
   * @param wallNow ms since epoch
   * @param inClass whether the turn is for this class, whoever waits of more important ones
   */
  isOwedElsewhere(place: { readonly priority: Priority; readonly enteredAt: number }, wallNow: number, inClass: boolean): boolean {
    for (let at = inClass ? place.priority : 0; at <= place.priority; at += 1) {
      const head = (this.#counts[at] as number) > 0 ? this.#facts[at]?.head : undefined
      if (head === undefined) continue
      const enteredAt = enteredAtOf(head)
      if (at < place.priority ? wallNow - enteredAt > graceMs.higher : place.enteredAt - enteredAt > graceMs.same) return true
    }
    return false
  }
}
