import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Turn } from '../core/access/admission.ts'
import type { Deployment, Route, RunHandle, RunInput, RunRecorder } from '../core/deployment.ts'
import type { Cors } from '../core/entry.ts'
import { fault, toFault, type Fault } from '../core/fault.ts'
import type { Log } from '../core/log.ts'
import type { Message } from '../core/message.ts'
import { PassesOnce } from '../core/http/passes-once.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import { Tunnel } from '../core/http/tunnel.ts'
import { corsHeaders } from './cors.ts'
import { matchesEtag, weakEtag } from './etag.ts'
import { faultReply } from './fault-reply.ts'
import type { Arrival } from './http-request.ts'
import type { Outbox } from './outbox.ts'
import { send } from './send.ts'
import { toReply, type Reply } from './to-reply.ts'
import type { WaitingList, Waits } from './waiting-list.ts'

/** Counts events that are no runs, such as requests refused before a route was found. */
export interface Counter {
  count(name: string, labels?: Readonly<Record<string, string>>): void
}

/** What all exchanges of a front share. */
export interface ExchangeHost {
  readonly log: Log
  readonly recorder: RunRecorder
  readonly metrics: Counter
  readonly etag: 'asked' | 'always'
  readonly outbox: Outbox
  /** Exchanges that wait for something. */
  readonly waiting: WaitingList<Exchange>
  /** Whether callers are told how long they waited for turns. */
  readonly showWait: boolean
  draining: boolean
}

/**
 * One request and its answer, from arrival to the last byte handed to the socket. It is the engine's
 * {@link RunInput}: exactly one answer leaves, whatever is called and however often.
 */
export class Exchange implements RunInput, Waits {
  readonly id: string
  readonly arrival: Arrival
  readonly raw: IncomingMessage
  readonly res: ServerResponse
  // Set by `run`, before the engine sees the exchange and no earlier.
  request!: RequestFacts
  message!: Message
  readonly #host: ExchangeHost
  readonly #startedAt: number
  #deployment: Deployment | undefined
  #route: Route | undefined
  #cors: Cors | undefined
  #handle: RunHandle | undefined
  /** What goes with every answer: of which version it is, that its API is to end. */
  #always: readonly string[] | undefined
  /** Its place at the gateway's limit, when there is one; given back as soon as it is answered. */
  turn: Turn | undefined = undefined
  /** Line that it holds a slot of, as marks call it. */
  held: string | undefined = undefined
  /** How long it waited before its run. */
  waitedMs = 0
  /** How long it waited for turns, all together; undefined when it came to no line. */
  #waitedMs: number | undefined
  place = -1
  #done = false
  #watched = false

  constructor(host: ExchangeHost, id: string, arrival: Arrival, raw: IncomingMessage, res: ServerResponse) {
    this.#host = host
    this.id = id
    this.arrival = arrival
    this.raw = raw
    this.res = res
    this.#startedAt = performance.now()
  }

  get done(): boolean {
    return this.#done
  }

  /** Says which route was found: its CORS rules, names and labels belong to every answer from here on. */
  at(deployment: Deployment, route: Route): void {
    this.#deployment = deployment
    this.#route = route
    this.#cors = route.entry.cors
  }

  get deployment(): Deployment {
    return this.#deployment as Deployment
  }

  noteWait(ms: number): void {
    this.#waitedMs = (this.#waitedMs ?? 0) + ms
  }

  /** Names and values in turn; they stand in the place of what the answer says under these names itself, lists go on. */
  notify(headers: readonly string[]): void {
    this.#always = this.#always === undefined ? headers : [...this.#always, ...headers]
  }

  /** Says whose CORS rules hold for an answer that no route gives. */
  near(route: Route): void {
    this.#cors = route.entry.cors
  }

