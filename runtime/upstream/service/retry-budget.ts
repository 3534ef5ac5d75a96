/** Retries that are there before anybody has called, so that a quiet upstream has some too. */
const reserve = 10
/** Most that is saved up: a burst of failures after a long quiet time does not double the load. */
const most = 100

/**
 * Retries (and hedges) as a share of calls, as Finagle's budget: each call pays in `share`, each retry takes 1. When an upstream is
 * down for everybody, callers together send it at most so much more than they would without retries.
 */
export class RetryBudget {
  #share: number
  #saved = reserve

  /** @param share 0 … 1; 0: no retries at all */
  constructor(share: number) {
    this.#share = share
  }

  configure(share: number): void {
    this.#share = share
  }

  /** A call came. */
  pay(): void {
    this.#saved = Math.min(most, this.#saved + this.#share)
  }

  /** Takes one retry out; false when there is none. */
  take(): boolean {
    // Sums of shares such as 0.1 are a little less than what they stand for.
    if (this.#share <= 0 || this.#saved < 1 - 1e-9) return false
    this.#saved -= 1
    return true
  }
}
