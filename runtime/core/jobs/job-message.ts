import { Body } from '../http/body.ts'
import type { Message } from '../message.ts'
import { response } from '../message.ts'

/** Fields of `msg.req` that go along with accepted work. Headers only those that say nothing of who calls. */
const requestFields = ['method', 'url', 'originalUrl', 'path', 'route', 'query', 'params', 'hostname', 'protocol', 'ip'] as const
const requestHeaders = new Set(['accept', 'accept-language', 'content-type', 'content-language', 'user-agent', 'idempotency-key', 'prefer', 'x-request-id', 'traceparent', 'tracestate', 'baggage'])

/** Marks what JSON has no word for; an object that looks like it is marked as well. */
const mark = '$sluice'

/**
 * What of a message can be written down, as JSON: data, bytes and dates. Of the request its place, query and harmless headers:
 * no credential, no cookie, no file. What is made of functions or refers to itself is left out.
 */
export function toKept(message: Message): unknown {
  const { req, res, _linkSource: _, ...rest } = message
  return { ...(keep(rest, []) as object), ...(isRecord(req) ? { req: keep(toKeptRequest(req), []) } : {}), ...(res === undefined ? {} : { res: true }) }
}

/** The message that {@link toKept} wrote down. */
export function fromKept(kept: unknown): Message {
  const { req, res, ...rest } = (isRecord(kept) ? kept : {}) as Record<string, unknown>
  return { ...(revive(rest) as object), ...(req === undefined ? {} : { req: revive(req) }), ...(res === undefined ? {} : { res: response }) }
}

function toKeptRequest(req: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const field of requestFields) if (req[field] !== undefined) kept[field] = req[field]
  const headers = isRecord(req['headers']) ? req['headers'] : {}
  kept['headers'] = Object.fromEntries(Object.entries(headers).filter(([name]) => requestHeaders.has(name.toLowerCase())))
  return kept
}

function keep(value: unknown, around: readonly object[]): unknown {
  if (value instanceof Body) return keep(value.value(), around)
  if (typeof value === 'bigint') return { [mark]: 'bigint', value: String(value) }
  if (Object.is(value, -0)) return { [mark]: 'number', value: '-0' }
  if (typeof value === 'number' && !Number.isFinite(value)) return { [mark]: 'number', value: String(value) }
  if (typeof value !== 'object' || value === null) return typeof value === 'function' || typeof value === 'symbol' ? undefined : value
  if (value instanceof Uint8Array) return { [mark]: 'bytes', value: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  if (value instanceof Date) return { [mark]: 'date', value: value.getTime() }
  if (around.includes(value)) return undefined
  const inside = [...around, value]
  if (Array.isArray(value)) return value.map((item) => keep(item, inside) ?? null)
  const kept: Record<string, unknown> = {}
  for (const [name, item] of Object.entries(value)) {
    const one = keep(item, inside)
    if (one !== undefined) Object.defineProperty(kept, name, { value: one, enumerable: true, configurable: true, writable: true })
  }
  return mark in kept ? { [mark]: 'object', value: kept } : kept
}

function revive(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(revive)
  const { [mark]: kind, value: inner } = value as Record<string, unknown>
  switch (kind) {
    case 'bytes': return Buffer.from(String(inner), 'base64')
    case 'date': return new Date(Number(inner))
    case 'bigint': return BigInt(String(inner))
    case 'number': return Number(inner)
    case 'object': return reviveFields(inner as object)
    default: return reviveFields(value)
  }
}

function reviveFields(value: object): unknown {
  const revived: Record<string, unknown> = {}
  for (const [name, item] of Object.entries(value)) Object.defineProperty(revived, name, { value: revive(item), enumerable: true, configurable: true, writable: true })
  return revived
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
