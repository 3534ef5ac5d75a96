import type { KeyObject } from 'node:crypto'

/**
 * How many bytes the modulus of an RSA key has; 0 for a key on a curve. A signature is as long, zeros in front included (RFC 8017
 * §8.1.2, §8.2.2). OpenSSL (3.5) asks for that with PKCS #1 v1.5 only: a PSS signature that begins with a zero it takes without it, too.
 */
export function modulusBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}
