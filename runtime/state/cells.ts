import type { CounterCharge, CounterWindow, LeaseCharge, LimitState, RateCharge } from '../core/state/state.ts'
import type { StoredTotal } from './totals.ts'

/**
 * Limits of one key each, in memory. A charge first takes from every cell on trial (`take…`), then all settle: what is on trial
 * becomes true or is forgotten. So several charges, also of one cell, are one step. Redis' scripts do the same sums
 * in the same order, so that both give the same figures.
 */
export interface Cell {
  /** Nothing is lost when the cell goes after this time. */
  readonly expiresAtMs: number
  settle(accepted: boolean, nowMs: number): void
}

/** Rates are sums of fractions; a microsecond is not worth a refusal. */
const toleranceMs = 0.001

/** A cell of a quota. */
export abstract class CounterCell implements Cell {
  protected used = 0
  protected pending = 0

  abstract readonly expiresAtMs: number
  /** Brings the cell to now. */
  abstract turnTo(nowMs: number): void
  /** Writes a change of the count. */
  protected abstract add(cost: number, nowMs: number): void
  protected abstract resetsAtMs(nowMs: number): number
  /** When at least so much is free again. */
  protected abstract freesAtMs(needed: number, nowMs: number): number
  /** Takes back what was charged at a time, if that time still counts. */
  abstract refund(cost: number, chargedAtMs: number | undefined): void
  protected abstract clear(): void

  take(charge: CounterCharge): boolean {
    const fits = charge.cost === 0 || this.used + this.pending + charge.cost <= charge.limit
    if (charge.mode === 'count' || (fits && charge.mode === 'enforce')) this.pending += charge.cost
    return fits
  }

  settle(accepted: boolean, nowMs: number): void {
    if (accepted && this.pending > 0) this.add(this.pending, nowMs)
    this.pending = 0
  }

  stateOf({ limit, cost }: CounterCharge, allowed: boolean, nowMs: number): LimitState {
    const { used } = this
    const over = cost === 0 ? 0 : used + cost - limit
    return {
      allowed,
      limit,
      used: Math.max(0, used),
      remaining: Math.max(0, limit - used),
      resetsAtMs: this.resetsAtMs(nowMs),
      retryAtMs: over <= 0 ? nowMs : cost > limit ? Infinity : this.freesAtMs(over, nowMs),
    }
  }

  adjust(limit: number, op: 'add' | 'set' | 'zero', amount: number, nowMs: number): void {
    if (op === 'zero') return this.clear()
    const target = op === 'add' ? this.used - amount : limit - amount
    if (target !== this.used) this.add(target - this.used, nowMs)
  }
}

/** Windows of one count, with a beginning and an end. */
export type BoundedWindow = Exclude<CounterWindow, { kind: 'rolling' | 'total' }>

/** Fixed, calendar and flexi windows. */
export class WindowCell extends CounterCell {
  private readonly window: BoundedWindow
  private startMs: number
  private endMs: number

  constructor(window: BoundedWindow, bounds: { readonly startMs: number; readonly endMs: number }) {
    super()
    this.window = window
    this.startMs = bounds.startMs
    this.endMs = bounds.endMs
  }

  get expiresAtMs(): number {
    return this.used === 0 && this.window.kind !== 'flexi' ? 0 : this.endMs
  }

  turnTo(nowMs: number): void {
    if (this.window.kind === 'calendar') return
    const { kind, lengthMs } = this.window
    // A clock that was set back a little goes on in the window it had reached; one that was set back far begins anew.
    if (nowMs < this.endMs && this.startMs <= nowMs + lengthMs) return
    this.startMs = kind === 'fixed' ? Math.floor(nowMs / lengthMs) * lengthMs : 0
    this.endMs = kind === 'fixed' ? this.startMs + lengthMs : 0
    this.used = 0
  }

  protected add(cost: number, nowMs: number): void {
    if (this.window.kind === 'flexi' && this.endMs === 0) [this.startMs, this.endMs] = [nowMs, nowMs + this.window.lengthMs]
    this.used += cost
  }

  protected resetsAtMs(nowMs: number): number {
    return this.window.kind === 'flexi' && this.endMs === 0 ? nowMs + this.window.lengthMs : this.endMs
  }

