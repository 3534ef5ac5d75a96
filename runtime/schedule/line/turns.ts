import type { LinePolicy } from '../../core/lines/lines.ts'
import { priorities } from '../../core/lines/priority.ts'

/** Whose turn it is: the most important that waits, the first of another class, or the longest-waiting of the classes between two. */
export type Turn =
  | { readonly kind: 'top'; readonly priority: number }
  | { readonly kind: 'class'; readonly priority: number }
  | { readonly kind: 'between'; readonly above: number; readonly below: number }

const tops: readonly Turn[] = Array.from({ length: priorities }, (_, priority) => Object.freeze({ kind: 'top', priority }))

/**
 * Decides for each start which class it is for, in strict and in weighted order (stride scheduling, Waldspurger 1995). Gateways
 * that share a line decide each for its own starts, so that together they keep the shares without asking each other.
 */
export class Turns {
  #policy: LinePolicy
  /** Starts owed to the lowest class that waits, and to those between it and the first. */
  #lowestCredit = 0
  #betweenCredit = 0
  readonly #passes = new Float64Array(priorities)
  /** Pass of the last start, in weighted order: a class that comes back does not make up for its absence. */
  #pass = 0

  constructor(policy: LinePolicy) {
    this.#policy = policy
  }

  setPolicy(policy: LinePolicy): void {
    this.#policy = policy
  }

  /** Whose turn the next start is; undefined when nobody waits. */
  next(waits: (priority: number) => boolean): Turn | undefined {
    let top = 0
    while (top < priorities && !waits(top)) top += 1
    if (top === priorities) return undefined
    return this.#policy.order === 'weighted' ? this.#nextWeighted(waits, top) : this.#nextStrict(waits, top)
  }

  /** Somebody of a class began. */
  started(priority: number): void {
    if (this.#policy.order !== 'weighted') return
    const pass = this.#passes[priority] as number
    this.#pass = Math.max(this.#pass, pass)
    this.#passes[priority] = pass + 1 / (this.#policy.weights[priority] as number)
  }

  /** Nobody of a class waited, until now. */
  joined(priority: number): void {
    this.#passes[priority] = Math.max(this.#passes[priority] as number, this.#pass)
  }

  #nextStrict(waits: (priority: number) => boolean, top: number): Turn {
    const share = this.#policy.ageingShare
    let lowest = priorities - 1
    while (lowest > top && !waits(lowest)) lowest -= 1
    if (share === 0 || lowest === top) return tops[top] as Turn
    this.#lowestCredit += share
    if (this.#lowestCredit >= 1) {
      this.#lowestCredit -= 1
      return { kind: 'class', priority: lowest }
    }
    let between = top + 1
    while (between < lowest && !waits(between)) between += 1
    if (between === lowest) return tops[top] as Turn
    this.#betweenCredit += share
    if (this.#betweenCredit < 1) return tops[top] as Turn
    this.#betweenCredit -= 1
    return { kind: 'between', above: top, below: lowest }
  }

  #nextWeighted(waits: (priority: number) => boolean, top: number): Turn {
    let chosen = top
    for (let at = top + 1; at < priorities; at += 1) if (waits(at) && (this.#passes[at] as number) < (this.#passes[chosen] as number)) chosen = at
    return chosen === top ? (tops[top] as Turn) : { kind: 'class', priority: chosen }
  }
}
