import { RecentRate } from '../../core/time/recent-rate.ts'
import { priorities } from '../../core/lines/priority.ts'

/** A class has to have waited without a break for so long before its pace says anything. */
const watchedMs = 1000
/** Starts within the window below which a pace is chance. */
const fewestStarts = 10
/** Of the turns that one gateway of several gives a rare class, so long makes some tens. */
const windowMs = 5000

/**
 * How fast each class gets its turns while it waits. Where more important callers take most of the capacity, what they leave is
 * a small difference of two large figures: seen from the turns themselves it is known far better than computed from arrivals.
 */
export class ClassPace {
  readonly #starts = Array.from({ length: priorities }, () => new RecentRate(windowMs))
  /** What those who began had waited, together. */
  readonly #waited = Array.from({ length: priorities }, () => new RecentRate(windowMs))
  /** Since when somebody of the class waits. */
  readonly #since: (number | undefined)[] = Array.from({ length: priorities }, () => undefined)

  /** Somebody of a class waits, of whom nobody did. */
  joined(priority: number, nowMs: number): void {
    this.#since[priority] = nowMs
  }

  /** Nobody of a class waits any more. */
  emptied(priority: number): void {
    this.#since[priority] = undefined
  }

  /** Somebody begins who waited so long. */
  started(priority: number, nowMs: number, waitedMs: number): void {
    ;(this.#starts[priority] as RecentRate).note(nowMs)
    ;(this.#waited[priority] as RecentRate).note(nowMs, waitedMs)
  }

  /**
   * How long those of a class waited who began of late; undefined while too few to tell. Who is refused is told this rather than how
   * long the line would be: nobody gets through who waits longer than callers may.
   */
  waitedMs(priority: number, nowMs: number): number | undefined {
    const perMs = this.perMs(priority, nowMs)
    return perMs === undefined ? undefined : (this.#waited[priority] as RecentRate).perMs(nowMs) / perMs
  }

  /** How long somebody who came now would wait behind those of the class; undefined while nothing can be said. */
  waitMs(priority: number, waiting: number, nowMs: number): number | undefined {
    const perMs = this.perMs(priority, nowMs)
    return perMs === undefined ? undefined : (waiting + 1) / perMs
  }

  /** Turns of a class per millisecond of late; undefined while too few to tell. */
  perMs(priority: number, nowMs: number): number | undefined {
    const since = this.#since[priority]
    if (since === undefined || nowMs - since < watchedMs) return undefined
    const perMs = (this.#starts[priority] as RecentRate).perMs(nowMs)
    return perMs * Math.min(windowMs, nowMs - since) < fewestStarts ? undefined : perMs
  }
}
