import type { Clock } from '../../core/time/clock.ts'

/** Who waits in this gateway for the end of jobs. */
export class SettleWaits {
  readonly #clock: Clock
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when the job is told of, or after so long. */
  wait(id: string, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const all = this.#waiting.get(id) ?? new Set<() => void>()
      this.#waiting.set(id, all)
      const done = () => {
        cancel()
        all.delete(done)
        if (all.size === 0) this.#waiting.delete(id)
        resolve()
      }
      const cancel = this.#clock.setTimer(done, limitMs)
      all.add(done)
    })
  }

  tell(id: string): void {
    for (const done of this.#waiting.get(id) ?? []) done()
  }

  tellAll(): void {
    for (const id of this.#waiting.keys()) this.tell(id)
  }
}
