import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Provider } from 'oidc-provider'
import type { Authority } from '../control/oauth-contract.ts'
import type { Clock } from '../runtime/core/time/clock.ts'
import { closeWithin, listen, toUrlHost } from '../runtime/core/http/listening.ts'
import type { Log } from '../runtime/core/log.ts'
import { answerInteraction, isInteraction } from './interactions.ts'
import { createProvider } from './provider.ts'
import { loadSigningKeys } from './signing-keys.ts'
import { html } from '../portal/html.ts'
import { answerHeaders, sendPage } from './page.ts'
import { chooseLanguage, createSay } from './texts.ts'
import { createTurnstile } from './turnstile.ts'
import { arriveUpstream, upstreamCallback, type Upstream } from './upstream.ts'

export interface AuthServerOptions {
  readonly authority: Authority
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Origin by which clients and browsers know it; the port itself when left out. */
  readonly issuer?: string | undefined
  readonly accessTokenMs: number
  readonly clock: Clock
  readonly log: Log
  /** Another provider at which people may sign in. */
  readonly upstream?: Upstream | undefined
  /** Address of whoever asks, as trusted proxies tell it; the peer's if left out. */
  readonly clientOf?: ((request: IncomingMessage) => string) | undefined
}

export interface AuthServer {
  /** Opens the port. @throws when it is taken, or the keys cannot be read */
  listen(): Promise<{ readonly url: string; readonly issuer: string }>
  /** Looks whether signing keys are due or were changed elsewhere, and forgets what has ended; it does so by itself every minute. */
  refresh(): Promise<void>
  close(): Promise<void>
}

const refreshMs = 60_000
/** For what is under way when the server closes. */
const closeMs = 2000
/** What is asked for here is kept in the store until somebody goes on with it, or for its time. */
const begins: ReadonlySet<string> = new Set(['/auth', '/device/auth'])
/** Where people type the code of a device: whoever guesses such codes does it here (RFC 8628 §5.1). */
const deviceCodes = '/device'

/** The authorization server: OAuth 2.0 and OpenID Connect for the applications and people of control's records. */
export function createAuthServer(options: AuthServerOptions): AuthServer {
  const { authority, clock, log, upstream, clientOf = (request) => request.socket.remoteAddress ?? '' } = options
  const turnstile = createTurnstile(clock)
  let issuer = ''
  /** Addresses of requests that are being answered. */
  const senders = new WeakMap<IncomingMessage, string>()
  let current: { readonly provider: Provider; readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>; readonly kids: string } | undefined
  let cancelRefresh = () => {}
  let closed = false
  const server = createServer((request, response) => {
    answer(request, response).catch((thrown: unknown) => {
      log.error({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'the authorization server could not answer')
      if (response.headersSent) response.destroy()
      else response.writeHead(503, { 'retry-after': '5' }).end()
    })
  })
  server.headersTimeout = 15_000
  server.requestTimeout = 30_000
  // As control and gateways: whoever closes a kept connection first loses what was just written on it.
  server.keepAliveTimeout = 75_000

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!current) return void response.writeHead(503).end()
    const pathname = (request.url ?? '/').split('?')[0] ?? '/'
    if (pathname === '/healthz') return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
    // URLs are made of the issuer: what a request says of host and scheme is believed of nobody.
    const { host, protocol } = new URL(issuer)
    const from = clientOf(request)
    senders.set(request, from)
    request.headers.host = host
    request.headers['x-forwarded-proto'] = protocol.slice(0, -1)
    delete request.headers['x-forwarded-host']
    delete request.headers['x-forwarded-for']
    for (const [name, value] of Object.entries(answerHeaders)) response.setHeader(name, value)
    if (protocol === 'https:') response.setHeader('strict-transport-security', 'max-age=31536000')
    if (begins.has(pathname) && !turnstile.mayBegin(from)) return refuse(request, response)
    if (request.method === 'POST') {
      if (pathname === deviceCodes && !turnstile.mayGuess(from)) return refuse(request, response)
      const leave = turnstile.enter(from)
      if (!leave) return refuse(request, response)
      response.once('close', leave)
    }
    if (isInteraction(pathname)) return await answerInteraction(current.provider, request, response, { people: authority.people, artifacts: authority.artifacts, api: (id) => authority.api(id), issuer, log, from, upstream })
    if (upstream && pathname === upstreamCallback && request.method === 'GET') {
      if (await arriveUpstream(request, response, { upstream, people: authority.people, artifacts: authority.artifacts, issuer, log, from })) return
      const language = chooseLanguage(undefined, request.headers['accept-language'])
      const say = createSay(language)
      return sendPage(response, 400, language, say('failed'), html`<p>${say('expired')}</p>`)
    }
    await current.handle(request, response)
  }

  /** Too many of one address: a page for people, for programs an error of the protocol. */
  function refuse(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('retry-after', '1')
    if (request.headers.accept?.includes('text/html')) {
      const language = chooseLanguage(undefined, request.headers['accept-language'])
      const say = createSay(language)
      return sendPage(response, 429, language, say('failed'), html`<p>${say('slow')}</p>`)
    }
    const body = JSON.stringify({ error: 'slow_down', error_description: 'Too many requests from this address. Try again in a moment.' })
    response.writeHead(429, { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' }).end(body)
  }

  async function refresh(): Promise<void> {
    const keys = await loadSigningKeys(authority.signingKeys, clock.now())
    const kids = keys.map(({ kid }) => kid).join(' ')
    if (kids !== current?.kids) {
      if (current) log.info({ keys: keys.length }, 'the signing keys of tokens changed')
      const provider = createProvider({ authority, issuer, keys, accessTokenSeconds: Math.ceil(options.accessTokenMs / 1000), log, fromOf: (request) => senders.get(request) ?? '' })
      current = { provider, handle: provider.callback(), kids }
    }
    await authority.artifacts.removeExpired()
  }

  function again(): void {
    cancelRefresh = clock.setTimer(() => {
      refresh()
        .catch((thrown: unknown) => log.warn({ reason: (thrown as Error).message }, 'the signing keys could not be looked at; trying again'))
        .finally(() => void (closed || again()))
    }, refreshMs)
  }

  return {
    async listen() {
      const port = await listen(server, options)
      const host = options.host === '0.0.0.0' ? '127.0.0.1' : options.host === '::' ? '::1' : options.host
      const url = `http://${toUrlHost(host)}:${port}`
      issuer = options.issuer ?? url
      await refresh()
      again()
      return { url, issuer }
    },
    refresh,
    async close() {
      closed = true
      cancelRefresh()
      await closeWithin(server, closeMs)
    },
  }
}
