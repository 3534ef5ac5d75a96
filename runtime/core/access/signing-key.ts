import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { parsePublicKeys } from './public-keys.ts'

/** A public key that signatures are checked with (RFC 7517, RFC 8037), and nothing else of what came with it. */
export type PublicJwk =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256' | 'P-384'; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }

/**
 * Reads the public key of a caller: PEM (SPKI), a JWK, or a JWK set of one key.
 * @throws TypeError a sentence that says why it is none, without anything of what was sent
 */
export function parseSigningKey(text: string): PublicJwk {
  const jwk = text.includes('-----BEGIN') ? readPem(text) : readJson(text)
  // RFC 9421 has no algorithm for longer curves.
  if (jwk.crv === 'P-521') throw new TypeError('Keys on P-521 sign no requests.')
  const { skipped } = parsePublicKeys({ keys: [jwk] })
  if (skipped[0] !== undefined) throw new TypeError(skipped[0])
  if (jwk.kty === 'RSA') return { kty: 'RSA', n: String(jwk.n), e: String(jwk.e) }
  if (jwk.kty === 'EC') return { kty: 'EC', crv: jwk.crv as 'P-256' | 'P-384', x: String(jwk.x), y: String(jwk.y) }
  return { kty: 'OKP', crv: 'Ed25519', x: String(jwk.x) }
}

function readPem(text: string): JsonWebKey {
  if (/PRIVATE KEY/.test(text)) throw new TypeError('This is a private key, which nobody else should see. Send its public half, and make a new pair if it has left its owner.')
  try {
    return createPublicKey(text).export({ format: 'jwk' })
  } catch {
    throw new TypeError('This PEM holds no public key that can be read.')
  }
}

function readJson(text: string): JsonWebKey {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new TypeError('This is neither PEM nor JSON.')
  }
  const keys = (value as { keys?: unknown } | null)?.keys
  if (Array.isArray(keys) && keys.length !== 1) throw new TypeError(`This set has ${keys.length} keys. Send them one by one: each has an id of its own.`)
  const jwk: unknown = Array.isArray(keys) ? keys[0] : value
  if (typeof jwk !== 'object' || jwk === null) throw new TypeError('This is no JWK.')
  return jwk as JsonWebKey
}
