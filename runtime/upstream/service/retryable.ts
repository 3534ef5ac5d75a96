import { Fault } from '../../core/fault.ts'
import type { UpstreamReply, UpstreamRequest } from '../../core/upstream/upstream.ts'
import type { RetryOn } from '../../core/upstream/upstream-service.ts'

/** What of an answer says how the try went. */
export type Answered = Pick<UpstreamReply, 'status' | 'headers'>

/** How one try ended. */
export interface Outcome<R extends Answered = UpstreamReply> {
  readonly reply?: R
  readonly thrown?: unknown
  /** Something of it may have reached a server. */
  readonly sent: boolean
}

/** Methods that may be repeated without doing more than once (RFC 9110 §9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** Whether a request may be sent twice: by its method, or because it carries a key by which the service knows it again. */
export function isSafeToRepeat({ method, headers }: Pick<UpstreamRequest, 'method' | 'headers'>): boolean {
  return idempotent.has(method) || Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'idempotency-key')
}

const notConnected = new Set(['upstream.connect', 'upstream.dns', 'upstream.tls'])
const broken = new Set(['upstream.eof', 'upstream.body'])

/** Whether it is worth trying again, by what the policy says of how it ended. */
export function isRetryable({ reply, thrown }: Outcome<Answered>, on: RetryOn): boolean {
  if (reply) return on.statuses.has(reply.status)
  if (!(thrown instanceof Fault)) return false
  if (notConnected.has(thrown.code)) return on.connect
  if (broken.has(thrown.code)) return on.broken
  return thrown.code === 'upstream.timeout' && on.timeout
}

/** What it says of the server: `none` when it was not the server's doing. */
export function verdictOf({ reply, thrown }: Outcome<Answered>): 'good' | 'bad' | 'none' {
  if (reply) return reply.status >= 500 ? 'bad' : 'good'
  if (!(thrown instanceof Fault)) return 'none'
  return notConnected.has(thrown.code) || broken.has(thrown.code) || thrown.code === 'upstream.timeout' ? 'bad' : 'none'
}

/** A word for metrics. */
export function wordOf({ reply, thrown }: Outcome<Answered>): string {
  if (reply) return reply.status >= 500 ? 'status' : 'ok'
  if (!(thrown instanceof Fault)) return 'error'
  if (thrown.code === 'client.closed' || thrown.code === 'flow.timeout' || thrown.code === 'gateway.draining') return 'aborted'
  return thrown.code.slice(thrown.code.lastIndexOf('.') + 1)
}
