import type { LinePolicy } from '../../core/lines.ts'
import { priorities } from '../../core/priority.ts'

/** What the next start is for. */
export type Turn = { readonly kind: 'first' } | { readonly kind: 'oldest' } | { readonly kind: 'class'; readonly priority: number }

const first: Turn = Object.freeze({ kind: 'first' })
const oldest: Turn = Object.freeze({ kind: 'oldest' })

/**
 * Decides for each start of this gateway whether the first of the shared line goes, or somebody who would not be next. Every
 * gateway decides for its own starts, so that together they keep the shares without asking each other.
 */
export class Turns {
  #policy: LinePolicy
  #credit = 0
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
    this.#credit += this.#policy.ageingShare
    if (this.#credit < 1) return first
    this.#credit -= 1
    return oldest
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
