import type { Clients, TokenMarks } from '../../runtime/core/access/clients.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { clientClaims, clientOfToken } from '../../runtime/core/access/token-client.ts'
import { refused, type Verdict } from './verdict.ts'

/** Claims of a token that was verified, or what an introspection says of one. */
export type Claims = Readonly<Record<string, unknown>>

const looked = ['active', 'iss', 'sub', 'aud', 'exp', 'nbf', 'client_id', 'azp', 'scope', 'scp', 'cnf'] as const

/** The claims that are looked at: tokens may carry far more, and thousands of them are remembered. */
export function pickClaims(claims: Claims): Claims {
  const picked: Record<string, unknown> = {}
  for (const name of looked) if (claims[name] !== undefined) picked[name] = claims[name]
  return picked
}

/** The client a token was given to, as its record. */
export function toIdentity(claims: Claims, issuer: string, clients: Clients, unknownSubjects: boolean): Verdict {
  const subject = textOf(claims['sub'])
  // A name that cannot be read is not passed over: the one behind it means somebody else.
  for (const name of clientClaims) if (claims[name] !== undefined && textOf(claims[name]) === undefined) return refused('auth.invalid_token', `its claim ${name} is no text`)
  const client = clientOfToken(claims)
  if (client === undefined) return refused('auth.invalid_token', 'it names neither client nor subject')
  const scopes = scopesOf(claims)
  const known = clients.byJwt(issuer, client)
  if (known) return { kind: 'known', who: { known, scopes, ...(subject === undefined ? {} : { subject }) } }
  if (!unknownSubjects) return refused('auth.unknown_client', 'no record knows its client')
  return { kind: 'known', who: { scopes, client, issuer, subject: subject ?? client } }
}

/** RFC 8693 §4.2 `scope`, or the lists that some issuers write. */
function scopesOf(claims: Claims): readonly string[] {
  const given = claims['scope'] ?? claims['scp']
  if (typeof given === 'string') return Object.freeze(given.split(' ').filter((scope) => scope !== ''))
  return Object.freeze(Array.isArray(given) ? given.filter((scope): scope is string => typeof scope === 'string') : [])
}

/**
 * A token that is bound to a key is good for who holds that key only (RFC 7800). Bound to a certificate (RFC 8705 §3.1) it
 * is compared with the one of the connection; other bindings cannot be proven here.
 * @returns what is wrong, if anything
 */
export function checkConfirmation(claims: Claims, request: RequestFacts): string | undefined {
  const { cnf } = claims
  if (cnf === undefined) return undefined
  const thumbprint = (cnf as { 'x5t#S256'?: unknown } | null)?.['x5t#S256']
  if (typeof thumbprint !== 'string' || Object.keys(cnf as object).length !== 1) return 'it is bound to a key in a way that is not supported'
  const fingerprint = request.clientCertificate?.fingerprint256.replaceAll(':', '')
  if (fingerprint === undefined) return 'it is bound to a certificate, and the connection shows none'
  return Buffer.from(fingerprint, 'hex').toString('base64url') === thumbprint ? undefined : 'it is bound to another certificate'
}

/** What a revocation may name in a token: of our own issuer, `gid` is the consent that it came of, and `org` whose API it is for. */
export function toMarks(claims: Claims, issuer: string): TokenMarks {
  const { iat } = claims
  const [token, grant, user, organisation, client] = [textOf(claims['jti']), textOf(claims['gid']), textOf(claims['sub']), textOf(claims['org']), textOf(claims['client_id'])]
  return {
    issuer,
    ...(token === undefined ? {} : { token }), ...(grant === undefined ? {} : { grant }), ...(user === undefined ? {} : { user }),
    ...(organisation === undefined ? {} : { organisation }), ...(client === undefined ? {} : { client }),
    ...(typeof iat === 'number' ? { issuedAtMs: iat * 1000 } : {}),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
