import { constants, verify, type KeyObject } from 'node:crypto'
import type { Algorithm } from '../../runtime/core/access/public-keys.ts'

const hashes = { 256: 'sha256', 384: 'sha384', 512: 'sha512' } as const
/** Length of R and S together (RFC 7518 §3.4). */
const ecBytes = { ES256: 64, ES384: 96, ES512: 132 } as const

/** Whether a signature over some bytes is of this key (RFC 7518 §3, RFC 8037 §3.1). The key must be of the algorithm's type. */
export function isSignedBy(key: KeyObject, algorithm: Algorithm, data: Uint8Array, signature: Uint8Array): boolean {
  switch (algorithm) {
    case 'EdDSA': case 'Ed25519': return verify(null, data, key, signature)
    case 'ES256': case 'ES384': case 'ES512': return signature.length === ecBytes[algorithm] && verify(hashOf(algorithm), data, { key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'PS256': case 'PS384': case 'PS512': return verify(hashOf(algorithm), data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
    default: return verify(hashOf(algorithm), data, { key, padding: constants.RSA_PKCS1_PADDING }, signature)
  }
}

function hashOf(algorithm: Algorithm): string {
  return hashes[algorithm.slice(2) as unknown as keyof typeof hashes]
}
