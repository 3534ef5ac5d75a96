import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { keyOfBytes } from './key-of-bytes.ts'

const ivBytes = 12
const tagBytes = 16

/**
 * AES-256-GCM: base64 of nonce, tag and ciphertext. `about` is authenticated with it, so that a sealed
 * value cannot be put in another place. Control and gateways keep and exchange secrets in this form.
 */
export function seal(key: Buffer, text: string, about: string): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', keyOfBytes(key), iv).setAAD(Buffer.from(about, 'utf8'))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64')
}

/** @throws Error when the key or `about` is another one, or the text was changed */
export function unseal(key: Buffer, sealed: string, about: string): string {
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', keyOfBytes(key), bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(about, 'utf8')).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8')
}

/** `about` of the secrets that callers sign with (`sealed` of HMAC credentials), under the key that control gives all gateways. */
export const clientSecretPurpose = 'client hmac secret'

/** The key under which credentials travel to one gateway (RFC 5869). Both sides derive it; it is sent nowhere. */
export function deriveSealKey(gatewayId: string, gatewaySecret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', gatewaySecret, gatewayId, 'sluice gateway credentials', 32))
}
