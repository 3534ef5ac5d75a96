import { isObject } from '../consumers/json.ts'
import type { Reached } from './reach.ts'

type Json = Readonly<Record<string, unknown>>

/** How callers show who they are: alternatives, any of which is enough. */
export interface Security {
  readonly schemes: Readonly<Record<string, Json>>
  readonly alternatives: readonly Json[]
}

/** What the first auth node on the way takes (OpenAPI 3.1 §4.8.27). */
export function toSecurity(reached: readonly Reached[]): Security | undefined {
  const auth = reached.find(({ node }) => node.type === 'auth')
  if (!auth) return undefined
  const { methods, scopes, issuers, signedHeaders } = auth.config as { methods?: unknown; scopes?: unknown; issuers?: unknown; signedHeaders?: unknown }
  const wanted = Array.isArray(scopes) ? scopes.map(String) : []
  const schemes: Record<string, Json> = {}
  const alternatives: Json[] = []
  for (const method of Array.isArray(methods) ? methods : []) {
    if (!isObject(method)) continue
    const name = String(method['name'] ?? '')
    const made = toScheme(String(method['kind']), name, { issuers, signedHeaders })
    if (!made || Object.hasOwn(schemes, made.name)) continue
    schemes[made.name] = made.scheme
    alternatives.push({ [made.name]: made.scheme['type'] === 'http' && made.scheme['scheme'] === 'bearer' ? wanted : [] })
  }
  return alternatives.length === 0 ? undefined : { schemes, alternatives }
}

function toScheme(kind: string, name: string, around: { readonly issuers: unknown; readonly signedHeaders: unknown }): { readonly name: string; readonly scheme: Json } | undefined {
  const safe = name.toLowerCase().replace(/[^a-z0-9._-]+/g, '-')
  switch (kind) {
    case 'key header':
      return { name: `key-${safe}`, scheme: { type: 'apiKey', in: 'header', name: name || 'x-api-key' } }
    case 'key query':
      return { name: `key-query-${safe}`, scheme: { type: 'apiKey', in: 'query', name: name || 'api_key' } }
    case 'basic':
      return { name: 'basic', scheme: { type: 'http', scheme: 'basic' } }
    case 'jwt':
    case 'introspection': {
      const from = (Array.isArray(around.issuers) ? around.issuers : []).flatMap((one) => (isObject(one) && typeof one['issuer'] === 'string' && one['issuer'] !== '' ? [one['issuer']] : []))
      return { name: 'bearer', scheme: { type: 'http', scheme: 'bearer', ...(kind === 'jwt' ? { bearerFormat: 'JWT' } : {}), ...(kind === 'jwt' && from.length > 0 ? { description: `An access token of ${from.join(' or ')}.` } : {}) } }
    }
    case 'signature': {
      const covered = Array.isArray(around.signedHeaders) && around.signedHeaders.length > 0 ? ` It covers ${around.signedHeaders.map(String).join(', ')} as well.` : ''
      return { name: 'signature', scheme: { type: 'apiKey', in: 'header', name: 'Signature', description: `HTTP message signature (RFC 9421), with Signature-Input beside it.${covered}` } }
    }
    case 'sign code':
      return { name: 'sign-code', scheme: { type: 'apiKey', in: 'header', name: 'X-Sign-Code', description: 'HMAC-SHA256 of the request, with X-Client-Id, X-Timestamp and X-Nonce beside it.' } }
    case 'certificate':
      return { name: 'certificate', scheme: { type: 'mutualTLS' } }
    default:
      return undefined
  }
}
