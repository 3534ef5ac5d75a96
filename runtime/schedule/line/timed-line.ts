import type { Clock } from '../../core/time/clock.ts'
import type { Line, LineFacts, LinePolicy, LineSpec, Place } from '../../core/lines/lines.ts'
import type { Priority } from '../../core/lines/priority.ts'
import type { Ticket } from './ticket.ts'
import { WaitingLine } from './waiting-line.ts'

/** A waiting line with a clock: those whose time ends are told, and starts follow the rate. For one gateway, in memory. */
export class TimedLine implements Line {
  readonly name: string
  readonly #scope: LineSpec['scope']
  readonly #clock: Clock
  readonly #line: WaitingLine
  #cancel: (() => void) | undefined
  #timerMs = Infinity

  constructor({ name, scope, policy }: LineSpec, clock: Clock) {
    this.name = name
    this.#scope = scope
    this.#clock = clock
    this.#line = new WaitingLine(policy)
  }

  enter(priority: Priority, patienceMs: number, settled: (place: Place) => void): Ticket {
    const now = this.#clock.elapsed()
    const ticket = this.#line.enter(priority, now, now + patienceMs, settled)
    if (ticket.state === 'waiting') this.#watch(now)
    return ticket
  }

  leave(place: Place): void {
    this.#line.leave(place as Ticket, this.#clock.elapsed())
    if (this.#line.waiting === 0) this.#unwatch()
  }

  /** Whether anybody may begin at once, of whatever class. */
  get hasRoom(): boolean {
    return this.#line.hasRoom
  }

  /** Moves all of one class that wait to another. Gives their number. */
  moveClass(from: Priority, to: Priority): number {
    return this.#line.moveClass(from, to, this.#clock.elapsed())
  }

  /** Refuses all that wait now; who comes later finds the line as it was. */
  drain(): void {
    this.#line.drain(this.#clock.elapsed())
    this.#unwatch()
  }

  /** How long somebody of this class who comes now would wait; 0 when nothing is known. */
  estimateMs(priority: Priority): number {
    return this.#line.estimateMs(priority, this.#clock.elapsed())
  }

  setPolicy(policy: LinePolicy): void {
    this.#line.setPolicy(policy, this.#clock.elapsed())
  }

  pause(): void {
    this.#line.pause()
  }

  resume(): void {
    this.#line.resume(this.#clock.elapsed())
  }

  facts(): LineFacts {
    return { name: this.name, scope: this.#scope, ...this.#line.facts(this.#clock.elapsed()) }
  }

  close(): void {
    this.#unwatch()
    this.#line.close(this.#clock.elapsed())
  }

  /** One timer for all that wait, for the first thing that is due. */
  #watch(nowMs: number): void {
    const dueMs = this.#line.nextTickMs(nowMs)
    if (dueMs >= this.#timerMs) return
    this.#cancel?.()
    this.#timerMs = dueMs
    // A timer may fire a little early; then it is set once more.
    this.#cancel = this.#clock.setTimer(() => this.#tick(), Math.max(1, Math.ceil(dueMs - nowMs)))
  }

  #unwatch(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#timerMs = Infinity
  }

  #tick(): void {
    this.#unwatch()
    const now = this.#clock.elapsed()
    this.#line.tick(now)
    if (this.#line.waiting > 0) this.#watch(now)
  }
}
