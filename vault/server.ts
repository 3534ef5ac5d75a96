import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { SecureContextOptions } from 'node:tls'
import { fault } from '../runtime/core/fault.ts'
import { closeWithin, listen, toUrlHost } from '../runtime/core/http/listening.ts'
import type { Log } from '../runtime/core/log.ts'
import { http } from '../runtime/core/http/node-http.ts'
import type { AskReply, Expected, SecretsRequest } from './contract.ts'
import type { OpenVault } from './parts.ts'
import { give, problem, toProblem, type Answer } from './server/answer.ts'
import { createCallers, type CallerTokens, type Role } from './server/callers.ts'
import { checkAsks } from './server/check-asks.ts'
import { findDeskRoute } from './server/desk-routes.ts'
import { readJson, type Held } from './server/read-body.ts'

export interface VaultServerOptions {
  readonly vault: OpenVault
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** None of a role: nobody has it by token. */
  readonly tokens: CallerTokens
  readonly tls?: VaultTls
  readonly log: Log
}

/** PEM. With `clientCa`, certificates of its making prove gateways and control too. */
export interface VaultTls {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly clientCa?: string | Buffer
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

export interface VaultServer {
  /** @throws PortBusy */
  listen(): Promise<{ readonly url: string; readonly port: number }>
  /**
   * New connections get these from now on. Where the authorities of clients changed, older connections end with what is under way on them:
   * what proved somebody may prove nothing any more.
   * @throws Error when certificate and key cannot be used; the old ones stay
   */
  renewTls(tls: VaultTls): void
  /** Takes no new connection; what is under way may finish within `graceMs`. */
  close(graceMs: number): Promise<void>
}

const mebibyte = 1024 * 1024
/** Batches of asks. */
const asksLimits = { oneBytes: 64 * mebibyte, allBytes: 256 * mebibyte }
const deskLimits = { oneBytes: mebibyte, allBytes: asksLimits.allBytes }
/** Requests that are worked on at once, whoever sends them. Those beyond wait, and are refused beyond that. One that has not come in whole holds no place. */
const mostAtOnce = 64
const mostWaiting = 1024

/**
 * The door of a vault. Nobody passes who proved nothing, and whoever passes does what is for his role alone: gateways ask and fetch
 * secrets, control rules over domains, grants, keys and the rest and sees no value. Answers and log lines repeat nothing of a request.
 */
export function createVaultServer({ vault, host, port, tokens, tls, log }: VaultServerOptions): VaultServer {
  const callersOf = createCallers(tokens)
  const held: Held = { bytes: 0 }
  const waiting: (() => void)[] = []
  let atOnce = 0
  let closing = false
  /** Counts the changes of the authorities of clients. */
  let trust = 0
  let authorities = String(tls?.clientCa ?? '')
  const trustOf = new WeakMap<object, number>()

  async function answer(request: IncomingMessage): Promise<Answer> {
    const method = request.method ?? 'GET'
    const roles = callersOf(request)
    if (roles.length === 0) return problem(401, 'auth.required', 'The vault does not know who asks.', {}, { 'WWW-Authenticate': 'Bearer realm="vault"' })
    const may = (role: Role) => roles.includes(role)
    const url = URL.parse(request.url ?? '/', 'http://vault')
    if (!url) throw fault('request.malformed', { reason: 'the path is none' })
    const { pathname: path } = url
    if (path === '/v1/ready' && method === 'GET') return { status: 204 }
    if (path === '/v1/ask' || path === '/v1/secrets') {
      if (!may('gateway')) return denied()
      if (method !== 'POST') return wrongMethod(['POST'])
      return path === '/v1/ask' ? await ask(request) : await secrets(request)
    }
    if (!may('control') && !(path === '/v1/status' && method === 'GET' && may('gateway'))) return denied()
    const { route, names, allow } = findDeskRoute(method, path)
    if (!route) return allow.length > 0 ? wrongMethod(allow) : problem(404, 'route.none', 'The vault has nothing there.')
    const { value, done } = await readJson(request, held, deskLimits)
    try {
      if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value))) throw fault('request.malformed', { reason: 'the body must be an object' })
      const by = readUser(request)
      if (method !== 'GET' && by === undefined) throw fault('request.malformed', { reason: 'the header X-Sluice-User must say who asks for a change' })
      const body = await inPlace(() => route.answer(vault.desk, { names, query: url.searchParams, body: (value ?? {}) as Readonly<Record<string, unknown>>, by: by ?? '', expected: readExpected(request) }))
      if (method !== 'GET') log.info({ method, path: route.path, by }, 'the vault was changed')
      return body === undefined ? { status: 204 } : { status: 200, body }
    } finally {
      done()
    }
  }

  async function ask(request: IncomingMessage): Promise<Answer> {
    const { value, done } = await readJson(request, held, asksLimits)
    try {
      const { asks, refused } = checkAsks(value)
      const answers = await inPlace(() => (refused.size === 0 ? vault.ask(asks) : askRest(asks, refused)))
      return { status: 200, body: { answers } satisfies AskReply }
    } finally {
      done()
    }
  }

  async function askRest(asks: AskList, refused: ReadonlyMap<number, AskReply['answers'][number]>): Promise<AskReply['answers']> {
    const given = await vault.ask(asks.filter((_, place) => !refused.has(place)))
    let next = 0
    return asks.map((_, place) => refused.get(place) ?? (given[next++] as AskReply['answers'][number]))
  }

  async function secrets(request: IncomingMessage): Promise<Answer> {
    const { value, done } = await readJson(request, held, deskLimits)
    try {
      return { status: 200, body: await inPlace(() => vault.secrets.answer(value as SecretsRequest)) }
    } finally {
      done()
    }
  }

  /** Works with a place among those that are worked on. @throws Fault `vault.unavailable` when too many wait for one */
  async function inPlace<T>(work: () => Promise<T>): Promise<T> {
    if (atOnce < mostAtOnce) atOnce += 1
    else if (waiting.length >= mostWaiting) throw fault('vault.unavailable')
    else await new Promise<void>((turn) => waiting.push(turn)) // whoever leaves hands its place on
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else atOnce -= 1
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      reply(await answer(request))
    } catch (thrown) {
      reply(toProblem(thrown, log))
    }
    function reply(given: Answer): void {
      // A body that was not read to its end is no beginning of another request.
      const isOld = (trustOf.get(request.socket) ?? trust) !== trust
      if ((closing || isOld || !request.complete) && !response.headersSent) response.setHeader('Connection', 'close')
      give(response, given)
    }
  }

  const options = { requestTimeout: 30_000, headersTimeout: 10_000, connectionsCheckingInterval: 5_000, keepAliveTimeout: 75_000, maxHeaderSize: 16 * 1024, noDelay: true }
  const listener = (request: IncomingMessage, response: ServerResponse) => void handle(request, response)
  const server: Server = tls
    ? process.getBuiltinModule('node:https').createServer({
        ...options, ...toContext(tls), handshakeTimeout: options.headersTimeout,
        // A certificate that proves nothing gets an answer that says so, and a token may prove it.
        ...(tls.clientCa ? { requestCert: true, rejectUnauthorized: false } : {}),
      }, listener)
    : http.createServer(options, listener)
  server.setTimeout(60_000)
  server.on('secureConnection', (socket: object) => trustOf.set(socket, trust))

  return {
    async listen() {
      const taken = await listen(server, { host, port })
      return { url: `${tls ? 'https' : 'http'}://${toUrlHost(host)}:${taken}`, port: taken }
    },
    renewTls(next) {
      if (!tls || !('setSecureContext' in server)) throw new Error('This vault was started without TLS.')
      ;(server as unknown as { setSecureContext(options: SecureContextOptions): void }).setSecureContext(toContext(next))
      const now = String(next.clientCa ?? '')
      if (now === authorities) return
      authorities = now
      trust += 1
      server.closeIdleConnections()
    },
    async close(graceMs) {
      closing = true
      await closeWithin(server, graceMs)
    },
  }
}

