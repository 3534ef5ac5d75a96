import { ByteStream } from '../core/http/byte-stream.ts'
import type { PlayedUpstream } from '../core/cases.ts'
import type { Fault } from '../core/fault.ts'
import { differences } from './flow-cases.ts'

const linesType = /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|x-jsonl)\b/i
const pieceBytes = 1000
/** Bytes of a body that are compared: more are read, and not kept. */
const mostSentBytes = 8 * 1024 * 1024

/** What a case says of a body, as it is sent under a type. */
export function toBytes(body: unknown, type: string): Buffer {
  if (body === undefined) return Buffer.alloc(0)
  if (typeof body === 'string') return Buffer.from(body)
  // Items of a stream may be written as a list.
  if (Array.isArray(body) && linesType.test(type)) return Buffer.from(body.map((item) => `${JSON.stringify(item)}\n`).join(''))
  return Buffer.from(JSON.stringify(body))
}

/** A stream comes in pieces, which begin and end anywhere. */
export async function* inPieces(bytes: Buffer, cut: Fault | undefined): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  if (cut) throw cut
}

/** What a call is made with, which a service reads before it answers. */
export async function readSent(body: ByteStream | Buffer | string | undefined): Promise<Buffer> {
  if (!(body instanceof ByteStream)) return body === undefined ? Buffer.alloc(0) : Buffer.from(body)
  const pieces: Buffer[] = []
  let left = mostSentBytes
  for await (const piece of body.take() as AsyncIterable<Buffer>) {
    if (left > 0) pieces.push(piece.subarray(0, left))
    left -= piece.length
  }
  return Buffer.concat(pieces)
}

/** Where what was sent is something else than a case says, one sentence each. */
export function departures({ json, text, base64 }: NonNullable<PlayedUpstream['asked']>, sent: Buffer, at: string): string[] {
  const said = sent.toString()
  const found: string[] = []
  if (text !== undefined && said !== text) found.push(`${at}: expected “${text.slice(0, 200)}”, got “${said.slice(0, 200)}”`)
  if (base64 !== undefined && !sent.equals(Buffer.from(base64, 'base64'))) found.push(`${at}: expected ${Buffer.byteLength(base64, 'base64')} bytes, got ${sent.length} bytes that differ`)
  if (json === undefined) return found
  try {
    return [...found, ...differences(json, JSON.parse(said), at)]
  } catch {
    return [...found, `${at}: expected JSON, got “${said.slice(0, 200)}”`]
  }
}
