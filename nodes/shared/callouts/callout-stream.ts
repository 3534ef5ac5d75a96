import { fault } from '../../../runtime/core/fault.ts'
import type { Message } from '../../../runtime/core/message.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { StreamReply, UpstreamRequest } from '../../../runtime/core/upstream/upstream.ts'
import type { Way } from './callout-way.ts'

/** An answer whose body passes while it comes. */
export interface StreamedReply extends StreamReply {
  readonly url: string
}

/**
 * Makes what asks for an answer as a stream, which may be silent as long as `idleOf` says. What nobody reads is let go of with the run.
 * @throws Fault `config.invalid` where no stream can be passed
 */
export function toStreamed({ openStream }: Way, idleOf: (request: UpstreamRequest) => number): (request: UpstreamRequest, message: Message, run: Run) => Promise<StreamedReply> {
  if (!openStream) throw fault('config.invalid', { message: 'Streams cannot be passed through here.' })
  return async (asked, message, run) => {
    const { method, url, headers, body, timeoutMs, tls, tellBudget, http2 } = asked
    // Nothing is unpacked on the way, so nothing may come packed.
    const plain = { ...Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => name.toLowerCase() !== 'accept-encoding')), 'accept-encoding': 'identity' }
    const sent = { method, url, headers: plain, body: typeof body === 'string' ? Buffer.from(body) : body, timeoutMs, idleMs: idleOf(asked) }
    const reply = await openStream({ ...sent, ...(tls ? { tls } : {}), ...(tellBudget ? { tellBudget } : {}), ...(http2 ? { http2 } : {}) }, message, run)
    run.onEnd?.(() => reply.body.discard())
    const answered = { ...reply, url: reply.url ?? url }
    const encoding = reply.headers['content-encoding']
    if (encoding === undefined || encoding === 'identity') return answered
    reply.body.discard()
    throw fault('upstream.body', { host: new URL(answered.url).host, type: 'stream', reason: `it came packed (${String(encoding)}), which was not asked for` })
  }
}
