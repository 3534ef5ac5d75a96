/** What is to happen on a virtual clock, the earliest first; what is due at the same time in the order it was asked for. */
export class Events {
  readonly #items: { readonly atMs: number; readonly number: number; readonly happen: () => void }[] = []
  #number = 0
  nowMs = 0

  at(atMs: number, happen: () => void): void {
    const items = this.#items
    const item = { atMs: Math.max(atMs, this.nowMs), number: ++this.#number, happen }
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  /** Lets everything happen, and whatever that sets off. */
  run(): void {
    for (let next = this.#take(); next; next = this.#take()) {
      this.nowMs = next.atMs
      next.happen()
    }
  }

  /** Lets the next thing happen if it is due by then. Gives whether it was. */
  happenNext(untilMs: number): boolean {
    const first = this.#items[0]
    if (!first || first.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs)
      return false
    }
    this.#take()
    this.nowMs = first.atMs
    first.happen()
    return true
  }

  #take() {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (!first || !last || items.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= items.length) break
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child += 1
      if (!isBefore(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return first
  }
}

function isBefore(a: { readonly atMs: number; readonly number: number }, b: { readonly atMs: number; readonly number: number }): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number)
}