  protected freesAtMs(): number {
    return this.endMs
  }

  refund(cost: number, chargedAtMs = this.startMs): void {
    if (chargedAtMs >= this.startMs) this.used = Math.max(this.used - cost, Math.min(this.used, 0))
  }

  protected clear(): void {
    this.used = 0
    if (this.window.kind === 'flexi') this.startMs = this.endMs = 0
  }
}

/** A count without an end. What it counts goes to a file as well, if there is one. */
export class TotalCell extends CounterCell {
  private readonly read: () => StoredTotal
  private readonly keep: (change: number) => void
  private whole = false

  /** @param read what was kept until now, asked again until it is whole */
  constructor(read: () => StoredTotal, keep: (change: number) => void) {
    super()
    this.read = read
    this.keep = keep
  }

  get expiresAtMs(): number {
    return this.used === 0 ? 0 : Infinity
  }

  turnTo(): void {
    if (!this.whole) ({ used: this.used, whole: this.whole } = this.read())
  }

  protected add(cost: number): void {
    this.used += cost
    this.keep(cost)
  }

  protected resetsAtMs(): number {
    return Infinity
  }

  protected freesAtMs(): number {
    return Infinity
  }

  refund(cost: number): void {
    const left = Math.max(this.used - cost, Math.min(this.used, 0))
    if (left !== this.used) this.add(left - this.used)
  }

  protected clear(): void {
    if (this.used !== 0) this.add(-this.used)
  }
}

/** A rolling window: a count per slice. A slice counts in full until its last moment has left the window. */
export class RollingCell extends CounterCell {
  private readonly lengthMs: number
  private readonly widthMs: number
  private readonly slices: number[] = []
  private readonly counts: number[] = []

  constructor(lengthMs: number, widthMs: number) {
    super()
    this.lengthMs = lengthMs
    this.widthMs = widthMs
  }

  get expiresAtMs(): number {
    return this.slices.length === 0 ? 0 : this.leavesAtMs(this.slices.length - 1)
  }

  turnTo(nowMs: number): void {
    while (this.slices.length > 0 && this.leavesAtMs(0) <= nowMs) this.drop(0)
    while (this.slices.length > 0 && this.slices.at(-1)! * this.widthMs > nowMs + this.lengthMs) this.drop(this.slices.length - 1)
  }

  protected add(cost: number, nowMs: number): void {
    this.used += cost
    let left = cost
    // Less is taken from what leaves first: too much is counted rather than too little.
    for (let place = 0; left < 0 && place < this.slices.length; ) {
      const taken = Math.min(-left, Math.max(0, this.counts[place]!))
      this.counts[place]! -= taken
      left += taken
      if (this.counts[place] === 0) this.forget(place)
      else place++
    }
    if (left === 0) return
    const slice = Math.max(Math.floor(nowMs / this.widthMs), this.slices.at(-1) ?? 0)
    if (this.slices.at(-1) === slice) this.counts[this.counts.length - 1]! += left
    else {
      this.slices.push(slice)
      this.counts.push(left)
    }
  }

  protected resetsAtMs(nowMs: number): number {
    return this.slices.length === 0 ? nowMs : this.leavesAtMs(0)
  }

  protected freesAtMs(needed: number): number {
    let freed = 0
    for (let place = 0; place < this.slices.length; place++) {
      freed += this.counts[place]!
      if (freed >= needed) return this.leavesAtMs(place)
    }
    return Infinity
  }

  refund(cost: number, chargedAtMs: number | undefined): void {
    const place = chargedAtMs === undefined ? 0 : this.slices.indexOf(Math.floor(chargedAtMs / this.widthMs))
    const taken = Math.min(cost, Math.max(0, this.counts[place] ?? 0))
    if (taken === 0) return
    this.counts[place]! -= taken
    this.used -= taken
    if (this.counts[place] === 0) this.forget(place)
  }

  protected clear(): void {
    this.slices.length = this.counts.length = this.used = 0
  }

  private leavesAtMs(place: number): number {
    return (this.slices[place]! + 1) * this.widthMs + this.lengthMs
  }

