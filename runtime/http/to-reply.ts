import { Body } from '../core/http/body.ts'
import { ByteStream } from '../core/http/byte-stream.ts'
import { fault } from '../core/fault.ts'
import { toJsonText } from '../core/values/json-text.ts'
import type { Message } from '../core/message.ts'
import { readyHeaders, type ReadyHeaders } from '../core/http/ready-headers.ts'
import { Tunnel } from '../core/http/tunnel.ts'
import { toSetCookies } from './reply-cookies.ts'

/** An answer ready to be written. `headers` holds names and values in turn. */
export interface Reply {
  readonly status: number
  readonly headers: string[]
  readonly body: string | Buffer | ByteStream | Tunnel | undefined
}

/** Connection-specific, or ours to say (RFC 9110 §7.6.1). */
const dropped = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Node-RED's mark on headers that came from an http request node.
  'x-node-red-request-node',
])

const token = /^[\w!#$%&'*+.^`|~-]+$/
// oxlint-disable-next-line no-control-regex -- control characters are what must not pass
const badValue = /[^\t\x20-\x7e\x80-\xff]/

/**
 * What a message answers with, in the meaning of Node-RED's `http response`: `statusCode`, `headers`,
 * `cookies`, and `payload` by its kind (text as HTML and objects as JSON unless a content type says else).
 * @throws Fault `reply.invalid`, and what a stream that nobody has read was broken off with
 */
export function toReply(message: Message): Reply {
  const status = message.payload instanceof Tunnel ? 101 : toStatus(message['statusCode'])
  const headers: string[] = []
  const type = addHeaders(headers, message['headers'])
  const cookies = message['cookies']
  if (typeof cookies === 'object' && cookies !== null) {
    for (const cookie of toSetCookies(cookies)) headers.push('Set-Cookie', cookie)
  }
  if (status === 204 || status === 304) return { status, headers, body: undefined }
  return { status, headers, body: toBody(message.payload, type, headers) }
}

function toStatus(given: unknown): number {
  if (given === undefined || given === null || given === '') return 200
  const status = typeof given === 'number' ? given : Number.parseInt(String(given), 10)
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status
  throw fault('reply.invalid', { reason: `“${String(given)}” is no status from 200 to 599` })
}

/** Adds the message's headers; gives back where in the list the value of Content-Type stands, or -1. */
function addHeaders(list: string[], given: unknown): number {
  let type = -1
  if (typeof given !== 'object' || given === null) return type
  const ready = (given as { readonly [readyHeaders]?: ReadyHeaders })[readyHeaders]
  if (ready !== undefined) {
    for (const one of ready.list) list.push(one)
    return ready.typeAt
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue
    const lower = name.toLowerCase()
    if (dropped.has(lower)) continue
    if (!token.test(name)) throw fault('reply.invalid', { reason: `“${name}” is no header name` })
    for (const one of Array.isArray(value) ? value : [value]) {
      const text = String(one)
      if (badValue.test(text)) throw fault('reply.invalid', { reason: `the value of header ${name} has characters that a header cannot hold` })
      if (lower === 'content-type') {
        if (type !== -1) {
          list[type] = text
          continue
        }
        type = list.length + 1
      }
      list.push(name, text)
    }
  }
  return type
}

function toBody(payload: unknown, type: number, headers: string[]): Reply['body'] {
  if (typeof payload === 'string') {
    sayTextType(type, headers)
    return payload
  }
  if (payload === undefined || payload === null) return undefined
  if (payload instanceof Body) {
    if (type === -1) headers.push('Content-Type', payload.contentType ?? 'application/octet-stream')
    return payload.raw()
  }
  if (payload instanceof Tunnel) return payload
  if (payload instanceof ByteStream) {
    // While nothing of the answer has left it may still say so.
    if (payload.brokenOff) throw payload.brokenOff
    if (type === -1 && payload.contentType !== undefined) headers.push('Content-Type', payload.contentType)
    return payload
  }
  if (payload instanceof Uint8Array) {
    if (type === -1) headers.push('Content-Type', 'application/octet-stream')
    return Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  }
  if (typeof payload === 'number' || typeof payload === 'bigint') {
    sayTextType(type, headers)
    return String(payload)
  }
  if (type === -1) headers.push('Content-Type', 'application/json; charset=utf-8')
  return toJson(payload)
}

function toJson(payload: unknown): string | Buffer {
  try {
    return toJsonText(payload) ?? ''
  } catch (error) {
    throw fault('reply.invalid', { reason: `the payload cannot be written as JSON (${(error as Error).message})` }, error)
  }
}

/** Text leaves as UTF-8, and says so, as Express does. */
function sayTextType(type: number, headers: string[]): void {
  if (type === -1) {
    headers.push('Content-Type', 'text/html; charset=utf-8')
    return
  }
  const said = headers[type] as string
  if (/^(?:text\/|application\/(?:json|xml|javascript))/i.test(said) && !/;\s*charset=/i.test(said)) headers[type] = `${said}; charset=utf-8`
}
