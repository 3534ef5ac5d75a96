import { createHmac } from 'node:crypto'
import { errand } from '../../runtime/core/errand.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { AttemptEnd, Perform } from '../../runtime/core/jobs/jobs.ts'
import type { Scope } from '../../runtime/core/node.ts'

/** What is told to whoever wants to hear of the end of a job. */
export interface CallbackBody {
  readonly url: string
  readonly event: { readonly id: string; readonly state: 'done' | 'failed'; readonly endedAt: string; readonly status?: number; readonly result?: unknown; readonly reason?: { readonly code: string; readonly message: string } }
}

/** Attempts in all: the first and eight more. */
export const callbackAttempts = 9
export const callbackBackoffMs = 1000
export const callbackBackoffMostMs = 300_000
const timeoutMs = 15_000

/**
 * Sends callbacks as Standard Webhooks does: `webhook-id`, `webhook-timestamp` and, with a secret, `webhook-signature`, an HMAC
 * with SHA-256 of id, time and body. Whoever answers 2xx has taken it; 410 says that nobody wants it any more.
 */
export function createCallback(scope: Scope, secret: string | undefined): Perform {
  return async function callback({ facts, body }): Promise<AttemptEnd> {
    const { url, event } = body as CallbackBody
    const text = JSON.stringify(event)
    const seconds = String(Math.floor(scope.clock.now() / 1000))
    const signature: Readonly<Record<string, string>> = secret ? { 'webhook-signature': `v1,${createHmac('sha256', secret).update(`${facts.id}.${seconds}.${text}`).digest('base64')}` } : {}
    const reply = await scope.upstream.request({
      method: 'POST', url, body: text, timeoutMs, responseLimitBytes: 65_536, redirects: 0,
      headers: { 'content-type': 'application/json', 'webhook-id': facts.id, 'webhook-timestamp': seconds, ...signature },
    }, errand(scope, timeoutMs))
    if (reply.status >= 200 && reply.status < 300) return { kind: 'done' }
    const { code, message } = fault('job.callback', { host: new URL(url).host, status: reply.status })
    return { kind: 'failed', code, message, final: reply.status === 410 }
  }
}
