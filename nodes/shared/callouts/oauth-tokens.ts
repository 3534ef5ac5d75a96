import type { Clock } from '../../../runtime/core/time/clock.ts'
import { errand } from '../../../runtime/core/errand.ts'
import { fault, toFault } from '../../../runtime/core/fault.ts'
import type { Log } from '../../../runtime/core/log.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { Upstream, UpstreamTls } from '../../../runtime/core/upstream/upstream.ts'
import { whenAborted } from '../../../runtime/core/when-aborted.ts'

/** Where tokens come from, and for whom. */
export interface TokenSource {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  readonly clientAuth: 'basic' | 'body'
  readonly scope: string
  readonly audience: string
  readonly tls?: UpstreamTls | undefined
}

export interface OauthTokens {
  /**
   * A token that holds for a while yet. Fetched once for all who wait; who leaves does not take it from the others.
   * @throws Fault `upstream.auth`, `upstream.*`, `egress.denied`
   */
  get(run: Run): string | Promise<string>
  /** The service did not take this one: the next call gets another. */
  refuse(token: string): void
}

const fetchLimitMs = 10_000
const answerLimitBytes = 256 * 1024
/** A server that does not say how long a token holds (RFC 6749 §5.1 recommends that it does). */
const usualLifeMs = 300_000
/** Part of its life after which a token is renewed: it must hold until the service has looked at it. */
const usedShare = 0.9
/** How long a failure is remembered, so that a token endpoint that is down is not asked by every call. */
const failureMs = 1_000

/** OAuth 2.0 client credentials (RFC 6749 §4.4) with a memory. */
export function createOauthTokens(source: TokenSource, { upstream, clock, log }: { readonly upstream: Pick<Upstream, 'request'>; readonly clock: Clock; readonly log: Log }): OauthTokens {
  let kept: { readonly token: string; readonly untilMs: number } | undefined
  let failed: { readonly reason: unknown; readonly untilMs: number } | undefined
  let asking: Promise<string> | undefined
  const { host } = new URL(source.url)

  async function ask(): Promise<string> {
    try {
      const { token, lifeMs } = await fetchToken()
      kept = { token, untilMs: clock.elapsed() + lifeMs * usedShare }
      failed = undefined
      return token
    } catch (error) {
      failed = { reason: error, untilMs: clock.elapsed() + failureMs }
      log.warn({ host, fault: toFault(error).code }, 'no access token for callouts')
      throw error
    } finally {
      asking = undefined
    }
  }

  async function fetchToken(): Promise<{ token: string; lifeMs: number }> {
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    if (source.scope !== '') form.set('scope', source.scope)
    if (source.audience !== '') form.set('audience', source.audience)
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
    if (source.clientAuth === 'body') {
      form.set('client_id', source.clientId)
      form.set('client_secret', source.clientSecret)
    } else headers.authorization = `Basic ${Buffer.from(`${toForm(source.clientId)}:${toForm(source.clientSecret)}`).toString('base64')}`
    const request = { method: 'POST', url: source.url, headers, body: form.toString(), timeoutMs: fetchLimitMs, responseLimitBytes: answerLimitBytes, redirects: 0, ...(source.tls ? { tls: source.tls } : {}) }
    const reply = await upstream.request(request, errand({ clock, log }, fetchLimitMs))
    const answer = readAnswer(reply.body)
    if (reply.status !== 200) throw fault('upstream.auth', { host, reason: `it answered ${reply.status}${typeof answer.error === 'string' && /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(answer.error) ? ` (${answer.error})` : ''}` })
    const { access_token: token, token_type: type, expires_in: seconds } = answer
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw fault('upstream.auth', { host, reason: 'its answer holds none' })
    if (typeof type === 'string' && type.toLowerCase() !== 'bearer') throw fault('upstream.auth', { host, reason: 'its token is not of type bearer' })
    const life = Number(seconds)
    return { token, lifeMs: seconds === undefined || !Number.isFinite(life) || life <= 0 ? usualLifeMs : life * 1000 }
  }

  return {
    get(run) {
      if (kept && clock.elapsed() < kept.untilMs) return kept.token
      if (failed && clock.elapsed() < failed.untilMs) return Promise.reject(failed.reason as Error)
      asking ??= ask()
      return whileRunning(asking, run, clock, host)
    },
    refuse(token) {
      if (kept?.token === token) kept = undefined
    },
  }
}

/** Waits for what belongs to many, for as long as this run goes on. */
function whileRunning(shared: Promise<string>, run: Run, clock: Clock, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let stopListening = () => {} // an aborted run calls back before it is set
    const settle = () => {
      stopTimer()
      stopListening()
    }
    const stopTimer = clock.setTimer(() => {
      settle()
      reject(fault('upstream.timeout', { host, afterMs: fetchLimitMs }))
    }, Math.max(0, Math.min(run.deadline - clock.now(), fetchLimitMs)))
    stopListening = whenAborted(run, (reason) => {
      settle()
      reject(toFault(reason))
    })
    shared.then((token) => {
      settle()
      resolve(token)
    }, (error: unknown) => {
      settle()
      reject(error as Error)
    })
  })
}

function readAnswer(body: { bytes(): Buffer }): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.bytes().toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** RFC 6749 §2.3.1: id and secret are form-encoded before they are joined. */
function toForm(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`).replace(/%20/g, '+')
}
