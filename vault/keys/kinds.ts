import type { KeyAlgorithm, KeyKind } from '../contract.ts'

/** What each kind can be made for, the usual first. A key of two purposes is none: what signs does not decrypt. */
export const algorithmsOf: Readonly<Record<KeyKind, readonly KeyAlgorithm[]>> = {
  'aes-256': ['A256GCM'],
  'hmac-256': ['HS256'],
  'rsa-2048': ['PS256', 'RS256', 'RSA-OAEP-256'],
  'rsa-3072': ['PS256', 'RS256', 'RSA-OAEP-256'],
  'rsa-4096': ['PS256', 'RS256', 'RSA-OAEP-256'],
  'ec-p256': ['ES256', 'ECDH-ES+A256KW'],
  'ec-p384': ['ES384', 'ECDH-ES+A256KW'],
  ed25519: ['EdDSA'],
  x25519: ['ECDH-ES+A256KW'],
}

const signing: ReadonlySet<KeyAlgorithm> = new Set<KeyAlgorithm>(['HS256', 'PS256', 'RS256', 'ES256', 'ES384', 'EdDSA'])

/** Whether a key signs; else it encrypts. */
export function isSigning(algorithm: KeyAlgorithm): boolean {
  return signing.has(algorithm)
}

/** Kinds with one secret on both sides: they have no public half. */
export function isSecret(kind: KeyKind): boolean {
  return kind === 'aes-256' || kind === 'hmac-256'
}
