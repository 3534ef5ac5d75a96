/** After so many the mean follows the latest as much as it ever will. */
const memory = 64

/** How long a slot is held, as the mean of late. */
export class MeanService {
  #count = 0
  #meanMs: number | undefined

  /** Undefined before the first. */
  get meanMs(): number | undefined {
    return this.#meanMs
  }

  note(tookMs: number): void {
    this.#count += 1
    const mean = this.#meanMs ?? tookMs
    this.#meanMs = mean + (tookMs - mean) / Math.min(this.#count, memory)
  }
}
