import type { Message } from '../../../runtime/core/message.ts'
import { withJobKey } from '../../../runtime/core/jobs/job-key.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { RunTrace } from '../../../runtime/core/trace.ts'
import type { StreamReply, StreamRequest, TunnelReply, TunnelRequest, UpstreamReply, UpstreamRequest } from '../../../runtime/core/upstream/upstream.ts'
import type { CallOptions, UpstreamService } from '../../../runtime/core/upstream/upstream-service.ts'

/** Sends what is ready to be sent. */
type Ask<Q, R> = (request: Q, message: Message, run: Run) => Promise<R>
/** An answer that is held. */
export type Send = Ask<UpstreamRequest, UpstreamReply>
/** One that passes while it comes. */
export type OpenStream = Ask<StreamRequest, StreamReply>
/** A WebSocket. */
export type OpenTunnel = Ask<TunnelRequest, TunnelReply>

/** How the requests of a callout go out. */
export interface Way {
  readonly send: Send
  /** Absent where no stream can be passed. */
  readonly openStream?: OpenStream | undefined
  /** Absent where no WebSocket can be opened. */
  readonly openTunnel?: OpenTunnel | undefined
}

/** Straight to its URL, once. @param shown the URL in the place of that of the request */
export function toPlainWay({ upstream, node }: Scope, shown?: (url: string) => string): Way {
  const { openStream, openTunnel } = upstream
  // A callout that depends on nothing gives the same request each time: no copy, by which it would not be known again.
  const placed = <Q extends { readonly url: string }>(request: Q): Q => (shown ? { ...request, url: shown(request.url) } : request)
  return {
    send: (request, _message, run) => upstream.request(withJobKey(placed(request), run, node.id), run),
    openStream: openStream && ((request, _message, run) => openStream(withJobKey(placed(request), run, node.id), run)),
    openTunnel: openTunnel && ((request, _message, run) => openTunnel(placed(request), run)),
  }
}

/** By an upstream that remembers. @param shown the URL of a request as whoever writes the run down knows it */
export function toServiceWay(service: UpstreamService, scope: Scope, optionsOf: (message: Message, run: Run) => CallOptions | Promise<CallOptions>, shown?: (url: string) => string): Way {
  const { node } = scope
  const { openStream, openTunnel } = service

  /** One call with all its tries; to who writes the run down it is one callout. */
  function by<Q extends { readonly url: string }, R extends { readonly attempts?: number }>(
    ask: (request: Q, run: Run, options: CallOptions) => Promise<R>,
    note: (trace: RunTrace, request: Q, call: (asked: Q) => Promise<R>) => Promise<R>,
  ): Ask<Q, R> {
    const call = (request: Q, run: Run, options: CallOptions): Promise<R> => {
      const { trace } = run
      if (trace === undefined) return ask(request, run, options)
      return note(trace, shown ? { ...request, url: shown(request.url) } : request, async (asked) => {
        const reply = await ask(shown ? { ...asked, url: request.url } : asked, run, options)
        if (reply.attempts !== undefined) trace.note(node.id, { tries: reply.attempts })
        return reply
      })
    }
    return (request, message, run) => {
      const options = optionsOf(message, run)
      return options instanceof Promise ? options.then((ready) => call(request, run, ready)) : call(request, run, options)
    }
  }

  const withKey = <Q extends Pick<UpstreamRequest, 'method' | 'headers'>, R>(ask: Ask<Q, R>): Ask<Q, R> => (request, message, run) => ask(withJobKey(request, run, node.id), message, run)
  return {
    send: withKey(by<UpstreamRequest, UpstreamReply>((...asked) => service.request(...asked), (trace, request, ask) => trace.callout(node.id, request, ask))),
    openStream: openStream && withKey(by(openStream, (trace, request, ask) => trace.stream(node.id, request, ask))),
    openTunnel: openTunnel && by(openTunnel, (trace, request, ask) => trace.tunnel(node.id, request, ask)),
  }
}