  private drop(place: number): void {
    this.used -= this.counts[place]!
    this.forget(place)
  }

  private forget(place: number): void {
    this.slices.splice(place, 1)
    this.counts.splice(place, 1)
  }
}

/** GCRA: the time at which the rate is at rest again. */
export class RateCell implements Cell {
  private restMs = 0
  private pendingMs = 0

  get expiresAtMs(): number {
    return this.restMs
  }

  /** @returns the delay to ask for, in whole milliseconds, or -1 when the charge is refused */
  take({ intervalMs, burst, cost, maxDelayMs }: RateCharge, nowMs: number): number {
    if (cost === 0) return 0
    const rest = Math.max(this.restMs, nowMs) + this.pendingMs
    const delayMs = rest + Math.min(cost, burst) * intervalMs - burst * intervalMs - nowMs
    if (delayMs > maxDelayMs + toleranceMs) return -1
    this.pendingMs += cost * intervalMs
    return Math.max(0, Math.ceil(delayMs - toleranceMs))
  }

  settle(accepted: boolean, nowMs: number): void {
    if (accepted && this.pendingMs > 0) this.restMs = Math.max(this.restMs, nowMs) + this.pendingMs
    this.pendingMs = 0
  }

  stateOf({ intervalMs, burst, cost, maxDelayMs }: RateCharge, allowed: boolean, nowMs: number): LimitState {
    const rest = Math.max(this.restMs, nowMs)
    const used = Math.ceil((rest - nowMs - toleranceMs) / intervalMs)
    const freeMs = rest + Math.min(cost, burst) * intervalMs - burst * intervalMs - maxDelayMs
    return {
      allowed,
      limit: burst,
      used: Math.max(0, used),
      remaining: Math.max(0, Math.min(burst, burst - used)),
      resetsAtMs: Math.ceil(rest - toleranceMs),
      retryAtMs: cost === 0 ? nowMs : Math.max(nowMs, Math.ceil(freeMs - toleranceMs)),
    }
  }

  refund(charge: RateCharge): void {
    this.restMs -= charge.cost * charge.intervalMs
  }
}

/** Slots that are held, each with its end. */
export class LeaseCell implements Cell {
  private readonly ends = new Map<string, number>()
  /** Tokens on trial that are not yet held. */
  private readonly pending = new Map<string, number>()
  private taken = 0
  /** Whether the map's order is the order of ends, as it is while all leases are equally long. */
  private sorted = true
  private lastEndMs = 0

  get expiresAtMs(): number {
    return this.ends.size === 0 ? 0 : this.lastEndMs
  }

  turnTo(nowMs: number): void {
    for (const [token, endMs] of this.ends) {
      if (endMs <= nowMs) this.ends.delete(token)
      else if (this.sorted) break
    }
    if (this.ends.size === 0) [this.sorted, this.lastEndMs] = [true, 0]
  }

  take({ token, limit, ttlMs }: LeaseCharge, nowMs: number): boolean {
    const isNew = !this.ends.has(token) && !this.pending.has(token)
    if (isNew && this.ends.size + this.taken >= limit) return false
    if (isNew) this.taken++
    this.pending.set(token, nowMs + ttlMs)
    return true
  }

  settle(accepted: boolean): void {
    if (accepted) for (const [token, endMs] of this.pending) this.hold(token, endMs)
    this.pending.clear()
    this.taken = 0
  }

  release(token: string): void {
    this.ends.delete(token)
  }

  stateOf({ limit }: LeaseCharge, allowed: boolean, nowMs: number): LimitState {
    const used = this.ends.size
    const soonest = this.sorted || used === 0 ? (this.ends.values().next().value ?? nowMs) : Math.min(...this.ends.values())
    return {
      allowed,
      limit,
      used,
      remaining: Math.max(0, limit - used),
      resetsAtMs: soonest,
      retryAtMs: used < limit ? nowMs : limit <= 0 ? Infinity : [...this.ends.values()].sort((a, b) => a - b)[used - limit]!,
    }
  }

  private hold(token: string, endMs: number): void {
    this.ends.delete(token)
    this.ends.set(token, endMs)
    if (endMs < this.lastEndMs) this.sorted = false
    else this.lastEndMs = endMs
  }
}
