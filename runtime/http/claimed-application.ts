import { credentialsOf } from '../core/access/authorization.ts'
import type { Application, Clients, Credentialed } from '../core/access/clients.ts'
import type { Claim } from '../core/deployment.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import { clientOfToken } from '../core/access/token-client.ts'

/** What is looked at of a request. */
export type ClaimingRequest = Pick<RequestFacts, 'headers' | 'query' | 'clientCertificate'>

/** Longer ones are nobody's; the nodes that verify have limits of their own. */
const longest = 16 * 1024

/**
 * The application that a request says it is of, by the public part of its credential: prefix of a key, Basic name, key id
 * of a signature, issuer and client of a token, client certificate. Nothing is verified: it is good for choosing a version
 * and for nothing else, because whoever claims to be somebody else meets the auth node of the flow that is chosen.
 */
export function claimedApplication(request: ClaimingRequest, claims: readonly Claim[], clients: Clients): Application | undefined {
  for (const claim of claims) {
    const found = lookUp(claim, request, clients)
    if (found) return found.application
  }
  return undefined
}

function lookUp(claim: Claim, request: ClaimingRequest, clients: Clients): Credentialed | undefined {
  switch (claim.kind) {
    case 'key': {
      const key = 'header' in claim ? request.headers[claim.header] : request.query[claim.query]
      const dot = typeof key === 'string' ? key.indexOf('.') : -1
      return dot > 0 ? clients.byKey((key as string).slice(0, dot)) : undefined
    }
    case 'basic': {
      const name = basicName(bounded(credentialsOf(request, 'basic')))
      return name === undefined ? undefined : clients.byBasicName(name)
    }
    case 'bearer': {
      const names = tokenNames(bounded(credentialsOf(request, 'bearer')))
      return names && clients.byJwt(names.issuer, names.client)
    }
    case 'signature': {
      const input = request.headers['signature-input']
      return typeof input === 'string' && input.length <= longest ? bySignature(input, clients) : undefined
    }
    case 'sign code': {
      const id = request.headers['x-client-id']
      return typeof id === 'string' ? clients.bySigner(id) : undefined
    }
    case 'certificate': {
      const certificate = request.clientCertificate
      if (!certificate) return undefined
      return clients.byCertificate({ fingerprint: certificate.fingerprint256, sans: certificate.sans ?? [] })
    }
  }
}

function bounded(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= longest ? text : undefined
}

function basicName(credentials: string | undefined): string | undefined {
  if (credentials === undefined) return undefined
  const plain = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = plain.indexOf(':')
  return colon > 0 ? plain.slice(0, colon) : undefined
}

/** Who gave a JWT to whom, as it says itself; an opaque token says nothing. */
function tokenNames(token: string | undefined): { readonly issuer: string; readonly client: string } | undefined {
  const payload = token?.split('.')[1]
  if (payload === undefined) return undefined
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown>
    const { iss } = claims
    const client = clientOfToken(claims)
    return typeof iss === 'string' && client !== undefined ? { issuer: iss, client } : undefined
  } catch {
    return undefined
  }
}

/** The first key id of an RFC 9421 signature that a record knows. */
function bySignature(input: string, clients: Clients): Credentialed | undefined {
  for (const [, id] of input.matchAll(/;\s*keyid="([^"\\]{1,256})"/g)) {
    const found = clients.bySigner(id as string)
    if (found) return found
  }
  return undefined
}
