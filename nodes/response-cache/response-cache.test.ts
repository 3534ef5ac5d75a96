import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeClock, type FakeClock } from '../../test/kit/fake-clock.ts'
import { flow } from '../../test/kit/flow-builder.ts'
import { startGateway } from '../../test/kit/gateway.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import { responseCache } from './response-cache.ts'

/** Headers of the upstream that the flow hands on, so that tests can say what its answers say. */
const handOn = `const given = msg.headers, kept = {}
for (const name of ['cache-control', 'etag', 'vary', 'set-cookie', 'last-modified', 'age', 'expires', 'content-type', 'x-degraded', 'cache-tag']) if (given[name] !== undefined) kept[name] = given[name]
msg.headers = kept
return msg`

type Answer = (req: IncomingMessage, res: ServerResponse, count: number) => void

const open: { close(): Promise<void> | void }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

/** A gateway whose API asks an upstream that counts, with the node between. */
async function place(config: Record<string, unknown>, answer: Answer, more: { clock?: FakeClock; settings?: Record<string, string>; method?: string; wire?: (f: ReturnType<typeof flow>) => void } = {}) {
  let calls = 0
  const server = createServer((req, res) => answer(req, res, ++calls))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({ close: () => new Promise<void>((resolve) => (server.close(() => resolve()), server.closeAllConnections())) })
  const { port } = server.address() as AddressInfo
  const built = flow('f').httpIn('GET', '/x').node('response cache', config, 2).as('cache')
    .node('service callout', { method: 'GET', url: `http://127.0.0.1:${port}/`, passQuery: true, expectedStatus: '200-599', headers: [{ name: 'accept-language', value: 'req.headers["accept-language"]', valueType: 'msg' }] }, 2)
    .fn(handOn).httpResponse()
  more.wire?.(built)
  const gateway = await startGateway({ nodes: built.nodes(), settings: { SLUICE_EGRESS_ALLOW: `127.0.0.1:${port}`, ...more.settings }, ...(more.clock ? { clock: more.clock } : {}) })
  open.push(gateway)
  const get = async (path = '/x', headers: Record<string, string> = {}, method = 'GET') => {
    const response = await fetch(`${gateway.url}${path}`, { headers, method })
    return { status: response.status, body: await response.text(), headers: response.headers, cache: response.headers.get('x-cache') }
  }
  return { gateway, get, calls: () => calls, nodes: built.nodes() }
}

const say = (headers: Record<string, string | string[]> = {}, status = 200): Answer => (_req, res, count) => void res.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(`n${count}`)
/** Says what the query asks for: status `st`, `Cache-Control` `cc`. */
const sayAsAsked: Answer = (req, res, count) => {
  const asked = new URL(req.url as string, 'http://x').searchParams
  const control = asked.get('cc')
  res.writeHead(Number(asked.get('st') ?? 200), { 'content-type': 'text/plain', ...(control === null ? {} : { 'cache-control': control }) }).end(`n${count}`)
}
const asking = (control?: string, status = 200) => `/x?st=${status}${control === undefined ? '' : `&cc=${encodeURIComponent(control)}`}`
const soon = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms))

