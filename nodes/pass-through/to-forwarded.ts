import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'

/** What a proxy says itself: what came under these names was said by somebody who may not be believed. */
const ownNames = new Set(['host', 'connection', 'forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'sluice-holding'])

/**
 * Headers of a request as a proxy passes them on (RFC 9110 §7.6): those of its own connection stay behind, and who asked is said
 * in `X-Forwarded-…`.
 * @param withheld lower-case names that do not go along
 */
export function toForwarded(request: RequestFacts, withheld: ReadonlySet<string>): Record<string, string | string[]> {
  const ofConnection = new Set(String(request.headers['connection'] ?? '').split(',').map((name) => name.trim().toLowerCase()))
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name.startsWith(':') || ownNames.has(name) || withheld.has(name) || ofConnection.has(name)) continue
    headers[name] = value
  }
  headers['X-Forwarded-For'] = request.ip
  headers['X-Forwarded-Proto'] = request.protocol
  headers['X-Forwarded-Host'] = request.hostname
  return headers
}
