import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type InjectOptions } from 'fastify'
import type { Admission } from '../core/access/admission.ts'
import type { Deployment, Route, RouteMatch, RunRecorder } from '../core/deployment.ts'
import { fault, toFault } from '../core/fault.ts'
import type { Holding } from '../core/lines/holding.ts'
import { listen, toUrlHost } from '../core/http/listening.ts'
import type { Log } from '../core/log.ts'
import { response, type Message } from '../core/message.ts'
import { http } from '../core/http/node-http.ts'
import type { UploadedFile } from '../core/http/request-facts.ts'
import { admit, type LimitRefuser, toOwnCalls } from './admit.ts'
import { createTrust } from './client-address.ts'
import { answerClientError } from './client-error.ts'
import { isPreflight, preflightHeaders } from './cors.ts'
import { decodeBody, toCodings } from './decode-body.ts'
import { Exchange, type Counter, type ExchangeHost } from './exchange.ts'
import { toLimits, type FrontOptions } from './front-options.ts'
import { hostnameOf } from './hostname.ts'
import { HttpRequest, type Arrival } from './http-request.ts'
import { takes, toMediaType } from './media-type.ts'
import { parseMultipart } from './multipart.ts'
import { createOutbox } from './outbox.ts'
import { hasBody, readBody } from './read-body.ts'
import { streamBody } from './stream-body.ts'
import { createIds, isRequestId } from './request-id.ts'
import { createWebServer, type WebServer } from './server.ts'
import { createTls, type TlsOptions } from './tls.ts'
import { toPayload } from './to-payload.ts'
import { createVersionChoice, type VersionChoice } from './version-choice.ts'
import { WaitingList } from './waiting-list.ts'

/** What the front works with. */
export interface FrontParts {
  /** The deployment that new requests run on; asked once per request. */
  live(): Deployment | undefined
  readonly log: Log
  /** Gets one summary per run that came in over HTTP. */
  readonly recorder: RunRecorder
  readonly metrics: Counter
  /** Chooses where versions of an API are served side by side. Absent: by the default header, knowing no records. */
  readonly versions?: VersionChoice
  /** The limit on requests in flows. Absent: there is none. */
  readonly admission?: Admission
  /** Knows the calls that come from runs of this gateway; with `admission`. */
  readonly holding?: Holding
  /** Keeps why calls were refused; with `admission`. */
  readonly refuser?: Omit<LimitRefuser, 'log'>
}

/** The HTTP side of a gateway. */
export interface Front {
  /**
   * Starts to listen.
   * @throws PortBusy (core/listening) when the port is taken
   */
  listen(): Promise<{ url: string; host: string; port: number }>
  /**
   * Stops accepting; what is in flight may finish within `limitMs`, then it is cut.
   * @returns how many requests were cut
   */
  drain(limitMs: number): Promise<{ cut: number }>
  /** New certificates for new connections. @throws Error when they cannot be used; the old ones stay then */
  setTls(options: TlsOptions): void
  /** Requests that wait for an answer. */
  inFlight(): number
  /** A request without a socket, for tests. */
  inject: FastifyInstance['inject']
  close(): Promise<void>
}

