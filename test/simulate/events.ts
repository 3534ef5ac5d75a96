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
