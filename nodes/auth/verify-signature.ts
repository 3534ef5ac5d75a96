import { constants, verify, type KeyObject } from 'node:crypto'
import type { Algorithm } from '../../runtime/core/access/public-keys.ts'
import { modulusBytes } from '../../runtime/core/secrets/modulus-bytes.ts'

const hashes = { 256: 'sha256', 384: 'sha384', 512: 'sha512' } as const
/** Length of R and S together (RFC 7518 §3.4). */
const ecBytes = { ES256: 64, ES384: 96, ES512: 132 } as const

/**
 * Whether a signature over some bytes is of this key (RFC 7518 §3, RFC 8037 §3.1). The key must be of the algorithm's type.
 *
 * The key is given as it is wherever that says enough: of a key with options around it Node learns from two errors, thrown and caught
 * (24.21), that it is none by itself, and that takes as long as the check of an RSA signature.
 */
export function isSignedBy(key: KeyObject, algorithm: Algorithm, data: Uint8Array, signature: Uint8Array): boolean {
  switch (algorithm) {
    case 'EdDSA': case 'Ed25519': return verify(null, data, key, signature)
    case 'ES256': case 'ES384': case 'ES512': return signature.length === ecBytes[algorithm] && verify(hashOf(algorithm), data, key, toDer(signature))
    case 'PS256': case 'PS384': case 'PS512': return signature.length === modulusBytes(key) && verify(hashOf(algorithm), data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
    default: return key.asymmetricKeyType === 'rsa' && verify(hashOf(algorithm), data, key, signature) // PKCS #1 v1.5 is what a key of this type means
  }
}

function hashOf(algorithm: Algorithm): string {
  return hashes[algorithm.slice(2) as unknown as keyof typeof hashes]
}

/** R and S side by side (IEEE P1363) as a sequence of two integers (RFC 3279 §2.2.3, ITU-T X.690). */
function toDer(signature: Uint8Array): Buffer {
  const half = signature.length / 2
  const parts = [toInteger(signature.subarray(0, half)), toInteger(signature.subarray(half))]
  const length = parts[0]!.length + parts[1]!.length
  return Buffer.concat([Buffer.from(length < 0x80 ? [0x30, length] : [0x30, 0x81, length]), ...parts])
}

/** A number without a sign, its high byte first: without the zeros in front, and with one where it would else be negative. */
function toInteger(bytes: Uint8Array): Buffer {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1
  const digits = bytes.subarray(from)
  const zero = (digits[0] as number) >= 0x80 ? [0] : []
  return Buffer.concat([Buffer.from([0x02, digits.length + zero.length, ...zero]), digits])
}
