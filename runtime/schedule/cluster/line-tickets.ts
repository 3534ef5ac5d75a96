import type { LinePolicy } from '../../core/lines/lines.ts'

/** A slot: the job that stands for it in Redis is locked with the token until it is given back. */
export interface Slot {
  readonly id: string
  readonly token: string
}

/** A turn that was taken from the queue. */
export interface Turned extends Slot {
  /** Which gateway asked. */
  readonly gateway: string
  readonly rank: number
  /** Its gateway died or did not renew its lock: it is not begun again. */
  readonly lost: boolean
}

/** A ticket that is to stand in the queue. */
export interface NewTicket {
  readonly id: string
  readonly rank: number
}

/** What gateways have said of those that wait there, and how the line stands. Times are those of Redis, ms since epoch. */
export interface Exchanged {
  readonly nowMs: number
  /** How many slots are taken. */
  readonly active: number
  readonly paused: boolean
  readonly reports: readonly { readonly gateway: string; readonly saidMs: number; readonly text: string }[]
}

/** A lock that is not renewed for so long ends: its slot is free again. */
export const lockMs = 2000

/** The tickets of one line, which all gateways share: those that wait, and those under way with a lock, which are the slots. */
export interface LineTickets {
  /** Looks for locks that nobody renews, from now on. */
  watchLocks(): Promise<void>
  add(tickets: readonly NewTicket[], gateway: string): Promise<void>
  /** Takes out one that waits. */
  remove(id: string): Promise<void>
  /** Moves one that waits. Rank 0 goes before all others. */
  move(id: string, rank: number): Promise<void>
  /** The next turn if a slot is free. */
  take(token: string): Promise<Turned | undefined>
  /**
   * Gives a slot back and, if asked, takes the next turn in the same step.
   * @throws when its lock was lost: it is free already
   */
  giveBack(slot: Slot, takeNext: boolean): Promise<Turned | undefined>
  /** Renews locks. Gives the ids of those that were lost. */
  renew(slots: readonly Slot[]): Promise<readonly string[]>
  /**
   * Says who waits on a gateway and asks what the others have said.
   * @param said empty: nobody does
   */
  exchange(gateway: string, said: string): Promise<Exchanged>
  /** What these gateways have said is forgotten. */
  forgetReports(gateways: readonly string[]): Promise<void>
  /** Which of them are neither waiting nor under way. */
  missing(ids: readonly string[]): Promise<ReadonlySet<string>>
  publishPolicy(policy: LinePolicy): Promise<void>
  /** For all gateways: nobody's turn comes until `resume`. */
  pause(): Promise<void>
  resume(): Promise<void>
  close(): Promise<void>
}
