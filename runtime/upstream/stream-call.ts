import { type Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Clock } from '../core/time/clock.ts'
import { Fault, fault } from '../core/fault.ts'
import type { Carried } from './lane.ts'
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
  /** How long the head of the answer waits for the first byte of its body: if it breaks off before that, it has not begun. 0: not at all. */
  readonly holdMs: number
  readonly began: () => void
  /** The answer begins; called once, or `agreed` or `failed` is. */
  readonly answered: (head: StreamHead) => void
  /** The other side speaks WebSocket from now on; for who asked it to. */
  readonly agreed?: (headers: StreamHead['headers'], socket: Duplex) => void
  readonly failed: (fault: Error) => void
  /** All of it came, or, with the reason, it was broken off. Called once when it was answered. */
  readonly over: (reason: Error | undefined) => void
}

/**
 * One exchange whose answer is passed on while it comes; or, where it asked to speak WebSocket, its connection. Who reads too slowly makes
 * the upstream wait (TCP backpressure); who stops reading ends the exchange.
 */
export class StreamCall implements Dispatcher.DispatchHandler, Carried {
  readonly #options: StreamCallOptions
  #controller: Dispatcher.DispatchController | undefined
  #body: Readable | undefined
  /** It is no exchange any more. */
  #isAgreed = false
  /** What waits for its first byte. */
  #held: StreamHead | undefined
  #settled = false
  #isOver = false
  #cancelIdle: (() => void) | undefined
  #cancelHold: (() => void) | undefined
  #lastMs = 0

  constructor(options: StreamCallOptions) {
    this.#options = options
  }

  get sent(): boolean {
    return this.#controller !== undefined
  }

  /** True once an answer has begun to arrive. */
  get started(): boolean {
    return this.#body !== undefined
  }

  /** True once an answer has come, or none will. */
  get settled(): boolean {
    return this.#settled
  }

  /** Ends the exchange now: before the answer began it fails with the reason, after that its body does. Nothing once another protocol is spoken. */
  abort(reason: Error): void {
    if (this.#isAgreed) return
    this.#controller?.abort(reason)
    this.#end(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#settled && !this.#body) controller.abort(fault('client.closed'))
    else this.#options.began()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[]>): void {
    // Agrees to something, and does not say to what.
    if (status === 101) return this.abort(fault('upstream.upgrade', { host: this.#options.host }))
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
        if (!body.readableEnded) {
          const reason = error instanceof Fault ? error : fault('client.closed')
          controller.abort(reason)
          this.#over(reason)
        }
        done(error)
      },
    })
    // Nobody may read it yet when it breaks off: whoever does is told then.
    body.on('error', () => {})
    this.#body = body
    this.#lastMs = this.#options.clock.elapsed()
    this.#watchIdle()
    const head = { status, headers, body }
    const { holdMs, clock, answered } = this.#options
    if (holdMs === 0) return answered(head)
    this.#held = head
    this.#cancelHold = clock.setTimer(() => this.#handOn(), holdMs)
  }

  onRequestUpgrade(_controller: Dispatcher.DispatchController, _status: number, headers: StreamHead['headers'], socket: Duplex): void {
    const { agreed, host, failed } = this.#options
    // It may break off before anybody has joined it to anything.
    socket.on('error', () => {})
    if (this.#settled) return void socket.destroy()
    this.#settled = true
    this.#isAgreed = true
    if (agreed && String(headers['upgrade']).toLowerCase() === 'websocket') return agreed(headers, socket)
    socket.destroy()
    failed(fault('upstream.upgrade', { host }))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#lastMs = this.#options.clock.elapsed()
    if (this.#body?.push(chunk) === false) controller.pause()
    if (this.#held) this.#handOn()
  }

  onResponseEnd(): void {
    this.#cancelIdle?.()
    this.#body?.push(null)
    this.#handOn()
    this.#over(undefined)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(toUpstreamFault(error, this.#options.host, this.#settled))
  }

  #handOn(): void {
    const held = this.#held
    if (!held) return
    this.#held = undefined
    this.#cancelHold?.()
    this.#options.answered(held)
  }

  #over(reason: Error | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.over(reason)
  }

  #end(reason: Error): void {
    this.#cancelIdle?.()
    if (this.#held) {
      this.#held = undefined
      this.#cancelHold?.()
      this.#body?.destroy()
      this.#options.failed(reason)
    } else if (this.#body) {
      this.#over(reason)
      this.#body.destroy(reason)
    } else if (!this.#settled) {
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
