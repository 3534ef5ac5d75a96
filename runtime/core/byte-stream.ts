import type { Readable } from 'node:stream'
import { fault } from './fault.ts'

/**
 * Bytes that are passed on while they come, at constant memory: a body too large, or too long in coming, to be held. It has one
 * reader; whoever is not interested leaves it alone, and it ends with its request or its answer. Guests, logs and the debug
 * sidebar see type and length.
 */
export class ByteStream {
  readonly contentType: string | undefined
  /** Bytes in all; undefined when the sender did not say. */
  readonly lengthBytes: number | undefined
  #source: Readable | undefined

  constructor(source: Readable, contentType: string | undefined, lengthBytes: number | undefined) {
    this.#source = source
    this.contentType = contentType
    this.lengthBytes = lengthBytes
  }

  /**
   * The bytes, for the one who reads them. An error of the stream is told by it.
   * @throws Fault `body.taken` the second time
   */
  take(): Readable {
    const source = this.#source
    if (source === undefined) throw fault('body.taken')
    this.#source = undefined
    return source
  }

  /** Nobody reads it. */
  discard(): void {
    this.#source?.destroy()
    this.#source = undefined
  }
}
