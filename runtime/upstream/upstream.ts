import { isIP } from 'node:net'
import { systemClock, type Clock } from '../core/clock.ts'
import { fault, toFault } from '../core/fault.ts'
import { type Holding, holdingHeader } from '../core/holding.ts'
import { silentLog, type Log } from '../core/log.ts'
import type { Run } from '../core/run.ts'
import { shownUrl } from '../core/shown-url.ts'
import type { Upstream, UpstreamReply, UpstreamRequest, UpstreamTls } from '../core/upstream.ts'
import { whenAborted } from '../core/when-aborted.ts'
import { Call, dropHopHeaders, toHeaderList, type Answer } from './call.ts'
import type { Lookup } from './connector.ts'
import { acceptedCodings, decompress } from './decompress.ts'
import type { EgressPolicy } from './egress-policy.ts'
import { createPools, type Place } from './pools.ts'
import { follow, isRedirect, type Hop } from './redirect.ts'
import { createRedirectCookies } from './redirect-cookies.ts'
import { toBody } from './to-body.ts'
import { toUpstreamFault } from './to-fault.ts'

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
  /** How names become addresses; the machine's resolver when absent. */
  readonly lookup?: Lookup
}

/** Methods that may be sent again when their connection broke before an answer began (RFC 9110 §9.2.1, §9.2.2). */
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS'])
const codings = ['accept-encoding', acceptedCodings] as const

/**
 * The only door to other servers. Connections are pooled per origin and TLS profile; every connection,
 * also behind a redirect, passes the egress policy with the address it really goes to; certificates are
 * always verified. `close` breaks off what is still running.
 */
export function createUpstream(options: UpstreamOptions): Upstream & { close(): Promise<void> } {
  const clock = options.clock ?? systemClock
  const log = options.log ?? silentLog
  const { holding } = options
  const pools = createPools({
    egress: options.egress,
    extraCa: options.extraCa ?? [],
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    connectionsPerOrigin: options.connectionsPerOrigin ?? 256,
    keepAliveMs: options.keepAliveMs ?? 4_000,
    originsLimit: options.originsLimit ?? 512,
    lookup: options.lookup,
  })

  function place(url: string, tls: UpstreamTls | undefined): Place {
    try {
      return pools.find(url, tls)
    } catch (error) {
      throw toUpstreamFault(error, URL.canParse(url) ? new URL(url).host : url, false)
    }
  }

  /** One hop, ended by the answer, the limit, the timer or the run, whichever comes first. */
  function exchange(hop: Hop, tls: UpstreamTls | undefined, limitBytes: number, timeoutMs: number, startedAt: number, run: Run, again: boolean): Promise<Answer> {
    const { pool, host, path } = place(hop.url, tls)
    const leftMs = Math.min(startedAt + timeoutMs, run.deadline) - clock.now()
    if (leftMs <= 0) return Promise.reject(fault('upstream.timeout', { host, afterMs: Math.round(Math.min(timeoutMs, run.deadline - startedAt)) }))
    return new Promise((resolve, reject) => {
      let stopTimer = () => {}
      let stopListening = () => {} // set below; an aborted run may call back before it is
      const settle = () => {
        stopTimer()
        stopListening()
      }
      const done = (answer: Answer) => {
        settle()
        resolve(answer)
      }
      const failed = (error: Error) => {
        settle()
        // A connection that was kept open may be closed by the server just as we write on it.
        if (again && !call.started && repeatable.has(hop.method) && (error as { code?: string }).code === 'upstream.eof') {
          resolve(exchange(hop, tls, limitBytes, timeoutMs, startedAt, run, false))
        } else reject(error)
      }
      const call = new Call(host, limitBytes, done, failed, run)
      stopTimer = clock.setTimer(() => call.abort(fault('upstream.timeout', { host, afterMs: Math.round(clock.now() - startedAt) })), leftMs)
      stopListening = whenAborted(run, (reason) => call.abort(toFault(reason)))
      if (call.settled) return settle()
      const headers = toHeaderList(hop.headers, codings)
      if (holding !== undefined) mark(headers, run, holding)
      pool.dispatch({ path, method: hop.method, headers, body: hop.body ?? null }, call)
    })
  }

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

  return {
    async request(request: UpstreamRequest, run: Run): Promise<UpstreamReply> {
      const { timeoutMs, responseLimitBytes } = request
      const startedAt = clock.now()
      let hop: Hop = { method: request.method, url: request.url, headers: request.headers ?? {}, body: request.body }
      const answer = await exchange(hop, request.tls, responseLimitBytes, timeoutMs, startedAt, run, true)
      if (request.redirects === 0 || !isRedirect(answer.status)) return finish(answer, hop.url, responseLimitBytes, [])

      let tls = request.tls
      let current = answer
      const redirects: { url: string; status: number; setCookie?: readonly string[] }[] = []
      const cookies = createRedirectCookies()
      for (;;) {
        const { location, 'set-cookie': setCookie } = current.headers
        if (!isRedirect(current.status) || typeof location !== 'string') return finish(current, hop.url, responseLimitBytes, redirects)
        if (redirects.length >= request.redirects) throw fault('upstream.redirects', { host: new URL(hop.url).host, limit: request.redirects })
        const next = follow(hop, current.status, location)
        if (next === undefined) throw fault('upstream.url', { url: shownUrl(location) })
        const list = setCookie === undefined ? undefined : Array.isArray(setCookie) ? setCookie : [setCookie]
        redirects.push({ url: hop.url, status: current.status, ...(list ? { setCookie: list } : {}) })
        cookies.take(hop.url, list ?? [])
        // A client certificate is a credential too: another origin does not get it.
        if (next.crossOrigin && tls) tls = tls.ca === undefined ? undefined : { ca: tls.ca }
        log.debug({ run: run.id, from: new URL(hop.url).host, to: new URL(next.url).host, status: current.status }, 'upstream redirected')
        hop = { ...next, headers: cookies.give(next.url, next.headers) }
        current = await exchange(hop, tls, responseLimitBytes, timeoutMs, startedAt, run, true)
      }
    },
    whyRefused(text) {
      const { protocol, hostname, port } = new URL(text)
      const host = hostname.replace(/^\[|\]$/g, '')
      const address = host === 'localhost' ? '127.0.0.1' : host
      if (isIP(address) === 0) return undefined
      return options.egress.refusal(host, Number(port) || (protocol === 'https:' ? 443 : 80), address)
    },
    close: () => pools.close(),
  }
}

function mark(headers: string[], run: Run, holding: Holding): void {
  const passed = run.request?.headers[holdingHeader]
  if (passed === undefined && (run.heldLines === undefined || run.heldLines.length === 0)) return
  const value = holding.toHeader(run.heldLines, passed)
  if (value !== undefined) headers.push('Sluice-Holding', value)
}
