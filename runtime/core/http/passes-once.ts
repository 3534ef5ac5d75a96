import { fault } from '../fault.ts'

/** Something that is there for one reader: nobody can keep it, or give it twice. Whoever is not interested leaves it alone. */
export class PassesOnce<T extends { destroy(): unknown; readonly errored?: Error | null }> {
  #source: T | undefined

  constructor(source: T) {
    this.#source = source
  }

  /**
   * For the one who reads it. What goes wrong with it is told by what is given.
   * @throws Fault `body.taken` the second time
   */
  take(): T {
    const source = this.#source
    if (source === undefined) throw fault('body.taken')
    this.#source = undefined
    return source
  }

  /** Somebody reads it, or let go of it. */
  get isTaken(): boolean {
    return this.#source === undefined
  }

  /** What it was broken off with before anybody read it. */
  get brokenOff(): Error | undefined {
    return this.#source?.errored ?? undefined
  }

  /** Puts what looks on between it and whoever reads it; nothing once somebody does. What is put there ends and breaks off as what it reads from. */
  through(wrap: (source: T) => T): void {
    if (this.#source !== undefined) this.#source = wrap(this.#source)
  }

  /** Nobody reads it. */
  discard(): void {
    this.#source?.destroy()
    this.#source = undefined
  }
}
