/** What a revocation ends: one token, all that came of a consent, all of a user, all of a client. */
export type Revoked = 'jti' | 'grant' | 'user' | 'client'

/** Name of a revocation, by which control keeps it and gateways find it. */
export function revocationId(what: Revoked, name: string): string {
  return `${what}:${name}`
}