function toContext({ cert, key, clientCa, minVersion = 'TLSv1.2' }: VaultTls): SecureContextOptions {
  return { cert, key, minVersion, ...(clientCa === undefined ? {} : { ca: clientCa }) }
}

type AskList = ReturnType<typeof checkAsks>['asks']

/** What a change started from (RFC 9110 §13.1). @throws Fault `request.malformed` */
function readExpected({ headers }: IncomingMessage): Expected {
  if (headers['if-none-match'] === '*') return 'none'
  const given = headers['if-match']
  if (given === undefined || given === '*') return undefined
  if (!/^"\d{1,15}"$/.test(given)) throw fault('request.malformed', { reason: 'the header If-Match names no revision' })
  return Number(given.slice(1, -1))
}

/** The user behind a change: UTF-8, percent-encoded. */
function readUser({ headers }: IncomingMessage): string | undefined {
  const given = headers['x-sluice-user']
  if (typeof given !== 'string' || given === '') return undefined
  try {
    return decodeURIComponent(given).slice(0, 200)
  } catch {
    return given.slice(0, 200)
  }
}

function denied(): Answer {
  return problem(403, 'auth.denied', 'This is not for who asks: gateways ask, control decides.')
}

function wrongMethod(allow: readonly string[]): Answer {
  return problem(405, 'method.none', `This takes ${allow.join(', ')}.`, {}, { Allow: allow.join(', ') })
}
