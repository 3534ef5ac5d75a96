import { isUtf8 } from 'node:buffer'
import { Body } from '../../runtime/core/http/body.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { fault } from '../../runtime/core/fault.ts'
import { parseJson } from '../../runtime/core/values/json-depth.ts'

export type ReadAs = 'auto' | 'json' | 'text' | 'bytes'

/** A value as bytes, with the media type by which they are read again; none: text. */
export interface Content {
  readonly bytes: Uint8Array
  readonly contentType?: string
  /** JSON that was written now: what goes on must be this text, or nobody could check a signature of it. */
  readonly json?: string
}

/** The bytes of a value: of a body as it came, of anything else as text or JSON. @throws Fault step.config for a stream */
export function toContent(value: unknown): Content {
  if (value instanceof ByteStream) throw fault('step.config', { message: 'The body passes as a stream, so the crypto node cannot have all of it. Switch “Body as a stream” off in the http in node.' })
  if (value instanceof Body) {
    const contentType = value.isJson ? 'application/json' : essenceOf(value.contentType)
    return { bytes: value.bytes(), ...(contentType ? { contentType } : {}) }
  }
  if (value instanceof Uint8Array) return { bytes: value, contentType: 'application/octet-stream' }
  // UTF-8 has no half characters; JSON can write them.
  if (typeof value === 'string' && value.isWellFormed()) return { bytes: Buffer.from(value) }
  const json = JSON.stringify(value) as string | undefined
  if (json === undefined) throw fault('step.config', { message: 'The crypto node found nothing to work on.' })
  return { bytes: Buffer.from(json), contentType: 'application/json', json }
}

/** What the bytes mean. @throws Fault `invalid` when they are not what is asked for */
export function fromContent(bytes: Buffer, contentType: string | undefined, readAs: ReadAs, invalid: () => Error): unknown {
  const type = essenceOf(contentType)
  const isJson = readAs === 'json' || (readAs === 'auto' && (type === 'application/json' || type?.endsWith('+json')))
  if (readAs === 'bytes' || (readAs === 'auto' && type === 'application/octet-stream')) return bytes
  if (!isUtf8(bytes)) {
    if (readAs === 'auto' && !isJson) return bytes
    throw invalid()
  }
  const text = bytes.toString('utf8')
  if (!isJson) return text
  try {
    return parseJson(text, bytes)
  } catch {
    throw invalid()
  }
}

/** Media type without parameters. */
function essenceOf(contentType: string | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase() || undefined
}

/** The content type that an encrypted or signed text says of its content; believed only after it was opened. */
export function saidContentType(text: string): string | undefined {
  const [first = '', , type = ''] = text.split('.')
  if (first === 'gcm1') return Buffer.from(type, 'base64url').toString('utf8') || undefined
  try {
    const { cty } = JSON.parse(Buffer.from(first, 'base64url').toString('utf8')) as { cty?: unknown }
    // `application/` is left out where nothing is ambiguous (RFC 7515 §4.1.10).
    return typeof cty !== 'string' || cty === '' ? undefined : cty.includes('/') ? cty : `application/${cty}`
  } catch {
    return undefined
  }
}
