/**
 * What each kind of key can be made for, the usual first (names of JOSE: RFC 7518, RFC 8037). A key of two purposes is none: what signs does
 * not decrypt (RFC 8725 §3.1; NIST SP 800-57 part 1 §5.2).
 */
const algorithmsOf = {
  'aes-256': ['A256GCM'],
  'hmac-256': ['HS256'],
  ed25519: ['EdDSA'],
  'ec-p256': ['ES256', 'ECDH-ES+A256KW'],
  'ec-p384': ['ES384', 'ECDH-ES+A256KW'],
  'rsa-2048': ['PS256', 'RS256', 'RSA-OAEP-256'],
  'rsa-3072': ['PS256', 'RS256', 'RSA-OAEP-256'],
  'rsa-4096': ['PS256', 'RS256', 'RSA-OAEP-256'],
  x25519: ['ECDH-ES+A256KW'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type KeyKind = keyof typeof algorithmsOf

/** As in JOSE (RFC 7518, RFC 8037). */
export type KeyAlgorithm = (typeof algorithmsOf)[KeyKind][number]

export const keyKinds = Object.keys(algorithmsOf) as readonly KeyKind[]

export const keyAlgorithms: readonly KeyAlgorithm[] = [...new Set(keyKinds.flatMap((kind) => algorithmsFor(kind)))]

const signing: ReadonlySet<KeyAlgorithm> = new Set<KeyAlgorithm>(['HS256', 'PS256', 'RS256', 'ES256', 'ES384', 'EdDSA'])

/** What a key of this kind can be made for, the usual first. */
export function algorithmsFor(kind: KeyKind): readonly KeyAlgorithm[] {
  return algorithmsOf[kind]
}

export function isKeyKind(kind: unknown): kind is KeyKind {
  return typeof kind === 'string' && Object.hasOwn(algorithmsOf, kind)
}

/** Whether a key signs; else it encrypts. */
export function isSigning(algorithm: KeyAlgorithm): boolean {
  return signing.has(algorithm)
}

/** Kinds with one secret on both sides: they have no public half. */
export function isSecret(kind: KeyKind): boolean {
  return kind === 'aes-256' || kind === 'hmac-256'
}
