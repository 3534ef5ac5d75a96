import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Clients } from '../../runtime/core/access/clients.ts'
import type { Algorithm } from '../../runtime/core/access/public-keys.ts'
import type { PublicJwk } from '../../runtime/core/access/signing-key.ts'
import type { Signer } from './signing-secret.ts'
import { isSignedBy } from './verify-signature.ts'

/** Names of algorithms with a key pair (RFC 9421 §3.3), and what tokens call them. */
const names = { 'rsa-pss-sha512': 'PS512', 'rsa-v1_5-sha256': 'RS256', 'ecdsa-p256-sha256': 'ES256', 'ecdsa-p384-sha384': 'ES384', ed25519: 'Ed25519' } as const satisfies Readonly<Record<string, Algorithm>>

/** Those a key can be used with; the first when a signature names none. */
function algorithmsOf(jwk: PublicJwk): readonly Algorithm[] {
  if (jwk.kty === 'RSA') return ['PS512', 'RS256']
  if (jwk.kty === 'OKP') return ['Ed25519']
  return [jwk.crv === 'P-256' ? 'ES256' : 'ES384']
}

export const keyAlgorithms: readonly string[] = Object.keys(names)

/** Public keys by which callers prove that they signed, ready to be used; each is read once, until its record changes. */
export function createSigningKeys(clients: Clients) {
  const read = new WeakMap<PublicJwk, KeyObject>()
  return {
    /** `algorithm`: as the signature names it. `undefined` when no record knows the id, or its key is none for this algorithm. */
    of(id: string, algorithm: string | undefined): Signer | undefined {
      const known = clients.bySigner(id)
      if (known?.credential.kind !== 'public-key') return undefined
      const { jwk } = known.credential
      const possible = algorithmsOf(jwk)
      const used = algorithm === undefined ? possible[0] : possible.find((one) => one === (names as Readonly<Record<string, Algorithm>>)[algorithm])
      if (!used) return undefined
      const key = read.get(jwk) ?? createPublicKey({ key: { ...jwk }, format: 'jwk' })
      read.set(jwk, key)
      return { known, fits: (text, signature) => isSignedBy(key, used, Buffer.from(text), signature) }
    },
  }
}

export type SigningKeys = ReturnType<typeof createSigningKeys>
