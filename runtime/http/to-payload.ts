import { isUtf8 } from 'node:buffer'
import { Body } from '../core/http/body.ts'
import { fault, type Fault } from '../core/fault.ts'
import { isKnownCharset, isUtf8Charset, toText } from './charset.ts'
import { isJson, type MediaType } from './media-type.ts'
import { toQuery } from './query.ts'

/**
 * `msg.payload` of a body, in the shapes Node-RED's `http in` gives: JSON and forms as values, text and XML as
 * strings, the rest as bytes; other `application/…` types are text if they are UTF-8. Nothing is parsed before
 * somebody reads it.
 * @throws Fault `body.unsupported` for a charset that is not known
 */
export function toPayload(bytes: Buffer, media: MediaType, header: string | undefined, rawBody: boolean): unknown {
  if (rawBody) return bytes
  if (bytes.length === 0) return isJson(media.type) ? {} : ''
  if (!isKnownCharset(media.charset)) throw fault('body.unsupported', { type: header })
  if (isJson(media.type)) return Body.ofJsonBytes(toUtf8(bytes, media.charset), header, malformedJson)
  if (media.type === 'application/x-www-form-urlencoded') {
    return Body.ofBytes(bytes, header, (given) => toQuery(toText(given, media.charset) ?? ''))
  }
  if (isText(media.type)) return Body.ofBytes(bytes, header, (given) => toText(given, media.charset))
  if (isBinary(media.type)) return Body.ofBytes(bytes, header, asIs)
  return Body.ofBytes(bytes, header, textOrBytes)
}

function malformedJson(error: unknown): Fault {
  return fault('body.malformed', { type: 'JSON', reason: error instanceof Error ? error.message : String(error) }, error)
}

function toUtf8(bytes: Buffer, charset: string | undefined): Buffer {
  const plain = isUtf8Charset(charset) ? bytes : Buffer.from(toText(bytes, charset) ?? '', 'utf8')
  const marked = plain[0] === 0xef && plain[1] === 0xbb && plain[2] === 0xbf
  return marked ? plain.subarray(3) : plain
}

function isText(type: string): boolean {
  return type === '' || type.startsWith('text/') || type === 'application/xml' || type.endsWith('+xml') || type.endsWith('/xml')
}

function isBinary(type: string): boolean {
  return !type.startsWith('application/') || type === 'application/octet-stream' || type === 'application/cbor' || type === 'application/x-protobuf'
}

function asIs(bytes: Buffer): Buffer {
  return bytes
}

function textOrBytes(bytes: Buffer): string | Buffer {
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes
}
