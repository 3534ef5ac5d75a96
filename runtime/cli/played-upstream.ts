import { Readable } from 'node:stream'
import { Body } from '../core/http/body.ts'
import { ByteStream } from '../core/http/byte-stream.ts'
import { type Fault, fault } from '../core/fault.ts'
import type { StreamReply, Upstream, UpstreamRequest } from '../core/upstream/upstream.ts'
import type { PlayedUpstream } from '../core/cases.ts'
import { departures, inPieces, readSent, toBytes } from './played-bodies.ts'

/** An upstream that answers from a case, and remembers what was called that the case does not play. */
export interface UpstreamOfCases extends Upstream {
  play(upstreams: readonly PlayedUpstream[]): void
  /** What was not as promised since `play`, one sentence each: callouts that nothing matched, or that asked something else. */
  readonly failures: readonly string[]
}

export function createPlayedUpstream(): UpstreamOfCases {
  let playing: readonly PlayedUpstream[] = []
  let failures: string[] = []
  let answered = new Map<PlayedUpstream, number>()

  /** What the case says to a request. @throws Fault of an upstream that it has fail, or that it does not play, and what its body breaks off with */
  async function answerTo({ method, url, timeoutMs, body: sent }: Asked): Promise<Played> {
    const played = playing.find((one) => matches(one.match, { method, url }) && (answered.get(one) ?? 0) < (one.times ?? Infinity))
    const { host } = new URL(url)
    if (!played) {
      failures.push(`called ${method} ${url}, which the case does not play`)
      throw fault('upstream.connect', { host, reason: 'the case does not play this upstream' })
    }
    answered.set(played, (answered.get(played) ?? 0) + 1)
    const asked = await readSent(sent)
    if (played.asked) failures.push(...departures(played.asked, asked, `called ${nameOf(played)} with`))
    const { status = 200, headers: given, body, base64, fail } = played.reply
    if (fail === 'timeout') throw fault('upstream.timeout', { host, afterMs: timeoutMs })
    if (fail === 'connect') throw fault('upstream.connect', { host })
    const headers = lowerCase({ 'content-type': base64 !== undefined ? 'application/octet-stream' : typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json', ...given })
    const type = String(headers['content-type'])
    return { status, headers, type, bytes: base64 === undefined ? toBytes(body, type) : Buffer.from(base64, 'base64'), ...(fail === 'cut' ? { cut: fault('upstream.eof', { host }) } : {}) }
  }

  async function toStream(request: Asked): Promise<StreamReply> {
    const { status, headers, type, bytes, cut } = await answerTo(request)
    return { status, headers, body: new ByteStream(Readable.from(inPieces(bytes, cut), { objectMode: false }), type, cut ? undefined : bytes.length), url: request.url }
  }

  return {
    get failures() {
      const never = playing.filter((one) => one.asked && !answered.has(one))
      return [...failures, ...never.map((one) => `never called ${nameOf(one)}`)]
    },
    play(upstreams) {
      playing = upstreams
      failures = []
      answered = new Map()
    },
    async request(request) {
      const { status, headers, type, bytes, cut } = await answerTo(request)
      if (cut) throw cut
      const body = /[/+]json\b/.test(type) ? Body.ofJsonBytes(bytes, type) : Body.ofBytes(bytes, type, (given) => given.toString('utf8'))
      return { status, headers, body, url: request.url, redirects: [] }
    },
    openStream: toStream,
    // No case agrees to speak WebSocket; one may play who refuses it.
    openTunnel: (request) => toStream({ ...request, method: 'GET' }),
  }
}

/** A call, however its body comes. */
type Asked = Pick<UpstreamRequest, 'method' | 'url' | 'timeoutMs'> & { readonly body?: ByteStream | Buffer | string | undefined }

/** An answer of a case. */
interface Played {
  readonly status: number
  readonly headers: Record<string, string>
  readonly type: string
  readonly bytes: Buffer
  /** What its connection breaks off with. */
  readonly cut?: Fault
}

/** As sentences and the editor call it: by what it matches. */
function nameOf({ match }: PlayedUpstream): string {
  return `${match.method ?? 'GET'} ${match.url}`
}

function matches(match: PlayedUpstream['match'], request: Pick<UpstreamRequest, 'method' | 'url'>): boolean {
  if ((match.method ?? 'GET').toUpperCase() !== request.method.toUpperCase()) return false
  const [first = '', ...rest] = match.url.split('*')
  if (rest.length === 0) return request.url === first
  // A walk from star to star: no pattern of ours can take more than linear time.
  if (!request.url.startsWith(first)) return false
  let at = first.length
  for (const [index, part] of rest.entries()) {
    const isLast = index === rest.length - 1
    const found = isLast ? request.url.length - part.length : request.url.indexOf(part, at)
    if (found < at || (isLast && !request.url.endsWith(part))) return false
    at = found + part.length
  }
  return true
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
