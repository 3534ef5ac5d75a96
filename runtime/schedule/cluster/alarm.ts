import type { Clock } from '../../core/time/clock.ts'

/** One timer for something that is due at different times: it goes off at the earliest that was asked for. */
export class Alarm {
  readonly #clock: Clock
  readonly #act: () => void
  #cancel: (() => void) | undefined
  #dueMs = Infinity

  constructor(clock: Clock, act: () => void) {
    this.#clock = clock
    this.#act = act
  }

  /** @param dueMs by the clock's `elapsed`; nothing changes when it goes off sooner anyway */
  setFor(dueMs: number): void {
    if (dueMs >= this.#dueMs) return
    this.#cancel?.()
    this.#dueMs = dueMs
    this.#cancel = this.#clock.setTimer(() => {
      this.#cancel = undefined
      this.#dueMs = Infinity
      this.#act()
    }, Math.max(1, Math.ceil(dueMs - this.#clock.elapsed())))
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#dueMs = Infinity
  }
}
