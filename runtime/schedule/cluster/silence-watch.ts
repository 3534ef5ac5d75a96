import type { Clock } from '../../core/time/clock.ts'

export interface SilenceWatchOptions {
  readonly clock: Pick<Clock, 'setTimer'>
  /** How long Redis may say nothing to somebody who asks. */
  readonly limitMs: number
  /** Anything that changes with whatever comes from Redis. */
  heard(): unknown
  /** It was silent for so long, or refused what it was asked. */
  silent(): void
}

/** In how many parts the time is looked at. */
const looks = 4

/**
 * Says when Redis is away: something was asked, and nothing at all came for so long. An answer that takes longer while others come is
 * only slow. Time in which this process had no processor counts as one look, whatever its length: between two looks the event loop
 * reads what has come.
 */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions
  readonly #lookMs: number
  /** Who asked and has no answer. */
  readonly #asking = new Set<() => void>()
  #silentLooks = 0
  #lastHeard: unknown
  #cancelLook: (() => void) | undefined

  constructor(options: SilenceWatchOptions) {
    this.#options = options
    this.#lookMs = options.limitMs / looks
  }

  /** Resolves with the answer, or with `undefined` when Redis refuses it or is silent for too long. */
  answered<T>(answer: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve) => {
      const giveUp = () => resolve(undefined)
      this.#asking.add(giveUp)
      this.#lookLater()
      answer.then((value) => {
        this.#asking.delete(giveUp)
        this.#silentLooks = 0
        // Nobody is woken for a look that has nothing to see.
        if (this.#asking.size === 0) this.#stopLooking()
        resolve(value)
      }, () => {
        if (this.#asking.has(giveUp)) this.#giveUp()
      })
    })
  }

  stop(): void {
    this.#stopLooking()
    for (const giveUp of this.#asking) giveUp()
    this.#asking.clear()
  }

  #stopLooking(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
  }

  #lookLater(): void {
    if (this.#cancelLook) return
    this.#silentLooks = 0
    this.#lastHeard = this.#options.heard()
    this.#cancelLook = this.#options.clock.setTimer(() => this.#look(), this.#lookMs)
  }

  #look(): void {
    this.#cancelLook = undefined
    if (this.#asking.size === 0) return
    const heard = this.#options.heard()
    this.#silentLooks = heard === this.#lastHeard ? this.#silentLooks + 1 : 0
    this.#lastHeard = heard
    if (this.#silentLooks >= looks) return this.#giveUp()
    this.#cancelLook = this.#options.clock.setTimer(() => this.#look(), this.#lookMs)
  }

  #giveUp(): void {
    this.stop()
    this.#options.silent()
  }
}
