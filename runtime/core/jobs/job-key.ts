import type { Run } from '../run.ts'
import type { UpstreamRequest } from '../upstream/upstream.ts'

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * The request with an `Idempotency-Key` when an attempt at a job sends it, so that a service that minds it does the thing once
 * however often the job is tried (draft-ietf-httpapi-idempotency-key-header). One that the flow sets itself stays.
 */
export function withJobKey<Q extends Pick<UpstreamRequest, 'method' | 'headers'>>(request: Q, run: Run, node: string): Q {
  if (run.job === undefined || safe.has(request.method)) return request
  const key = run.job.callKey(node)
  if (Object.keys(request.headers ?? {}).some((name) => name.toLowerCase() === 'idempotency-key')) return request
  return { ...request, headers: { ...request.headers, 'Idempotency-Key': `"${key}"` } }
}
