import type { Clock } from '../core/clock.ts'
import { fault, toFault } from '../core/fault.ts'
import { type Holding, holdingHeader } from '../core/holding.ts'
import type { Run } from '../core/run.ts'
import type { StreamReply, StreamRequest } from '../core/upstream.ts'
import { whenAborted } from '../core/when-aborted.ts'
import { ByteStream } from '../core/byte-stream.ts'
import { dropHopHeaders, toHeaderList } from './call.ts'
import type { Pools } from './pools.ts'
import { StreamCall } from './stream-call.ts'
import { toUpstreamFault } from './to-fault.ts'

export interface OpenStreamOptions {
  readonly pools: Pools
  readonly clock: Clock
  readonly holding: Holding | undefined
}

/** Makes what calls an upstream and gives its answer before its body has come. The run's deadline holds until then. */
export function createOpenStream({ pools, clock, holding }: OpenStreamOptions): (request: StreamRequest, run: Run) => Promise<StreamReply> {
  return function openStream(request, run) {
    const { pool, host, path } = place(request)
    const leftMs = Math.min(request.timeoutMs, run.deadline - clock.now())
    if (leftMs <= 0) return Promise.reject(fault('upstream.timeout', { host, afterMs: 0 }))
    return new Promise((resolve, reject) => {
      let stopTimer = () => {}
      let stopListening = () => {} // set below; an aborted run may call back before it is
      const settle = () => {
        stopTimer()
        stopListening()
      }
      const call = new StreamCall({
        host, idleMs: request.idleMs, clock,
        began: () => run.noteBackend?.(),
        answered: ({ status, headers, body }) => {
          settle()
          dropHopHeaders(headers)
          const [type, length] = [headers['content-type'], headers['content-length']]
          resolve({ status, headers, body: new ByteStream(body, typeof type === 'string' ? type : type?.[0], typeof length === 'string' ? Number(length) : undefined) })
        },
        failed: (error) => {
          settle()
          reject(error)
        },
      })
      stopTimer = clock.setTimer(() => call.abort(fault('upstream.timeout', { host, afterMs: Math.round(leftMs) })), leftMs)
      stopListening = whenAborted(run, (reason) => call.abort(toFault(reason)))
      const headers = toHeaderList(request.headers, [])
      const mark = holding?.toHeader(run.heldLines, run.request?.headers[holdingHeader])
      if (mark !== undefined) headers.push('Sluice-Holding', mark)
      const { body } = request
      if (body instanceof ByteStream && body.lengthBytes !== undefined) headers.push('Content-Length', String(body.lengthBytes))
      pool.dispatch({ path, method: request.method, headers, body: (body instanceof ByteStream ? body.take() : body) ?? null }, call)
    })
  }

  function place(request: StreamRequest) {
    try {
      return pools.find(request.url, request.tls)
    } catch (error) {
      throw toUpstreamFault(error, URL.canParse(request.url) ? new URL(request.url).host : request.url, false)
    }
  }
}
