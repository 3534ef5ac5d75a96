import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'
import { fault } from '../core/fault.ts'

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

/** Compression method in the first byte of the zlib format (RFC 1950 §2.2). */
const deflateMethod = 8
const gunzipped: Decode = promisify(gunzip)
const brotli: Decode = promisify(brotliDecompress)
const zstd: Decode = promisify(zstdDecompress)
const inflated = promisify(inflate) as Decode
const inflatedRaw = promisify(inflateRaw) as Decode

const decoders: Readonly<Record<string, Decode>> = {
  gzip: gunzipped,
  'x-gzip': gunzipped,
  // Some clients send raw deflate under this name (RFC 9110 §8.4.1.2 wants the zlib format).
  deflate: (bytes, options) => ((bytes[0] ?? 0) % 16 === deflateMethod ? inflated(bytes, options) : inflatedRaw(bytes, options)),
  br: brotli,
  zstd,
}

const mostLayers = 2

/** The codings of a Content-Encoding header in the order they were applied; none for `identity`. */
export function toCodings(header: string | undefined): readonly string[] {
  if (header === undefined) return []
  return header
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
}

/**
 * Undoes content codings, off the serving thread, and never makes more than `limitBytes`.
 * @throws Fault `body.unsupported`, `body.too_large`, `body.malformed`
 */
export async function decodeBody(bytes: Buffer, codings: readonly string[], limitBytes: number): Promise<Buffer> {
  if (codings.length > mostLayers || codings.some((coding) => !Object.hasOwn(decoders, coding))) {
    throw fault('body.unsupported', { type: `Content-Encoding: ${codings.join(', ')}` }, undefined, { 'accept-encoding': 'gzip, deflate, br, zstd' })
  }
  let decoded = bytes
  for (const coding of codings.toReversed()) {
    try {
      decoded = await (decoders[coding] as Decode)(decoded, { maxOutputLength: limitBytes })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw fault('body.too_large', { limitBytes }, error)
      throw fault('body.malformed', { type: coding, reason: 'it cannot be decompressed' }, error)
    }
  }
  return decoded
}
