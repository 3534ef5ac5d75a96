import { fault } from '../../runtime/core/fault.ts'
import { withJobKey } from '../../runtime/core/job-key.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { StreamReply, UpstreamRequest } from '../../runtime/core/upstream.ts'
import { openAuth } from '../open-auth.ts'
import type { ServiceCalloutConfig } from './config.ts'
import { compileRequest } from './request.ts'

/** An answer whose body passes while it comes. */
export interface StreamedReply extends StreamReply {
  readonly url: string
}

/** Asks for an answer as a stream. What nobody reads is let go of with the run. */
export async function compileStream(config: ServiceCalloutConfig, scope: Scope): Promise<(message: Message, run: Run) => Promise<StreamedReply>> {
  const { openStream } = scope.upstream
  if (!openStream) throw fault('config.invalid', { message: 'Streams cannot be passed through here.' })
  const prepare = await compileRequest(config, scope, config.tellBudget === 'yes')
  const auth = config.auth === '' ? undefined : openAuth(config.auth, scope)
  return async (message, run) => {
    const ready: UpstreamRequest = withJobKey(await prepare(message, run), run, scope.node.id)
    const { method, headers, body, timeoutMs, tls } = ready
    const secret = await auth?.secret(run)
    const url = secret?.in === 'query' ? `${ready.url}${ready.url.includes('?') ? '&' : '?'}${encodeURIComponent(secret.name)}=${encodeURIComponent(secret.value)}` : ready.url
    // Nothing is unpacked on the way, so nothing may come packed.
    const sent = { ...headers, 'accept-encoding': 'identity', ...(secret?.in === 'header' ? { [secret.name]: secret.value } : {}) }
    const reply = await openStream({ method, url, headers: sent, body: typeof body === 'string' ? Buffer.from(body) : body, timeoutMs, idleMs: config.idleMs, ...(tls ? { tls } : {}) }, run)
    run.onEnd?.(() => reply.body.discard())
    const encoding = reply.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      reply.body.discard()
      throw fault('upstream.body', { host: new URL(ready.url).host, type: 'stream', reason: `it came packed (${String(encoding)}), which was not asked for` })
    }
    return { ...reply, url: ready.url }
  }
}
