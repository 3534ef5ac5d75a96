import type { RequestFacts } from '../http/request-facts.ts'

/**
 * What the Authorization header says after its scheme (RFC 9110 §11.6.2), however the scheme is written; `undefined` for another
 * scheme. What breaks the syntax of the scheme is given as it came.
 */
export function credentialsOf({ headers }: Pick<RequestFacts, 'headers'>, scheme: 'basic' | 'bearer'): string | undefined {
  const { authorization } = headers
  const { length } = scheme
  if (typeof authorization !== 'string' || authorization.length < length + 2) return undefined
  // Compared by characters: the header is read on every call.
  if (authorization.charCodeAt(length) !== 32 || authorization.slice(0, length).toLowerCase() !== scheme) return undefined
  return authorization.slice(length + 1).trim()
}
