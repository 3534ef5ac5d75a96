export interface AdaptiveLimitOptions {
  /** Where it begins. */
  readonly initial: number
  readonly min: number
  readonly max: number
  /** How much longer than at rest requests may take before the limit falls, as a factor; 1.5. */
  readonly tolerance?: number
  /** Requests are looked at in windows of so long; 500. */
  readonly windowMs?: number
  /** Fewer say nothing: the window goes on; 10. */
  readonly leastSamples?: number
  /** How often the time at rest is measured anew; 30,000. */
  readonly probeEveryMs?: number
}

/** Share of a step that is taken at once. */
const smoothing = 0.5
/** A limit does not fall below this share of itself in one window. */
const steepest = 0.5
/** Part of the limit that requests may use while the time at rest is measured; of that again when it was still a line in the backend. */
const probeShare = 0.5
/** The first measurement comes after so many windows: nobody knows whether the limit that was set is near. */
const firstProbeWindows = 4
/** What is said to have taken longer says nothing of the backend. */
const longestMs = 86_400_000

/**
 * How many requests are worked on at once, found from how long they take: while they take as long as at rest the limit grows by
 * its square root, and when they take longer it falls in proportion (the gradient of Netflix's concurrency-limits). The time at
 * rest is the shortest of late; since nobody can tell a slow backend from a long line in it while it is busy, the limit is
 * halved now and then for one window and measured (as Envoy's adaptive concurrency does).
 *
 * It has no clock: each note says what time it is.
 */
export class AdaptiveLimit {
  readonly #min: number
  readonly #max: number
  readonly #tolerance: number
  readonly #windowMs: number
  readonly #leastSamples: number
  readonly #probeEveryMs: number
  #limit: number
  #restMs: number | undefined
  #windowEndsMs: number | undefined
  #samples = 0
  #sumMs = 0
  #mostAtOnce = 0
  /** How often the limit is halved at the moment, to measure the time at rest. */
  #halved = 0
  #halvedAtMs = -Infinity
  /** What requests took before it was halved the last time. */
  #beforeMs = 0
  #probeAtMs = Infinity

  constructor({ initial, min, max, tolerance = 1.5, windowMs = 500, leastSamples = 10, probeEveryMs = 30_000 }: AdaptiveLimitOptions) {
    this.#min = Math.max(1, min)
    this.#max = Math.max(this.#min, max)
    this.#limit = Math.min(this.#max, Math.max(this.#min, initial))
    this.#tolerance = tolerance
    this.#windowMs = windowMs
    this.#leastSamples = leastSamples
    this.#probeEveryMs = probeEveryMs
  }

  /** Whole requests. */
  get limit(): number {
    return Math.max(this.#min, Math.floor(this.#limit * probeShare ** this.#halved))
  }

  /** How long a request takes when nothing is busy; undefined before the first window. */
  get restMs(): number | undefined {
    return this.#restMs
  }

  /**
   * A request has ended.
   * @param tookMs from its start, without the wait before it
   * @param atOnce how many were under way, this one included
   * @returns true when the limit may have changed
   */
  note(tookMs: number, atOnce: number, nowMs: number): boolean {
    if (!(tookMs >= 0 && tookMs <= longestMs)) return false
    if (this.#windowEndsMs === undefined) {
      this.#windowEndsMs = nowMs + this.#windowMs
      this.#probeAtMs = nowMs + Math.min(this.#probeEveryMs, firstProbeWindows * this.#windowMs)
    }
    // What began before the limit was halved says nothing of a halved limit.
    if (this.#halved > 0 && nowMs - tookMs < this.#halvedAtMs) return false
    this.#samples += 1
    this.#sumMs += tookMs
    if (atOnce > this.#mostAtOnce) this.#mostAtOnce = atOnce
    if (nowMs < this.#windowEndsMs || this.#samples < this.#leastSamples) return false
    this.#turn(this.#sumMs / this.#samples, nowMs)
    this.#samples = this.#sumMs = this.#mostAtOnce = 0
    this.#windowEndsMs = nowMs + this.#windowMs
    return true
  }

  #turn(meanMs: number, nowMs: number): void {
    const tookMs = Math.max(meanMs, 0.01)
    if (this.#halved > 0) return this.#measure(tookMs, nowMs)
    this.#restMs = Math.min(this.#restMs ?? tookMs, tookMs)
    // A limit that nobody came near says nothing about more.
    if (this.#mostAtOnce * 2 < this.#limit) return
    const gradient = Math.max(steepest, Math.min(1, (this.#tolerance * this.#restMs) / tookMs))
    const next = this.#limit * gradient + Math.sqrt(this.#limit)
    this.#limit = Math.min(this.#max, Math.max(this.#min, this.#limit + smoothing * (next - this.#limit)))
    if (nowMs >= this.#probeAtMs) this.#halve(tookMs, nowMs)
  }

  #halve(tookMs: number, nowMs: number): void {
    this.#beforeMs = tookMs
    this.#halved += 1
    this.#halvedAtMs = nowMs
  }

  #measure(tookMs: number, nowMs: number): void {
    // With half the requests it took much less: what it took was a line in the backend, and may be still.
    if (this.#beforeMs > tookMs * this.#tolerance * 1.1 && this.limit > this.#min) return this.#halve(tookMs, nowMs)
    this.#halved = 0
    this.#restMs = tookMs
    this.#probeAtMs = nowMs + this.#probeEveryMs
  }
}
