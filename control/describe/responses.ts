import { faults, type FaultCode } from '../../runtime/core/faults.ts'
import { isObject } from '../consumers/json.ts'
import type { Reached } from './reach.ts'

type Json = Readonly<Record<string, unknown>>

/** Ports by which a node hands on what it refuses: then it raises no fault for that. */
const refusing = ['refused', 'invalid', 'error', 'timeout'] as const

/** From 500 on callers learn the code and the run, and nothing of what is behind it. */
const serverErrors: Readonly<Record<string, string>> = {
  500: 'The flow failed.', 501: 'Not for callers of the sandbox.', 502: 'A service behind this API failed.', 503: 'Not available at the moment.', 504: 'A service behind this API did not answer in time.', 508: 'The call would wait for itself.',
}

export interface ResponseFacts {
  readonly reached: readonly Reached[]
  /** What an operation says of its answers. */
  readonly described: Json | undefined
  readonly takesBody: boolean
  /** The entry takes some types of bodies only. */
  readonly hasTypes: boolean
  readonly deprecated: boolean
  readonly sunset: boolean
}

/** What callers may get: the answers that are described or drawn, and a problem document for each fault that nodes on the way raise. */
export function toResponses({ reached, described, takesBody, hasTypes, deprecated, sunset }: ResponseFacts): Json {
  const made: Record<string, Record<string, unknown>> = {}
  const given = described !== undefined && Object.keys(described).length > 0 ? described : toDrawn(reached)
  for (const [status, response] of Object.entries(given)) made[status] = { ...(isObject(response) ? response : { description: '' }) }

  const codes = new Map<number, Set<FaultCode>>()
  const add = (code: FaultCode) => {
    const { status } = faults[code]
    codes.set(status, (codes.get(status) ?? new Set()).add(code))
  }
  for (const { node, config, isWired } of reached) {
    // What the entry itself may say is said below, as far as it concerns this operation.
    if (node.type === 'http in' || refusing.some((port) => isWired(port))) continue
    const isAnswer = config['side'] === 'answer'
    for (const code of node.definition?.faults ?? []) {
      if (!takesBody && code.startsWith('body.')) continue
      // The one node raises the one for requests, and the other for answers of upstreams.
      if (node.type === 'validate' && (isAnswer ? code === 'request.invalid' : code === 'upstream.invalid')) continue
      add(code)
    }
  }
  if (takesBody) add('body.too_large')
  if (takesBody && hasTypes) add('body.unsupported')
  add('flow.timeout')
  for (const [status, found] of [...codes].sort(([a], [b]) => a - b)) {
    const key = String(status)
    const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Fault' } } }
    const before = made[key]
    if (before && before['$ref'] !== undefined) continue
    const extra = headersOf(status)
    if (before) {
      made[key] = { ...before, content: { ...(isObject(before['content']) ? before['content'] : {}), ...content }, ...(extra ? { headers: { ...(isObject(before['headers']) ? before['headers'] : {}), ...extra } } : {}) }
      continue
    }
    const list = [...found].sort()
    made[key] = {
      description: status >= 500 ? (serverErrors[status] ?? 'The flow failed.') : `${[...new Set(list.map((code) => faults[code].title))].join('; ')}.`,
      ...(status >= 500 ? {} : { 'x-fault-codes': list }),
      ...(extra ? { headers: extra } : {}),
      content,
    }
  }

  const limited = reached.some(({ node, config }) => node.type === 'quota' && config['headers'] !== false)
  const about = {
    ...(limited ? { RateLimit: ref('RateLimit'), 'RateLimit-Policy': ref('RateLimit-Policy') } : {}),
    ...(deprecated ? { Deprecation: ref('Deprecation') } : {}),
    ...(sunset ? { Sunset: ref('Sunset') } : {}),
  }
  if (Object.keys(about).length > 0) {
    for (const [status, response] of Object.entries(made)) {
      if (/^[23]/.test(status) && response['$ref'] === undefined) made[status] = { ...response, headers: { ...about, ...(isObject(response['headers']) ? response['headers'] : {}) } }
    }
  }
  return Object.fromEntries(Object.entries(made).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const ref = (name: string) => ({ $ref: `#/components/headers/${name}` })

function headersOf(status: number): Json | undefined {
  if (status === 401) return { 'WWW-Authenticate': ref('WWW-Authenticate') }
  return status === 429 || status === 503 ? { 'Retry-After': ref('Retry-After') } : undefined
}

/** Answers as nodes that reply have them. */
function toDrawn(reached: readonly Reached[]): Json {
  const answers: Record<string, Json> = {}
  for (const { node, config } of reached) {
    if (node.type === 'async') answers['202'] = { description: 'Accepted; Location says where to ask for the outcome.', headers: { Location: { schema: { type: 'string' } } } }
    if (node.type === 'http response') answers[String(config['statusCode'] ?? 200)] ??= { description: 'The answer of the flow.' }
    if (node.type !== 'respond') continue
    const status = config['statusType'] === 'num' ? String(Number(config['status'])) : 'default'
    if (status !== 'default' && !/^[2-5]\d\d$/.test(status)) continue
    answers[status] ??= { description: node.name ?? 'The answer of the flow.', ...exampleOf(config) }
  }
  return Object.keys(answers).length > 0 ? answers : { 200: { description: 'The answer of the flow.' } }
}

function exampleOf(config: Json): Json {
  if (config['bodyType'] !== 'json' || typeof config['body'] !== 'string') return {}
  try {
    return { content: { 'application/json': { example: JSON.parse(config['body']) as unknown } } }
  } catch {
    return {}
  }
}

/** Headers that answers of every API may have. */
export const commonHeaders: Json = {
  RateLimit: { description: 'How much is left of each limit, and for how long (draft-ietf-httpapi-ratelimit-headers).', schema: { type: 'string' } },
  'RateLimit-Policy': { description: 'The limits that count this call.', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds after which the same call may pass.', schema: { type: 'integer' } },
  'WWW-Authenticate': { description: 'How to show who calls.', schema: { type: 'string' } },
  Deprecation: { description: 'Since when this version takes no new subscribers (RFC 9745).', schema: { type: 'string' } },
  Sunset: { description: 'When this version stops being served (RFC 8594).', schema: { type: 'string' } },
}

/** What a refused call gets (RFC 9457). */
export const faultSchema: Json = {
  type: 'object',
  description: 'Problem document (RFC 9457).',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' },
    code: { type: 'string', description: 'Stable: request.invalid, quota.exceeded and the like.' },
    detail: { type: 'string' }, instance: { type: 'string' },
    run: { type: 'string', description: 'To ask an operator with; the same as X-Request-Id.' },
    decision: { type: 'string', description: 'To ask with why the call was refused.' },
    errors: {
      type: 'array', description: 'Where a request does not fit.',
      items: { type: 'object', required: ['in', 'pointer', 'message'], properties: { in: { enum: ['query', 'path', 'header', 'cookie', 'body'] }, pointer: { type: 'string', description: 'JSON pointer (RFC 6901).' }, keyword: { type: 'string' }, message: { type: 'string' } } },
    },
  },
}
