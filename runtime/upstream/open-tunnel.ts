import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Clock } from '../core/clock.ts'
import { fault, toFault } from '../core/fault.ts'
import type { Run } from '../core/run.ts'
import { Tunnel } from '../core/tunnel.ts'
import type { TunnelReply, TunnelRequest } from '../core/upstream.ts'
import { whenAborted } from '../core/when-aborted.ts'
import { dropHopHeaders, toHeaderList } from './call.ts'
import type { Pools } from './pools.ts'
import { toUpstreamFault } from './to-fault.ts'

/** Makes what asks an upstream to speak WebSocket (RFC 6455 §4) and gives the connection that it then speaks on. */
export function createOpenTunnel({ pools, clock }: { readonly pools: Pools; readonly clock: Clock }): (request: TunnelRequest, run: Run) => Promise<TunnelReply> {
  return function openTunnel(request, run) {
    const { pool, host, path } = pools.find(request.url, request.tls)
    const leftMs = Math.min(request.timeoutMs, run.deadline - clock.now())
    return new Promise((resolve, reject) => {
      let stopTimer = () => {}
      let stopListening = () => {} // set below; an aborted run may call back before it is
      let settled = false
      let controller: Dispatcher.DispatchController | undefined
      const settle = (done: () => void) => {
        if (settled) return
        settled = true
        stopTimer()
        stopListening()
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
      stopTimer = clock.setTimer(() => fail(fault('upstream.timeout', { host, afterMs: Math.round(leftMs) })), Math.max(0, leftMs))
      stopListening = whenAborted(run, (reason) => fail(toFault(reason)))
      if (!settled) pool.dispatch({ path, method: 'GET', headers: toHeaderList(request.headers, []), upgrade: 'websocket' }, handler)
    })
  }
}

function refused(host: string): Error {
  return fault('upstream.upgrade', { host })
}