/** Wires the front. Nothing listens before `listen()`. */
export function createFront(options: FrontOptions, parts: FrontParts): Front {
  const limits = toLimits(options)
  const { admission } = parts
  const own = parts.holding && toOwnCalls(parts.holding)
  const gate = admission && { admission, own, refuser: parts.refuser && { ...parts.refuser, log: parts.log } }
  const versions = parts.versions ?? createVersionChoice({ clock: { now: Date.now } })
  const trusts = createTrust(options.trustedProxies ?? [])
  const believes = (options.trustedProxies ?? []).length > 0
  const ids = createIds()
  const tls = options.tls ? createTls(options.tls) : undefined
  const isSecure = tls !== undefined
  const waiting = new WaitingList<Exchange>()
  const host: ExchangeHost = { log: parts.log, recorder: parts.recorder, metrics: parts.metrics, etag: options.etag ?? 'asked', outbox: createOutbox(), waiting, showWait: options.showWait !== false, draining: false }
  /** Requests whose client waits for `100 Continue` before it sends the body. */
  const expecting = new WeakSet<IncomingMessage>()
  let web!: WebServer

  const app = fastify({
    logger: false,
    genReqId: () => '',
    routerOptions: { querystringParser: () => noQuery },
    // What Fastify refuses by itself, such as a malformed path, our own checks refuse in our own words.
    frameworkErrors: takeFrom,
    clientErrorHandler: (error, socket) => {
      const failed = answerClientError(error, socket, ids.run())
      if (failed) parts.metrics.count('http_refused', { code: failed.code, status: String(failed.status) })
    },
    return503OnClosing: false,
    // Requests of the socket skip Fastify's router, request and reply, of which nothing is used (docs/decisions/0012).
    serverFactory: () => (web = createWebServer(take, limits, tls)).server,
  })
  for (const method of http.METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })
  }
  app.removeAllContentTypeParsers()
  // Whether and how a body is read is decided by the route that is found, not by Fastify's.
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  app.setErrorHandler(takeFrom)
  app.setNotFoundHandler((request, reply) => takeFrom(undefined, request, reply))

  function takeFrom(_error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    reply.hijack()
    take(request.raw, reply.raw)
  }

  function take(raw: IncomingMessage, res: ServerResponse): void {
    const arrival = toArrival(raw)
    const exchange = new Exchange(host, idOf(raw, arrival), arrival, raw, res)
    try {
      begin(exchange)
    } catch (error) {
      exchange.fail(toFault(error))
    }
  }

  function begin(exchange: Exchange): void {
    const { arrival } = exchange
    const ill = checkHost(exchange.raw)
    if (ill !== undefined) return exchange.fail(fault('request.malformed', { reason: ill }))
    const deployment = parts.live()
    if (!deployment) return exchange.fail(fault('gateway.not_ready', {}, undefined, { 'Retry-After': '1' }))
    if (arrival.path === '*') return answerOptions(exchange, ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'])
    if (arrival.path.includes('%') && !isDecodable(arrival.path)) {
      return exchange.fail(fault('request.malformed', { reason: 'its path has a malformed percent-encoding' }))
    }
    const refused = tls?.refuse(exchange.raw, hostnameOf(arrival.host))
    if (refused) return exchange.fail(refused)
    if (isPreflight(arrival.method, arrival.headers) && answerPreflight(exchange, deployment)) return
    const match = deployment.routes.find(arrival.method, arrival.path, arrival.host)
    if (match.kind !== 'found') return missing(exchange, match)
    if (match.route.versions !== undefined) return beginVersion(exchange, deployment, match)
    go(exchange, deployment, match)
  }

  function beginVersion(exchange: Exchange, deployment: Deployment, match: Found): void {
    const { arrival } = exchange
    const request = new HttpRequest(arrival, match.route.entry.path, match.params, undefined)
    const chosen = versions.choose(match, request, arrival.host, deployment.routes)
    if ('fault' in chosen) return exchange.fail(chosen.fault)
    exchange.notify(chosen.headers)
    go(exchange, deployment, chosen.match)
  }

  function go(exchange: Exchange, deployment: Deployment, match: Found): void {
    const { arrival } = exchange
    exchange.at(deployment, match.route)
    // A body of GET or HEAD means nothing (RFC 9110 §9.3.1); their payload is the query.
    if (arrival.method === 'GET' || arrival.method === 'HEAD') return start(exchange, match.route, match.params, undefined, undefined)
    if (!hasBody(exchange.raw)) return start(exchange, match.route, match.params, '', undefined)
    takeBody(exchange, match.route, match.params)
  }

  function missing(exchange: Exchange, match: Exclude<RouteMatch, { kind: 'found' }>): void {
    const { method, path } = exchange.arrival
    if (match.kind === 'none') return exchange.fail(fault('route.none', { method, path }))
    if (method === 'OPTIONS') return answerOptions(exchange, match.allow)
    exchange.near(match.route)
    const allow = match.allow.join(', ')
    exchange.fail(fault('method.none', { method, path, allow }, undefined, { Allow: allow }))
  }

  function answerPreflight(exchange: Exchange, deployment: Deployment): boolean {
    const { path, headers, host: name } = exchange.arrival
    const match = deployment.routes.find(String(headers['access-control-request-method']), path, name)
    if (match.kind === 'none') return false
    // A preflight says neither version nor caller: the rules are those of the version for everybody.
    const { cors } = (match.route.versions ? versions.usual(match.route.versions) : match.route).entry
    if (!cors) return false
    const methods = match.kind === 'method' ? match.allow : [String(headers['access-control-request-method'])]
    exchange.answer({ status: 204, headers: [...preflightHeaders(cors, headers, methods)], body: undefined })
    return true
  }

  function takeBody(exchange: Exchange, route: Route, params: Params): void {
    const { headers } = exchange.arrival
    const type = headers['content-type']
    const media = toMediaType(type)
    const { accepts } = route.entry
    if (accepts && !takes(accepts, media.type)) {
      return exchange.fail(fault('body.unsupported', { type: type ?? '(none)' }, undefined, { Accept: accepts.join(', ') }))
    }
    if (route.entry.streamBody === true) return passBody(exchange, route, params)
    const limitBytes = route.entry.bodyLimitBytes ?? limits.bodyLimitBytes
    const codings = toCodings(headers['content-encoding'])
    const mustContinue = expecting.has(exchange.raw)
    if (!mustContinue || Number(headers['content-length'] ?? 0) <= limitBytes) exchange.watch()
    readBody(exchange.raw, exchange.res, limitBytes, mustContinue, limits.requestTimeoutMs, (failed, bytes) => {
      if (exchange.done) return
      if (failed) return exchange.fail(failed)
      const whole = bytes as Buffer
      const wantsFiles = route.entry.upload === true && media.type === 'multipart/form-data' && route.entry.rawBody !== true
      if (codings.length === 0 && !wantsFiles) return startWith(exchange, route, params, whole, whole)
      void unpack(exchange, route, params, whole, codings, limitBytes, wantsFiles)
    })
  }

  /** The body is passed on as it comes; only a limit that the entry itself sets holds for it. */
  function passBody(exchange: Exchange, route: Route, params: Params): void {
    try {
      const stream = streamBody(exchange.raw, route.entry.bodyLimitBytes ?? Infinity)
      if (expecting.has(exchange.raw)) exchange.res.writeContinue()
      exchange.watch()
      start(exchange, route, params, stream, undefined, 'streams')
    } catch (error) {
      exchange.fail(toFault(error))
    }
  }

  async function unpack(exchange: Exchange, route: Route, params: Params, bytes: Buffer, codings: readonly string[], limitBytes: number, wantsFiles: boolean): Promise<void> {
    try {
      const plain = codings.length === 0 ? bytes : await decodeBody(bytes, codings, limitBytes)
      if (!wantsFiles) return startWith(exchange, route, params, plain, bytes)
      const { fields, files } = await parseMultipart(plain, exchange.arrival.headers['content-type'] as string)
      start(exchange, route, params, fields, files, bytes)
    } catch (error) {
      exchange.fail(toFault(error))
    }
  }

  function startWith(exchange: Exchange, route: Route, params: Params, bytes: Buffer, wireBody: Buffer): void {
    const type = exchange.arrival.headers['content-type']
    try {
      start(exchange, route, params, toPayload(bytes, toMediaType(type), type, route.entry.rawBody === true), undefined, wireBody)
    } catch (error) {
      exchange.fail(toFault(error))
    }
  }

  /** `payload` undefined: the query is the payload. */
  function start(exchange: Exchange, route: Route, params: Params, payload: unknown, files: readonly UploadedFile[] | undefined, wireBody?: Buffer | 'streams'): void {
    if (exchange.done) return
    const req = new HttpRequest(exchange.arrival, route.entry.path, params, files, wireBody)
    const message: Message = { _msgid: ids.message(), req, res: response, payload: payload === undefined ? req.query : payload }
    if (gate === undefined) exchange.run(req, message)
    else admit(gate, exchange, route, req, message)
  }

  function toArrival(raw: IncomingMessage): Arrival {
    const { headers } = raw
    const method = raw.method as string
    let url = raw.url as string
    let name = headers.host ?? (headers[':authority'] as string | undefined) ?? ''
    if (url.charCodeAt(0) !== 47 && url !== '*' && URL.canParse(url)) {
      const absolute = new URL(url) // absolute form: its authority goes before the Host header (RFC 9112 §3.2.2)
      name = absolute.host
      url = absolute.pathname + absolute.search
    }
    const remoteAddress = raw.socket?.remoteAddress ?? ''
    if (believes && headers['x-forwarded-host'] !== undefined && trusts(remoteAddress)) name = String(headers['x-forwarded-host']).split(',')[0]?.trim() ?? name
    const mark = url.indexOf('?')
    const path = mark === -1 ? url : url.slice(0, mark)
    return { method, url, queryAt: mark + 1, path, headers, host: name, remoteAddress, secure: isSecure, trusts, certificate: tls?.certificate(raw, hostnameOf(name)) }
  }

  function idOf(raw: IncomingMessage, arrival: Arrival): string {
    if (!believes) return ids.run()
    const given = raw.headers['x-request-id']
    return isRequestId(given) && trusts(arrival.remoteAddress) ? given : ids.run()
  }

  // Whoever asks to speak WebSocket is a request like any other until a flow has agreed.
  web.server.on('upgrade', (raw: IncomingMessage, socket: Socket, head: Buffer) => {
    if (head.length > 0) socket.unshift(head)
    socket.on('error', () => socket.destroy())
    const res = new http.ServerResponse(raw)
    res.shouldKeepAlive = false
    res.assignSocket(socket)
    res.once('finish', () => socket.end())
    take(raw, res)
  })
  web.server.on('checkContinue', (raw: IncomingMessage, res: ServerResponse) => {
    expecting.add(raw)
    web.server.emit('request', raw, res)
  })

  async function drain(limitMs: number): Promise<{ cut: number }> {
    host.draining = true
    web.stop()
    const timers: NodeJS.Timeout[] = []
    const ended = web.closed()
    const limit = new Promise<'limit'>((resolve) => timers.push(setTimeout(() => resolve('limit'), limitMs)))
    // Who still waits for a turn by then gets none: an answer that says so, while there is time to send it.
    if (admission) timers.push(setTimeout(() => admission.close(), limitMs * refuseShare))
    // Connections that sent nothing, or half a head, hold nobody's answer: they are not waited for long.
    timers.push(
      setInterval(() => {
        web.stop()
        if (waiting.size === 0) web.destroySilent()
      }, silentMs),
    )
    await Promise.race([ended, limit])
    for (const timer of timers) clearTimeout(timer)
    const cut = waiting.size
    for (const exchange of waiting.all()) exchange.cut()
    web.destroyAll()
    await ended
    return { cut }
  }

  return {
    async listen() {
      await app.ready()
      const port = await listen(web.server, options)
      return { url: `${isSecure ? 'https' : 'http'}://${toUrlHost(options.host)}:${port}`, host: options.host, port }
    },
    drain,
    setTls(next) {
      if (!tls) throw new Error('This front was started without TLS.')
      tls.set(next)
    },
    inFlight: () => waiting.size,
    inject: ((request?: InjectOptions | string) => app.inject(request as InjectOptions)) as FastifyInstance['inject'],
    async close() {
      await drain(0)
      await app.close()
    },
  }
}

/**
 * What is wrong with the host: none on HTTP/1.1, more than one Host header (RFC 9112 §3.2), or on HTTP/2 one that says something else than `:authority` (RFC 9113
 * §8.3.1): a proxy in front may have checked the one and we would route by the other.
 */
function checkHost(raw: IncomingMessage): string | undefined {
  const { rawHeaders, headers } = raw
  const authority = headers[':authority']
  if (authority !== undefined && headers.host !== undefined && headers.host.toLowerCase() !== String(authority).toLowerCase()) return twoHosts
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  if (hosts > 1) return twoHosts
  return hosts === 0 && authority === undefined && raw.httpVersion === '1.1' ? 'it does not name its host' : undefined
}

const twoHosts = 'it names its host more than once'

type Params = Readonly<Record<string, string | undefined>>
type Found = Extract<RouteMatch, { kind: 'found' }>
const noQuery = Object.freeze({})
const silentMs = 500
/** Part of a drain's time after which those that still wait for a turn are refused. */
const refuseShare = 0.8

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

function answerOptions(exchange: Exchange, allow: readonly string[]): void {
  exchange.answer({ status: 204, headers: ['Allow', allow.join(', ')], body: undefined })
}
