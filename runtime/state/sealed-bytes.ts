import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { keyOfBytes } from '../core/secrets/key-of-bytes.ts'

const ivBytes = 12
const tagBytes = 16

/** AES-256-GCM: nonce, tag, ciphertext. `about` is authenticated with it, so that sealed bytes cannot be put in another place. */
export function sealBytes(key: Buffer, content: Buffer | string, about: string, iv = randomBytes(ivBytes)): Buffer {
  const cipher = createCipheriv('aes-256-gcm', keyOfBytes(key), iv).setAAD(Buffer.from(about, 'utf8'))
  const sealed = typeof content === 'string' ? cipher.update(content, 'utf8') : cipher.update(content)
  const rest = cipher.final()
  return Buffer.concat([iv, cipher.getAuthTag(), sealed, rest])
}

/** @throws Error when the key or `about` is another one, or the bytes were changed */
export function openBytes(key: Buffer, bytes: Buffer, about: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', keyOfBytes(key), bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(about, 'utf8')).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()])
}

const mark = 'sealed1:'

/**
 * A text under the key, as text. The nonce is made of what is sealed (as in RFC 5297), so that the same text in the same place looks
 * the same and can be compared where it lies; nobody without the key learns more of it than that.
 */
export function sealText(key: Buffer, text: string, about: string): string {
  const iv = createHmac('sha256', keyOfBytes(key)).update(`sluice text nonce\n${about.length}\n${about}${text}`, 'utf8').digest().subarray(0, ivBytes)
  return mark + sealBytes(key, text, about, iv).toString('base64')
}

/** What {@link sealText} made; a text from before there was a key as it is. @throws Error as `openBytes` does */
export function openText(key: Buffer, text: string, about: string): string {
  return text.startsWith(mark) ? openBytes(key, Buffer.from(text.slice(mark.length), 'base64'), about).toString('utf8') : text
}
