/** Claims that may name the client a token was given to, the surest first. */
export const clientClaims = ['client_id', 'azp', 'sub'] as const

/**
 * The client a token was given to: `client_id` (RFC 9068), else `azp`, else the subject itself. A subject counts only where no
 * client is named: else a user could choose a name that is a client's (RFC 9068 §5).
 */
export function clientOfToken(claims: Readonly<Record<string, unknown>>): string | undefined {
  for (const name of clientClaims) {
    const text = claims[name]
    if (typeof text === 'string' && text !== '') return text
  }
  return undefined
}
