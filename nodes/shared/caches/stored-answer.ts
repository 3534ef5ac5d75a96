import { Body } from '../../../runtime/core/http/body.ts'
import type { Message } from '../../../runtime/core/message.ts'
import { PassesOnce } from '../../../runtime/core/http/passes-once.ts'

/** An answer as it lies in the store. */
export interface StoredAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly cookies?: Readonly<Record<string, unknown>>
  readonly body?: { readonly as: 'text' | 'json' | 'base64'; readonly content: string }
}

export interface KeepRules {
  readonly limitBytes: number
  readonly keepCookies: boolean
}

/** Said by each answer for itself, or of one connection only (RFC 9110 §7.6.1). */
const notKept = new Set(['connection', 'content-length', 'date', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'x-node-red-request-node', 'idempotent-replayed'])

/** Status that a reply message answers with. */
export function statusOf(message: Message): number {
  const { statusCode } = message
  if (statusCode === undefined || statusCode === null || statusCode === '') return 200
  return Number.parseInt(String(statusCode), 10)
}

/**
 * The answer that a reply message makes, to be given again. `undefined` when it is larger than the limit, or passes once as a stream.
 * @throws TypeError for a payload that cannot be written as JSON: it cannot be sent either
 */
export function toStored(message: Message, rules: KeepRules): StoredAnswer | undefined {
  if (message.payload instanceof PassesOnce) return undefined
  const headers = keptHeaders(message.headers, rules)
  const { body, type } = toBody(message.payload)
  if (type !== undefined && !Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')) headers['Content-Type'] = type
  const cookies = rules.keepCookies && typeof message.cookies === 'object' && message.cookies !== null ? (message.cookies as Record<string, unknown>) : undefined
  const stored: StoredAnswer = { status: statusOf(message), headers, ...(cookies ? { cookies } : {}), ...(body ? { body } : {}) }
  return Buffer.byteLength(JSON.stringify(stored)) > rules.limitBytes ? undefined : stored
}

/** The message that gives a stored answer again: everything else of it stays as it came. */
export function toReplay(message: Message, stored: StoredAnswer): Message {
  const { cookies: _own, ...rest } = message
  return {
    ...rest,
    statusCode: stored.status,
    headers: { ...stored.headers, 'Idempotent-Replayed': 'true' },
    payload: toPayload(stored.body),
    ...(stored.cookies ? { cookies: stored.cookies } : {}),
  }
}

function keptHeaders(given: unknown, rules: KeepRules): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {}
  if (typeof given !== 'object' || given === null) return kept
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue
    const lower = name.toLowerCase()
    if (notKept.has(lower) || (lower === 'set-cookie' && !rules.keepCookies)) continue
    kept[name] = Array.isArray(value) ? value.map(String) : String(value)
  }
  return kept
}

/** `type`: what the answer says of its content when the flow does not. */
function toBody(payload: unknown): { readonly body?: NonNullable<StoredAnswer['body']>; readonly type?: string } {
  if (payload === undefined || payload === null) return {}
  if (payload instanceof Body) {
    const type = payload.contentType ?? 'application/octet-stream'
    const json = payload.jsonText()
    return { type, body: json === undefined ? toText(payload.bytes()) : { as: 'json', content: json } }
  }
  if (payload instanceof Uint8Array) return { type: 'application/octet-stream', body: toText(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)) }
  if (typeof payload === 'string' || typeof payload === 'number' || typeof payload === 'bigint') return { body: { as: 'text', content: String(payload) }, type: 'text/html; charset=utf-8' }
  return { type: 'application/json; charset=utf-8', body: { as: 'json', content: JSON.stringify(payload) ?? '' } }
}

/** Bytes travel as base64: a store keeps texts. */
function toText(bytes: Buffer): NonNullable<StoredAnswer['body']> {
  return { as: 'base64', content: bytes.toString('base64') }
}

function toPayload(body: StoredAnswer['body']): unknown {
  if (!body) return undefined
  if (body.as === 'text') return body.content
  return body.as === 'json' ? Body.ofJsonText(body.content) : Buffer.from(body.content, 'base64')
}
