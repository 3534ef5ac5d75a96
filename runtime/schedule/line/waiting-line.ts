import type { LineFacts, LinePolicy, NoTurn } from '../../core/lines/lines.ts'
import { type Priority, priorities, zeroPerClass } from '../../core/lines/priority.ts'
import { ClassLine } from './class-line.ts'
import { ClassPace } from './class-pace.ts'
import { RecentRate } from '../../core/time/recent-rate.ts'
import { capacityPerMs, estimateMs } from './estimate.ts'
import { MeanService } from './mean-service.ts'
import { Ticket } from './ticket.ts'
import { Turns } from './turns.ts'

const nobody = Object.freeze(zeroPerClass())

/**
 * Who waits for a slot, and who is next. It has no clock and no timer: every act says what time it is, so the same code
 * runs in a gateway, in a simulator and under a model. Times are milliseconds of any clock that does not go back.
 *
 * Entering, leaving and giving back cost O(log n) of those that wait, never a look at all of them.
 */
export class WaitingLine {
  #policy: LinePolicy
  readonly #classes = Array.from({ length: priorities }, () => new ClassLine())
  readonly #active = zeroPerClass()
  readonly #turns: Turns
  readonly #pace = new ClassPace()
  readonly #arrivals = Array.from({ length: priorities }, () => new RecentRate())
  #sequence = 0
  #activeTotal = 0
  #waitingTotal = 0
  #paused = false
  #closed = false
  /** GCRA: when the next start would be due if they came evenly. */
  #nextStartMs = -Infinity
  readonly #service = new MeanService()
  #serving = false

  constructor(policy: LinePolicy) {
    this.#policy = policy
    this.#turns = new Turns(policy)
  }

  get policy(): LinePolicy {
    return this.#policy
  }

  get active(): number {
    return this.#activeTotal
  }

  get waiting(): number {
    return this.#waitingTotal
  }

