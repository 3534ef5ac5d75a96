const slices = 20

/** How often something happened lately, in a ring of slices: constant memory, no timer. */
export class RecentRate {
  readonly #sliceMs: number
  readonly #counts = new Float64Array(slices)
  /** Number of the newest slice, counted from time zero. */
  #newest = 0
  #total = 0
  #firstMs: number | undefined

  /** @param windowMs what “lately” means */
  constructor(windowMs = 2000) {
    this.#sliceMs = windowMs / slices
  }

  note(nowMs: number, count = 1): void {
    this.#turn(nowMs)
    this.#firstMs ??= nowMs
    const at = this.#newest % slices
    this.#counts[at] = (this.#counts[at] as number) + count
    this.#total += count
  }

  /** Per millisecond, over the window or the time since the first if that is shorter. */
  perMs(nowMs: number): number {
    if (this.#firstMs === undefined) return 0
    this.#turn(nowMs)
    return this.#total / Math.max(this.#sliceMs, Math.min(this.#sliceMs * slices, nowMs - this.#firstMs))
  }

  #turn(nowMs: number): void {
    const slice = Math.floor(nowMs / this.#sliceMs)
    if (slice <= this.#newest) return
    const passed = Math.min(slices, slice - this.#newest)
    for (let step = 1; step <= passed; step += 1) {
      const at = (this.#newest + step) % slices
      this.#total -= this.#counts[at] as number
      this.#counts[at] = 0
    }
    if (passed === slices) {
      this.#total = 0
      this.#counts.fill(0)
    }
    this.#newest = slice
  }
}
