import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const ivBytes = 12
const tagBytes = 16

/** AES-256-GCM: base64 of nonce, tag and ciphertext; `about` is authenticated with it (the form of core/sync-wire). */
export function seal(key: Buffer, text: string, about: string): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(about, 'utf8'))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64')
}

/** @throws Error when the key or `about` is another one, or the text was changed */
export function unseal(key: Buffer, sealed: string, about: string): string {
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(about, 'utf8')).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8')
}

/** The key under which control seals this gateway's credentials (RFC 5869), from its bearer key. */
export function deriveSealKey(bearerKey: string): Buffer {
  const dot = bearerKey.indexOf('.')
  return Buffer.from(hkdfSync('sha256', bearerKey.slice(dot + 1), bearerKey.slice(0, dot), 'sluice gateway credentials', 32))
}
