/** What a {@link WaitingList} may hold: it writes down where the thing stands. */
export interface Waits {
  /** Place in the list; -1 while it is in none. */
  place: number
}

/**
 * Things that come and go with every request, in no order. Not a Set: each time a Set has filled up with removed
 * entries it moves to a new table, and the old one, once it is in V8's old generation, keeps all later tables and
 * what stood in them alive until the next full collection. Half of what a busy gateway allocated was copied for that.
 */
export class WaitingList<T extends Waits> {
  readonly #list: T[] = []

  get size(): number {
    return this.#list.length
  }

  add(one: T): void {
    one.place = this.#list.push(one) - 1
  }

  delete(one: T): void {
    if (one.place === -1) return
    const last = this.#list.pop() as T
    if (last !== one) {
      this.#list[one.place] = last
      last.place = one.place
    }
    one.place = -1
  }

  /** All of them as they are now, so that they may leave while they are gone through. */
  all(): readonly T[] {
    return [...this.#list]
  }
}
