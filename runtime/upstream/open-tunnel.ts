import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Clock } from '../core/clock.ts'
import { fault } from '../core/fault.ts'
import type { Holding } from '../core/holding.ts'
import type { Run } from '../core/run.ts'
import { Tunnel } from '../core/tunnel.ts'
import type { TunnelReply, TunnelRequest } from '../core/upstream.ts'
import { CallBounds } from './call-bounds.ts'
import { dropHopHeaders, toHeaderList } from './call.ts'
import { findPlace } from './find-place.ts'
import { markHolding } from './holding-mark.ts'
import type { Pools } from './pools.ts'
import { toUpstreamFault } from './to-fault.ts'

/** Makes what asks an upstream to speak WebSocket (RFC 6455 §4) and gives the connection that it then speaks on. */
export function createOpenTunnel({ pools, clock, holding }: { readonly pools: Pools; readonly clock: Clock; readonly holding: Holding | undefined }): (request: TunnelRequest, run: Run) => Promise<TunnelReply> {
  return function openTunnel(request, run) {
    const { pool, host, path } = findPlace(pools, request.url, request.tls)
    const leftMs = Math.min(request.timeoutMs, run.deadline - clock.now())
    if (leftMs <= 0) return Promise.reject(fault('upstream.timeout', { host, afterMs: 0 }))
    return new Promise((resolve, reject) => {
      const bounds = new CallBounds(run, clock)
      let settled = false
      let controller: Dispatcher.DispatchController | undefined
      const settle = (done: () => void) => {
        if (settled) return
        settled = true
        bounds.lift()
        done()
      }
      const fail = (error: Error) => settle(() => {
        controller?.abort(error)
        reject(error)
      })
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart(given) {
          controller = given
          if (settled) given.abort(fault('client.closed'))
          else run.noteBackend?.()
        },
        onRequestUpgrade(_controller, _status, headers, socket: Duplex) {
          if (settled) return void socket.destroy()
          dropHopHeaders(headers as Record<string, string | string[]>)
          settle(() => resolve({ headers: headers as Record<string, string | string[]>, tunnel: new Tunnel(socket, request.idleMs) }))
        },
        onResponseStart() {},
        onResponseData() {},
        onResponseEnd: () => fail(refused(host)),
        onResponseError: (_controller, error) => fail((error as { message?: string }).message === 'bad upgrade' ? refused(host) : toUpstreamFault(error, host, false)),
      }
      bounds.hold(leftMs, () => fault('upstream.timeout', { host, afterMs: Math.round(leftMs) }), fail)
      if (settled) return
      const headers = toHeaderList(request.headers, [])
      markHolding(headers, run, holding)
      pool.dispatch({ path, method: 'GET', headers, upgrade: 'websocket' }, handler)
    })
  }
}

function refused(host: string): Error {
  return fault('upstream.upgrade', { host })
}
