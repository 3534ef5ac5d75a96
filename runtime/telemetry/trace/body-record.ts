import { brotliDecompressSync, constants, unzipSync } from 'node:zlib'
import { Body } from '../../core/http/body.ts'
import { hideLabels } from '../../core/labels/hide.ts'
import type { LabelMap } from '../../core/labels/label-map.ts'
import type { BodyRecord, StreamRecord } from '../../core/trace.ts'
import { cleanText } from './clean-text.ts'
import type { Hiding } from './hiding.ts'
import { bodyLimitBytes, bodyLimits, show } from './show.ts'
import type { StreamNote } from './stream-note.ts'

/** Characters of the beginning of a stream that was too large to be kept. */
const beginningCharacters = 16 * 1024

/** A body as cases and replays need it: whole and without secrets or what is labelled, or not at all. */
export function toBodyRecord(body: unknown, contentType: string | undefined, hiding: Hiding, labels?: LabelMap): BodyRecord | undefined {
  const open = hideLabels(body, labels)
  const given = open instanceof Body ? open.raw() : open
  if (given === undefined || given === null || given === '') return undefined
  if (given instanceof Uint8Array || typeof given === 'string') {
    const bytes = typeof given === 'string' ? Buffer.byteLength(given) : given.byteLength
    if (bytes > bodyLimitBytes) return { bytes, cut: 'large' }
    const text = typeof given === 'string' ? given : toText(given, false)
    if (text === undefined) return { bytes, cut: 'binary' }
    return { bytes, text: cleanText(text, (open instanceof Body ? open.contentType : contentType) ?? '', hiding, false) }
  }
  if (typeof given === 'object' && Object.getPrototypeOf(given) !== Object.prototype && !Array.isArray(given)) return { bytes: 0, cut: 'binary' }
  const shown = JSON.stringify(show(given, hiding, bodyLimits)) ?? ''
  const bytes = Buffer.byteLength(shown)
  return bytes > bodyLimitBytes ? { bytes, cut: 'large' } : { bytes, text: shown }
}

/** What came of a stream: all of it, or of one that is too large its beginning. `undefined` when nothing came. */
export function toStreamBody({ bytes, beginning, contentType = '', contentEncoding, end }: StreamNote, hiding: Hiding, labels?: LabelMap): BodyRecord | undefined {
  if (bytes === 0) return undefined
  const large = beginning.length < bytes
  const cut = large || end !== 'whole'
  const open = hideLabels(unpack(beginning, contentEncoding), labels)
  const text = open instanceof Uint8Array ? toText(open, cut) : String(open)
  if (text === undefined) return { bytes, cut: 'binary' }
  const clean = cleanText(text, contentType, hiding, cut)
  return large ? { bytes, text: clean.slice(0, beginningCharacters), cut: 'large' } : { bytes, text: clean }
}

/** What passed packed, as far as it came and is not larger than what is kept of others; as it is when it cannot be unpacked. */
function unpack(bytes: Buffer, encoding: string | undefined): Buffer {
  const { BROTLI_OPERATION_FLUSH, Z_SYNC_FLUSH } = constants
  try {
    if (encoding === 'br') return brotliDecompressSync(bytes, { finishFlush: BROTLI_OPERATION_FLUSH, maxOutputLength: bodyLimitBytes })
    if (encoding === 'gzip' || encoding === 'deflate') return unzipSync(bytes, { finishFlush: Z_SYNC_FLUSH, maxOutputLength: bodyLimitBytes })
  } catch {
    // Broken, or too large: then there is no text to be shown.
  }
  return bytes
}

/** How a stream passed, without a word of what did. */
export function toStreamRecord({ bytes, firstByteMs, endMs, end, fault }: StreamNote): StreamRecord {
  return {
    bytes,
    ...(firstByteMs === undefined ? {} : { firstByteMs: toMs(firstByteMs) }),
    ...(endMs === undefined ? {} : { endMs: toMs(endMs) }),
    ...(end === undefined ? {} : { end }),
    ...(fault === undefined ? {} : { fault }),
  }
}

/** Milliseconds, to the microsecond. */
export function toMs(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

/** @param cut it may end within a character */
function toText(bytes: Uint8Array, cut: boolean): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: cut })
  } catch {
    return undefined
  }
}
