import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { fromBase64url, toBase64url } from './base64url.ts'
import type { KeyVersion } from './material.ts'

const prefix = 'gcm1'
const nonceBytes = 12
const tagBytes = 16

/** A text of ours, taken apart. */
export interface GcmText {
  readonly version: number
  /** The media type that was given, or nothing. */
  readonly contentType: string
  /** What stands before the sealed bytes: authenticated as it is written. */
  readonly head: string
  readonly sealed: Buffer
}

/**
 * Seals bytes with AES-256-GCM (NIST SP 800-38D) under a key and a nonce that is random for each. The text says how to open it:
 * `gcm1.<version>.<content type>.<nonce, ciphertext and tag>`, the last two in base64url. Everything before the last dot is
 * authenticated together with `aad`. Only a key that protects nothing is given a nonce.
 */
export function sealGcm(key: KeyVersion, plain: Uint8Array, aad: Uint8Array, contentType: string, nonce: Uint8Array = randomBytes(nonceBytes)): string {
  const head = `${prefix}.${key.version}.${Buffer.from(contentType).toString('base64url')}`
  const cipher = createCipheriv('aes-256-gcm', key.own, nonce)
  cipher.setAAD(additional(head, aad))
  const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  return `${head}.${toBase64url(sealed)}`
}

/** `undefined` when it is no such text. */
export function parseGcm(text: string): GcmText | undefined {
  const [name, number = '', type = '', rest = '', ...more] = text.split('.')
  if (name !== prefix || more.length > 0 || !/^[1-9]\d{0,8}$/.test(number)) return undefined
  const contentType = fromBase64url(type)
  const sealed = fromBase64url(rest)
  if (!contentType || !sealed || sealed.length < nonceBytes + tagBytes) return undefined
  return { version: Number(number), contentType: contentType.toString('utf8'), head: `${prefix}.${number}.${type}`, sealed }
}

/** The bytes that were sealed; `undefined` when text or `aad` were changed, or the key is another. */
export function openGcm(key: KeyVersion, { head, sealed }: GcmText, aad: Uint8Array): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key.own, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
  decipher.setAAD(additional(head, aad))
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes)), decipher.final()])
  } catch {
    return undefined
  }
}

/** A head has no null byte, so head and the rest cannot be divided in two ways. */
function additional(head: string, aad: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${head}\0`), aad])
}
