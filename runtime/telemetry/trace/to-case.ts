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
 * @throws Fault `step.config` when a body that it needs was not kept whole
 */
export function toCase(record: RunRecord, name: string, env: Readonly<Record<string, string>>): FlowCase {
  const { request, answer, caller } = record
  if (!request || !answer) throw cannot('only an answered request can be made into a case')
  if (record.callouts.some(({ status }) => status === 101)) throw cannot('it opened a WebSocket, which no case plays')
  const headers = kept(request.headers)
  const made = idsMade(record)
  return {
    name,
    request: { method: request.method, url: withoutHidden(request.url), ...(Object.keys(headers).length > 0 ? { headers } : {}), ...toAsked(request) },
    ...(caller ? { caller } : {}),
    ...(record.callouts.length > 0 ? { upstreams: toUpstreams(record.callouts, made, env) } : {}),
    expect: { status: answer.status, ...toExpected(answer, made) },
  }
}

function toAsked({ body, stream }: NonNullable<RunRecord['request']>): Pick<FlowCase['request'], 'body' | 'base64' | 'streamed'> {
  const what = 'the body of the request'
  if (stream && stream.end === undefined) throw cannot(`${what} has not ended yet`)
  if (stream?.end === 'cut') throw cannot(`${what} was broken off`)
  return { ...toSaid(body, what), ...(body && stream ? { streamed: true } : {}) }
}

function toExpected({ body, stream, fault: code }: NonNullable<RunRecord['answer']>, made: ReadonlySet<string>): Pick<FlowCase['expect'], 'json' | 'text' | 'base64'> {
  if (code !== undefined) return { json: { code } }
  if (stream && stream.end === undefined) throw cannot('its answer has not ended yet')
  if (stream?.end === 'cut') throw cannot('its answer was broken off')
  // Who left before the end has not seen all that there is to promise.
  if (stream?.end === 'gone') return {}
  return toPromise(toSaid(body, 'the answer'), made)
}

/** What of a body can be compared: neither what was hidden nor ids that are made anew each time. */
function toPromise({ body: value, base64 }: Said, made: ReadonlySet<string>): Pick<FlowCase['expect'], 'json' | 'text' | 'base64'> {
  if (base64 !== undefined) return { base64 }
  if (value === undefined) return {}
  const isOpen = (text: string) => !text.includes(hidden) && (text.match(uuid) ?? []).every((id) => !made.has(id))
  // A text is compared whole, so that one with something of these in it can promise nothing.
  if (typeof value === 'string') return isOpen(value) ? { text: value } : {}
  return { json: withoutClosed(value, isOpen) }
}

const uuid = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/gi

/** Ids that the run made itself for what it called: they came neither with the request nor with an answer before. */
function idsMade({ request, caller, callouts }: RunRecord): ReadonlySet<string> {
  const known = new Set(JSON.stringify([request, caller]).match(uuid))
  const made = new Set<string>()
  for (const { url, headers, body } of callouts) {
    for (const id of url.match(uuid) ?? []) if (!known.has(id)) made.add(id)
    for (const id of JSON.stringify([headers, body]).match(uuid) ?? []) known.add(id)
  }
  return made
}

function toUpstreams(callouts: readonly CalloutRecord[], made: ReadonlySet<string>, env: Readonly<Record<string, string>>): PlayedUpstream[] {
  const bases = Object.values(env).filter((value) => /^https?:\/\//.test(value)).toSorted((a, b) => b.length - a.length)
  const played = callouts.map((callout): PlayedUpstream => ({ match: { method: callout.method, url: toPattern(callout.url, bases).replaceAll(uuid, (id) => (made.has(id) ? '*' : id)) }, ...toSent(callout, made), reply: toReply(callout) }))
  const keyOf = ({ match }: PlayedUpstream) => `${match.method} ${match.url}`
  const same = (one: PlayedUpstream, other: PlayedUpstream) => keyOf(one) === keyOf(other)
  // Equal answers in a row are one; of different ones each answers as often as it did, the last for good.
  const list: { one: PlayedUpstream; times: number }[] = []
  for (const one of played) {
    const last = list.findLast((entry) => same(entry.one, one))
    if (last && JSON.stringify(last.one) === JSON.stringify(one)) last.times++
    else list.push({ one, times: 1 })
  }
  return list.map(({ one, times }, index) => (list.slice(index + 1).some((later) => same(later.one, one)) ? { ...one, times } : one))
}

/** What went up to a service while it came. What it did not take to its end says nothing of what it would have got. */
function toSent({ sent, url }: CalloutRecord, made: ReadonlySet<string>): Pick<PlayedUpstream, 'asked'> {
  if (sent?.stream.end !== 'whole') return {}
  const asked = toPromise(toSaid(sent.body, `what ${url.split('?', 1)[0]} was asked with`), made)
  return Object.keys(asked).length > 0 ? { asked } : {}
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
  const own = kept(headers ?? {})
  return { status, ...(Object.keys(own).length > 0 ? { headers: own } : {}), ...toSaid(body, what), ...(stream?.end === 'cut' ? { fail: 'cut' as const } : {}) }
}

function failOf(code: string): NonNullable<PlayedUpstream['reply']['fail']> {
  if (code === 'upstream.timeout' || code === 'flow.timeout') return 'timeout'
  return code === 'upstream.eof' ? 'cut' : 'connect'
}

/** A body as a case says it. */
type Said = Pick<FlowCase['request'], 'body' | 'base64'>

/** JSON as a value, other text as it is, bytes as Base64. */
function toSaid(given: BodyRecord | undefined, what: string): Said {
  if (!given) return {}
  const { text, base64, cut, bytes } = given
  if (cut !== undefined || (text === undefined && base64 === undefined)) {
    const why = cut === 'local' ? 'does not leave its gateway (SLUICE_TRACE_PAYLOADS=local)' : cut === 'binary' ? 'is no text, and is not kept because a secret may stand in it' : `has ${bytes} bytes, which is more than is kept`
    throw cannot(`${what} ${why}`)
  }
  return text === undefined ? { base64 } : { body: toValue(text) }
}

function toValue(text: string): unknown {
  if (!/^\s*[[{"]/.test(text)) return text
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' ? text : value
  } catch {
    return text
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

function withoutClosed(value: unknown, isOpen: (text: string) => boolean): unknown {
  if (Array.isArray(value)) return value.map((one) => withoutClosed(one, isOpen))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).filter(([, one]) => typeof one !== 'string' || isOpen(one)).map(([name, one]) => [name, withoutClosed(one, isOpen)]))
}

function cannot(reason: string) {
  return fault('step.config', { message: `No case can be made of this run: ${reason}.` })
}
