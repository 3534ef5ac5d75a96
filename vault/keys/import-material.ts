import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { KeyKind } from '../contract.ts'
import { Refused } from '../refused.ts'
import { fromBase64url } from './base64url.ts'
import { isSecret } from '../words/key-kinds.ts'

const secretBytes = 32
/** A longer secret than the block of SHA-256 is hashed before its use (RFC 2104 §2): nobody needs one longer than this. */
const hmacLimitBytes = 512
const curves: Readonly<Record<string, string>> = { 'ec-p256': 'prime256v1', 'ec-p384': 'secp384r1' }
/** Smaller ones have been attacked. */
const leastExponent = 65_537n

/**
 * Material that was made elsewhere, as it is sealed: of a secret base64url of its bytes, of a pair its private half as PKCS #8 in PEM
 * (RFC 5958), not encrypted. Whoever has sealed it wipes it.
 * @throws Refused `key.material` that says what is wrong, and nothing of what came
 */
export function importMaterial(kind: KeyKind, material: unknown): Buffer {
  if (typeof material !== 'string') throw wrong('The material of a key is a text.')
  const text = material.trim()
  return isSecret(kind) ? importSecret(kind, text) : importPair(kind, text)
}

function importSecret(kind: KeyKind, text: string): Buffer {
  const bytes = fromBase64url(text)
  if (!bytes) throw wrong(`The material of a key of kind ${kind} is base64url, without padding.`)
  if (kind === 'aes-256' && bytes.length !== secretBytes) throw wrong(`An AES key has ${secretBytes} bytes; this one has ${bytes.length}.`)
  if (bytes.length < secretBytes || bytes.length > hmacLimitBytes) throw wrong(`An HMAC key has ${secretBytes} to ${hmacLimitBytes} bytes (RFC 7518 §3.2); this one has ${bytes.length}.`)
  return bytes
}

function importPair(kind: KeyKind, text: string): Buffer {
  if (!/^-----BEGIN PRIVATE KEY-----\r?\n[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----$/.test(text)) throw wrong(`The material of a key of kind ${kind} is one private key as PKCS #8 in PEM (“BEGIN PRIVATE KEY”), not encrypted.`)
  let key: KeyObject
  try {
    key = createPrivateKey({ key: text, format: 'pem', type: 'pkcs8' })
  } catch {
    // What the library says of it may hold a part of it.
    throw wrong('The private key cannot be read.')
  }
  if (!isOfKind(kind, key)) throw wrong(`The private key is not of kind ${kind}.`)
  return key.export({ type: 'pkcs8', format: 'der' })
}

function isOfKind(kind: KeyKind, { asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (type === 'rsa') return kind === `rsa-${details?.modulusLength}` && (details?.publicExponent ?? 0n) >= leastExponent
  if (type === 'ec') return details?.namedCurve !== undefined && details.namedCurve === curves[kind]
  return type === kind
}

function wrong(message: string): Refused {
  return new Refused('key.material', 422, message)
}
