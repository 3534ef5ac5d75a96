/** A map that holds so many bytes: what was used longest ago goes first. */
export class ByteLru<V> {
  readonly limitBytes: number
  readonly #map = new Map<string, Slot<V>>()
  #newest: Slot<V> | undefined
  #oldest: Slot<V> | undefined
  #bytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string): V | undefined {
    const slot = this.#map.get(key)
    if (slot === undefined) return undefined
    if (slot !== this.#newest) {
      this.#unlink(slot)
      this.#lead(slot)
    }
    return slot.value
  }

  /** What is larger than all there may be is not kept. */
  set(key: string, value: V, bytes: number): void {
    if (bytes > this.limitBytes) return this.delete(key)
    let slot = this.#map.get(key)
    if (slot === undefined) {
      slot = { key, value, bytes, newer: undefined, older: undefined }
      this.#map.set(key, slot)
    } else {
      // Not deleted and set again: V8 builds a map anew after a few deletions, and the table of before holds the next one, and so all
      // values since, once it lies in the old generation.
      this.#bytes -= slot.bytes
      slot.value = value
      slot.bytes = bytes
      this.#unlink(slot)
    }
    this.#lead(slot)
    this.#bytes += bytes
    while (this.#bytes > this.limitBytes && this.#oldest !== undefined) this.delete(this.#oldest.key)
  }

  delete(key: string): void {
    const slot = this.#map.get(key)
    if (slot === undefined) return
    this.#map.delete(key)
    this.#unlink(slot)
    this.#bytes -= slot.bytes
    // Whoever still holds the slot holds nothing else by it.
    slot.value = undefined
  }

  clear(): void {
    this.#map.clear()
    this.#newest = this.#oldest = undefined
    this.#bytes = 0
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
  bytes: number
  newer: Slot<V> | undefined
  older: Slot<V> | undefined
}
