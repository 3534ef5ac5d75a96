import type { CacheMark } from '../../runtime/core/state/cache.ts'
import type { Fault } from '../../runtime/core/fault.ts'
import type { Prepared } from './kept-answer.ts'

/** What became of an answer that others waited for. */
export type Landing =
  /** It may be given to whoever asks in the same words. */
  | { readonly kind: 'answer'; readonly answer: Prepared; /** Whether it can be found in the cache: false when it was purged while it was made. */ readonly kept?: boolean | Promise<boolean> | undefined }
  /** Nothing came; who waits would meet the same. */
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** It is for one caller alone: everybody has to ask for themselves. */
  | { readonly kind: 'own' }
  /** Who made it went away: the next one makes it. */
  | { readonly kind: 'gone' }

/** An answer that is being made. */
export interface Flight {
  /** When its making began. */
  readonly mark: CacheMark
  /** Resolves when it is there. Made when first asked for: most answers are made for one. */
  wait(): Promise<Landing>
  land(landing: Landing): void
}

/** Answers that are being made, by key: who asks for the same meanwhile waits for them. */
export class Flights {
  readonly #open = new Map<string, Flight>()

  get(key: string): Flight | undefined {
    return this.#open.get(key)
  }

  begin(key: string, mark: CacheMark): Flight {
    let landed: Landing | undefined
    let waiting: ((landing: Landing) => void)[] | undefined
    const flight: Flight = {
      mark,
      wait: () => (landed ? Promise.resolve(landed) : new Promise((resolve) => (waiting ??= []).push(resolve))),
      land: (landing) => {
        if (landed) return
        landed = landing
        const forget = () => {
          if (this.#open.get(key) === flight) this.#open.delete(key)
        }
        // Who looked into the cache before it was there finds it here.
        if (landing.kind === 'answer' && landing.kept instanceof Promise) void landing.kept.then(forget, forget)
        else forget()
        for (const resolve of waiting ?? []) resolve(landing)
        waiting = undefined
      },
    }
    this.#open.set(key, flight)
    return flight
  }
}
