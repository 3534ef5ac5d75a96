import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { fault } from '../core/fault.ts'

const decoders: Readonly<Record<string, (bytes: Buffer, limitBytes: number) => Promise<Buffer>>> = {
  gzip: (bytes, maxOutputLength) => promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip)(bytes, { maxOutputLength }),
  // RFC 9110 §8.4.1.2: deflate means zlib's format; servers that send the raw form are common.
  deflate: (bytes, maxOutputLength) => promisify<Buffer, zlib.ZlibOptions, Buffer>(looksLikeZlib(bytes) ? zlib.inflate : zlib.inflateRaw)(bytes, { maxOutputLength }),
  br: (bytes, maxOutputLength) => promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress)(bytes, { maxOutputLength }),
  zstd: (bytes, maxOutputLength) => promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress)(bytes, { maxOutputLength }),
}

/** Codings in one answer; more are only sent to hurt. */
const codingsLimit = 3

/** What is asked for when a flow does not say. */
export const acceptedCodings = 'gzip, br, zstd'

/**
 * Undoes the content codings of an answer (RFC 9110 §8.4), never making more than `limitBytes`: a small
 * answer that unpacks to gigabytes is cut at the limit. `undefined` when a coding is not known, so that
 * the bytes stay as they came.
 * @throws Fault `upstream.too_large`, `upstream.body`
 */
export async function decompress(bytes: Buffer, encoding: string, limitBytes: number, host: string): Promise<Buffer | undefined> {
  const codings = encoding.toLowerCase().split(',').map((coding) => coding.trim().replace(/^x-gzip$/, 'gzip')).filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.some((coding) => !Object.hasOwn(decoders, coding))) return undefined
  if (codings.length > codingsLimit) throw fault('upstream.body', { host, type: encoding, reason: 'it is encoded too many times' })
  let decoded = bytes
  for (const coding of codings.toReversed()) {
    try {
      decoded = await (decoders[coding] as (typeof decoders)[string])(decoded, Math.max(1, limitBytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw fault('upstream.too_large', { host, limitBytes }, error)
      throw fault('upstream.body', { host, type: coding, reason: (error as Error).message }, error)
    }
  }
  return decoded
}

function looksLikeZlib(bytes: Buffer): boolean {
  const first = bytes[0] ?? 0
  return (first & 0x0f) === 8 && ((first << 8) | (bytes[1] ?? 0)) % 31 === 0
}
