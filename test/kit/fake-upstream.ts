import { Body } from '../../runtime/core/http/body.ts'
import type { Upstream, UpstreamReply, UpstreamRequest } from '../../runtime/core/upstream/upstream.ts'

/** What a fake upstream answers: the parts that matter, or a fault to throw. */
export type FakeAnswer = Error | { readonly status?: number; readonly headers?: UpstreamReply['headers']; readonly body?: string | Buffer; readonly redirects?: UpstreamReply['redirects']; readonly url?: string }

/** An upstream for tests of nodes: notes what it was asked and answers what it is told, in order; the last answer stays. */
export function fakeUpstream(...answers: FakeAnswer[]): Upstream & { readonly asked: readonly UpstreamRequest[] } {
  const asked: UpstreamRequest[] = []
  const left = [...answers]
  return {
    asked,
    async request(request) {
      asked.push(request)
      const answer = (left.length > 1 ? left.shift() : left[0]) ?? {}
      if (answer instanceof Error) throw answer
      const headers = answer.headers ?? { 'content-type': 'application/json' }
      const bytes = Buffer.from(answer.body ?? '{"from":"upstream"}')
      const type = String(headers['content-type'] ?? '')
      return {
        status: answer.status ?? 200,
        headers: { ...headers },
        body: type.startsWith('application/json') ? Body.ofJsonBytes(bytes) : Body.ofBytes(bytes, type, (raw) => (type.startsWith('text/') ? raw.toString() : raw)),
        url: answer.url ?? request.url,
        redirects: answer.redirects ?? [],
      }
    },
  }
}
