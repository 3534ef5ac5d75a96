import { priorities, type Priority } from './priority.ts'

/** How those that wait take turns. */
export interface LinePolicy {
  /**
   * strict: the most important class first, with a share of the starts (`ageingShare`) for the lowest class that waits and the
   * same again for those between. weighted: each class that waits gets starts in proportion to its weight. deadline: whose
   * time ends first (EDF).
   */
  readonly order: 'strict' | 'weighted' | 'deadline'
  /** Most that are under way at once; `Infinity`: only the rate counts. */
  readonly slots: number
  /** Starts per second; absent: as slots allow. */
  readonly ratePerSecond?: number
  /** Starts that may come together after a rest, with a rate; 1. */
  readonly burst?: number
  /** Share of starts, 0 … 0.5, that goes to the longest-waiting of the lowest class, and again to that of the classes between; only in strict order. */
  readonly ageingShare: number
  /** By class; ten numbers above zero. */
  readonly weights: readonly number[]
  /** Slots by class that no other class takes. */
  readonly reserve?: readonly number[]
  /** Most that wait. */
  readonly maxDepth: number
  /** While what gateways share a line by is away. share: each goes on with its part of the slots; so it is unless said. refuse: nobody has a turn. */
  readonly whenAway?: 'share' | 'refuse'
}

/** By class: 10 for VIP … 1 for the least important. */
export const defaultWeights: readonly number[] = Array.from({ length: priorities }, (_, at) => priorities - at)
/** One start in twenty. */
export const defaultAgeingShare = 0.05

/** A line for one scarce thing. Who opens the same name gets the same line; the policy given last holds. */
export interface LineSpec {
  readonly name: string
  /** gateway: each process has its own slots, in memory. cluster: all gateways on one Redis share them. */
  readonly scope: 'gateway' | 'cluster'
  readonly policy: LinePolicy
}

/** Why somebody got no turn. */
export type NoTurn =
  /** The line is as long as it may get, and nobody in it is less important. */
  | 'full'
  /** It stood in a full line when somebody more important came. */
  | 'evicted'
  /** Its turn would come after its time: said at once rather than after the wait. */
  | 'hopeless'
  /** Its time is over. */
  | 'expired'
  /** The line was closed. */
  | 'closed'
  /** The gateway that handed out its turn died with it, or the shared store lost it. */
  | 'lost'
  /** The shared store is away, and the line may not go on without it. */
  | 'unavailable'

/** A place in a line, and later the slot that it became. */
export interface Place {
  readonly state: 'waiting' | 'admitted' | 'refused' | 'left'
  readonly priority: Priority
  /** With `refused`. */
  readonly reason: NoTurn | undefined
  /** How long it waited, or has waited so far. */
  readonly waitedMs: number
  /** With `refused`: how long somebody of this class who came now would wait, 0 when nothing is known. */
  readonly retryAfterMs: number
}

export interface Line {
  /**
   * Comes to the line. The place says at once how it stands; when it is `waiting`, `settled` is told once, later.
   * @param patienceMs longest wait; `Infinity`: as long as it takes
   */
  enter(priority: Priority, patienceMs: number, settled: (place: Place) => void): Place
  /** Gives the slot back, or leaves the line. The second time does nothing. */
  leave(place: Place): void
  facts(): LineFacts
}

export interface LineFacts {
  readonly name: string
  readonly scope: LineSpec['scope']
  readonly slots: number
  readonly paused: boolean
  /** By class; of this gateway. */
  readonly waiting: readonly number[]
  readonly active: readonly number[]
  /** How long the one waits that waits longest. */
  readonly longestWaitMs: number
  /** Mean time that a slot is held; undefined before the first was given back. */
  readonly serviceMs: number | undefined
}

/** The lines of a gateway. */
export interface Lines {
  /** The result of `close` gives the line back: the last who does refuses all that wait. */
  open(spec: LineSpec): { readonly line: Line; close(): void }
}
