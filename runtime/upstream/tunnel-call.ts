import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { fault } from '../core/fault.ts'
import type { Carried } from './lane.ts'
import { toUpstreamFault } from './to-fault.ts'

type Headers = Record<string, string | string[]>

export interface TunnelCallOptions {
  readonly host: string
  readonly began: () => void
  /** The upstream agrees; called once, or `failed` is. */
  readonly agreed: (headers: Headers, socket: Duplex) => void
  readonly failed: (fault: Error) => void
}

/** One exchange that asks an upstream to speak another protocol from then on. An answer of any other kind is a refusal, and says so at its head. */
export class TunnelCall implements Dispatcher.DispatchHandler, Carried {
  readonly #options: TunnelCallOptions
  #controller: Dispatcher.DispatchController | undefined
  #settled = false

  constructor(options: TunnelCallOptions) {
    this.#options = options
  }

  get sent(): boolean {
    return this.#controller !== undefined
  }

  /** True once it was agreed to, or will not be. */
  get settled(): boolean {
    return this.#settled
  }

  /** Ends the exchange now; nothing once it was agreed to. */
  abort(reason: Error): void {
    if (this.#settled) return
    this.#settled = true
    this.#controller?.abort(reason)
    this.#options.failed(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#settled) controller.abort(fault('client.closed'))
    else this.#options.began()
  }

  onRequestUpgrade(_controller: Dispatcher.DispatchController, _status: number, headers: Headers, socket: Duplex): void {
    if (this.#settled) return void socket.destroy()
    this.#settled = true
    // It may break off before anybody has joined it to anything.
    socket.on('error', () => {})
    this.#options.agreed(headers, socket)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status >= 200) this.abort(this.#refused(status)) // informational answers come before the real one (RFC 9110 §15.2)
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.abort(this.#refused())
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.abort(error.message === 'bad upgrade' ? this.#refused() : toUpstreamFault(error, this.#options.host, false))
  }

  #refused(status?: number): Error {
    return fault('upstream.upgrade', { host: this.#options.host, ...(status === undefined ? {} : { status }) })
  }
}
