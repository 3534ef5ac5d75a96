import { Body } from '../core/body.ts'
import { fault } from '../core/fault.ts'
import type { Upstream, UpstreamRequest } from '../core/upstream.ts'
import type { PlayedUpstream } from '../core/cases.ts'

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
      const played = playing.find((one) => matches(one.match, request) && (answered.get(one) ?? 0) < (one.times ?? Infinity))
      const { host } = new URL(request.url)
      if (!played) {
        strays.push(`${request.method} ${request.url}`)
        throw fault('upstream.connect', { host, reason: 'the case does not play this upstream' })
      }
      answered.set(played, (answered.get(played) ?? 0) + 1)
      const { reply } = played
      if (reply.fail === 'timeout') throw fault('upstream.timeout', { host, afterMs: request.timeoutMs })
      if (reply.fail === 'connect') throw fault('upstream.connect', { host })
      const isText = typeof reply.body === 'string'
      const headers = lowerCase({ 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json', ...reply.headers })
      const bytes = reply.body === undefined ? Buffer.alloc(0) : Buffer.from(isText ? (reply.body as string) : JSON.stringify(reply.body))
      const type = String(headers['content-type'])
      return {
        status: reply.status ?? 200,
        headers,
        body: /[/+]json\b/.test(type) ? Body.ofJsonBytes(bytes, type) : Body.ofBytes(bytes, type, (given) => given.toString('utf8')),
        url: request.url,
        redirects: [],
      }
    },
  }
}

function matches(match: PlayedUpstream['match'], request: UpstreamRequest): boolean {
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
