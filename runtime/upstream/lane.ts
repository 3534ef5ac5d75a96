import type { Place } from './pools.ts'

/** An exchange, as far as its lane is concerned. */
export interface Carried {
  /** The request went out, or may have. */
  readonly sent: boolean
  abort(reason: Error): void
}

/** How one try of a call differs from one that is made once. */
export interface OneTry {
  readonly startedAt: number
  readonly timeoutMs: number
  readonly lane?: Lane
}

/** The way of one try: over which connections it goes, how it is broken off, and whether anything of it was sent. */
export class Lane {
  readonly #placeOf: ((url: string) => Place | undefined) | undefined
  #call: Carried | undefined
  #reason: Error | undefined
  #sent = false

  /** @param placeOf connections for a URL; `undefined`: the usual ones */
  constructor(placeOf?: (url: string) => Place | undefined) {
    this.#placeOf = placeOf
  }

  /** False as long as no byte of the request can have reached a server. */
  get sent(): boolean {
    return this.#sent || this.#call?.sent === true
  }

  placeOf(url: string): Place | undefined {
    return this.#placeOf?.(url)
  }

  /** The exchange that is under way on it now. */
  carry(call: Carried): void {
    this.#sent ||= this.#call?.sent === true
    this.#call = call
    if (this.#reason) call.abort(this.#reason)
  }

  abort(reason: Error): void {
    this.#reason ??= reason
    this.#call?.abort(reason)
  }
}
