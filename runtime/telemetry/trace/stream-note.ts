import { type Duplex, pipeline, type Readable, Transform } from 'node:stream'
import { fault, toFault } from '../../core/fault.ts'
import { GatheredBytes } from '../../core/http/gathered-bytes.ts'
import type { StreamRecord } from '../../core/trace.ts'
import { bodyLimitBytes } from './show.ts'

/** Bytes that may still be kept of all streams of a run. */
export interface StreamRoom {
  leftBytes: number
}

/** How one stream passes, noted while it does. */
export class StreamNote {
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** When its times begin, ms after the run did. */
  readonly fromMs: number
  bytes = 0
  firstByteMs: number | undefined
  endMs: number | undefined
  end: StreamRecord['end']
  fault: string | undefined
  /** Told once when it is over. */
  whenOver: (() => void) | undefined
  readonly #now: () => number
  readonly #room: StreamRoom | undefined
  readonly #kept = new GatheredBytes()

  /** @param now milliseconds since the run began; @param fromMs when its own times begin; @param room where its beginning is kept; absent: nothing of it is */
  constructor(type: { readonly contentType?: string | undefined; readonly contentEncoding?: string | undefined }, now: () => number, fromMs: number, room?: StreamRoom) {
    this.contentType = type.contentType
    this.contentEncoding = type.contentEncoding
    this.fromMs = fromMs
    this.#now = () => now() - fromMs
    this.#room = room
  }

  /** What is kept of it. */
  get beginning(): Buffer {
    return this.#kept.take()
  }

  /** Looks on while a stream is read. What comes out breaks off as what goes in does; who stops reading stops both. */
  watch(source: Readable): Readable {
    const tap = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#passed(chunk)
        done(null, chunk)
      },
    })
    tap.once('end', () => this.#over('whole'))
    tap.once('error', (error) => this.#over(error === source.errored ? 'cut' : 'gone', error))
    tap.once('close', () => this.#over('gone'))
    pipeline(source, tap, () => {})
    return tap
  }

  /** Looks on at a connection that speaks another protocol: it is counted and no byte is kept. */
  follow<S extends Duplex & { readonly bytesRead?: number }>(socket: S): S {
    const before = socket.bytesRead ?? 0
    const over = (end: NonNullable<StreamRecord['end']>, error?: Error) => {
      this.bytes = (socket.bytesRead ?? before) - before
      this.#over(end, error)
    }
    socket.once('end', () => over('whole'))
    socket.once('error', (error) => over('cut', error))
    socket.once('close', () => over('gone'))
    return socket
  }

  /** Nobody will read it any more. */
  leave(): void {
    this.#over('gone')
  }

  /** Who sent it has left: what was let go of for that was broken off. */
  lostSender(): void {
    const reason = fault('body.incomplete')
    if (this.end !== 'gone') return this.#over('cut', reason)
    this.end = 'cut'
    this.fault = reason.code
  }

  #passed(chunk: Buffer): void {
    this.firstByteMs ??= this.#now()
    this.bytes += chunk.length
    const room = this.#room
    if (!room) return
    const kept = chunk.subarray(0, Math.min(bodyLimitBytes - this.#kept.size, room.leftBytes))
    if (kept.length === 0) return
    room.leftBytes -= kept.length
    // A copy: the piece is part of a larger one, which would be held with it.
    this.#kept.add(Buffer.from(kept))
  }

  #over(end: NonNullable<StreamRecord['end']>, error?: Error): void {
    if (this.end !== undefined) return
    this.end = end
    this.endMs = this.#now()
    if (end === 'cut') this.fault = toFault(error).code
    this.whenOver?.()
    this.whenOver = undefined
  }
}
