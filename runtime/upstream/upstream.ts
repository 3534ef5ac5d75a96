import { isIP } from 'node:net'
import { systemClock, type Clock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import type { Holding } from '../core/lines/holding.ts'
import { silentLog, type Log } from '../core/log.ts'
import type { Run } from '../core/run.ts'
import { shownUrl } from '../core/upstream/shown-url.ts'
import type { Upstream, UpstreamReply, UpstreamRequest } from '../core/upstream/upstream.ts'
import type { ServiceFacts, ServiceSpec, UpstreamObserver, UpstreamService } from '../core/upstream/upstream-service.ts'
import { dropHopHeaders, type Answer } from './call.ts'
import type { Lookup } from './connector.ts'
import { decompress } from './decompress.ts'
import type { EgressPolicy } from './egress-policy.ts'
import { createExchange } from './exchange.ts'
import type { Lane } from './lane.ts'
import { createOpenStream } from './open-stream.ts'
import { createOpenTunnel } from './open-tunnel.ts'
import { createPools } from './pools.ts'
import { follow as toNextHop, isRedirect, type Hop } from './redirect.ts'
import { createRedirectCookies } from './redirect-cookies.ts'
import { createResolve, type TtlOf } from './service/resolve.ts'
import { Service } from './service/service.ts'
import { toBody } from './to-body.ts'

export interface UpstreamOptions {
  readonly egress: EgressPolicy
  /** PEM certificates trusted besides the machine's. */
  readonly extraCa?: readonly string[]
  readonly log?: Log
  /** Marks what runs hold that call out. */
  readonly holding?: Holding
  readonly clock?: Clock
  /** Time for TCP and TLS together (default 5,000). */
  readonly connectTimeoutMs?: number
  /** Connections open at once to one origin; more calls wait in line (default 256). */
  readonly connectionsPerOrigin?: number
  /** How long an idle connection stays open (default 4,000, below the 5,000 of Node.js servers). */
  readonly keepAliveMs?: number
  /** Origins remembered before the one unused longest is closed (default 512). */
  readonly originsLimit?: number
  /** Connections under a TLS profile that nobody used for this long to twice this long are closed (default 60,000): it may have been replaced. */
  readonly unusedMs?: number
  /** How names become addresses; the machine's resolver when absent. */
  readonly lookup?: Lookup
  /** How long the addresses of a name hold; the machine's DNS servers say it when absent. */
  readonly ttlOf?: TtlOf
  /** Told what becomes of calls to upstreams that remember. */
  readonly observer?: UpstreamObserver
  /** Even in 0 … 1, for pauses before retries. */
  readonly random?: () => number
}

/** The door, as whoever opened it has it. */
export interface OpenUpstream extends Upstream {
  open(spec: ServiceSpec): UpstreamService
  /** How upstreams stand that remember. */
  services(): readonly ServiceFacts[]
  close(): Promise<void>
}

/**
 * The only door to other servers. Connections are pooled per origin and TLS profile; every connection,
 * also behind a redirect, passes the egress policy with the address it really goes to; certificates are
 * always verified. `close` breaks off what is still running.
 */
export function createUpstream(options: UpstreamOptions): OpenUpstream {
  const clock = options.clock ?? systemClock
  const log = options.log ?? silentLog
  const pools = createPools({
    egress: options.egress,
    extraCa: options.extraCa ?? [],
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    connectionsPerOrigin: options.connectionsPerOrigin ?? 256,
    keepAliveMs: options.keepAliveMs ?? 4_000,
    originsLimit: options.originsLimit ?? 512,
    unusedMs: options.unusedMs ?? 60_000,
    lookup: options.lookup,
  })

  const resolve = createResolve({ lookup: options.lookup, ttlOf: options.ttlOf, now: () => clock.elapsed() })
  const exchange = createExchange({ pools, clock, holding: options.holding })
  const openStream = createOpenStream({ pools, clock, holding: options.holding })
  const openTunnel = createOpenTunnel({ pools, clock, holding: options.holding })
  const openServices = new Set<Service>()

  async function finish(answer: Answer, url: string, limitBytes: number, redirects: UpstreamReply['redirects']): Promise<UpstreamReply> {
    const { headers } = answer
    let { bytes } = answer
    const encoding = headers['content-encoding']
    if (encoding !== undefined && bytes.length > 0) {
      const plain = await decompress(bytes, String(encoding), limitBytes, new URL(url).host)
      if (plain) {
        bytes = plain
        delete headers['content-encoding']
        delete headers['content-length']
      }
    }
    dropHopHeaders(headers)
    const type = headers['content-type']
    return { status: answer.status, headers, body: toBody(bytes, typeof type === 'string' ? type : type?.[0]), url, redirects }
  }

  async function follow(request: UpstreamRequest, run: Run, startedAt: number, timeoutMs: number, lane?: Lane): Promise<UpstreamReply> {
    const { responseLimitBytes } = request
    let hop: Hop = { method: request.method, url: request.url, headers: request.headers ?? {}, body: request.body }
    const answer = await exchange(hop, request, request.tls, timeoutMs, startedAt, run, lane)
    if (request.redirects === 0 || !isRedirect(answer.status)) return finish(answer, hop.url, responseLimitBytes, [])

    let tls = request.tls
    let current = answer
    const redirects: { url: string; status: number; setCookie?: readonly string[] }[] = []
    const cookies = createRedirectCookies()
    for (;;) {
      const { location, 'set-cookie': setCookie } = current.headers
      if (!isRedirect(current.status) || typeof location !== 'string') return finish(current, hop.url, responseLimitBytes, redirects)
      if (redirects.length >= request.redirects) throw fault('upstream.redirects', { host: new URL(hop.url).host, limit: request.redirects })
      const next = toNextHop(hop, current.status, location, request.hideSecrets)
      if (next === undefined) throw fault('upstream.url', { url: shownUrl(location) })
      // Nobody else is told a secret: the redirect is the answer.
      if (next.bodySecret) return finish(current, hop.url, responseLimitBytes, redirects)
      const list = setCookie === undefined ? undefined : Array.isArray(setCookie) ? setCookie : [setCookie]
      redirects.push({ url: hop.url, status: current.status, ...(list ? { setCookie: list } : {}) })
      cookies.take(hop.url, list ?? [])
      // A client certificate is a credential too: another origin does not get it.
      if (next.crossOrigin && tls) tls = tls.ca === undefined ? undefined : { ca: tls.ca }
      log.debug({ run: run.id, from: new URL(hop.url).host, to: new URL(next.url).host, status: current.status }, 'upstream redirected')
      hop = { ...next, headers: cookies.give(next.url, next.headers) }
      current = await exchange(hop, request, tls, timeoutMs, startedAt, run, lane)
    }
  }

  return {
    request: (request, run) => follow(request, run, clock.now(), request.timeoutMs),
    async openStream(request, run) {
      const { over: _, ...reply } = await openStream(request, run)
      return reply
    },
    async openTunnel(request, run) {
      const { over: _, ...reply } = await openTunnel(request, run)
      return reply
    },
    whyRefused(text) {
      const { protocol, hostname, port } = new URL(text)
      const host = hostname.replace(/^\[|\]$/g, '')
      const address = host === 'localhost' ? '127.0.0.1' : host
      if (isIP(address) === 0) return undefined
      return options.egress.refusal(host, Number(port) || (protocol === 'https:' ? 443 : 80), address)
    },
    open(spec) {
      const service = new Service(spec, { clock, log, random: options.random ?? Math.random, call: follow, openStream, openTunnel, openPool: pools.open, resolve, observer: options.observer, closed: () => void openServices.delete(service) })
      openServices.add(service)
      // Whoever puts something in front of it makes an object that inherits from this one, which a class with private fields does not bear.
      return {
        request: (request, run, options) => service.request(request, run, options),
        openStream: (request, run, options) => service.openStream(request, run, options),
        openTunnel: (request, run, options) => service.openTunnel(request, run, options),
        configure: (next) => service.configure(next),
        facts: () => service.facts(),
        close: () => service.close(),
      }
    },
    services: () => [...openServices].map((service) => service.facts()),
    async close() {
      for (const service of openServices) service.close()
      await pools.close()
    },
  }
}
