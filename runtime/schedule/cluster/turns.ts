import type { LinePolicy } from '../../core/lines.ts'
import { priorities } from '../../core/priority.ts'

/** What the next start is for: the first of the line, the first of a class, or the longest-waiting of the classes between two. */
export type Turn = { readonly kind: 'first' } | { readonly kind: 'class'; readonly priority: number } | { readonly kind: 'between'; readonly above: number; readonly below: number }

const first: Turn = Object.freeze({ kind: 'first' })

/**
 * Decides for each start of this gateway whether the first of the shared line goes, or somebody who would not be next. Every
 * gateway decides for its own starts, so that together they keep the shares without asking each other.
 */
export class Turns {
  #policy: LinePolicy
  #lowestCredit = 0
  #betweenCredit = 0
  readonly #passes = Array.from({ length: priorities }, () => 0)
  #pass = 0

  constructor(policy: LinePolicy) {
    this.#policy = policy
  }

  setPolicy(policy: LinePolicy): void {
    this.#policy = policy
  }

  /** @param waiting how many wait, by class, as far as is known */
  next(waiting: readonly number[]): Turn {
    const top = waiting.findIndex((count) => count > 0)
    if (top < 0 || !waiting.some((count, at) => at > top && count > 0)) return first
    if (this.#policy.order === 'weighted') return this.#nextWeighted(waiting, top)
    if (this.#policy.order === 'deadline' || this.#policy.ageingShare === 0) return first
    const lowest = waiting.findLastIndex((count) => count > 0)
    this.#lowestCredit += this.#policy.ageingShare
    if (this.#lowestCredit >= 1) {
      this.#lowestCredit -= 1
      return { kind: 'class', priority: lowest }
    }
    if (!waiting.some((count, at) => at > top && at < lowest && count > 0)) return first
    this.#betweenCredit += this.#policy.ageingShare
    if (this.#betweenCredit < 1) return first
    this.#betweenCredit -= 1
    return { kind: 'between', above: top, below: lowest }
  }

  #nextWeighted(waiting: readonly number[], top: number): Turn {
    let chosen = top
    for (let at = 0; at < priorities; at += 1) {
      if ((waiting[at] as number) === 0) this.#passes[at] = Math.max(this.#passes[at] as number, this.#pass)
      else if ((this.#passes[at] as number) < (this.#passes[chosen] as number)) chosen = at
    }
    this.#pass = Math.max(this.#pass, this.#passes[chosen] as number)
    this.#passes[chosen] = (this.#passes[chosen] as number) + 1 / (this.#policy.weights[chosen] as number)
    return chosen === top ? first : { kind: 'class', priority: chosen }
  }
}
