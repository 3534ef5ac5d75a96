import type { RequestFacts } from '../../runtime/core/request-facts.ts'

/** The token of `Authorization: Bearer …` (RFC 6750 §2.1). One that breaks the syntax is given as it came. */
export function bearerOf(request: RequestFacts): string | undefined {
  const { authorization } = request.headers
  if (typeof authorization !== 'string' || authorization.length < 8) return undefined
  // Compared by characters: the header is read on every call.
  if (authorization.charCodeAt(6) !== 32 || authorization.slice(0, 6).toLowerCase() !== 'bearer') return undefined
  return authorization.slice(7).trim()
}
