import type { Clock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import type { Holding } from '../core/lines/holding.ts'
import type { Run } from '../core/run.ts'
import type { StreamReply, StreamRequest } from '../core/upstream/upstream.ts'
import { ByteStream } from '../core/http/byte-stream.ts'
import { CallBounds } from './call-bounds.ts'
import { dropHopHeaders, toHeaderList } from './call.ts'
import { showSecret, tellBudget } from './exchange.ts'
import { findPlace } from './find-place.ts'
import { markHolding } from './holding-mark.ts'
import type { OneTry } from './lane.ts'
import type { Pools } from './pools.ts'
import { goesAgain, keptBy } from './resend.ts'
import { StreamCall, type StreamHead } from './stream-call.ts'

export interface OpenStreamOptions {
  readonly pools: Pools
  readonly clock: Clock
  readonly holding: Holding | undefined
}

export interface OpenedStream extends StreamReply {
  readonly url: string
  /** Resolves when the upstream has sent all of it, with nothing, or when it was broken off, with the reason. */
  readonly over: Promise<Error | undefined>
}

/**
 * Longest wait for the first byte behind the head of an answer that can still be asked for elsewhere: servers that fail often say that
 * all is well first. One that stays silent for longer has begun.
 */
const firstByteMs = 1_000

/** Makes what calls an upstream and gives its answer before its body has come. The run's deadline holds until then. */
export function createOpenStream({ pools, clock, holding }: OpenStreamOptions): (request: StreamRequest, run: Run, one?: OneTry) => Promise<OpenedStream> {
  function openStream(request: StreamRequest, run: Run, one: OneTry, repeats: number): Promise<OpenedStream> {
    const { url, method, http2, secret, body } = request
    const { startedAt, timeoutMs, lane } = one
    const { pool, host, path } = findPlace(pools, url, request.tls, http2, lane)
    const leftMs = Math.min(startedAt + timeoutMs, run.deadline) - clock.now()
    if (leftMs <= 0) return Promise.reject(fault('upstream.timeout', { host, afterMs: Math.round(clock.now() - startedAt) }))
    const keptBefore = keptBy(pool, repeats)
    return new Promise((resolve, reject) => {
      const bounds = new CallBounds(run, clock)
      let isOver: (reason: Error | undefined) => void = () => {}
      const over = new Promise<Error | undefined>((done) => (isOver = done))
      const call = new StreamCall({
        host, idleMs: request.idleMs, clock, holdMs: lane ? toHoldMs(leftMs) : 0,
        began: () => run.noteBackend?.(),
        answered: (head) => {
          bounds.lift()
          resolve({ ...toAnswer(head), url, over })
        },
        failed: (error) => {
          bounds.lift()
          // What passes once cannot be sent twice.
          if (!(body instanceof ByteStream) && goesAgain(error, { method, started: call.started, repeats, keptBefore })) resolve(openStream(request, run, one, repeats + 1))
          else reject(error)
        },
        over: isOver,
      })
      bounds.hold(leftMs, () => fault('upstream.timeout', { host, afterMs: Math.round(clock.now() - startedAt) }), (reason) => call.abort(reason))
      lane?.carry(call)
      if (call.settled) return
      const headers = toHeaderList(request.headers, [])
      markHolding(headers, run, holding)
      if (request.tellBudget === true) tellBudget(headers, leftMs, run)
      if (body instanceof ByteStream && body.lengthBytes !== undefined) headers.push('Content-Length', String(body.lengthBytes))
      const shown = secret === undefined ? path : showSecret(headers, path, secret)
      pool.dispatch({ path: shown, method, headers, body: (body instanceof ByteStream ? body.take() : body) ?? null }, call)
    })
  }

  return (request, run, one) => openStream(request, run, one ?? { startedAt: clock.now(), timeoutMs: request.timeoutMs }, 0)
}

/** How long the head of an answer waits for its first byte. @param leftMs until the answer has to be there */
export function toHoldMs(leftMs: number): number {
  return Math.min(firstByteMs, leftMs / 2)
}

/** What has begun to come, as it may be passed on. */
export function toAnswer({ status, headers, body }: StreamHead): Pick<StreamReply, 'status' | 'headers' | 'body'> {
  dropHopHeaders(headers)
  const [type, length] = [headers['content-type'], headers['content-length']]
  return { status, headers, body: new ByteStream(body, typeof type === 'string' ? type : type?.[0], typeof length === 'string' ? Number(length) : undefined) }
}
