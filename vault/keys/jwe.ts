import { compactDecrypt, CompactEncrypt } from 'jose'
import { fromBase64url } from './base64url.ts'
import { parseHeader, toContentTypeHeader } from './jose-header.ts'
import { toKeyId } from './key-id.ts'
import type { KeyVersion } from './material.ts'

/** How the key of the content is agreed on, per algorithm of the key, the usual first (RFC 7518 §4). */
export function keyManagements({ algorithm }: Pick<KeyVersion, 'algorithm'>): readonly string[] {
  if (algorithm === 'A256GCM') return ['A256KW', 'dir']
  return algorithm === 'RSA-OAEP-256' || algorithm === 'ECDH-ES+A256KW' ? [algorithm] : []
}

/** Encrypts to a compact JWE (RFC 7516): content under A256GCM, a `kid` that names key and version. */
export function sealJwe(key: KeyVersion, plain: Uint8Array, keyManagement: string, contentType: string | undefined): Promise<string> {
  return new CompactEncrypt(plain)
    .setProtectedHeader({ alg: keyManagement, enc: 'A256GCM', kid: toKeyId(key.name, key.version), ...toContentTypeHeader(contentType) })
    .encrypt(key.other)
}

/**
 * The header of a compact JWE whose form this vault takes: written canonically, under A256GCM, neither compressed (RFC 8725 §3.6)
 * nor with extensions that must be understood.
 */
export function parseJwe(text: string): Readonly<Record<string, unknown>> | undefined {
  const parts = text.split('.')
  if (parts.length !== 5 || parts.some((part) => fromBase64url(part) === undefined)) return undefined
  const header = parseHeader(parts[0])
  return header && header.enc === 'A256GCM' && header.zip === undefined && header.crit === undefined ? header : undefined
}

/** The bytes that were encrypted; `undefined` when the text was changed, or is for another key. */
export async function openJwe(key: KeyVersion, text: string): Promise<Buffer | undefined> {
  try {
    const { plaintext } = await compactDecrypt(text, key.own, { keyManagementAlgorithms: [...keyManagements(key)], contentEncryptionAlgorithms: ['A256GCM'], maxDecompressedLength: 0 })
    return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength)
  } catch {
    return undefined
  }
}
