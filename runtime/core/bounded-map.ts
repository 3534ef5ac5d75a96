/**
 * A map whose values together weigh no more than a limit: what was used longest ago goes first. A value weighs 1 unless
 * `set` says otherwise, so the limit is a number of entries, or of bytes where bytes are said.
 */
export class BoundedMap<V> {
  readonly limit: number
  readonly #slots = new Map<string, Slot<V>>()
  #newest: Slot<V> | undefined
  #oldest: Slot<V> | undefined
  #weight = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get size(): number {
    return this.#slots.size
  }

  /** What all values weigh together. */
  get weight(): number {
    return this.#weight
  }

  /** Does not count as a use. */
  get(key: string): V | undefined {
    return this.#slots.get(key)?.value
  }

  /** Gets, and counts as a use. */
  use(key: string): V | undefined {
    const slot = this.#slots.get(key)
    if (slot === undefined) return undefined
    if (slot !== this.#newest) {
      this.#unlink(slot)
      this.#lead(slot)
    }
    return slot.value
  }

  /** Sets, and counts as a use. What is heavier than all there may be is not kept. */
  set(key: string, value: V, weight = 1): void {
    if (weight > this.limit) return this.delete(key)
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = { key, value, weight, newer: undefined, older: undefined }
      this.#slots.set(key, slot)
    } else {
      // Not deleted and set again: V8 builds a map anew after a few deletions, and the table of before holds the next one, and so all
      // values since, once it lies in the old generation.
      this.#weight -= slot.weight
      slot.value = value
      slot.weight = weight
      this.#unlink(slot)
    }
    this.#lead(slot)
    this.#weight += weight
    while (this.#weight > this.limit && this.#oldest !== undefined) this.delete(this.#oldest.key)
  }

  delete(key: string): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#unlink(slot)
    this.#weight -= slot.weight
    // Whoever still holds the slot, such as a table of before, holds nothing else by it.
    slot.value = undefined
  }

  clear(): void {
    this.#slots.clear()
    this.#newest = this.#oldest = undefined
    this.#weight = 0
  }

  #unlink(slot: Slot<V>): void {
    const { newer, older } = slot
    if (newer) newer.older = older
    else this.#newest = older
    if (older) older.newer = newer
    else this.#oldest = newer
    slot.newer = slot.older = undefined
  }

  #lead(slot: Slot<V>): void {
    slot.older = this.#newest
    if (this.#newest) this.#newest.newer = slot
    this.#newest = slot
    this.#oldest ??= slot
  }
}

interface Slot<V> {
  readonly key: string
  value: V | undefined
  weight: number
  newer: Slot<V> | undefined
  older: Slot<V> | undefined
}
