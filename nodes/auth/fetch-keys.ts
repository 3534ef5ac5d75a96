import { errand } from '../../runtime/core/errand.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { Scope } from '../../runtime/core/node.ts'
import { fetchLimitMs } from './fetch-limit.ts'
import type { Fetched } from './key-source.ts'

/** Fetches a JWK set from its URL, or from where the issuer's discovery document says (OpenID Connect Discovery 1.0 §4). */
export function createKeyFetch(scope: Scope, issuer: string, jwksUrl: string): () => Promise<Fetched> {
  return async () => {
    if (jwksUrl !== '') return getJson(scope, jwksUrl)
    const { value } = await getJson(scope, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const { issuer: said, jwks_uri: url } = value as { issuer?: unknown; jwks_uri?: unknown }
    if (said !== issuer || typeof url !== 'string') throw new TypeError('The discovery document is that of another issuer, or names no keys.')
    return getJson(scope, url)
  }
}

async function getJson(scope: Scope, url: string): Promise<Fetched> {
  const reply = await scope.upstream.request(
    { method: 'GET', url, headers: { accept: 'application/json' }, timeoutMs: fetchLimitMs, responseLimitBytes: 262_144, redirects: 2 },
    errand(scope, fetchLimitMs),
  )
  if (reply.status !== 200) throw fault('upstream.status', { host: new URL(reply.url).host, status: reply.status, expected: 200 })
  const value: unknown = JSON.parse(reply.body.text())
  if (typeof value !== 'object' || value === null) throw new TypeError('The answer is no JSON object.')
  const age = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(String(reply.headers['cache-control'] ?? ''))
  return { value, ...(age ? { maxAgeMs: Number(age[1]) * 1000 } : {}) }
}
