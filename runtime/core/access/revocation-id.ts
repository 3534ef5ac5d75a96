/** What a revocation ends: one token, all that came of a consent, all of a user, all of a user for APIs of one organisation, all of a client. */
export type Revoked = 'jti' | 'grant' | 'user' | 'member' | 'client'

/** Name of a revocation, by which control keeps it and gateways find it. */
export function revocationId(what: Revoked, name: string): string {
  return `${what}:${name}`
}

/** What a user is called who is meant as a member of an organisation; no id of an organisation has a colon. */
export function memberName(organisation: string, user: string): string {
  return `${organisation}:${user}`
}
