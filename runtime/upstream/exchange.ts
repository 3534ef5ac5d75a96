import type { Clock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import type { Holding } from '../core/lines/holding.ts'
import type { Run } from '../core/run.ts'
import { withoutParameters } from '../core/http/parameter-name.ts'
import { nextTraceparent, traceOf } from '../core/http/trace-context.ts'
import type { UpstreamRequest, UpstreamSecret, UpstreamTls } from '../core/upstream/upstream.ts'
import { Call, toHeaderList, type Answer } from './call.ts'
import { CallBounds } from './call-bounds.ts'
import { acceptedCodings } from './decompress.ts'
import { findPlace } from './find-place.ts'
import { markHolding } from './holding-mark.ts'
import type { Lane } from './lane.ts'
import type { Pools } from './pools.ts'
import type { Hop } from './redirect.ts'
import { goesAgain, keptBy } from './resend.ts'

const codings = ['accept-encoding', acceptedCodings] as const

/** One hop of a request. Its time is over `timeoutMs` after `startedAt`, and with the run. */
export type Exchange = (hop: Hop, request: UpstreamRequest, tls: UpstreamTls | undefined, timeoutMs: number, startedAt: number, run: Run, lane?: Lane) => Promise<Answer>

/** Makes what sends one hop: ended by the answer, the limit, the timer or the run, whichever comes first. */
export function createExchange({ pools, clock, holding }: { readonly pools: Pools; readonly clock: Clock; readonly holding: Holding | undefined }): Exchange {
  function exchange(hop: Hop, request: UpstreamRequest, tls: UpstreamTls | undefined, timeoutMs: number, startedAt: number, run: Run, lane: Lane | undefined, repeats: number): Promise<Answer> {
    const { pool, host, path } = findPlace(pools, hop.url, tls, request.http2, lane)
    const leftMs = Math.min(startedAt + timeoutMs, run.deadline) - clock.now()
    if (leftMs <= 0) return Promise.reject(fault('upstream.timeout', { host, afterMs: Math.round(Math.min(timeoutMs, run.deadline - startedAt)) }))
    const keptBefore = keptBy(pool, repeats)
    return new Promise((resolve, reject) => {
      const bounds = new CallBounds(run, clock)
      const done = (answer: Answer) => {
        bounds.lift()
        resolve(answer)
      }
      const failed = (error: Error) => {
        bounds.lift()
        if (goesAgain(error, { method: hop.method, started: call.started, repeats, keptBefore })) resolve(exchange(hop, request, tls, timeoutMs, startedAt, run, lane, repeats + 1))
        else reject(error)
      }
      const call = new Call(host, request.responseLimitBytes, done, failed, run)
      bounds.hold(leftMs, () => fault('upstream.timeout', { host, afterMs: Math.round(clock.now() - startedAt) }), (reason) => call.abort(reason))
      lane?.carry(call)
      if (call.settled) return
      const headers = toHeaderList(hop.headers, codings)
      markHolding(headers, run, holding)
      if (request.tellBudget === true && isAtHome(hop, request)) tellBudget(headers, leftMs, run)
      const { secret } = request
      const shown = secret !== undefined && isAtHome(hop, request) ? showSecret(headers, path, secret) : path
      pool.dispatch({ path: shown, method: hop.method, headers, body: hop.body ?? null }, call)
    })
  }

  return (hop, request, tls, timeoutMs, startedAt, run, lane) => exchange(hop, request, tls, timeoutMs, startedAt, run, lane, 0)
}

/** Whether a hop goes where the request itself was meant to go: what is told there is told to no other origin. */
function isAtHome(hop: Hop, request: UpstreamRequest): boolean {
  return hop.url === request.url || new URL(hop.url).origin === new URL(request.url).origin
}

/** How long the caller still waits, and which trace this is part of. What the flow says itself under these names stays. */
export function tellBudget(headers: string[], leftMs: number, run: Run): void {
  if (!hasHeader(headers, 'x-request-deadline')) headers.push('X-Request-Deadline', String(Math.max(1, Math.floor(leftMs))))
  if (hasHeader(headers, 'traceparent')) return
  const trace = traceOf(run)
  headers.push('traceparent', nextTraceparent(trace))
  if (trace.state !== undefined && !hasHeader(headers, 'tracestate')) headers.push('tracestate', trace.state)
}

function hasHeader(headers: readonly string[], lower: string): boolean {
  for (let at = 0; at < headers.length; at += 2) if ((headers[at] as string).toLowerCase() === lower) return true
  return false
}

/** Puts what proves who calls into a request. @returns the path, which may hold it */
export function showSecret(headers: string[], path: string, secret: UpstreamSecret): string {
  if (secret.in === 'query') return withParameter(path, secret)
  setHeader(headers, secret.name, secret.value)
  return path
}

/** A second value under the name of a credential would leave it to the server which of them counts. */
function setHeader(headers: string[], name: string, value: string): void {
  const lower = name.toLowerCase()
  for (let at = headers.length - 2; at >= 0; at -= 2) if ((headers[at] as string).toLowerCase() === lower) headers.splice(at, 2)
  headers.push(name, value)
}

function withParameter(given: string, { name, value }: UpstreamSecret): string {
  const mark = given.indexOf('?')
  const own = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`
  if (mark === -1) return `${given}?${own}`
  // What a caller's query has under the name of a credential does not stand beside it.
  const kept = withoutParameters(given.slice(mark + 1), new Set([name]))
  return `${given.slice(0, mark)}?${kept === '' ? '' : `${kept}&`}${own}`
}