  /** Whether anybody may begin at once, of whatever class: nobody waits and there is more room than is reserved. */
  get hasRoom(): boolean {
    const { slots, ratePerSecond, reserve } = this.#policy
    if (this.#waitingTotal > 0 || this.#paused || this.#closed || ratePerSecond !== undefined) return false
    return reserve === undefined ? this.#activeTotal < slots : slots - this.#activeTotal > total(reserve)
  }

  /** Slots or order changed; who waits keeps the place. */
  setPolicy(policy: LinePolicy, nowMs: number): void {
    this.#policy = policy
    this.#turns.setPolicy(policy)
    this.#serve(nowMs)
  }

  /** Nobody new begins until `resume`; what is under way goes on. */
  pause(): void {
    this.#paused = true
  }

  resume(nowMs: number): void {
    this.#paused = false
    this.#serve(nowMs)
  }

  /**
   * Comes to the line. The ticket says at once how it stands: admitted, refused or waiting; in the last case `settled`
   * is told later.
   */
  enter(priority: Priority, nowMs: number, untilMs: number, settled: (ticket: Ticket) => void): Ticket {
    const ticket = new Ticket(priority, ++this.#sequence, nowMs, untilMs, settled)
    this.#arrivals[priority]!.note(nowMs)
    if (this.#closed) return this.#refuse(ticket, 'closed', nowMs)
    if (untilMs < nowMs) return this.#refuse(ticket, 'expired', nowMs)
    // Whoever waits goes first; who waits on after that is held by a reserve, which may be for this class.
    if (this.#waitingTotal > 0) this.#serve(nowMs)
    if ((this.#waitingTotal === 0 || !this.#serving) && this.#mayStart(priority, nowMs)) {
      this.#start(ticket, nowMs)
      return ticket
    }
    if (nowMs + this.estimateMs(priority, nowMs) > untilMs) return this.#refuse(ticket, 'hopeless', nowMs)
    if (this.#waitingTotal >= this.#policy.maxDepth && !this.#makeRoom(priority, nowMs)) return this.#refuse(ticket, 'full', nowMs)
    this.#wait(ticket, nowMs)
    return ticket
  }

  /** Gives the slot back, or leaves the line. The second time does nothing. */
  leave(ticket: Ticket, nowMs: number): void {
    if (ticket.state === 'admitted') {
      ticket.state = 'left'
      this.#active[ticket.priority]! -= 1
      this.#activeTotal -= 1
      this.#service.note(nowMs - ticket.startedMs)
      this.#serve(nowMs)
    } else if (ticket.state === 'waiting') {
      ticket.state = 'left'
      this.#takeOut(ticket)
      // It may have been the one whose reserve held the others up.
      if (this.#policy.reserve) this.#serve(nowMs)
    }
  }

  /** Refuses those whose time is over and starts those that the rate allows by now. */
  tick(nowMs: number): void {
    for (const line of this.#classes) {
      for (let due = line.nextDue; due && due.untilMs < nowMs; due = line.nextDue) this.#turnAway(due, 'expired', nowMs)
    }
    this.#serve(nowMs)
  }

  /** When `tick` is to be called; `Infinity`: not before something else happens. */
  nextTickMs(nowMs: number): number {
    let nextMs = Infinity
    for (const line of this.#classes) {
      const due = line.nextDue
      if (due && due.untilMs < nextMs) nextMs = due.untilMs
    }
    // A time that ends at t still may begin at t.
    if (nextMs !== Infinity) nextMs += 1
    const { ratePerSecond } = this.#policy
    if (ratePerSecond !== undefined && this.#waitingTotal > 0 && !this.#paused && this.#activeTotal < this.#policy.slots) {
      nextMs = Math.min(nextMs, this.#rateAllowsAtMs(ratePerSecond))
    }
    return Math.max(nowMs, nextMs)
  }

  /** Refuses all that wait, for good. */
  close(nowMs: number): void {
    this.#closed = true
    this.drain(nowMs)
  }

  /** Moves all of one class that wait to another, each with the time it came. Gives their number. */
  moveClass(from: Priority, to: Priority, nowMs: number): number {
    if (from === to) return 0
    const moved: Ticket[] = []
    for (let ticket = this.#classes[from]!.first; ticket; ticket = ticket.next) moved.push(ticket)
    for (const ticket of moved) {
      this.#takeOut(ticket)
      ticket.priority = to
      this.#wait(ticket, nowMs)
    }
    this.#serve(nowMs)
    return moved.length
  }

  /** Refuses all that wait now; who comes later finds the line as it was. */
  drain(nowMs: number): void {
    for (const line of this.#classes) for (let first = line.first; first; first = line.first) this.#turnAway(first, 'closed', nowMs)
  }

  /** How long somebody of this class who comes now would wait, by service times and arrivals of late; 0 while nothing is known. */
  estimateMs(priority: Priority, nowMs: number): number {
    if (this.#waitingTotal === 0) {
      if (this.#mayStart(priority, nowMs)) return 0
      const capacity = capacityPerMs(this.#policy, this.#service.meanMs)
      return capacity === undefined ? 0 : 1 / capacity
    }
    return this.#pace.waitMs(priority, this.#classes[priority]!.size, nowMs) ?? estimateMs(this.#policy, this.#service.meanMs, this.#classes.map(({ size }) => size), priority, this.#arrivals.map((rate) => rate.perMs(nowMs)))
  }

  facts(nowMs: number): Omit<LineFacts, 'name' | 'scope'> {
    let longest = nowMs
    for (const { first } of this.#classes) if (first && first.enteredMs < longest) longest = first.enteredMs
    return {
      slots: this.#policy.slots,
      paused: this.#paused,
      waiting: this.#waitingTotal === 0 ? nobody : this.#classes.map(({ size }) => size),
      active: [...this.#active],
      longestWaitMs: nowMs - longest,
      serviceMs: this.#service.meanMs,
    }
  }

  /** Starts while there is somebody who may. What starting sets off may come back to the line: that is served by this loop. */
  #serve(nowMs: number): void {
    if (this.#serving) return
    this.#serving = true
    try {
      while (this.#waitingTotal > 0) {
        const next = this.#pick(nowMs)
        if (!next) return
        if (next.untilMs < nowMs) {
          this.#turnAway(next, 'expired', nowMs)
          continue
        }
        this.#pace.started(next.priority, nowMs, nowMs - next.enteredMs)
        this.#takeOut(next)
        this.#start(next, nowMs)
        next.settled(next)
      }
    } finally {
      this.#serving = false
    }
  }

  #pick(nowMs: number): Ticket | undefined {
    if (this.#paused || !this.#rateAllows(nowMs) || this.#activeTotal >= this.#policy.slots) return undefined
    const open = this.#policy.reserve ? (at: number) => this.#classes[at]!.size > 0 && this.#hasSlot(at) : (at: number) => this.#classes[at]!.size > 0
    if (this.#policy.order === 'deadline') return this.#pickUrgent(open)
    const turn = this.#turns.next(open)
    if (!turn) return undefined
    return turn.kind === 'between' ? this.#longestWaiting(turn.above + 1, turn.below, open) : this.#classes[turn.priority]!.first
  }

  /** Of the classes from one up to, not with, another. */
  #longestWaiting(from: number, to: number, open: (at: number) => boolean): Ticket | undefined {
    let oldest: Ticket | undefined
    for (let at = from; at < to; at += 1) {
      const first = open(at) ? this.#classes[at]!.first : undefined
      if (first && (!oldest || first.sequence < oldest.sequence)) oldest = first
    }
    return oldest
  }

  #pickUrgent(open: (at: number) => boolean): Ticket | undefined {
    let best: Ticket | undefined
    for (let at = 0; at < priorities; at += 1) {
      const first = open(at) ? this.#classes[at]!.mostUrgent : undefined
      if (first && (!best || first.untilMs < best.untilMs)) best = first
    }
    return best
  }

  #mayStart(priority: Priority, nowMs: number): boolean {
    return !this.#paused && this.#activeTotal < this.#policy.slots && this.#rateAllows(nowMs) && (!this.#policy.reserve || this.#hasSlot(priority))
  }

  /** A class may take a slot of its reserve, or one that no other class has reserved and not taken. */
  #hasSlot(at: number): boolean {
    const reserve = this.#policy.reserve as readonly number[]
    const free = this.#policy.slots - this.#activeTotal
    if (free <= 0) return false
    if (this.#active[at]! < (reserve[at] ?? 0)) return true
    let kept = 0
    for (let other = 0; other < priorities; other += 1) if (other !== at) kept += Math.max(0, (reserve[other] ?? 0) - this.#active[other]!)
    return free > kept
  }

  #rateAllows(nowMs: number): boolean {
    const { ratePerSecond } = this.#policy
    return ratePerSecond === undefined || nowMs >= this.#rateAllowsAtMs(ratePerSecond)
  }

  #rateAllowsAtMs(ratePerSecond: number): number {
    return this.#nextStartMs - ((this.#policy.burst ?? 1) - 1) * (1000 / ratePerSecond)
  }

  #start(ticket: Ticket, nowMs: number): void {
    const { priority } = ticket
    ticket.state = 'admitted'
    ticket.startedMs = nowMs
    ticket.waitedMs = nowMs - ticket.enteredMs
    this.#active[priority]! += 1
    this.#activeTotal += 1
    const { ratePerSecond } = this.#policy
    if (ratePerSecond !== undefined) this.#nextStartMs = Math.max(this.#nextStartMs, nowMs) + 1000 / ratePerSecond
    this.#turns.started(priority)
  }

  #wait(ticket: Ticket, nowMs: number): void {
    const line = this.#classes[ticket.priority]!
    if (line.size === 0) {
      this.#turns.joined(ticket.priority)
      this.#pace.joined(ticket.priority, nowMs)
    }
    line.add(ticket)
    this.#waitingTotal += 1
  }

  #takeOut(ticket: Ticket): void {
    const line = this.#classes[ticket.priority]!
    line.remove(ticket)
    this.#waitingTotal -= 1
    if (line.size === 0) this.#pace.emptied(ticket.priority)
  }

  /** Sends away the newest of the least important class below this one. */
  #makeRoom(priority: Priority, nowMs: number): boolean {
    for (let at = priorities - 1; at > priority; at -= 1) {
      const { last } = this.#classes[at]!
      if (!last) continue
      this.#turnAway(last, 'evicted', nowMs)
      return true
    }
    return false
  }

  #turnAway(ticket: Ticket, reason: NoTurn, nowMs: number): void {
    this.#refuse(ticket, reason, nowMs)
    this.#takeOut(ticket)
    ticket.settled(ticket)
  }

  #refuse(ticket: Ticket, reason: NoTurn, nowMs: number): Ticket {
    ticket.state = 'refused'
    ticket.reason = reason
    ticket.waitedMs = nowMs - ticket.enteredMs
    ticket.retryAfterMs = this.#pace.waitedMs(ticket.priority, nowMs) ?? this.estimateMs(ticket.priority, nowMs)
    return ticket
  }
}

function total(counts: readonly number[]): number {
  let sum = 0
  for (const count of counts) sum += count
  return sum
}