  /** Starts the run. */
  run(request: RequestFacts, message: Message): void {
    this.request = request
    this.message = message
    const handle = (this.#deployment as Deployment).enter(this.#route as Route, this)
    if (this.#done) return
    this.#handle = handle
    this.watch()
  }

  /** Notices a client that goes away. Not needed for what is answered in the same turn. */
  watch(): void {
    if (this.#watched || this.#done) return
    this.#watched = true
    this.#host.waiting.add(this)
    if (this.res.destroyed || this.raw.socket?.destroyed) this.#gone()
    else this.res.once('close', () => this.#gone())
  }

  reply(message: Message, headers?: readonly string[]): void {
    if (this.#done) {
      if (message.payload instanceof PassesOnce) message.payload.discard()
      return
    }
    let reply: Reply
    try {
      reply = this.#conditional(toReply(message))
    } catch (error) {
      this.fail(toFault(error), headers)
      return
    }
    this.#finish(reply, undefined, headers)
  }

  fail(given: Fault, headers?: readonly string[]): void {
    if (this.#done) return
    if (given.status >= 500 && !given.told) this.#logFault(given)
    if (this.request === undefined) this.#noticeEarly()
    this.#finish(faultReply(given, this.id, this.arrival.path), given, headers)
  }

  /** Answers without a run: preflights and OPTIONS. */
  answer(reply: Reply): void {
    if (!this.#done) this.#write(reply)
  }

  /** Cuts the connection, at the end of a drain. */
  cut(): void {
    this.res.destroy()
    this.raw.socket?.destroy()
    this.#gone()
  }

  /** Who is turned away before the run began is told of its API's end all the same. */
  #noticeEarly(): void {
    const notice = this.#route && this.#deployment?.noticeOf(this.#route, this.arrival.path)
    if (notice) this.notify(notice)
  }

  #finish(reply: Reply, failed: Fault | undefined, more: readonly string[] | undefined): void {
    const { status } = reply
    if (more) addMissing(reply.headers, more)
    if (this.#always !== undefined) replaceHeaders(reply.headers, this.#always)
    const cors = this.#cors
    if (cors) for (const one of corsHeaders(cors, this.arrival.headers.origin)) reply.headers.push(one)
    if (this.#waitedMs !== undefined && this.#host.showWait) replaceHeaders(reply.headers, ['X-Queue-Wait-Ms', String(Math.round(this.#waitedMs))])
    const refused = this.#write(reply)
    this.#record(refused ? refused.status : status, refused ?? failed)
    if (this.turn !== undefined) this.turn.end()
  }

  /** Writes the answer; gives the fault that was sent in its place when Node would not take it. */
  #write(reply: Reply): Fault | undefined {
    const streams = reply.body instanceof PassesOnce
    // A drain waits for the end of what is passed on, and cuts it then.
    if (streams) {
      this.watch()
      // A connection that speaks another protocol is no longer that of the answer.
      if (reply.body instanceof Tunnel) this.raw.socket.once('close', () => this.#host.waiting.delete(this))
    }
    else if (this.#watched) this.#host.waiting.delete(this)
    this.#done = true
    const extra = ['X-Request-Id', this.id]
    // HTTP/2 has no Connection header; its sessions are told to go away (RFC 9113 §8.2.2).
    const bodyPending = reply.status >= 400 && !this.raw.complete && !this.raw.readableEnded && this.raw.httpVersionMajor < 2 && announcesBody(this.raw)
    if (bodyPending || (this.#host.draining && this.raw.httpVersionMajor < 2)) extra.push('Connection', 'close')
    const isHead = this.arrival.method === 'HEAD'
    try {
      if (bodyPending && !streams) sendBeforeBody(this.raw, this.res, reply, extra, isHead)
      else send(this.res, reply, extra, isHead, this.#host.outbox)
      return undefined
    } catch (error) {
      return this.#sendRefused(error, extra, isHead)
    }
  }

  /**
   * A header that passed our own checks and not Node's, such as a CORS rule with a line break or, on HTTP/2, a
   * header that may only stand once: the caller must not wait for an answer that nobody sends any more.
   */
  #sendRefused(error: unknown, extra: readonly string[], isHead: boolean): Fault {
    const refused = fault('reply.invalid', { reason: error instanceof Error ? error.message : String(error) }, error)
    this.#logFault(refused)
    try {
      if (this.res.headersSent) this.res.destroy()
      else {
        for (const name of this.res.getHeaderNames()) this.res.removeHeader(name)
        send(this.res, faultReply(refused, this.id, this.arrival.path), extra, isHead, this.#host.outbox)
      }
    } catch {
      this.res.destroy()
    }
    return refused
  }

  /** If-None-Match (RFC 9110 §13.1.2): a 200 that the client has already becomes 304. */
  #conditional(reply: Reply): Reply {
    const { method, headers } = this.arrival
    if (reply.status !== 200 || (method !== 'GET' && method !== 'HEAD')) return reply
    const asked = headers['if-none-match']
    if (asked === undefined && this.#host.etag === 'asked') return reply
    let etag = headerOf(reply.headers, 'etag')
    if (etag === undefined) {
      if (reply.body === undefined || reply.body instanceof PassesOnce) return reply
      etag = weakEtag(reply.body)
      reply.headers.push('ETag', etag)
    }
    if (asked === undefined || !matchesEtag(asked, etag)) return reply
    if (reply.body instanceof PassesOnce) reply.body.discard()
    return { status: 304, headers: reply.headers, body: undefined }
  }

  #gone(): void {
    if (this.#done) return this.#host.waiting.delete(this)
    this.#done = true
    this.#host.waiting.delete(this)
    const reason = fault('client.closed')
    this.#handle?.abort(reason)
    this.#record(reason.status, reason)
    if (this.turn !== undefined) this.turn.end()
  }

  #record(status: number, failed: Fault | undefined): void {
    const route = this.#route
    const deployment = this.#deployment
    if (route === undefined || deployment === undefined) {
      this.#host.metrics.count('http_refused', { code: failed?.code ?? 'none', status: String(status) })
      return
    }
    const summary = {
      run: this.id,
      on: 'http' as const,
      flow: route.flow,
      node: route.node,
      revision: route.revision,
      release: deployment.release,
      tookMs: performance.now() - this.#startedAt,
      method: this.arrival.method,
      route: route.entry.path,
      status,
      waitedMs: this.#waitedMs,
      fault: failed?.code,
      marks: route.marks,
    }
    this.#host.recorder.record(summary)
  }

  #logFault(given: Fault): void {
    const { code, status, at, facts, cause, quiet } = given
    const where = { run: this.id, flow: at?.flow ?? this.#route?.flow, node: at?.node ?? this.#route?.node, revision: this.#route?.revision }
    if (quiet) this.#host.log.error({ ...where, code, status }, given.title)
    else this.#host.log.error({ ...where, code, status, facts, ...(cause instanceof Error ? { cause: cause.stack } : {}) }, given.message)
  }
}

/** Adds headers that are not there yet. */
function addMissing(headers: string[], more: readonly string[]): void {
  for (let i = 0; i < more.length; i += 2) {
    const name = more[i] as string
    if (headerOf(headers, name) === undefined) headers.push(name, more[i + 1] as string)
  }
}

const lists = new Set(['vary', 'link'])

/** Sets headers; a list goes on in a line of its own (RFC 9110 §5.3). */
function replaceHeaders(headers: string[], set: readonly string[]): void {
  for (let i = 0; i < set.length; i += 2) {
    const name = set[i] as string
    if (!lists.has(name.toLowerCase())) removeHeader(headers, name)
    headers.push(name, set[i + 1] as string)
  }
}

function removeHeader(headers: string[], name: string): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) if (isSameName(headers[i] as string, name)) headers.splice(i, 2)
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (isSameName(headers[i] as string, name)) return headers[i + 1]
  return undefined
}

/** Names of headers are ASCII in any case (RFC 9110 §5.1): most differ in length already, which costs nothing to see. */
function isSameName(one: string, other: string): boolean {
  return one.length === other.length && one.toLowerCase() === other.toLowerCase()
}

function announcesBody(raw: IncomingMessage): boolean {
  const length = raw.headers['content-length']
  return (length !== undefined && length !== '0') || raw.headers['transfer-encoding'] !== undefined
}

const lingerMs = 1000

/**
 * Answers while the client still sends. Closing at once would reset the connection and often lose the answer on
 * its way (RFC 9112 §9.6), so what still comes is thrown away for a moment before the end.
 */
function sendBeforeBody(raw: IncomingMessage, res: ServerResponse, reply: Reply, extra: readonly string[], isHead: boolean): void {
  send(res, reply, extra, isHead)
  const timer = setTimeout(finish, lingerMs)
  function finish(): void {
    clearTimeout(timer)
    res.end()
  }
  raw.once('end', finish)
  raw.once('close', finish)
  raw.resume()
}
