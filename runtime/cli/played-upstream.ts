import { Readable } from 'node:stream'
import { Body } from '../core/http/body.ts'
import { ByteStream } from '../core/http/byte-stream.ts'
import { type Fault, fault } from '../core/fault.ts'
import type { StreamReply, Upstream, UpstreamRequest } from '../core/upstream/upstream.ts'
import type { PlayedUpstream } from '../core/cases.ts'

const linesType = /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|x-jsonl)\b/i
const pieceBytes = 1000

/** An upstream that answers from a case, and remembers what was called that the case does not play. */
export interface UpstreamOfCases extends Upstream {
  play(upstreams: readonly PlayedUpstream[]): void
  /** Callouts since `play` that nothing matched: `GET http://…`. */
  readonly strays: readonly string[]
}

export function createPlayedUpstream(): UpstreamOfCases {
  let playing: readonly PlayedUpstream[] = []
  let strays: string[] = []
  let answered = new Map<PlayedUpstream, number>()

  /** What the case says to a request. @throws Fault of an upstream that it has fail, or that it does not play */
  function answerTo({ method, url, timeoutMs }: Pick<UpstreamRequest, 'method' | 'url' | 'timeoutMs'>): Played {
    const played = playing.find((one) => matches(one.match, { method, url }) && (answered.get(one) ?? 0) < (one.times ?? Infinity))
    const { host } = new URL(url)
    if (!played) {
      strays.push(`${method} ${url}`)
      throw fault('upstream.connect', { host, reason: 'the case does not play this upstream' })
    }
    answered.set(played, (answered.get(played) ?? 0) + 1)
    const { status = 200, headers: given, body, fail } = played.reply
    if (fail === 'timeout') throw fault('upstream.timeout', { host, afterMs: timeoutMs })
    if (fail === 'connect') throw fault('upstream.connect', { host })
    const headers = lowerCase({ 'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json', ...given })
    const type = String(headers['content-type'])
    return { status, headers, type, bytes: toBytes(body, type), ...(fail === 'cut' ? { cut: fault('upstream.eof', { host }) } : {}) }
  }

  function toStream(request: Pick<UpstreamRequest, 'method' | 'url' | 'timeoutMs'>): StreamReply {
    const { status, headers, type, bytes, cut } = answerTo(request)
    return { status, headers, body: new ByteStream(Readable.from(inPieces(bytes, cut), { objectMode: false }), type, cut ? undefined : bytes.length), url: request.url }
  }

  return {
    get strays() {
      return strays
    },
    play(upstreams) {
      playing = upstreams
      strays = []
      answered = new Map()
    },
    async request(request) {
      const { status, headers, type, bytes, cut } = answerTo(request)
      if (cut) throw cut
      const body = /[/+]json\b/.test(type) ? Body.ofJsonBytes(bytes, type) : Body.ofBytes(bytes, type, (given) => given.toString('utf8'))
      return { status, headers, body, url: request.url, redirects: [] }
    },
    openStream: async (request) => toStream(request),
    // No case agrees to speak WebSocket; one may play who refuses it.
    openTunnel: async (request) => toStream({ ...request, method: 'GET' }),
  }
}

/** An answer of a case. */
interface Played {
  readonly status: number
  readonly headers: Record<string, string>
  readonly type: string
  readonly bytes: Buffer
  /** What its connection breaks off with. */
  readonly cut?: Fault
}

function toBytes(body: unknown, type: string): Buffer {
  if (body === undefined) return Buffer.alloc(0)
  if (typeof body === 'string') return Buffer.from(body)
  // Items of a stream may be written as a list.
  if (Array.isArray(body) && linesType.test(type)) return Buffer.from(body.map((item) => `${JSON.stringify(item)}\n`).join(''))
  return Buffer.from(JSON.stringify(body))
}

/** A stream comes in pieces, which begin and end anywhere. */
async function* inPieces(bytes: Buffer, cut: Fault | undefined): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  if (cut) throw cut
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
