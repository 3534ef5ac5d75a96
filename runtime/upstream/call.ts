import type { Dispatcher } from 'undici'
import { fault } from '../core/fault.ts'
import { GatheredBytes } from '../core/http/gathered-bytes.ts'
import type { Run } from '../core/run.ts'
import { toUpstreamFault } from './to-fault.ts'

/** The answer of one hop, collected. */
export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[]>
  readonly bytes: Buffer
}

/**
 * One exchange with an upstream: collects the answer within its limit and settles once. It is undici's
 * handler itself, so that a call costs one object and no stream.
 */
export class Call implements Dispatcher.DispatchHandler {
  readonly host: string
  readonly #limitBytes: number
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (fault: Error) => void
  readonly #run: Pick<Run, 'noteBackend'>
  #controller: Dispatcher.DispatchController | undefined
  #settled = false
  #status = 0
  #headers: Record<string, string | string[]> = {}
  readonly #gathered = new GatheredBytes()

  constructor(host: string, limitBytes: number, resolve: (answer: Answer) => void, reject: (fault: Error) => void, run: Pick<Run, 'noteBackend'>) {
    this.host = host
    this.#limitBytes = limitBytes
    this.#resolve = resolve
    this.#reject = reject
    this.#run = run
  }

  /** True once an answer has begun to arrive: the request must not be sent again. */
  get started(): boolean {
    return this.#status !== 0
  }

  /** True once a connection was there and the request went out on it, or may have. */
  get sent(): boolean {
    return this.#controller !== undefined
  }

  /** True once it has succeeded, failed or been aborted. */
  get settled(): boolean {
    return this.#settled
  }

  /** Ends the exchange now; the connection it ran on is closed. */
  abort(reason: Error): void {
    if (this.#settled) return
    this.#settled = true
    this.#controller?.abort(reason)
    this.#reject(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Aborted while it waited for a connection.
    if (this.#settled) controller.abort(fault('client.closed'))
    else this.#run.noteBackend?.()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[]>): void {
    if (status < 200) return // informational answers come before the real one (RFC 9110 §15.2)
    this.#status = status
    this.#headers = headers
    const length = headers['content-length']
    if (typeof length === 'string' && Number(length) > this.#limitBytes) this.#tooLarge()
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#gathered.size + chunk.length > this.#limitBytes) return this.#tooLarge()
    this.#gathered.add(chunk)
  }

  onResponseEnd(): void {
    if (this.#settled) return
    this.#settled = true
    this.#resolve({ status: this.#status, headers: this.#headers, bytes: this.#gathered.take() })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return
    this.#settled = true
    this.#reject(toUpstreamFault(error, this.host, this.started))
  }

  #tooLarge(): void {
    this.abort(fault('upstream.too_large', { host: this.host, limitBytes: this.#limitBytes }))
  }
}

/** Headers that belong to the connection or to the message's framing, or are marks between gateways: ours alone (RFC 9110 §7.6.1, RFC 9112 §6). */
const ownHeaders = new Set([
  'sluice-holding', 'host', 'content-length', 'connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect', 'http2-settings',
])

/** The headers to send, as a flat list of names and values; those the connection owns are left out. */
export function toHeaderList(headers: Readonly<Record<string, string | readonly string[]>> | undefined, defaults: readonly string[]): string[] {
  const list: string[] = []
  let hasCodings = false
  for (const name in headers) {
    const lower = name.toLowerCase()
    if (ownHeaders.has(lower)) continue
    if (lower === 'accept-encoding') hasCodings = true
    const value = headers[name]
    if (value === undefined) continue
    if (typeof value === 'string') list.push(name, value)
    else for (const item of value) list.push(name, item)
  }
  if (!hasCodings) list.push(...defaults)
  return list
}

/** Headers of an answer that end with its connection (RFC 9110 §7.6.1). */
const hopHeaders = ['connection', 'keep-alive', 'transfer-encoding', 'proxy-connection', 'trailer', 'upgrade'] as const

/** Removes what only concerned the connection the answer came over. */
export function dropHopHeaders(headers: Record<string, string | string[]>): void {
  const named = headers.connection
  if (typeof named === 'string' && named.length > 10) {
    for (const name of named.split(',')) delete headers[name.trim().toLowerCase()]
  }
  for (const name of hopHeaders) if (headers[name] !== undefined) delete headers[name]
}