describe('what is given again', () => {
  it('is the answer as it was, with its age, until its time is over', async () => {
    const clock = fakeClock(Date.parse('2030-01-01T00:00:00Z'))
    const { get, calls } = await place({ ttlSeconds: 60 }, say(), { clock })
    const first = await get()
    expect([first.cache, first.body]).toEqual(['MISS', 'n1'])
    await clock.advance(30_000)
    const again = await get()
    expect([again.cache, again.body, again.headers.get('age'), again.headers.get('content-type')]).toEqual(['HIT', 'n1', '30', first.headers.get('content-type')])
    await clock.advance(30_000)
    expect((await get()).body).toBe('n2')
    expect(calls()).toBe(2)
  })

  it('is told apart by path and query, whatever the order of parameters, and by what the node names', async () => {
    const { get } = await place({ key: [{ value: 'req.headers.tenant', valueType: 'msg' }] }, say())
    const bodies = []
    for (const [path, tenant] of [['/x?a=1&b=2', 'a'], ['/x?b=2&a=1', 'a'], ['/x?a=1', 'a'], ['/x?a=1&b=2', 'b'], ['/x', 'a'], ['/x?', 'a']]) bodies.push((await get(path, { tenant: tenant as string })).body)
    expect(bodies).toEqual(['n1', 'n1', 'n2', 'n3', 'n4', 'n5'])
  })

  it('by the parameters that count alone', async () => {
    const { get } = await place({ query: 'except', queryNames: ['utm'] }, say())
    expect([(await get('/x?id=1&utm=a')).body, (await get('/x?utm=b&id=1')).body, (await get('/x?id=2')).body]).toEqual(['n1', 'n1', 'n2'])
    const only = await place({ query: 'only', queryNames: ['id'] }, say())
    expect([(await only.get('/x?id=1&utm=a')).body, (await only.get('/x?id=1')).body, (await only.get('/x?id=2')).body]).toEqual(['n1', 'n1', 'n2'])
  })

  it('a HEAD is answered from what a GET left, and leaves nothing itself', async () => {
    const { get, calls } = await place({}, say())
    await get('/x', {}, 'HEAD')
    expect((await get()).cache).toBe('MISS')
    const head = await get('/x', {}, 'HEAD')
    expect([head.cache, head.body, head.headers.get('content-length')]).toEqual(['HIT', '', '2'])
    expect(calls()).toBe(2)
  })

  it('whoever has it already gets 304: by tag, also one that the flow did not give, and by date', async () => {
    // A fetch with conditions adds Cache-Control: no-cache by itself.
    const { get, calls } = await place({ obeyCaller: false }, say({ 'last-modified': 'Tue, 01 Jan 2030 00:00:00 GMT' }))
    await get()
    const kept = await get()
    const etag = kept.headers.get('etag') as string
    expect(etag).toMatch(/^W\/"/)
    const unchanged = await get('/x', { 'if-none-match': `"other", ${etag}` })
    expect([unchanged.status, unchanged.body, unchanged.headers.get('etag'), unchanged.cache]).toEqual([304, '', etag, 'HIT'])
    expect((await get('/x', { 'if-none-match': '"other"' })).status).toBe(200)
    expect((await get('/x', { 'if-modified-since': 'Tue, 01 Jan 2030 00:00:00 GMT' })).status).toBe(304)
    expect((await get('/x', { 'if-modified-since': 'Mon, 31 Dec 2029 00:00:00 GMT' })).status).toBe(200)
    expect((await get('/x', { 'if-modified-since': 'Tue, 01 Jan 2030 00:00:00 GMT', 'if-none-match': '"other"' })).status).toBe(200)
    expect(calls()).toBe(1)
  })

  it('every kind of body comes again to the byte, with its type', async () => {
    const kinds: [string, string | Buffer][] = [['application/json', '{ "a" : 1e2, "臺": [ ] }'], ['text/html', '<p>臺北</p>'], ['application/octet-stream', Buffer.from([0, 255, 1, 2])], ['application/json', ''], ['application/problem+json; charset=utf-8', '{"x":1}'], ['image/png', Buffer.alloc(100_000, 7)]]
    const { gateway } = await place({}, (req, res) => {
      const [type, body] = kinds[Number(new URL(req.url as string, 'http://x').searchParams.get('k'))] as [string, Buffer]
      res.writeHead(200, { 'content-type': type }).end(body)
    })
    for (const [index] of kinds.entries()) {
      const ask = async () => {
        const response = await fetch(`${gateway.url}/x?k=${index}`)
        return { type: response.headers.get('content-type'), bytes: Buffer.from(await response.arrayBuffer()), cache: response.headers.get('x-cache') }
      }
      const [first, again] = [await ask(), await ask()]
      expect([index, again.cache]).toEqual([index, 'HIT'])
      expect(again.type).toBe(first.type)
      expect(again.bytes.equals(first.bytes)).toBe(true)
    }
  })

  it('leaves by “hit” where something is wired there', async () => {
    const { get } = await place({}, say(), { wire: (built) => void built.from('cache', 1).fn('msg.headers = { ...msg.headers, "x-own": "1" }; return msg').httpResponse() })
    expect((await get()).headers.get('x-own')).toBeNull()
    const again = await get()
    expect([again.headers.get('x-own'), again.body, again.cache]).toEqual(['1', 'n1', 'HIT'])
  })

  it('says nothing of itself where that is not wanted', async () => {
    const { get } = await place({ marks: false }, say())
    expect([(await get()).cache, (await get()).cache]).toEqual([null, null])
  })

  it('a deploy that changes the flow begins with nothing; one that does not keeps all, as does a cache that is to be kept', async () => {
    for (const keepOverDeploys of [false, true]) {
      const { gateway, get, nodes } = await place({ keepOverDeploys }, say())
      await get()
      await gateway.deploy(nodes)
      expect((await get()).cache).toBe('HIT')
      await gateway.deploy(nodes.map((node) => (node.type === 'function' ? { ...node, func: `${handOn}\n// changed` } : node)))
      expect((await get()).cache).toBe(keepOverDeploys ? 'HIT' : 'MISS')
    }
  })
})

describe('who gets it', () => {
  it('callers who differ by credentials never share, unless what is kept is for everyone', async () => {
    const { get } = await place({}, say())
    const callers = [{ authorization: 'Bearer a' }, { authorization: 'Bearer b' }, { cookie: 'sid=1' }, { cookie: 'sid=2' }, { 'x-api-key': 'k1' }, { 'x-api-key': 'k2' }, {}] as Record<string, string>[]
    const bodies = []
    for (const headers of [...callers, ...callers]) bodies.push((await get('/x', headers)).body)
    expect(bodies).toEqual([...callers.map((_, i) => `n${i + 1}`), ...callers.map((_, i) => `n${i + 1}`)])
    const all = await place({ keptFor: 'everyone' }, say())
    expect([(await all.get('/x', { cookie: 'sid=1' })).body, (await all.get('/x', { 'x-api-key': 'k' })).body]).toEqual(['n1', 'n1'])
  })

  it('an answer to Authorization is given to others only where it says that it may be (RFC 9111 §3.5)', async () => {
    const { get } = await place({ keptFor: 'everyone' }, sayAsAsked)
    for (const [control, kept] of [[undefined, false], ['max-age=60', false], ['public, max-age=60', true], ['s-maxage=60', true], ['must-revalidate, max-age=60', true]] as const) {
      const first = await get(asking(control), { authorization: 'Bearer a' })
      expect([control, (await get(asking(control))).body === first.body]).toEqual([control, kept])
    }
  })

  it('an answer with cookies is never kept, by whatever way it sets them', async () => {
    const { get } = await place({ keptFor: 'everyone' }, say({ 'set-cookie': ['sid=secret; Path=/'], 'cache-control': 'public, max-age=60' }))
    expect((await get()).headers.get('set-cookie')).toContain('sid=secret')
    expect((await get()).body).toBe('n2')
    const own = await place({}, say(), { wire: (built) => void built.httpIn('GET', '/c').node('response cache', {}, 2).fn('msg.cookies = { sid: "s" + Math.random() }; msg.payload = "x"; return msg').httpResponse() })
    expect((await own.get('/c')).headers.get('set-cookie')).not.toBe((await own.get('/c')).headers.get('set-cookie'))
  })

  it('answers differ by the headers that Vary names, whatever else the requests say', async () => {
    const { get, calls } = await place({}, (req, res, count) => void res.writeHead(200, { 'content-type': 'text/plain', vary: 'Accept-Language, Accept-Encoding' }).end(`${req.headers['accept-language'] ?? 'none'} ${count}`))
    const ask = async (language: string, encoding = 'gzip') => (await get('/x', { 'accept-language': language, 'accept-encoding': encoding })).body
    expect([await ask('zh'), await ask('en'), await ask('zh'), await ask('en', 'br'), await ask('zh', 'identity')]).toEqual(['zh 1', 'en 2', 'zh 1', 'en 2', 'zh 1'])
    expect(calls()).toBe(2)
    const any = await place({}, say({ vary: '*' }))
    expect([(await any.get()).body, (await any.get()).body]).toEqual(['n1', 'n2'])
  })
})

describe('what an answer and a request say', () => {
  it('Cache-Control of the answer decides whether it is kept', async () => {
    const { get } = await place({}, sayAsAsked)
    const no = ['no-store', 'private', 'no-cache', 'max-age=0', 'max-age=abc', 's-maxage=0, max-age=60', 'Private="x", max-age=60']
    const yes = ['max-age=60', 'public', 'max-age=60, max-age=0', 'MAX-AGE="60"', 'x="a, no-store", max-age=60']
    for (const control of [...no, ...yes]) {
      await get(asking(control))
      expect([control, (await get(asking(control))).cache]).toEqual([control, yes.includes(control) ? 'HIT' : 'MISS'])
    }
  })

  it('what the answer had aged before counts, and Expires where nothing better is said', async () => {
    const clock = fakeClock(Date.parse('2030-01-01T00:00:00Z'))
    const aged = await place({}, say({ 'cache-control': 'max-age=60', age: '50' }), { clock })
    await aged.get()
    await clock.advance(9_000)
    expect((await aged.get()).headers.get('age')).toBe('59')
    await clock.advance(1_000)
    expect((await aged.get()).cache).toBe('MISS')
    const until = await place({ ttlSeconds: 0 }, say({ expires: new Date(clock.now() + 20_000).toUTCString() }), { clock })
    await until.get()
    await clock.advance(19_000)
    expect((await until.get()).cache).toBe('HIT')
    await clock.advance(1_000)
    expect((await until.get()).cache).toBe('MISS')
  })

  it('callers may ask for a new one, for none to be kept, or for a kept one only; a node may forbid it', async () => {
    const { get } = await place({}, say())
    await get()
    expect((await get('/x', { 'cache-control': 'no-cache' })).body).toBe('n2')
    expect((await get()).body).toBe('n2')
    const bypass = await get('/x', { 'cache-control': 'no-store' })
    expect([bypass.body, bypass.cache, (await get()).body]).toEqual(['n3', 'BYPASS', 'n2'])
    expect((await get('/x?none', { 'cache-control': 'only-if-cached' })).status).toBe(504)
    expect((await get('/x', { 'cache-control': 'only-if-cached' })).body).toBe('n2')
    expect((await get('/x', { pragma: 'no-cache' })).body).toBe('n4')
    const firm = await place({ obeyCaller: false }, say())
    await firm.get()
    expect((await firm.get('/x', { 'cache-control': 'no-cache' })).body).toBe('n1')
  })

  it('statuses: what is not there is kept only for its own time, failures never', async () => {
    const clock = fakeClock(Date.parse('2030-01-01T00:00:00Z'))
    const missing = await place({ negativeTtlSeconds: 5 }, say({}, 404), { clock })
    await missing.get()
    expect((await missing.get()).cache).toBe('HIT')
    await clock.advance(5_000)
    expect((await missing.get()).cache).toBe('MISS')
    const { get, calls } = await place({ negativeTtlSeconds: 0 }, sayAsAsked)
    for (const status of [404, 500, 503, 302, 201]) {
      const before = calls()
      await get(asking(undefined, status))
      await get(asking(undefined, status))
      expect([status, calls() - before]).toEqual([status, 2])
    }
    await get(asking('max-age=60', 404))
    expect((await get(asking('max-age=60', 404))).cache).toBe('HIT')
  })

  it('an answer beside which a node says that it is for one caller alone is not kept, and given to nobody who waits for it', async () => {
    const built = flow('f').httpIn('GET', '/x').node('response cache', { keptFor: 'everyone' }, 2).node('session', { operation: 'create', session: 's' }, 2)
      .fn('msg.payload = String(Math.random()); return msg').httpResponse()
    const gateway = await startGateway({ nodes: built.nodes() })
    open.push(gateway)
    const answers = await Promise.all(Array.from({ length: 3 }, () => fetch(`${gateway.url}/x`)))
    answers.push(await fetch(`${gateway.url}/x`))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(4)
  })

  it('a degraded answer is not kept', async () => {
    const { get, calls } = await place({}, say({ 'x-degraded': 'weather' }))
    await fetchTwice(get)
    expect(calls()).toBe(2)
  })
})

const fetchTwice = async (get: (path?: string) => Promise<unknown>) => [await get(), await get()]

describe('many at once', () => {
  it('a thousand callers ask for the same: the upstream is asked once', async () => {
    const { get, calls } = await place({}, (_req, res, count) => void setTimeout(() => res.writeHead(200).end(`n${count}`), 150))
    const bodies = new Set((await Promise.all(Array.from({ length: 1000 }, () => get()))).map(({ body, status }) => `${status} ${body}`))
    expect([...bodies]).toEqual(['200 n1'])
    expect(calls()).toBe(1)
  })

  it('callers with credentials of their own wait for their own answer alone', async () => {
    const { get, calls } = await place({}, (_req, res, count) => void setTimeout(() => res.writeHead(200).end(`n${count}`), 50))
    const bodies = await Promise.all(Array.from({ length: 60 }, async (_, i) => `${i % 3} ${(await get('/x', { authorization: `Bearer ${i % 3}` })).body}`))
    expect(new Set(bodies).size).toBe(3)
    expect(calls()).toBe(3)
  })

  it('when the one who asked goes away another one asks; the others do not notice', async () => {
    const { gateway, get, calls } = await place({}, (_req, res, count) => void setTimeout(() => res.writeHead(200).end(`n${count}`), 120))
    const abort = new AbortController()
    const first = fetch(`${gateway.url}/x`, { signal: abort.signal }).catch(() => 'gone')
    await soon()
    const others = Promise.all(Array.from({ length: 20 }, () => get()))
    await soon(30)
    abort.abort()
    expect(await first).toBe('gone')
    expect(new Set((await others).map(({ body }) => body))).toEqual(new Set(['n2']))
    expect(calls()).toBe(2)
  })

  it('a failure is for all who waited and for nobody after them', async () => {
    let mode: 'break' | 503 | 200 = 'break'
    const { get, calls } = await place({}, (_req, res, count) => void setTimeout(() => (mode === 'break' ? res.destroy() : res.writeHead(mode).end(`n${count}`)), 80))
    const statuses = async () => [...new Set((await Promise.all(Array.from({ length: 30 }, () => get()))).map(({ status }) => status))]
    expect(await statuses()).toEqual([502])
    mode = 503
    expect(await statuses()).toEqual([503])
    mode = 200
    expect(await statuses()).toEqual([200])
    expect(calls()).toBeLessThanOrEqual(4) // a broken connection is tried once more
  })

  it('answers that are each caller’s own are asked for each, and nobody waits for them twice', async () => {
    const { get, calls } = await place({}, (_req, res, count) => void setTimeout(() => res.writeHead(200, { 'cache-control': 'private' }).end(`n${count}`), 30))
    const bodies = new Set((await Promise.all(Array.from({ length: 25 }, () => get()))).map(({ body }) => body))
    expect([bodies.size, calls()]).toEqual([25, 25])
  })
})

describe('what is stale', () => {
  it('is given at once while a new one is made, once, for whoever comes later', async () => {
    const clock = fakeClock(Date.parse('2030-01-01T00:00:00Z'))
    const { get, calls } = await place({ ttlSeconds: 10, revalidateSeconds: 30 }, say(), { clock })
    await get()
    await clock.advance(15_000)
    const stale = await Promise.all(Array.from({ length: 20 }, () => get()))
    expect(new Set(stale.map(({ body, cache }) => `${body} ${cache}`)).has('n1 STALE')).toBe(true)
    await expect.poll(async () => (await get()).body).toBe('n2')
    expect(calls()).toBe(2)
    await clock.advance(60_000)
    expect((await get()).body).toBe('n3')
  })

  it('stands in for a failure, and for no longer than that is allowed', async () => {
    const clock = fakeClock(Date.parse('2030-01-01T00:00:00Z'))
    let broken = false
    const { get } = await place({ ttlSeconds: 10, errorSeconds: 30 }, (_req, res, count) => (broken ? void (count % 2 ? res.destroy() : res.writeHead(503).end('down')) : void res.writeHead(200).end(`n${count}`)), { clock })
    await get()
    broken = true
    await clock.advance(15_000)
    for (let i = 0; i < 3; i += 1) expect(await get()).toMatchObject({ status: 200, body: 'n1', cache: 'STALE' })
    expect((await get()).headers.get('age')).toBe('15')
    broken = false
    expect((await get()).body).not.toBe('n1')
    broken = true
    await clock.advance(50_000)
    expect((await get()).status).toBeGreaterThanOrEqual(500)
  })

  it('is never given where the answer forbids it, and as long as the answer allows', async () => {
    const clock = fakeClock(Date.parse('2030-01-01T00:00:00Z'))
    const { get } = await place({ revalidateSeconds: 60 }, sayAsAsked, { clock })
    for (const [control, cache] of [['max-age=10, must-revalidate', 'MISS'], ['s-maxage=10', 'MISS'], ['max-age=10', 'STALE'], ['s-maxage=10, stale-while-revalidate=60', 'STALE'], ['max-age=10, stale-while-revalidate=2', 'MISS']] as const) {
      await get(asking(control))
      await clock.advance(15_000)
      expect([control, (await get(asking(control))).cache]).toEqual([control, cache])
    }
  })
})

describe('what is forgotten', () => {
  const invalidate = (config: Record<string, unknown>) => (built: ReturnType<typeof flow>) => void built.httpIn('POST', '/purge').node('cache invalidate', config).fn('msg.payload = "ok"; return msg').httpResponse()

  it('by tags of the node and of the answer, on the spot', async () => {
    const { get } = await place({ tags: [{ value: 'req.query.id', valueType: 'msg' }] }, say({ 'cache-tag': 'stock, prices' }), { wire: invalidate({ by: 'tag', tags: [{ value: 'req.query.tag', valueType: 'msg' }] }) })
    const both = async () => [(await get('/x?id=1')).body, (await get('/x?id=2')).body]
    expect(await both()).toEqual(['n1', 'n2'])
    await get('/purge?tag=2', {}, 'POST')
    expect(await both()).toEqual(['n1', 'n3'])
    await get('/purge?tag=prices', {}, 'POST')
    expect(await both()).toEqual(['n4', 'n5'])
    await get('/purge?tag=other', {}, 'POST')
    expect(await both()).toEqual(['n4', 'n5'])
  })

  it('an answer that was begun before a purge is not kept behind it', async () => {
    let answer = () => {}
    const { get } = await place({ tags: [{ value: 't', valueType: 'str' }] }, (_req, res, count) => {
      if (count > 1) res.end(`n${count}`)
      else answer = () => res.end('before')
    }, { wire: invalidate({ by: 'tag', tags: [{ value: 't', valueType: 'str' }] }) })
    const first = get()
    await expect.poll(() => answer.toString().includes('before')).toBe(true)
    const meanwhile = get()
    await soon()
    await get('/purge', {}, 'POST')
    const after = get()
    await soon()
    answer()
    expect((await first).body).toBe('before')
    expect((await meanwhile).body).toBe('before')
    expect((await after).body).toBe('n2')
    expect((await get()).body).toBe('n2')
  })

  it('a change that went well makes what is kept of its place invalid; one that failed does not', async () => {
    const { get } = await place({}, say(), { wire: (built) => void built.httpIn('PUT', '/x').to('cache') })
    await get('/x?a=1')
    expect((await get('/x?a=1')).cache).toBe('HIT')
    await get('/x', {}, 'PUT')
    expect((await get('/x?a=1')).cache).toBe('MISS')
  })
})

describe('a node that cannot work as it is', () => {
  it.each([
    [{ key: [{ value: 'payload[', valueType: 'msg' }] }, 'key'],
    [{ tags: [{ value: '$$$(', valueType: 'jsonata' }] }, 'tags'],
    [{ query: 'only', queryNames: [' '] }, 'queryNames'],
    [{ ttlSeconds: -1 }, 'ttlSeconds'],
    [{ cache: '' }, 'cache'],
  ])('%j is told at %s', async (config, property) => {
    expect((checkNode(responseCache, config)).map((problem) => problem.property)).toEqual([property])
  })
})
