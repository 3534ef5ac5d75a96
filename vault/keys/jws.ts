import { CompactSign, compactVerify, flattenedVerify, FlattenedSign } from 'jose'
import { fromBase64url } from './base64url.ts'
import { parseHeader, toContentTypeHeader } from './jose-header.ts'
import { toKeyId } from './key-id.ts'
import type { KeyVersion } from './material.ts'

/** A JWS, taken apart: what its header says is not believed yet. */
export interface JwsText {
  readonly text: string
  readonly header: Readonly<Record<string, unknown>>
  readonly isDetached: boolean
}

/** Signs to a compact JWS (RFC 7515 §7.1). */
export function signJws(key: KeyVersion, payload: Uint8Array, contentType: string | undefined): Promise<string> {
  return new CompactSign(payload).setProtectedHeader({ alg: key.algorithm, kid: toKeyId(key.name, key.version), ...toContentTypeHeader(contentType) }).sign(key.own)
}

/** Signs bytes that travel beside the signature and are not encoded (RFC 7797): `header..signature`. */
export async function signDetached(key: KeyVersion, payload: Uint8Array): Promise<string> {
  const { protected: header = '', signature } = await new FlattenedSign(payload)
    .setProtectedHeader({ alg: key.algorithm, kid: toKeyId(key.name, key.version), b64: false, crit: ['b64'] })
    .sign(key.own)
  return `${header}..${signature}`
}

/** `undefined` when it is no JWS of the form asked for: compact ones are encoded, detached ones either way. */
export function parseJws(text: string, isDetached: boolean): JwsText | undefined {
  const parts = text.split('.')
  if (parts.length !== 3 || (isDetached ? parts[1] !== '' : false) || parts.some((part) => fromBase64url(part) === undefined)) return undefined
  const header = parseHeader(parts[0])
  if (!header) return undefined
  const isPlain = header.b64 === undefined && header.crit === undefined
  const isUnencoded = header.b64 === false && Array.isArray(header.crit) && header.crit.length === 1 && header.crit[0] === 'b64'
  return isPlain || (isDetached && isUnencoded) ? { text, header, isDetached } : undefined
}

/**
 * What was signed; `undefined` when the signature does not fit. The algorithm is that of the key, whatever the header says (RFC 8725 §3.1).
 * @param payload of a detached one
 */
export async function verifyJws(key: KeyVersion, { text, header, isDetached }: JwsText, payload?: Uint8Array): Promise<Buffer | undefined> {
  if (!saysAlgorithm(header.alg, key)) return undefined
  const options = { algorithms: [header.alg as string] }
  try {
    if (!isDetached || !payload) return toBuffer((await compactVerify(text, key.other, options)).payload)
    const [encoded = '', , signature = ''] = text.split('.')
    const signed = header.b64 === false ? payload : toBuffer(payload).toString('base64url')
    return toBuffer((await flattenedVerify({ protected: encoded, payload: signed, signature }, key.other, options)).payload)
  } catch {
    return undefined
  }
}

/** Ed25519 is written in two ways (RFC 8037, RFC 9864). */
function saysAlgorithm(said: unknown, { algorithm }: KeyVersion): boolean {
  return said === algorithm || (algorithm === 'EdDSA' && said === 'Ed25519')
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
