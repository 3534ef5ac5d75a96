import { brotliDecompressSync, constants, unzipSync } from 'node:zlib'
import { Body } from '../../core/http/body.ts'
import { hideLabels } from '../../core/labels/hide.ts'
import type { LabelMap } from '../../core/labels/label-map.ts'
import type { BodyRecord, StreamRecord } from '../../core/trace.ts'
import { cleanBytes, cleanText } from './clean-text.ts'
import type { Hiding } from './hiding.ts'
import { bodyLimitBytes, bodyLimits, show } from './show.ts'
import type { StreamNote } from './stream-note.ts'

/** Characters of the beginning of a stream that was too large to be kept; bytes, as Base64. */
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
    const type = (open instanceof Body ? open.contentType : contentType) ?? ''
    if (text === undefined) return { bytes, ...ofBytes(given as Uint8Array, type, hiding, false) }
    return { bytes, text: cleanText(text, type, hiding, false) }
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
  const plain = unpack(beginning, contentEncoding)
  const open = hideLabels(plain ?? beginning, labels)
  const text = open instanceof Uint8Array ? toText(open, cut) : String(open)
  if (text === undefined) {
    // Nobody can look for secrets in what stays packed.
    if (plain === undefined) return { bytes, cut: 'binary' }
    // Where only a small part of what is looked at is shown, what lies across its end does not matter.
    const shown = ofBytes(open as Uint8Array, contentType, hiding, cut && beginning.length < 4 * beginningCharacters)
    return !large || shown.base64 === undefined ? { bytes, ...shown } : { bytes, ...shown, base64: shown.base64.slice(0, beginningCharacters), cut: 'large' }
  }
  const clean = cleanText(text, contentType, hiding, cut)
  return large ? { bytes, text: clean.slice(0, beginningCharacters), cut: 'large' } : { bytes, text: clean }
}

/** Bytes that are no text; none of them where a secret stands in them. */
function ofBytes(given: Uint8Array, type: string, hiding: Hiding, cut: boolean): Omit<BodyRecord, 'bytes'> {
  const clean = cleanBytes(Buffer.from(given.buffer, given.byteOffset, given.byteLength), type, hiding, cut)
  if (!clean) return { cut: 'binary' }
  const [kind = ''] = type.split(';', 1)
  return { base64: clean.toString('base64'), ...(kind.trim() === '' ? {} : { type: kind.trim().toLowerCase() }) }
}

/** What passed packed, as far as it came and is not larger than what is kept of others; `undefined` when it cannot be unpacked. */
function unpack(bytes: Buffer, encoding: string | undefined): Buffer | undefined {
  const { BROTLI_OPERATION_FLUSH, Z_SYNC_FLUSH } = constants
  try {
    if (encoding === 'br') return brotliDecompressSync(bytes, { finishFlush: BROTLI_OPERATION_FLUSH, maxOutputLength: bodyLimitBytes })
    if (encoding === 'gzip' || encoding === 'deflate') return unzipSync(bytes, { finishFlush: Z_SYNC_FLUSH, maxOutputLength: bodyLimitBytes })
  } catch {
    return undefined // broken, or too large
  }
  return encoding === undefined || encoding === 'identity' ? bytes : undefined
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
