import type { Run } from '../../core/run.ts'
import type { StreamRequest, TunnelRequest, UpstreamReply, UpstreamRequest } from '../../core/upstream/upstream.ts'
import type { Lane, OneTry } from '../lane.ts'
import type { OpenedStream } from '../open-stream.ts'
import type { OpenedTunnel } from '../open-tunnel.ts'
import type { Place } from '../pools.ts'
import type { CallUpstream } from './health-check.ts'
import type { Instance } from './instances.ts'
import type { Answered } from './retryable.ts'

/** What is asked, whether the answer is held or passes. */
export type Question = Pick<UpstreamRequest, 'method' | 'url' | 'headers' | 'timeoutMs' | 'tls' | 'http2'>

/** A WebSocket is asked for like anything else. */
export type TunnelQuestion = TunnelRequest & { readonly method: 'GET' }

/** How a try is made, and what its answer is like. */
export interface Kind<Q extends Question, R extends Answered> {
  /** Connections of a server that it goes over; absent: the usual ones. */
  placeOf?(instance: Instance, url: string): Place | undefined
  send(request: Q, run: Run, startedAt: number, timeoutMs: number, lane: Lane): Promise<R>
  /** Of an answer that still comes: resolves when it is over, with the reason when it was broken off. */
  over?(reply: R): Promise<Error | undefined>
  /** Nobody takes this answer. */
  drop?(reply: R): void
}

/** How single tries go out. */
export interface TryParts {
  /** One call with its redirects, over the usual connections or those of a lane. */
  readonly call: CallUpstream
  /** One try whose answer passes while it comes. */
  readonly openStream: (request: StreamRequest, run: Run, one: OneTry) => Promise<OpenedStream>
  /** One try to open a WebSocket. */
  readonly openTunnel: (request: TunnelRequest, run: Run, one: OneTry) => Promise<OpenedTunnel>
}

/** The kinds of calls that there are. */
export interface Kinds {
  readonly held: Kind<UpstreamRequest, UpstreamReply>
  readonly passing: Kind<StreamRequest, OpenedStream>
  readonly tunnels: Kind<TunnelQuestion, OpenedTunnel>
}

export function toKinds({ call, openStream, openTunnel }: TryParts): Kinds {
  return {
    held: { send: call },
    passing: {
      send: (request, run, startedAt, timeoutMs, lane) => openStream(request, run, { startedAt, timeoutMs, lane }),
      over: (reply) => reply.over,
      drop: (reply) => reply.body.discard(),
    },
    tunnels: {
      placeOf: (instance, url) => instance.tunnelPlaceOf(url),
      send: (request, run, startedAt, timeoutMs, lane) => openTunnel(request, run, { startedAt, timeoutMs, lane }),
      over: (reply) => reply.over,
      drop: (reply) => ('tunnel' in reply ? reply.tunnel : reply.body).discard(),
    },
  }
}
