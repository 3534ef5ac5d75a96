import type { Problem } from '../../runtime/core/flow.ts'
import type { OauthClientInput } from '../contract.ts'
import { problem } from './check.ts'

const loopback = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** What a schema cannot say of a client of the authorization server: its URIs, and which settings go together. */
export function checkOauthClient(client: OauthClientInput | undefined, base: string): Problem[] {
  if (!client) return []
  const problems: Problem[] = []
  const has = (grant: OauthClientInput['grants'][number]) => client.grants.includes(grant)
  for (const [index, uri] of (client.redirectUris ?? []).entries()) {
    const wrong = whyNoRedirectUri(uri)
    if (wrong) problems.push(problem(`${base}/redirectUris/${index}`, wrong, 'Send an https URI without a fragment, or http to 127.0.0.1, [::1] or localhost.'))
  }
  for (const [index, uri] of (client.resources ?? []).entries()) {
    if (!URL.canParse(uri) || uri.includes('#') || uri !== uri.trim()) problems.push(problem(`${base}/resources/${index}`, `“${uri}” is no absolute URI without a fragment.`, 'RFC 8707 wants such as “https://api.example.org”.'))
    else if (uri.startsWith('urn:sluice:')) problems.push(problem(`${base}/resources/${index}`, 'Names below “urn:sluice:” are given by Sluice.', 'Leave it out: each API has its own already.'))
  }
  if (has('authorization_code') && (client.redirectUris ?? []).length === 0) problems.push(problem(`${base}/redirectUris`, 'Codes have nowhere to go.', 'Name at least one redirect URI, or leave the grant out.'))
  if (has('refresh_token') && !has('authorization_code') && !has('device_code') && !client.legacyPassword) problems.push(problem(`${base}/grants`, 'Nothing gives it a refresh token.', 'Add authorization_code or device_code, or leave refresh_token out.'))
  if (client.public && has('client_credentials')) problems.push(problem(`${base}/public`, 'Who keeps no secret cannot get tokens by it.', 'Leave client_credentials out, or “public”.'))
  if (client.public && client.legacyPassword) problems.push(problem(`${base}/legacyPassword`, 'Passwords are given to nobody who cannot show who he is.', 'Leave it out, or “public”.'))
  return problems
}

/** RFC 9700 §2.1: the URIs are compared as they stand, and nothing on the way may read a code. */
function whyNoRedirectUri(uri: string): string | undefined {
  if (!URL.canParse(uri) || uri !== uri.trim()) return `“${uri}” is no absolute URI.`
  const { protocol, hostname, username, password } = new URL(uri)
  if (uri.includes('#')) return `“${uri}” has a fragment.`
  if (username || password) return 'A redirect URI holds no user.'
  if (protocol === 'https:' || (protocol === 'http:' && loopback.has(hostname))) return undefined
  return `“${uri}” is neither https nor on this machine.`
}
