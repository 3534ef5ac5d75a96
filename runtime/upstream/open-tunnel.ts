import type { Clock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import type { Holding } from '../core/lines/holding.ts'
import type { Run } from '../core/run.ts'
import { Tunnel } from '../core/http/tunnel.ts'
import type { AgreedTunnel, TunnelRequest } from '../core/upstream/upstream.ts'
import { CallBounds } from './call-bounds.ts'
import { dropHopHeaders, toHeaderList } from './call.ts'
import { showSecret, tellBudget } from './exchange.ts'
import { findPlace } from './find-place.ts'
import { markHolding } from './holding-mark.ts'
import type { OneTry } from './lane.ts'
import { type OpenedStream, toAnswer, toHoldMs } from './open-stream.ts'
import type { Pools } from './pools.ts'
import { goesAgain, keptBy } from './resend.ts'
import { StreamCall } from './stream-call.ts'

/** A WebSocket, or the answer of who refused it, which passes while it comes. */
export type OpenedTunnel = (AgreedTunnel & {
  /** Resolves when it is closed. How that came about says nothing of the upstream: either side may leave at any time. */
  readonly over: Promise<undefined>
}) | OpenedStream

/**
 * Makes what asks an upstream to speak WebSocket (RFC 6455 §4) and gives the connection that it then speaks on, or what it answers instead. Time
 * runs until then. Only HTTP/1.1 is spoken.
 */
export function createOpenTunnel({ pools, clock, holding }: { readonly pools: Pools; readonly clock: Clock; readonly holding: Holding | undefined }): (request: TunnelRequest, run: Run, one?: OneTry) => Promise<OpenedTunnel> {
  function openTunnel(request: TunnelRequest, run: Run, one: OneTry, repeats: number): Promise<OpenedTunnel> {
    const { url, idleMs } = request
    const { startedAt, timeoutMs, lane } = one
    const { pool, host, path } = findPlace(pools, url, request.tls, false, lane)
    const leftMs = Math.min(startedAt + timeoutMs, run.deadline) - clock.now()
    if (leftMs <= 0) return Promise.reject(fault('upstream.timeout', { host, afterMs: Math.round(clock.now() - startedAt) }))
    const keptBefore = keptBy(pool, repeats)
    return new Promise((resolve, reject) => {
      const bounds = new CallBounds(run, clock)
      let isOver: (reason: Error | undefined) => void = () => {}
      const over = new Promise<Error | undefined>((done) => (isOver = done))
      const call = new StreamCall({
        host, idleMs, clock, holdMs: lane ? toHoldMs(leftMs) : 0,
        began: () => run.noteBackend?.(),
        agreed: (headers, socket) => {
          bounds.lift()
          dropHopHeaders(headers)
          const closed = new Promise<undefined>((done) => void socket.once('close', () => done(undefined)))
          resolve({ status: 101, headers, tunnel: new Tunnel(socket, idleMs), over: closed })
        },
        answered: (head) => {
          bounds.lift()
          resolve({ ...toAnswer(head), url, over })
        },
        failed: (error) => {
          bounds.lift()
          if (goesAgain(error, { method: 'GET', started: call.started, repeats, keptBefore })) resolve(openTunnel(request, run, one, repeats + 1))
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
      const shown = request.secret === undefined ? path : showSecret(headers, path, request.secret)
      pool.dispatch({ path: shown, method: 'GET', headers, upgrade: 'websocket' }, call)
    })
  }

  return (request, run, one) => openTunnel(request, run, one ?? { startedAt: clock.now(), timeoutMs: request.timeoutMs }, 0)
}
