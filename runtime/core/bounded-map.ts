/** A map that keeps so many entries: what was used longest ago goes first. */
export class BoundedMap<V> {
  readonly #limit: number
  readonly #map = new Map<string, V>()
  /**
   * Goes from the oldest to the newest, once: a new iterator would step over all that were deleted at the front since the
   * table was last rebuilt, thousands of places for each entry that goes.
   */
  #oldest = this.#map.keys()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#map.size
  }

  get(key: string): V | undefined {
    return this.#map.get(key)
  }

  /** Sets and counts as a use. */
  set(key: string, value: V): void {
    this.#map.delete(key)
    this.#map.set(key, value)
    if (this.#map.size > this.#limit) this.#dropOldest()
  }

  delete(key: string): void {
    this.#map.delete(key)
  }

  clear(): void {
    this.#map.clear()
    this.#oldest = this.#map.keys()
  }

  #dropOldest(): void {
    let next = this.#oldest.next()
    if (next.done) next = (this.#oldest = this.#map.keys()).next()
    if (!next.done) this.#map.delete(next.value)
  }
}
