import { createHash } from 'node:crypto'
import type { UpstreamRequest } from '../core/upstream/upstream.ts'

/** Headers that differ with every call and say nothing of what is asked for. */
const ofOneCall = new Set(['traceparent', 'tracestate', 'baggage', 'x-request-id', 'x-correlation-id', 'x-request-deadline', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled', 'sluice-holding'])
/** Whoever sends these asks for a part, or asks whether something has changed: that is theirs to do. */
const conditions = new Set(['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range'])

/**
 * What tells a request from others: two with the same text ask the same server for the same in the name of the same caller.
 * A hash, because credentials are part of it. `undefined`: nothing of its answer may be used again.
 */
export function identityOf(request: UpstreamRequest): string | undefined {
  if (request.method !== 'GET' || (request.body !== undefined && request.body.length > 0)) return undefined
  const parts: string[] = [request.url]
  for (const name of Object.keys(request.headers ?? {}).sort()) {
    const lower = name.toLowerCase()
    if (conditions.has(lower)) return undefined
    if (ofOneCall.has(lower)) continue
    const value = request.headers?.[name]
    if (lower === 'cache-control' && /no-store/i.test(String(value))) return undefined
    parts.push(lower, JSON.stringify(value))
  }
  const { secret, tls, redirects } = request
  parts.push(JSON.stringify([secret, tls, redirects]))
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

/** Whether an answer may depend on headers that the identity leaves out. */
export function variesByCall(vary: unknown): boolean {
  return (Array.isArray(vary) ? vary.join(',') : String(vary ?? '')).split(',').some((name) => {
    const lower = name.trim().toLowerCase()
    return lower === '*' || ofOneCall.has(lower)
  })
}
