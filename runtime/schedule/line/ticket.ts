import type { NoTurn, Place } from '../../core/lines/lines.ts'
import type { Priority } from '../../core/lines/priority.ts'

/** A place in a waiting line, and later the slot that it became. */
export class Ticket implements Place {
  readonly enteredMs: number
  /** Counts up with each that comes to the line. */
  readonly sequence: number
  /** Latest time at which it may begin; `Infinity`: whenever. */
  readonly untilMs: number
  priority: Priority
  state: 'waiting' | 'admitted' | 'refused' | 'left' = 'waiting'
  /** When its turn came. */
  startedMs = 0
  waitedMs = 0
  reason: NoTurn | undefined
  retryAfterMs = 0
  /** Told once, when a ticket that had to wait is admitted or refused. Never told inside `enter`. */
  readonly settled: (ticket: Ticket) => void
  /** The line it stands in. */
  line: object | undefined
  previous: Ticket | undefined
  next: Ticket | undefined

  constructor(priority: Priority, sequence: number, enteredMs: number, untilMs: number, settled: (ticket: Ticket) => void) {
    this.priority = priority
    this.sequence = sequence
    this.enteredMs = enteredMs
    this.untilMs = untilMs
    this.settled = settled
  }
}
