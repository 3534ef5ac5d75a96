import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import { Body } from '../../runtime/core/http/body.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { fault, type Fault } from '../../runtime/core/fault.ts'
import { parseJson } from '../../runtime/core/values/json-depth.ts'

/** An item as it came, or what is wrong with its line. */
export type GivenItem = { readonly value: unknown } | { readonly fault: Fault }

const newline = 0x0a
/** Begins each text of a JSON text sequence (RFC 7464). */
const recordSeparator = 0x1e
const sequence = /^application\/(?:[\w.+-]*\+)?json-seq\b/i
const lines = /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|x-jsonl)\b/i

/** A stream of bytes to be read item by item: one that passes, or a body that says of itself that it holds items. `undefined`: it is no such thing. */
export function toItemStream(given: unknown): { readonly source: Readable; readonly separator: number } | undefined {
  if (given instanceof ByteStream) return { source: given.take(), separator: separatorOf(given.contentType) }
  if (!(given instanceof Body) || given.contentType === undefined || !(lines.test(given.contentType) || sequence.test(given.contentType))) return undefined
  return { source: Readable.from([given.bytes()]), separator: separatorOf(given.contentType) }
}

function separatorOf(contentType: string | undefined): number {
  return contentType !== undefined && sequence.test(contentType) ? recordSeparator : newline
}

/**
 * JSON texts of a stream, one a line (NDJSON), or a JSON text sequence. Holds one line and what has come with it; the source is read
 * as items are asked for. Empty lines are none; a line that is no JSON is a fault in its place, counted from 1.
 * @throws Fault `each.line_too_long`, and what the source is broken off with
 */
export async function* readItems(source: Readable, separator: number, limitBytes: number): AsyncGenerator<GivenItem> {
  let parts: Buffer[] = []
  let held = 0
  // What stands before the first separator of a sequence belongs to nobody.
  let line = separator === newline ? 1 : 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = chunk.indexOf(separator); at !== -1; at = chunk.indexOf(separator, from)) {
      parts.push(chunk.subarray(from, at))
      if (held + at - from > limitBytes) throw fault('each.line_too_long', { line, limitBytes })
      const item = toItem(parts, line)
      if (item) yield item
      parts = []
      held = 0
      line += 1
      from = at + 1
    }
    if (from < chunk.length) parts.push(from === 0 ? chunk : chunk.subarray(from))
    held += chunk.length - from
    if (held > limitBytes) throw fault('each.line_too_long', { line, limitBytes })
  }
  const last = toItem(parts, line)
  if (last) yield last
}

function toItem(parts: readonly Buffer[], line: number): GivenItem | undefined {
  const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
  const text = bytes.toString('utf8')
  if (text.trim() === '') return undefined
  if (!isUtf8(bytes)) return { fault: fault('each.line', { line, reason: 'it is not UTF-8' }) }
  try {
    return { value: parseJson(text, bytes) }
  } catch (error) {
    return { fault: fault('each.line', { line, reason: (error as Error).message }, error) }
  }
}
