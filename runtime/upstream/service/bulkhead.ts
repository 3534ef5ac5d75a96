import type { Clock } from '../../core/time/clock.ts'
import type { BulkheadPolicy } from '../../core/upstream/upstream-service.ts'

interface Waiting {
  readonly admit: () => void
}

/** Keeps a slow upstream from taking all there is: at most so many calls at once, first come, first served. */
export class Bulkhead {
  #policy: BulkheadPolicy
  #taken = 0
  readonly #waiting = new Set<Waiting>()
  readonly #clock: Pick<Clock, 'setTimer'>

  constructor(policy: BulkheadPolicy, clock: Pick<Clock, 'setTimer'>) {
    this.#policy = policy
    this.#clock = clock
  }

  get taken(): number {
    return this.#taken
  }

  get waiting(): number {
    return this.#waiting.size
  }

  configure(policy: BulkheadPolicy): void {
    this.#policy = policy
    this.#next()
  }

  /**
   * Comes for a place. `settled(true)` when there is one, at once or later; `settled(false)` when there will be none. The result
   * leaves: gives the place back, or goes away from waiting; the second time it does nothing.
   */
  enter(settled: (admitted: boolean) => void): () => void {
    const { limit, maxWaitMs, maxWaiting } = this.#policy
    if (this.#taken < limit && this.#waiting.size === 0) {
      this.#taken += 1
      const leave = this.#leaveOnce()
      settled(true)
      return leave
    }
    if (maxWaitMs <= 0 || this.#waiting.size >= maxWaiting) {
      settled(false)
      return () => {}
    }
    let leave = () => {
      stopTimer()
      this.#waiting.delete(waiting)
    }
    const waiting: Waiting = {
      admit: () => {
        stopTimer()
        leave = this.#leaveOnce()
        settled(true)
      },
    }
    const stopTimer = this.#clock.setTimer(() => {
      if (this.#waiting.delete(waiting)) settled(false)
    }, maxWaitMs)
    this.#waiting.add(waiting)
    return () => leave()
  }

  #leaveOnce(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      this.#taken -= 1
      this.#next()
    }
  }

  #next(): void {
    for (const waiting of this.#waiting) {
      if (this.#taken >= this.#policy.limit) return
      this.#waiting.delete(waiting)
      this.#taken += 1
      waiting.admit()
    }
  }
}
