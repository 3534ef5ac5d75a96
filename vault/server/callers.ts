import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { PeerCertificate, TLSSocket } from 'node:tls'

/** Who may call a vault: gateways ask, control decides. Neither may do what is the other's. */
export type Role = 'gateway' | 'control'

/** Tokens by role: in clear, or as `sha256:` and 64 digits of hex. */
export type CallerTokens = Readonly<Record<Role, readonly string[]>>

const roles: readonly Role[] = ['gateway', 'control']

/**
 * Says who calls, by bearer token (RFC 6750) or by client certificate; nobody when neither proves anything. Of tokens only the hashes
 * are held. Who shows a token is known by it alone.
 */
export function createCallers(tokens: CallerTokens): (request: IncomingMessage) => readonly Role[] {
  const known = roles.flatMap((role) => tokens[role].map((token) => ({ role, hash: token.startsWith('sha256:') ? Buffer.from(token.slice(7), 'hex') : sha256(token) })))
  const bySocket = new WeakMap<object, readonly Role[]>()
  return ({ headers, socket }) => {
    const { authorization } = headers
    if (authorization !== undefined) {
      const token = /^Bearer +([!-~]+) *$/i.exec(authorization)?.[1]
      if (token === undefined) return []
      const shown = sha256(token)
      // All are compared, each in constant time: how long it takes says nothing of any.
      return known.filter((one) => timingSafeEqual(one.hash, shown)).map(({ role }) => role)
    }
    if (!(socket as TLSSocket).authorized) return []
    let proved = bySocket.get(socket)
    if (!proved) bySocket.set(socket, (proved = rolesOf((socket as TLSSocket).getPeerCertificate())))
    return proved
  }
}

/** What a certificate says of its holder: an organisational unit, a DNS name that begins with it, or `sluice:` and it as a URI. */
function rolesOf({ subject, subjectaltname }: Partial<PeerCertificate>): readonly Role[] {
  // Types of Node say one text; a name with several of a kind has a list.
  const units = [subject?.OU ?? []].flat() as readonly string[]
  // A name that holds a comma or a quote is written in quotes by Node; none of ours does.
  const names = (subjectaltname ?? '').includes('"') ? [] : (subjectaltname ?? '').split(', ')
  return roles.filter((role) => units.includes(role) || names.some((name) => name === `DNS:${role}` || name.startsWith(`DNS:${role}.`) || name === `URI:sluice:${role}`))
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
