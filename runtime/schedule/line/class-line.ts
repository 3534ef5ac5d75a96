import { DeadlineHeap } from './deadline-heap.ts'
import type { Ticket } from './ticket.ts'

/** Tickets of one class in the order they came; any can leave at once. */
export class ClassLine {
  readonly #due = new DeadlineHeap<Ticket>((ticket) => ticket.line === this)
  #first: Ticket | undefined
  #last: Ticket | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): Ticket | undefined {
    return this.#first
  }

  get last(): Ticket | undefined {
    return this.#last
  }

  /** The one whose time ends first; of tickets that may wait for ever the first. */
  get mostUrgent(): Ticket | undefined {
    return this.#due.peek() ?? this.#first
  }

  /** The next whose time ends. */
  get nextDue(): Ticket | undefined {
    return this.#due.peek()
  }

  /** Puts it behind those that came before it: at the end, unless it was in another line meanwhile. */
  add(ticket: Ticket): void {
    let before = this.#last
    while (before && before.sequence > ticket.sequence) before = before.previous
    ticket.previous = before
    ticket.next = before ? before.next : this.#first
    if (ticket.next) ticket.next.previous = ticket
    else this.#last = ticket
    if (before) before.next = ticket
    else this.#first = ticket
    this.#size += 1
    ticket.line = this
    this.#due.add(ticket)
  }

  /** Takes it out. */
  remove(ticket: Ticket): void {
    if (ticket.previous) ticket.previous.next = ticket.next
    else this.#first = ticket.next
    if (ticket.next) ticket.next.previous = ticket.previous
    else this.#last = ticket.previous
    ticket.previous = ticket.next = undefined
    this.#size -= 1
    ticket.line = undefined
    this.#due.noteGone(ticket)
  }
}
