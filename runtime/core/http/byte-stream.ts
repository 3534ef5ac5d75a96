import type { Readable } from 'node:stream'
import { PassesOnce } from './passes-once.ts'

/**
 * Bytes that are passed on while they come, at constant memory: a body too large, or too long in coming, to be held. It ends with
 * its request or its answer. Guests, logs and the debug sidebar see type and length.
 */
export class ByteStream extends PassesOnce<Readable> {
  readonly contentType: string | undefined
  /** Bytes in all; undefined when the sender did not say. */
  readonly lengthBytes: number | undefined

  constructor(source: Readable, contentType: string | undefined, lengthBytes: number | undefined) {
    super(source)
    this.contentType = contentType
    this.lengthBytes = lengthBytes
  }
}
