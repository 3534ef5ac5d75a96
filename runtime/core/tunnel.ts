import type { Duplex } from 'node:stream'
import { fault } from './fault.ts'

/** A connection to an upstream that speaks another protocol from now on (RFC 9110 §7.8): bytes go both ways. It has one reader. */
export class Tunnel {
  /** Neither side may be silent for longer. */
  readonly idleMs: number
  #socket: Duplex | undefined

  constructor(socket: Duplex, idleMs: number) {
    this.#socket = socket
    this.idleMs = idleMs
  }

  /** @throws Fault `body.taken` the second time */
  take(): Duplex {
    const socket = this.#socket
    if (socket === undefined) throw fault('body.taken')
    this.#socket = undefined
    return socket
  }

  /** Nobody takes it. */
  discard(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }
}
