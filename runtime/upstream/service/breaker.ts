import type { BreakerPolicy } from '../../core/upstream/upstream-service.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

/** What became of a call; `none`: it was given up before anything could be said. */
export type Verdict = 'good' | 'bad' | 'none'

/** Leave to make one call. */
export interface Permit {
  /** Says once how it went. */
  end(verdict: Verdict, tookMs: number): void
}

const slices = 10

/**
 * Circuit breaker over a sliding window of time. Closed it lets everybody pass and counts; open nobody; after `openMs` it is
 * half-open and lets a few probes pass. What calls say that began before it last changed its state does not count.
 */
export class Breaker {
  #policy: BreakerPolicy
  #state: BreakerState = 'closed'
  #openedAtMs = 0
  #round = 0
  #probing = 0
  #passed = 0
  /** By slice of the window: which one it is, calls, failed ones, slow ones. */
  #slice = new Float64Array(slices).fill(-1)
  #calls = new Uint32Array(slices)
  #bad = new Uint32Array(slices)
  #slow = new Uint32Array(slices)
  readonly #now: () => number

  constructor(policy: BreakerPolicy, now: () => number) {
    this.#policy = policy
    this.#now = now
  }

  /** Another policy from now on. The state stays. */
  configure(policy: BreakerPolicy): void {
    if (policy.windowMs !== this.#policy.windowMs) this.#forget()
    this.#policy = policy
  }

  get state(): BreakerState {
    return this.#state === 'open' && this.openForMs === 0 ? 'half-open' : this.#state
  }

  /** How long it stays open yet; 0 when it is not. */
  get openForMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#openedAtMs + this.#policy.openMs - this.#now()) : 0
  }

  /** Leave for one call; `undefined`: not now. */
  enter(): Permit | undefined {
    if (this.#state === 'open') {
      if (this.openForMs > 0) return undefined
      this.#change('half-open')
    }
    if (this.#state === 'half-open') {
      if (this.#probing + this.#passed >= this.#policy.probes) return undefined
      this.#probing += 1
    }
    const round = this.#round
    let ended = false
    return {
      end: (verdict, tookMs) => {
        if (ended) return
        ended = true
        if (round === this.#round) this.#note(verdict, tookMs)
      },
    }
  }

  #note(verdict: Verdict, tookMs: number): void {
    const slow = this.#policy.slowMs > 0 && tookMs > this.#policy.slowMs
    if (this.#state === 'half-open') {
      this.#probing -= 1
      if (verdict === 'bad' || slow) return this.#open()
      if (verdict === 'good' && (this.#passed += 1) >= this.#policy.probes) this.#change('closed')
      return
    }
    if (verdict === 'none' && !slow) return
    const at = this.#sliceNow()
    this.#calls[at]! += 1
    if (verdict === 'bad') this.#bad[at]! += 1
    if (slow) this.#slow[at]! += 1
    if ((verdict === 'bad' || slow) && this.#isTooMuch()) this.#open()
  }

  #isTooMuch(): boolean {
    const oldest = this.#sliceNumber() - slices
    let calls = 0
    let bad = 0
    let slow = 0
    for (let at = 0; at < slices; at += 1) {
      if ((this.#slice[at] as number) <= oldest) continue
      calls += this.#calls[at] as number
      bad += this.#bad[at] as number
      slow += this.#slow[at] as number
    }
    if (calls < this.#policy.minCalls) return false
    return (bad > 0 && bad / calls >= this.#policy.errorShare) || (slow > 0 && slow / calls >= this.#policy.slowShare)
  }

  #sliceNumber(): number {
    return Math.floor((this.#now() * slices) / this.#policy.windowMs)
  }

  #sliceNow(): number {
    const number = this.#sliceNumber()
    const at = ((number % slices) + slices) % slices
    if (this.#slice[at] !== number) {
      this.#slice[at] = number
      this.#calls[at] = this.#bad[at] = this.#slow[at] = 0
    }
    return at
  }

  #open(): void {
    this.#change('open')
    this.#openedAtMs = this.#now()
  }

  #change(state: BreakerState): void {
    this.#state = state
    this.#round += 1
    this.#probing = this.#passed = 0
    this.#forget()
  }

  #forget(): void {
    this.#slice.fill(-1)
  }
}
