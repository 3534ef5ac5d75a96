import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Clock } from '../core/clock.ts'
import { fault } from '../core/fault.ts'
import { toUpstreamFault } from './to-fault.ts'

/** What an upstream answers before its body. */
export interface StreamHead {
  readonly status: number
  readonly headers: Record<string, string | string[]>
  readonly body: Readable
}

export interface StreamCallOptions {
  readonly host: string
  /** From the first byte of the answer on, the longest pause between two of them. */
  readonly idleMs: number
  readonly clock: Clock
  readonly began: () => void
  /** The answer begins; called once, or `failed` is. */
  readonly answered: (head: StreamHead) => void
  readonly failed: (fault: Error) => void
}

/**
 * One exchange whose answer is passed on while it comes. Who reads too slowly makes the upstream wait (TCP backpressure); who stops
 * reading ends the exchange.
 */
export class StreamCall implements Dispatcher.DispatchHandler {
  readonly #options: StreamCallOptions
  #controller: Dispatcher.DispatchController | undefined
  #body: Readable | undefined
  #settled = false
  #cancelIdle: (() => void) | undefined
  #lastMs = 0

  constructor(options: StreamCallOptions) {
    this.#options = options
  }

  /** Ends the exchange now: before the answer began it fails with the reason, after that its body does. */
  abort(reason: Error): void {
    this.#controller?.abort(reason)
    this.#end(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#settled && !this.#body) controller.abort(fault('client.closed'))
    else this.#options.began()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[]>): void {
    if (status < 200 || this.#settled) return // informational answers come before the real one (RFC 9110 §15.2)
    this.#settled = true
    const body = new Readable({
      highWaterMark: heldBytes,
      read: () => {
        // The upstream had to wait for us: its silence counts from here.
        if (controller.paused) this.#lastMs = this.#options.clock.elapsed()
        controller.resume()
      },
      destroy: (error, done) => {
        this.#cancelIdle?.()
        // Read to its end or not: whoever lets go of it ends the exchange.
        if (!body.readableEnded) controller.abort(error ?? fault('client.closed'))
        done(error)
      },
    })
    this.#body = body
    this.#lastMs = this.#options.clock.elapsed()
    this.#watchIdle()
    this.#options.answered({ status, headers, body })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#lastMs = this.#options.clock.elapsed()
    if (this.#body?.push(chunk) === false) controller.pause()
  }

  onResponseEnd(): void {
    this.#cancelIdle?.()
    this.#body?.push(null)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(toUpstreamFault(error, this.#options.host, this.#settled))
  }

  #end(reason: Error): void {
    this.#cancelIdle?.()
    if (this.#body) this.#body.destroy(reason)
    else if (!this.#settled) {
      this.#settled = true
      this.#options.failed(reason)
    }
  }

  /** A reader that is slow does not make the upstream silent: pauses of ours do not count. */
  #watchIdle(): void {
    const { clock, idleMs, host } = this.#options
    this.#cancelIdle = clock.setTimer(() => {
      const silentMs = this.#controller?.paused === true ? 0 : clock.elapsed() - this.#lastMs
      if (silentMs >= idleMs) return this.abort(fault('upstream.timeout', { host, afterMs: Math.round(silentMs) }))
      this.#watchIdle()
    }, Math.max(1, idleMs / 4))
  }
}

/** Bytes of an answer that are held before the upstream is made to wait. */
const heldBytes = 64 * 1024
