import type { Message } from '../message.ts'
import { parameterName } from './parameter-name.ts'
import type { RequestFacts } from './request-facts.ts'
import { RequestView } from './request-view.ts'

/** What nobody behind a node is to see of a request. */
export interface Mask {
  /** Lower-case names. */
  readonly headers: readonly string[]
  readonly query: readonly string[]
}

/** A request without some headers and query parameters. */
class MaskedRequest extends RequestView {
  readonly #of: RequestFacts
  readonly #mask: Mask
  #headers: RequestFacts['headers'] | undefined
  #query: RequestFacts['query'] | undefined
  #url: string | undefined

  constructor(of: RequestFacts, mask: Mask) {
    super(of)
    this.#of = of
    this.#mask = mask
    Object.freeze(this)
  }

  override get url(): string {
    return (this.#url ??= withoutParameters(this.#of.url, this.#mask.query))
  }
  override get originalUrl(): string {
    return this.url
  }
  override get query(): RequestFacts['query'] {
    return (this.#query ??= without(this.#of.query, this.#mask.query))
  }
  override get headers(): RequestFacts['headers'] {
    return (this.#headers ??= without(this.#of.headers, this.#mask.headers))
  }
}

function without<T>(record: Readonly<Record<string, T>>, names: readonly string[]): Readonly<Record<string, T>> {
  if (!names.some((name) => Object.hasOwn(record, name))) return record
  const rest: Record<string, T> = { ...record }
  for (const name of names) delete rest[name]
  return Object.freeze(rest)
}

/** A URL without the parameters of these names, however their names are percent-encoded. */
function withoutParameters(url: string, names: readonly string[]): string {
  const mark = url.indexOf('?')
  if (mark === -1 || names.length === 0) return url
  const kept = url.slice(mark + 1).split('&').filter((part) => !names.includes(parameterName(part)))
  return kept.length === 0 ? url.slice(0, mark) : `${url.slice(0, mark)}?${kept.join('&')}`
}

/**
 * A message whose request, and whose payload if it is the request's query, lack what is masked. A request that a flow has
 * copied and changed is masked like the one that came.
 */
export function maskMessage(message: Message, request: RequestFacts, mask: Mask): Message {
  const { req, payload } = message
  const shownReq = maskRequest(req, mask)
  const shownPayload = mask.query.length === 0 ? payload : maskQuery(payload, request, mask)
  if (shownReq === req && shownPayload === payload) return message
  return { ...message, ...(shownReq === req ? {} : { req: shownReq }), ...(shownPayload === payload ? {} : { payload: shownPayload }) }
}

function maskRequest(req: unknown, mask: Mask): unknown {
  if (typeof req !== 'object' || req === null || mask.headers.length + mask.query.length === 0) return req
  if (!isPlain(req)) return new MaskedRequest(req as RequestFacts, mask)
  const copy: Record<string, unknown> = { ...req }
  if (isPlain(copy['headers'])) copy['headers'] = withoutAnyCase(copy['headers'], mask.headers)
  if (isPlain(copy['query'])) copy['query'] = without(copy['query'], mask.query)
  for (const name of ['url', 'originalUrl']) if (typeof copy[name] === 'string') copy[name] = withoutParameters(copy[name], mask.query)
  return copy
}

/** The payload of a GET is its query; a copy of it holds the same secret. */
function maskQuery(payload: unknown, request: RequestFacts, mask: Mask): unknown {
  if (!isPlain(payload)) return payload
  return without(payload, mask.query.filter((name) => request.query[name] !== undefined && payload[name] === request.query[name]))
}

function withoutAnyCase<T>(record: Readonly<Record<string, T>>, names: readonly string[]): Readonly<Record<string, T>> {
  return without(record, Object.keys(record).filter((name) => names.includes(name.toLowerCase())))
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
