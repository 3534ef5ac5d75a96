import { readPointer } from '../../runtime/core/json-schema/pointer.ts'
import { asObject } from './json-values.ts'
import type { Json } from './read-document.ts'
import { toSample } from './to-sample.ts'

/** What is answered while there is no service. */
export interface Mock {
  readonly status: number
  readonly contentType?: string
  readonly body?: unknown
}

const bodyLimit = 64 * 1024

/** The answer that an operation names first: the lowest 2xx, then the lowest of all; its example, or a value that fits its schema. */
export function toMock(operation: Json): Mock {
  const responses = Object.entries(asObject(operation['responses'])).map(([status, one]) => ({ status, response: follow(operation, one) }))
  const rank = ({ status }: { status: string }) => (/^2/.test(status) ? Number(status.replace(/X/gi, '0')) : /^\d/.test(status) ? 1000 + Number(status.replace(/X/gi, '0')) : 900)
  const [first] = responses.sort((a, b) => rank(a) - rank(b))
  if (!first) return { status: 200 }
  const digits = Number(first.status.replace(/X/gi, '0'))
  const status = digits >= 200 && digits <= 599 ? digits : 200
  const media = Object.entries(asObject(first.response['content']))
  const [type, given] = media.find(([one]) => /[/+]json\b/.test(one)) ?? media.find(([one]) => one.startsWith('text/')) ?? media[0] ?? []
  if (type === undefined || status === 204 || status === 304) return { status }
  const contentType = type.includes('*') ? 'application/json' : type
  const body = exampleOf(operation, asObject(given))
  return JSON.stringify(body)?.length > bodyLimit ? { status, contentType, body: null } : { status, contentType, body }
}

function exampleOf(operation: Json, media: Json): unknown {
  if (media['example'] !== undefined) return media['example']
  const [shown] = Object.values(asObject(media['examples']))
  if (shown !== undefined) {
    const { value } = follow(operation, shown)
    if (value !== undefined) return value
  }
  return media['schema'] === undefined ? null : toSample(operation, media['schema'])
}

function follow(operation: Json, value: unknown): Json {
  let at = asObject(value)
  for (let steps = 0; typeof at['$ref'] === 'string' && steps < 20; steps++) at = asObject(readPointer(operation, (at['$ref'] as string).slice(1)))
  return at
}

