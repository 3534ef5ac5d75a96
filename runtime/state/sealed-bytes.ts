import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const ivBytes = 12
const tagBytes = 16

/** AES-256-GCM: nonce, tag, ciphertext. `about` is authenticated with it, so that sealed bytes cannot be put in another place. */
export function sealBytes(key: Buffer, content: Buffer | string, about: string): Buffer {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(about, 'utf8'))
  const sealed = typeof content === 'string' ? cipher.update(content, 'utf8') : cipher.update(content)
  const rest = cipher.final()
  return Buffer.concat([iv, cipher.getAuthTag(), sealed, rest])
}

/** @throws Error when the key or `about` is another one, or the bytes were changed */
export function openBytes(key: Buffer, bytes: Buffer, about: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(about, 'utf8')).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()])
}
