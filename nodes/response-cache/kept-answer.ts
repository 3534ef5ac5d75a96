import { hash } from 'node:crypto'
import { Body } from '../../runtime/core/http/body.ts'
import type { CacheValue } from '../../runtime/core/state/cache.ts'
import type { Message } from '../../runtime/core/message.ts'
import { toReadyHeaders } from '../../runtime/core/http/ready-headers.ts'
import { statusOf } from '../shared/caches/stored-answer.ts'
import type { Aged, Lifetime } from './freshness.ts'

/** What is said of an answer that is kept: the head of its value. */
export interface KeptHead extends Aged {
  readonly v: 1
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** How its body becomes a payload again; absent: there is none. */
  readonly as?: 'text' | 'json' | 'bytes'
  /** Content type of a body that is bytes. */
  readonly type?: string
  /** Headers of the request that it was chosen by, lower case. */
  readonly vary: readonly string[]
}

/** In place of an answer: by which headers of the request answers at this key differ. */
export interface VaryHead {
  readonly v: 1
  readonly choose: readonly string[]
}

/** Said by each answer for itself, of one connection only (RFC 9110 §7.6.1), or by caches on the way. */
const notKept = new Set(['connection', 'content-length', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization', 'x-node-red-request-node', 'age', 'x-cache', 'set-cookie'])
/** Larger texts are kept as bytes, which need no encoding each time. */
const longestText = 8_192

/** Headers of a reply message by lower-case names. */
export function lowerHeaders(message: Message): Record<string, unknown> {
  const lower: Record<string, unknown> = {}
  if (typeof message.headers !== 'object' || message.headers === null) return lower
  for (const [name, value] of Object.entries(message.headers)) if (value !== undefined && value !== null) lower[name.toLowerCase()] = value
  return lower
}

export function setsCookies({ cookies }: Message): boolean {
  return typeof cookies === 'object' && cookies !== null && Object.keys(cookies).length > 0
}

/** What a Vary header names, lower case, without doubles, in order. */
export function toVary(header: unknown, encoded: boolean): string[] {
  const names = (Array.isArray(header) ? header.join(',') : String(header ?? '')).split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== '')
  // Bodies leave as the flow made them: without a coding of its own one answer fits every Accept-Encoding.
  return [...new Set(names)].filter((name) => encoded || name !== 'accept-encoding').sort()
}

/**
 * A reply message as a value of the cache. An answer of 200 without an entity tag gets one, so that who has it already is
 * told so for as long as it is kept.
 * @throws TypeError for a payload that cannot be written as JSON: it cannot be sent either
 */
export function toValue(message: Message, lifetime: Lifetime, nowMs: number): { readonly value: CacheValue; readonly head: KeptHead } {
  const headers: Record<string, string | readonly string[]> = {}
  const lower = lowerHeaders(message)
  for (const [name, value] of Object.entries((message.headers ?? {}) as Record<string, unknown>)) {
    if (value === undefined || value === null || notKept.has(name.toLowerCase())) continue
    headers[name] = Array.isArray(value) ? value.map(String) : String(value)
  }
  const { as, type, body } = toBody(message.payload)
  if (type !== undefined && lower['content-type'] === undefined) headers['Content-Type'] = type
  if (lower.date === undefined) headers.Date = new Date(nowMs).toUTCString()
  const status = statusOf(message)
  if (status === 200 && body !== undefined && lower.etag === undefined) headers.ETag = weakTag(body)
  const age = String(lower.age ?? '').trim()
  const head: KeptHead = {
    v: 1, status, headers, ...lifetime, atMs: nowMs, ageMs: /^\d+$/.test(age) ? Number(age) * 1000 : 0,
    vary: toVary(lower.vary, lower['content-encoding'] !== undefined),
    ...(as === undefined ? {} : { as }),
    ...(as === 'bytes' && type !== undefined ? { type } : {}),
  }
  return { value: { head: JSON.stringify(head), body }, head }
}

/** A kept answer, ready to be given. */
export class Prepared {
  readonly head: KeptHead
  readonly payload: unknown
  readonly lastModifiedMs: number
  #second = -1
  #mark = ''
  #headers: Readonly<Record<string, unknown>> = {}

  constructor(head: KeptHead, value: CacheValue) {
    this.head = head
    this.payload = toPayload(head, value.body)
    this.lastModifiedMs = Date.parse(String(Object.entries(head.headers).find(([name]) => name.toLowerCase() === 'last-modified')?.[1] ?? ''))
  }

  /** Headers with the age of now (RFC 9111 §5.1); the same object within one second. `mark`: what `X-Cache` says, empty for nothing. */
  headersAt(nowMs: number, mark: string): Readonly<Record<string, unknown>> {
    const second = Math.max(0, Math.floor((nowMs - this.head.atMs + this.head.ageMs) / 1000))
    if (second !== this.#second || mark !== this.#mark) {
      this.#second = second
      this.#mark = mark
      this.#headers = toReadyHeaders({ ...this.head.headers, Age: String(second), ...(mark === '' ? {} : { 'X-Cache': mark }) })
    }
    return this.#headers
  }
}

/** Reads the head of a value; `undefined` for one that another version has written. */
export function parseHead(value: CacheValue): KeptHead | VaryHead | undefined {
  try {
    const head = JSON.parse(value.head) as KeptHead | VaryHead
    return head.v === 1 ? head : undefined
  } catch {
    return undefined
  }
}

function toBody(payload: unknown): { readonly as?: KeptHead['as']; readonly type?: string; readonly body?: Buffer | string } {
  if (payload === undefined || payload === null) return {}
  if (payload instanceof Body) {
    const raw = payload.raw()
    const type = payload.contentType ?? 'application/octet-stream'
    return typeof raw === 'string' && payload.isJson ? { as: 'json', type, body: raw } : { as: 'bytes', type, body: Buffer.from(raw as Buffer) }
  }
  if (payload instanceof Uint8Array) return { as: 'bytes', type: 'application/octet-stream', body: Buffer.from(payload) }
  if (typeof payload === 'string' || typeof payload === 'number' || typeof payload === 'bigint') return { as: 'text', type: 'text/html; charset=utf-8', body: String(payload) }
  return { as: 'json', type: 'application/json; charset=utf-8', body: JSON.stringify(payload) ?? '' }
}

function toPayload({ as, type }: KeptHead, body: Buffer | string | undefined): unknown {
  if (as === undefined || body === undefined) return undefined
  if (as === 'text') return String(body)
  if (as === 'json') return body.length <= longestText ? Body.ofJsonText(String(body)) : Body.ofJsonBytes(typeof body === 'string' ? Buffer.from(body) : body)
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return type !== undefined && /[/+]json\b/i.test(type) ? Body.ofJsonBytes(bytes, type) : Body.ofBytes(bytes, type, (raw) => raw)
}

function weakTag(body: Buffer | string): string {
  return `W/"${hash('sha256', body, 'base64url').slice(0, 27)}"`
}
