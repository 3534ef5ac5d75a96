import type { FlowCase, PlayedUpstream } from '../../core/cases.ts'
import { fault } from '../../core/fault.ts'
import { hidden } from '../../core/secrets/secret-forms.ts'
import type { BodyRecord, CalloutRecord, RunRecord } from '../../core/trace.ts'

/** What stands before the path of a callout to an upstream by name. */
const byName = 'http://upstream/'

/** Headers that say how something travelled, not what was asked. */
const travelling = /^(?:host|connection|keep-alive|content-length|content-encoding|transfer-encoding|te|upgrade|date|age|server|via|user-agent|accept-encoding|origin|referer|traceparent|tracestate|baggage|x-request-id|x-sluice-watch|etag|if-.*|sec-.*|x-forwarded-.*|forwarded|alt-svc|vary|cache-control|pragma|expires|last-modified)$/i

/**
 * A recorded run as a case: its request, what its callouts were answered, and its answer. What was secret is left out.
 * `env`: values that flows read from the environment; a callout that begins with one of them matches wherever that leads.
 * @throws Fault `step.config` when a body that it needs was too large to be kept, or is no text
 */
export function toCase(record: RunRecord, name: string, env: Readonly<Record<string, string>>): FlowCase {
  const { request, answer, caller } = record
  if (!request || !answer) throw cannot('only an answered request can be made into a case')
  if (record.callouts.some(({ status }) => status === 101)) throw cannot('it opened a WebSocket, which no case plays')
  const body = toValue(request.body, 'the body of the request')
  const headers = kept(request.headers)
  return {
    name,
    request: { method: request.method, url: withoutHidden(request.url), ...(Object.keys(headers).length > 0 ? { headers } : {}), ...(body === undefined ? {} : { body }) },
    ...(caller ? { caller } : {}),
    ...(record.callouts.length > 0 ? { upstreams: toUpstreams(record.callouts, env) } : {}),
    expect: { status: answer.status, ...toExpected(answer) },
  }
}

function toExpected({ body, stream, fault: code }: NonNullable<RunRecord['answer']>): Pick<FlowCase['expect'], 'json' | 'text'> {
  if (code !== undefined) return { json: { code } }
  if (stream && stream.end === undefined) throw cannot('its answer has not ended yet')
  if (stream?.end === 'cut') throw cannot('its answer was broken off')
  // Who left before the end has not seen all that there is to promise.
  if (stream?.end === 'gone') return {}
  const value = toValue(body, 'the answer')
  if (value === undefined) return {}
  // A text is compared whole, so that one with something hidden in it can promise nothing.
  if (typeof value !== 'string') return { json: withoutSecrets(value) }
  return value.includes(hidden) ? {} : { text: value }
}

function toUpstreams(callouts: readonly CalloutRecord[], env: Readonly<Record<string, string>>): PlayedUpstream[] {
  const bases = Object.values(env).filter((value) => /^https?:\/\//.test(value)).toSorted((a, b) => b.length - a.length)
  const played = callouts.map((callout): PlayedUpstream => ({ match: { method: callout.method, url: toPattern(callout.url, bases) }, reply: toReply(callout) }))
  const keyOf = ({ match }: PlayedUpstream) => `${match.method} ${match.url}`
  const same = (one: PlayedUpstream, other: PlayedUpstream) => keyOf(one) === keyOf(other)
  // Equal answers in a row are one; of different ones each answers as often as it did, the last for good.
  const list: { one: PlayedUpstream; times: number }[] = []
  for (const one of played) {
    const last = list.findLast((entry) => same(entry.one, one))
    if (last && JSON.stringify(last.one.reply) === JSON.stringify(one.reply)) last.times++
    else list.push({ one, times: 1 })
  }
  return list.map(({ one, times }, index) => (list.slice(index + 1).some((later) => same(later.one, one)) ? { ...one, times } : one))
}

function toPattern(url: string, bases: readonly string[]): string {
  // A callout to an upstream by name has a path only; where its targets are is not the case's to say.
  const base = bases.find((one) => url.startsWith(one)) ?? (url.startsWith(byName) ? byName.slice(0, -1) : undefined)
  return (base === undefined ? url : `*${url.slice(base.length)}`).replaceAll(hidden, '*').replaceAll(encodeURIComponent(hidden), '*')
}

function toReply({ status, fault: code, headers, body, url, stream }: CalloutRecord): PlayedUpstream['reply'] {
  if (code !== undefined) return { fail: failOf(code) }
  if (status === undefined) return { fail: 'timeout' }
  const what = `the answer of ${url.split('?', 1)[0]}`
  if (stream && stream.end === undefined) throw cannot(`${what} has not ended yet`)
  const value = toValue(body, what)
  const own = kept(headers ?? {})
  return { status, ...(Object.keys(own).length > 0 ? { headers: own } : {}), ...(value === undefined ? {} : { body: value }), ...(stream?.end === 'cut' ? { fail: 'cut' as const } : {}) }
}

function failOf(code: string): NonNullable<PlayedUpstream['reply']['fail']> {
  if (code === 'upstream.timeout' || code === 'flow.timeout') return 'timeout'
  return code === 'upstream.eof' ? 'cut' : 'connect'
}

/** JSON as a value, anything else as the text it is. */
function toValue(body: BodyRecord | undefined, what: string): unknown {
  if (!body) return undefined
  if (body.text === undefined || body.cut !== undefined) {
    const why = body.cut === 'local' ? 'does not leave its gateway (SLUICE_TRACE_PAYLOADS=local)' : body.cut === 'binary' ? 'is no text' : `has ${body.bytes} bytes, which is more than is kept`
    throw cannot(`${what} ${why}`)
  }
  if (!/^\s*[[{"]/.test(body.text)) return body.text
  try {
    const value: unknown = JSON.parse(body.text)
    return typeof value === 'string' ? body.text : value
  } catch {
    return body.text
  }
}

function kept(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name, value]) => !travelling.test(name) && !value.includes(hidden) && !(name.toLowerCase() === 'accept' && value === '*/*')))
}

function withoutHidden(url: string): string {
  const [path = '', query] = url.split('?', 2)
  const rest = (query ?? '').split('&').filter((part) => part !== '' && !part.includes(hidden))
  return rest.length > 0 ? `${path}?${rest.join('&')}` : path
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).filter(([, one]) => !(typeof one === 'string' && one.includes(hidden))).map(([name, one]) => [name, withoutSecrets(one)]))
}

function cannot(reason: string) {
  return fault('step.config', { message: `No case can be made of this run: ${reason}.` })
}
