import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { makeTlsFiles } from '../../test/kit/faulty-upstream.ts'
import type { UpstreamRequest } from '../core/upstream/upstream.ts'
import { parseEgressAllow } from './egress-policy.ts'
import { createUpstream } from './upstream.ts'

let files: ReturnType<typeof makeTlsFiles>
beforeAll(() => {
  files = makeTlsFiles()
})
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function start(onStream: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void) {
  const server: Http2SecureServer = createSecureServer({ ...files.right, allowHTTP1: true }, (request, response) => {
    if (request.httpVersionMajor === 1) response.end('one')
  })
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', onStream)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    for (const session of sessions) session.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const upstream = createUpstream({ egress: parseEgressAllow(['127.0.0.1', 'localhost']), extraCa: [files.ca] })
  closers.push(() => upstream.close())
  const ask = (extra: Partial<UpstreamRequest> = {}): UpstreamRequest => ({ method: 'GET', url: `https://localhost:${(server.address() as AddressInfo).port}/x?y=1`, timeoutMs: 5_000, responseLimitBytes: 10_000, redirects: 0, http2: true, ...extra })
  return { upstream, ask, sessions }
}

describe('HTTP/2', () => {
  it('is spoken where it is wanted and offered, many calls on one connection', async () => {
    const seen: Record<string, unknown>[] = []
    const { upstream, ask, sessions } = await start((stream, headers) => {
      seen.push(headers)
      stream.respond({ ':status': 200, 'content-type': 'application/json' })
      stream.end('{"two":true}')
    })
    const first = await upstream.request(ask({ headers: { 'X-One': '1' } }), fakeRun())
    expect([first.status, first.body.bytes().toString()]).toEqual([200, '{"two":true}'])
    expect(seen[0]).toMatchObject({ ':path': '/x?y=1', 'x-one': '1' })
    const replies = await Promise.all(Array.from({ length: 20 }, () => upstream.request(ask({ method: 'POST', body: 'b' }), fakeRun())))
    expect(replies.every(({ status }) => status === 200)).toBe(true)
    expect(sessions.size).toBe(1)
    const plain = await upstream.request(ask({ http2: false }), fakeRun())
    expect(plain.body.bytes().toString()).toBe('one')
  })

  it('has the same limits: time, size, callers who go', async () => {
    const closed: number[] = []
    let opened = 0
    const { upstream, ask } = await start((stream, headers) => {
      opened += 1
      stream.on('error', () => {})
      stream.on('close', () => closed.push(stream.rstCode))
      if (String(headers[':path']).includes('large')) {
        stream.respond({ ':status': 200 })
        stream.end(Buffer.alloc(50_000))
      }
    })
    await expect(upstream.request(ask({ timeoutMs: 100 }), fakeRun())).rejects.toMatchObject({ code: 'upstream.timeout' })
    await expect(upstream.request(ask({ url: ask().url.replace('/x', '/large') }), fakeRun())).rejects.toMatchObject({ code: 'upstream.too_large' })
    const run = fakeRun()
    const waiting = upstream.request(ask(), run)
    setTimeout(() => run.abort(), 50)
    await expect(waiting).rejects.toMatchObject({ code: 'client.closed' })
    // A call may be over before it has reached the server.
    for (let at = 0; at < 400 && closed.length < opened; at += 1) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(opened).toBeGreaterThan(0)
    expect(closed).toHaveLength(opened)
  })
})
