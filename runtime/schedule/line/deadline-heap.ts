/** Something that waits until a time at most. */
export interface Due {
  /** Milliseconds; the smallest comes out first. */
  readonly untilMs: number
  /** Who came first goes first among those that are due at the same time. */
  readonly sequence: number
}

/** Below this size no room is worth winning back. */
const smallest = 64

/**
 * What is due first, among things of which most stop waiting before they are due: those are dropped when they come up, or
 * together when they are more than half. Adding costs O(log n), looking O(1) over all.
 */
export class DeadlineHeap<T extends Due> {
  readonly #waits: (item: T) => boolean
  #items: T[] = []
  #gone = 0

  /** @param waits false once a thing waits no more */
  constructor(waits: (item: T) => boolean) {
    this.#waits = waits
  }

  add(item: T): void {
    if (item.untilMs === Infinity) return
    this.#items.push(item)
    this.#rise(this.#items.length - 1)
  }

  /** Something in here waits no more. */
  noteGone(item: T): void {
    if (item.untilMs === Infinity) return
    this.#gone += 1
    if (this.#gone * 2 > this.#items.length && this.#items.length > smallest) this.#sweep()
  }

  /** The first that still waits. */
  peek(): T | undefined {
    for (let first = this.#items[0]; first; first = this.#items[0]) {
      if (this.#waits(first)) return first
      this.#drop()
      if (this.#gone > 0) this.#gone -= 1
    }
    return undefined
  }

  #drop(): void {
    const last = this.#items.pop() as T
    if (this.#items.length === 0) return
    this.#items[0] = last
    this.#sink(0)
  }

  #sweep(): void {
    this.#items = this.#items.filter(this.#waits)
    this.#gone = 0
    for (let at = (this.#items.length >> 1) - 1; at >= 0; at -= 1) this.#sink(at)
  }

  #rise(from: number): void {
    const items = this.#items
    const item = items[from] as T
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(item, items[parent] as T)) break
      items[at] = items[parent] as T
      at = parent
    }
    items[at] = item
  }

  #sink(from: number): void {
    const items = this.#items
    const item = items[from] as T
    let at = from
    for (;;) {
      let child = at * 2 + 1
      if (child >= items.length) break
      if (child + 1 < items.length && isBefore(items[child + 1] as T, items[child] as T)) child += 1
      if (!isBefore(items[child] as T, item)) break
      items[at] = items[child] as T
      at = child
    }
    items[at] = item
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.untilMs < b.untilMs || (a.untilMs === b.untilMs && a.sequence < b.sequence)
}
