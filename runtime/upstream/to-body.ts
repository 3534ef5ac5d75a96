import { Body } from '../core/http/body.ts'

/**
 * An answer's bytes as a body that is parsed when somebody needs it: JSON types as JSON, text and XML as a
 * string in their charset, everything else as a Buffer.
 */
export function toBody(bytes: Buffer, contentType: string | undefined): Body {
  if (contentType === undefined) return Body.ofBytes(bytes, undefined, asIs)
  if (contentType === 'application/json' || contentType === 'application/json; charset=utf-8') return Body.ofJsonBytes(withoutMark(bytes), contentType)
  const semicolon = contentType.indexOf(';')
  const type = (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase()
  const charset = charsetOf(contentType)
  // RFC 8259 §8.1: JSON is UTF-8. A server that says otherwise is believed, so that its text is not mangled.
  if (type === 'application/json' || type.endsWith('+json')) {
    return Body.ofJsonBytes(isUtf8(charset) ? withoutMark(bytes) : Buffer.from(decode(bytes, charset), 'utf8'), contentType)
  }
  if (isText(type)) return Body.ofBytes(bytes, contentType, (raw) => decode(raw, charset))
  return Body.ofBytes(bytes, contentType, asIs)
}

function asIs(bytes: Buffer): Buffer {
  return bytes
}

function isText(type: string): boolean {
  return type.startsWith('text/') || type === 'application/xml' || type.endsWith('+xml') || type === 'application/javascript'
    || type === 'application/x-www-form-urlencoded' || type === 'application/graphql' || type === 'application/yaml' || type === 'application/x-ndjson'
}

function charsetOf(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*"?(?<label>[^\s";]+)/i.exec(contentType)?.groups?.label?.toLowerCase()
}

function isUtf8(charset: string | undefined): boolean {
  return charset === undefined || charset === 'utf-8' || charset === 'utf8'
}

/** Open-data servers put a byte order mark before JSON, which no JSON parser takes (RFC 8259 §8.1 lets us ignore it). */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

function decode(bytes: Buffer, charset: string | undefined): string {
  if (isUtf8(charset)) return withoutMark(bytes).toString('utf8')
  try {
    return new TextDecoder(charset).decode(bytes)
  } catch {
    return bytes.toString('utf8') // a label nobody knows (Encoding standard §4.2)
  }
}
