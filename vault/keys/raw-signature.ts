import { constants, createHmac, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto'
import { promisify } from 'node:util'
import { modulusBytes } from '../../runtime/core/secrets/modulus-bytes.ts'
import type { KeyVersion } from './material.ts'

type Key = KeyObject | { readonly key: KeyObject; readonly padding?: number; readonly saltLength?: number; readonly dsaEncoding?: 'ieee-p1363' }
const signLater = promisify(sign as (hash: string | null, data: Uint8Array, key: Key, done: (error: Error | null, signature: Buffer) => void) => void)
const verifyLater = promisify(verify as (hash: string | null, data: Uint8Array, key: Key, signature: Uint8Array, done: (error: Error | null, valid: boolean) => void) => void)

/**
 * A signature by itself: HMAC-SHA-256, RSASSA-PSS with a salt as long as the hash, RSASSA-PKCS1-v1_5 (RFC 8017), ECDSA as R and S (IEEE P1363),
 * Ed25519 (RFC 8032); whichever the key does. In the thread pool, so that others are not kept waiting by RSA.
 */
export async function signRaw(key: KeyVersion, data: Uint8Array): Promise<Buffer> {
  if (key.algorithm === 'HS256') return createHmac('sha256', key.own).update(data).digest()
  return signLater(hashOf(key), data, withPadding(key, key.own))
}

/** Whether the signature is of these bytes by this key. */
export async function verifyRaw(key: KeyVersion, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (key.algorithm === 'HS256') {
    const expected = createHmac('sha256', key.own).update(data).digest()
    return expected.length === signature.length && timingSafeEqual(expected, signature)
  }
  if (key.algorithm === 'PS256' && signature.length !== modulusBytes(key.other)) return false
  return verifyLater(hashOf(key), data, withPadding(key, key.other), signature).catch(() => false)
}

function hashOf({ algorithm }: KeyVersion): string | null {
  return algorithm === 'EdDSA' ? null : algorithm === 'ES384' ? 'sha384' : 'sha256'
}

function withPadding({ algorithm }: KeyVersion, key: KeyObject): Key {
  switch (algorithm) {
    case 'PS256':
      return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    case 'RS256':
      return { key, padding: constants.RSA_PKCS1_PADDING }
    case 'ES256':
    case 'ES384':
      return { key, dsaEncoding: 'ieee-p1363' }
    default:
      return key
  }
}
