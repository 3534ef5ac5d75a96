import type { Clock } from '../core/clock.ts'
import { fault } from '../core/fault.ts'
import type { Holding } from '../core/holding.ts'
import type { Run } from '../core/run.ts'
import type { StreamReply, StreamRequest } from '../core/upstream.ts'
import { ByteStream } from '../core/byte-stream.ts'
import { CallBounds } from './call-bounds.ts'
import { dropHopHeaders, toHeaderList } from './call.ts'
import { findPlace } from './find-place.ts'
import { markHolding } from './holding-mark.ts'
import type { Pools } from './pools.ts'
import { StreamCall } from './stream-call.ts'

export interface OpenStreamOptions {
  readonly pools: Pools
  readonly clock: Clock
  readonly holding: Holding | undefined
}

/** Makes what calls an upstream and gives its answer before its body has come. The run's deadline holds until then. */
export function createOpenStream({ pools, clock, holding }: OpenStreamOptions): (request: StreamRequest, run: Run) => Promise<StreamReply> {
  return function openStream(request, run) {
    const { pool, host, path } = findPlace(pools, request.url, request.tls)
    const leftMs = Math.min(request.timeoutMs, run.deadline - clock.now())
    if (leftMs <= 0) return Promise.reject(fault('upstream.timeout', { host, afterMs: 0 }))
    return new Promise((resolve, reject) => {
      const bounds = new CallBounds(run, clock)
      const call = new StreamCall({
        host, idleMs: request.idleMs, clock,
        began: () => run.noteBackend?.(),
        answered: ({ status, headers, body }) => {
          bounds.lift()
          dropHopHeaders(headers)
          const [type, length] = [headers['content-type'], headers['content-length']]
          resolve({ status, headers, body: new ByteStream(body, typeof type === 'string' ? type : type?.[0], typeof length === 'string' ? Number(length) : undefined) })
        },
        failed: (error) => {
          bounds.lift()
          reject(error)
        },
      })
      bounds.hold(leftMs, () => fault('upstream.timeout', { host, afterMs: Math.round(leftMs) }), (reason) => call.abort(reason))
      const headers = toHeaderList(request.headers, [])
      markHolding(headers, run, holding)
      const { body } = request
      if (body instanceof ByteStream && body.lengthBytes !== undefined) headers.push('Content-Length', String(body.lengthBytes))
      pool.dispatch({ path, method: request.method, headers, body: (body instanceof ByteStream ? body.take() : body) ?? null }, call)
    })
  }
}
