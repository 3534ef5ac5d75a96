import type { Clock } from '../core/time/clock.ts'

/** Something with a deadline that can be taken off the list at any time, at no cost that grows with the list. */
export interface Timed {
  readonly deadline: number
  prev: Timed | undefined
  next: Timed | undefined
  list: DeadlineList | undefined
  expire(): void
}

/**
 * Deadlines of equal length, so that the list is sorted nearly by itself: new ones go to the end, or in front of the few that
 * came while they waited for their turn. One timer for all, since a timer per run costs more than most runs do.
 */
export class DeadlineList {
  readonly #clock: Clock
  #head: Timed | undefined
  #tail: Timed | undefined
  #timer: (() => void) | undefined
  /** What the timer is set for; of no account without one. */
  #dueMs = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(item: Timed): void {
    item.list = this
    let before = this.#tail
    while (before && before.deadline > item.deadline) before = before.prev
    const after = before ? before.next : this.#head
    item.prev = before
    item.next = after
    if (before) before.next = item
    else this.#head = item
    if (after) after.prev = item
    else this.#tail = item
    // Whoever the timer was set for is due later.
    if (before === undefined && item.deadline < this.#dueMs) this.close()
    this.#timer ??= this.#arm(item)
  }

  remove(item: Timed): void {
    if (item.list !== this) return
    if (item.prev) item.prev.next = item.next
    else this.#head = item.next
    if (item.next) item.next.prev = item.prev
    else this.#tail = item.prev
    item.list = item.prev = item.next = undefined
  }

  /** Everything on the list, for an end that cannot wait. */
  *[Symbol.iterator](): Iterator<Timed> {
    for (let item = this.#head; item; ) {
      const next: Timed | undefined = item.next
      yield item
      item = next
    }
  }

  close(): void {
    this.#timer?.()
    this.#timer = undefined
  }

  // The timer is not moved when its item leaves early: it then finds nothing due and is set for the next head.
  #arm(item: Timed): () => void {
    this.#dueMs = item.deadline
    return this.#clock.setTimer(() => this.#fire(), Math.max(1, item.deadline - this.#clock.now()))
  }

  #fire(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    for (let item = this.#head; item && item.deadline <= now; item = this.#head) {
      this.remove(item)
      item.expire()
    }
    if (this.#head) this.#timer ??= this.#arm(this.#head)
  }
}
