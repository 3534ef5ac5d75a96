import type { Clock } from '../core/time/clock.ts'
import { errand } from '../core/errand.ts'
import type { Log } from '../core/log.ts'
import { parseEgressAllow } from './egress-policy.ts'
import { createUpstream } from './upstream.ts'

export interface EgressFetchOptions {
  /** As in `SLUICE_EGRESS_ALLOW`. @throws Fault `config.invalid` for an entry that cannot be read */
  readonly allow: readonly string[]
  /** PEM certificates trusted besides the machine's. */
  readonly extraCa?: readonly string[]
  readonly clock: Clock
  readonly log: Log
}

/** What libraries that call out by `fetch` say of a request. */
export interface FetchRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

const timeoutMs = 10_000
const limitBytes = 1024 * 1024

/**
 * A `fetch` for libraries that bring none: every connection passes the egress policy with the address that it really goes to,
 * and no redirect is followed. Fails as `fetch` does, with a TypeError whose cause says why.
 */
export function createEgressFetch({ allow, extraCa = [], clock, log }: EgressFetchOptions): { fetch(url: string, request: FetchRequest): Promise<Response>; close(): Promise<void> } {
  const upstream = createUpstream({ egress: parseEgressAllow(allow), extraCa, clock, log })
  return {
    async fetch(url, { method = 'GET', headers = {}, body }) {
      const sent = body === undefined || body === null ? undefined : body instanceof Uint8Array ? Buffer.from(body) : String(body)
      try {
        const reply = await upstream.request({ method, url, headers, ...(sent === undefined ? {} : { body: sent }), timeoutMs, responseLimitBytes: limitBytes, redirects: 0 }, errand({ clock, log }, timeoutMs))
        const empty = reply.status === 204 || reply.status === 205 || reply.status === 304
        return new Response(empty ? null : new Uint8Array(reply.body.bytes()), { status: reply.status, headers: toHeaders(reply.headers) })
      } catch (cause) {
        throw new TypeError('fetch failed', { cause })
      }
    },
    close: () => upstream.close(),
  }
}

function toHeaders(headers: Readonly<Record<string, string | readonly string[]>>): Headers {
  const made = new Headers()
  for (const [name, value] of Object.entries(headers)) for (const one of typeof value === 'string' ? [value] : value) made.append(name, one)
  return made
}
