import type { NoTurn, Place } from '../../core/lines.ts'
import type { Priority } from '../../core/priority.ts'

/** A place in a line that many gateways share. The run behind it never leaves this gateway; only the place's name does. */
export class ClusterPlace implements Place {
  readonly id: string
  priority: Priority
  readonly enteredMs: number
  readonly untilMs: number
  readonly settled: (place: Place) => void
  state: Place['state'] = 'waiting'
  reason: NoTurn | undefined
  waitedMs = 0
  retryAfterMs = 0
  startedMs = 0
  /** What the lock of its slot is known by. */
  token: string | undefined
  /** Place in the line of this gateway alone, while the shared one is away. */
  local: Place | undefined
  cancelTimer: (() => void) | undefined

  constructor(id: string, priority: Priority, enteredMs: number, untilMs: number, settled: (place: Place) => void) {
    this.id = id
    this.priority = priority
    this.enteredMs = enteredMs
    this.untilMs = untilMs
    this.settled = settled
  }
}
