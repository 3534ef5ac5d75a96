import { connect } from 'node:net'
import { brotliCompressSync, deflateRawSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { resolve } from '../core/http/body.ts'
import type { Deployment, RunInput, RunSummary } from '../core/deployment.ts'
import { fault } from '../core/fault.ts'
import { silentLog } from '../core/log.ts'
import type { Message } from '../core/message.ts'
import { fakeDeployment, type FakeRoute } from './fake-deployment.ts'
import type { FrontOptions } from './front-options.ts'
import { createFront, type Front } from './front.ts'

const open: Front[] = []
afterEach(async () => {
  for (const front of open.splice(0)) await front.close()
})

function frontOf(routes: readonly FakeRoute[], options: Partial<FrontOptions> = {}) {
  const deployment = fakeDeployment(routes)
  const summaries: RunSummary[] = []
  const counted: string[] = []
  const logged: object[] = []
  let live: Deployment | undefined = deployment
  const front = createFront(
    { host: '127.0.0.1', port: 0, timeoutCheckMs: 50, ...options },
    {
      live: () => live,
      log: { ...silentLog, error: (facts) => logged.push(facts) },
      recorder: { record: (summary) => summaries.push(summary) },
      metrics: { count: (name, labels) => counted.push(`${name} ${labels?.['code']}`) },
    },
  )
  open.push(front)
  return { front, deployment, summaries, counted, logged, unload: () => (live = undefined) }
}

const hello: FakeRoute = { path: '/hello', flow: () => ({ payload: 'hello' }) }
const echo: FakeRoute = { path: '/echo', method: 'POST', flow: (input) => ({ payload: { is: resolve(input.message.payload) ?? null } }) }

/** Sends bytes as they are and gives back everything that came until the connection ended (or `until` was seen). */
async function talk(port: number, text: string | readonly string[], until?: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1')
    let got = ''
    const end = (): void => {
      socket.destroy()
      done(got)
    }
    socket.on('data', (chunk) => {
      got += chunk.toString('latin1')
      if (until !== undefined && got.includes(until)) end()
    })
    socket.on('close', end)
    socket.on('error', (error) => (got === '' ? fail(error) : end()))
    for (const part of typeof text === 'string' ? [text] : text) socket.write(part)
  })
}

describe('a request', () => {
  it('reaches the flow in the shape of a Node-RED http in node', async () => {
    let seen: RunInput | undefined
    const { front } = frontOf([{ path: '/a/:id', flow: (input) => ((seen = input), { payload: 'x' }) }])
    await front.inject({ url: '/a/B%20c?x=1&x=2&y[z]=3', headers: { cookie: 'k=v', host: 'Api.Example:81' } })
    expect(Object.keys(seen?.message ?? {})).toEqual(['_msgid', 'req', 'res', 'payload'])
    expect(seen?.message['_msgid']).toMatch(/^[0-9a-f]{16}$/)
    expect(seen?.message.payload).toEqual({ x: ['1', '2'], y: { z: '3' } })
    expect(JSON.parse(JSON.stringify(seen?.request))).toMatchObject({ method: 'GET', path: '/a/B%20c', route: '/a/:id', params: { id: 'B c' }, cookies: { k: 'v' }, hostname: 'api.example', protocol: 'http', ip: '127.0.0.1' })
  })

  it.each(['PUT', 'PATCH', 'DELETE', 'PROPFIND', 'M-SEARCH', 'REPORT'])('may have the method %s', async (method) => {
    const { front } = frontOf([{ path: '/x', method: 'ALL', flow: (input) => ({ payload: input.request.method }) }])
    expect((await front.inject({ method: method as 'PUT', url: '/x' })).body).toBe(method)
  })

  it.each<[string, string | Buffer, unknown]>([
    ['application/json', '{"a":[1]}', { a: [1] }],
    ['application/vnd.x+json; charset=utf-16le', Buffer.from('{"a":"松"}', 'utf16le'), { a: '松' }],
    ['application/x-www-form-urlencoded', 'a=1&b[c]=2', { a: '1', b: { c: '2' } }],
    ['text/plain; charset=big5', Buffer.from([0xaa, 0x51]), '松'],
    ['application/xml', '<a/>', '<a/>'],
    ['application/unheard-of', 'text', 'text'],
    ['application/octet-stream', Buffer.from([1, 2]), { type: 'Buffer', data: [1, 2] }],
    ['image/png', Buffer.from([1, 2]), { type: 'Buffer', data: [1, 2] }],
  ])('of type %s gives its body as payload', async (type, payload, is) => {
    const { front } = frontOf([echo])
    expect((await front.inject({ method: 'POST', url: '/echo', headers: { 'content-type': type }, payload })).json()).toEqual({ is })
  })

  it('keeps __proto__ in a body harmless', async () => {
    const { front } = frontOf([echo])
    for (const [type, payload] of [['application/json', '{"__proto__":{"x":1}}'], ['application/x-www-form-urlencoded', '__proto__[x]=1']]) {
      expect((await front.inject({ method: 'POST', url: '/echo', headers: { 'content-type': type }, payload: payload as string })).statusCode).toBe(200)
    }
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })

  it('gives multipart fields as payload and files beside it', async () => {
    let seen: RunInput | undefined
    const { front } = frontOf([{ path: '/up', method: 'POST', upload: true, flow: (input) => ((seen = input), { payload: input.message.payload }) }])
    const form = ['--b', 'Content-Disposition: form-data; name="a"', '', '1', '--b', 'Content-Disposition: form-data; name="f"; filename="x.txt"', 'Content-Type: text/plain', '', 'file!', '--b--', ''].join('\r\n')
    const reply = await front.inject({ method: 'POST', url: '/up', headers: { 'content-type': 'multipart/form-data; boundary=b' }, payload: form })
    expect(reply.json()).toEqual({ a: '1' })
    expect(seen?.request.files).toMatchObject([{ fieldname: 'f', originalname: 'x.txt', mimetype: 'text/plain', size: 5 }])
    const broken = await front.inject({ method: 'POST', url: '/up', headers: { 'content-type': 'multipart/form-data; boundary=b' }, payload: form.slice(0, 60) })
    expect(broken.json()).toMatchObject({ status: 400, code: 'body.malformed' })
  })

  it.each([
    ['gzip', gzipSync('"x"')],
    ['br', brotliCompressSync('"x"')],
    ['deflate', deflateRawSync('"x"')],
  ])('may have a body packed with %s', async (coding, payload) => {
    const { front } = frontOf([echo])
    expect((await front.inject({ method: 'POST', url: '/echo', headers: { 'content-type': 'application/json', 'content-encoding': coding }, payload })).json()).toEqual({ is: 'x' })
  })

  it('with a body that unpacks to more than the limit is refused', async () => {
    const { front } = frontOf([{ ...echo, bodyLimitBytes: 1000 }])
    const send = (coding: string, payload: Buffer) => front.inject({ method: 'POST', url: '/echo', headers: { 'content-encoding': coding }, payload })
    expect((await send('gzip', gzipSync(Buffer.alloc(100_000)))).statusCode).toBe(413)
    expect((await send('compress', Buffer.from('x'))).statusCode).toBe(415)
    expect((await send('gzip', Buffer.from('x'))).json()).toMatchObject({ status: 400, code: 'body.malformed' })
  })
})

describe('a JSON body', () => {
  it('nested deeper than anybody could mean is the caller’s mistake, found before it is parsed', async () => {
    const { front } = frontOf([echo])
    const send = (payload: string) => front.inject({ method: 'POST', url: '/echo', headers: { 'content-type': 'application/json' }, payload })
    for (const payload of ['['.repeat(5_000_000), '['.repeat(10_000) + ']'.repeat(10_000), '{"a":'.repeat(513) + '1' + '}'.repeat(513)]) {
      expect((await send(payload)).json()).toMatchObject({ status: 400, code: 'body.malformed', detail: 'The body is not valid JSON: it is nested deeper than 512 levels.' })
    }
    expect((await send('['.repeat(512) + ']'.repeat(512))).statusCode).toBe(200)
  })
})

describe('a refusal', () => {
  it('is a problem document with a stable code', async () => {
    const { front, counted } = frontOf([hello, { ...echo, accepts: ['application/json'] }])
    const missing = await front.inject('/nope')
    expect(missing.headers['content-type']).toContain('application/problem+json')
    expect(missing.json()).toMatchObject({ status: 404, code: 'route.none', instance: '/nope', run: missing.headers['x-request-id'] })
    const method = await front.inject({ method: 'DELETE', url: '/hello' })
    expect([method.statusCode, method.headers['allow']]).toEqual([405, 'GET, HEAD, OPTIONS'])
    expect((await front.inject('/a%zz')).json()).toMatchObject({ status: 400, code: 'request.malformed' })
    expect((await front.inject({ method: 'POST', url: '/echo', headers: { 'content-type': 'text/xml' }, payload: '<a/>' })).json()).toMatchObject({ status: 415, code: 'body.unsupported' })
    expect((await front.inject({ method: 'POST', url: '/echo', headers: { 'content-type': 'application/json' }, payload: '{' })).json()).toMatchObject({ status: 400, code: 'body.malformed' })
    expect(counted).toContain('http_refused route.none')
  })

  it('tells the caller of a failed flow nothing but code and run id, and the log everything', async () => {
    const { front, logged, summaries } = frontOf([{ path: '/x', flow: () => { throw fault('step.error', { message: 'secret detail' }, new Error('cause')) } }])
    const reply = await front.inject('/x')
    expect(reply.statusCode).toBe(500)
    expect(reply.body).not.toContain('secret')
    expect(logged).toMatchObject([{ code: 'step.error', facts: { message: 'secret detail' }, run: reply.headers['x-request-id'] }])
    expect(summaries).toMatchObject([{ status: 500, fault: 'step.error', route: '/x' }])
  })

  it('answers 503 while no release is loaded', async () => {
    const { front, unload } = frontOf([hello])
    unload()
    const reply = await front.inject('/hello')
    expect([reply.statusCode, reply.headers['retry-after'], reply.json().code]).toEqual([503, '1', 'gateway.not_ready'])
  })

  it('comes for a body over the limit, announced or chunked, before it was read whole', async () => {
    const { front } = frontOf([{ ...echo, bodyLimitBytes: 10 }])
    const { port } = await front.listen()
    const announced = await talk(port, 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx')
    const chunked = await talk(port, 'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n')
    for (const got of [announced, chunked]) {
      expect(got).toMatch(/^HTTP\/1.1 413 /)
      expect(got).toMatch(/connection: close/i)
      expect(got).toContain('body.too_large')
    }
  })

  it.each<[string, string, number, string]>([
    ['garbage', 'GARBAGE\r\n\r\n', 400, 'request.malformed'],
    ['large headers', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'request.headers_too_large'],
    ['no host', 'GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'request.malformed'],
    ['headers that do not end', 'GET / HTTP/1.1\r\nHost: x\r\n', 408, 'request.timeout'],
    ['a body that does not end', 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx', 408, 'request.timeout'],
  ])('comes for %s', async (_what, text, status, code) => {
    const { front } = frontOf([echo], { headersTimeoutMs: 100, requestTimeoutMs: 150 })
    const { port } = await front.listen()
    const got = await talk(port, text)
    expect(got).toContain(`HTTP/1.1 ${status} `)
    expect(got).toContain(code)
  })
})

describe('an answer', () => {
  const answer = async (message: Message, request: object = {}) => (await frontOf([{ path: '/x', method: 'ALL', flow: () => message }]).front.inject({ url: '/x', ...request }))

  it.each<[string, unknown, string, string]>([
    ['text', 'a', 'text/html; charset=utf-8', 'a'],
    ['a number', 7, 'text/html; charset=utf-8', '7'],
    ['an object', { a: 1 }, 'application/json; charset=utf-8', '{"a":1}'],
    ['bytes', Buffer.from('b'), 'application/octet-stream', 'b'],
    ['nothing', undefined, 'undefined', ''],
  ])('of %s has the type Express gives', async (_what, payload, type, body) => {
    const reply = await answer({ payload })
    expect([String(reply.headers['content-type']), reply.body]).toEqual([type, body])
  })

  it('honours status, headers and cookies, and drops what belongs to the connection', async () => {
    const reply = await answer({ payload: 'x', statusCode: '201', headers: { 'Content-Type': 'text/plain', 'content-length': 99, connection: 'close', 'X-A': ['1', '2'] }, cookies: { a: 'b', c: null, d: { value: 'e', maxAge: 5000, httpOnly: true } } })
    expect(reply.statusCode).toBe(201)
    expect(reply.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'content-length': '1', connection: 'keep-alive', 'x-a': ['1', '2'] })
    expect(reply.headers['set-cookie']).toMatchObject([/^a=b; Path=\/$/, /^c=; .*1970/, /^d=e; Max-Age=5; .*HttpOnly/].map((one) => expect.stringMatching(one)))
  })

  it.each([{ statusCode: 700 }, { headers: { 'a b': '1' } }, { headers: { a: 'x\r\nSet-Cookie: y' } }, { cookies: { 'a;': 'x' } }])('that HTTP cannot say (%j) is a fault', async (message) => {
    expect((await answer(message)).json()).toMatchObject({ status: 500, code: 'reply.invalid' })
  })

  it('to HEAD has the length of GET and no body; 204 has neither', async () => {
    const head = await answer({ payload: 'abc' }, { method: 'HEAD' })
    expect([head.headers['content-length'], head.body]).toEqual(['3', ''])
    const empty = await answer({ payload: 'abc', statusCode: 204 })
    expect([empty.headers['content-length'], empty.body]).toEqual([undefined, ''])
  })

  it('is 304 for a client that has it already', async () => {
    const first = await answer({ payload: 'abc' }, { headers: { 'if-none-match': '"other"' } })
    expect(first.statusCode).toBe(200)
    const again = await answer({ payload: 'abc' }, { headers: { 'if-none-match': `"x", ${String(first.headers['etag'])}` } })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  })

  it('carries the headers that steps added, unless it says them itself, and so does a fault', async () => {
    const more = ['RateLimit', '"a";r=1', 'X-Own', 'added']
    const { front } = frontOf([
      { path: '/reply', flow: (input) => void input.reply({ payload: 'x', headers: { 'x-own': 'said' } }, more) },
      { path: '/fault', flow: (input) => void input.fail(fault('route.none', { method: 'GET', path: '/' }), more) },
    ])
    for (const [path, own] of [['/reply', 'said'], ['/fault', 'added']] as const) {
      const { headers } = await front.inject(path)
      expect([headers['ratelimit'], headers['x-own']]).toEqual(['"a";r=1', own])
    }
  })

  it('leaves once, whatever the flow does after it', async () => {
    const { front, summaries } = frontOf([{ path: '/x', flow: (input) => { input.reply({ payload: 1 }); input.reply({ payload: 2 }); input.fail(fault('flow.no_reply')); return undefined } }])
    expect((await front.inject('/x')).body).toBe('1')
    expect(summaries).toHaveLength(1)
  })
})

describe('CORS', () => {
  const cors = { origins: ['https://a.example'], credentials: true, maxAgeSeconds: 60, exposed: ['X-B'] }
  it('answers a preflight without running the flow', async () => {
    const { front, summaries } = frontOf([{ ...hello, cors }])
    const ask = (origin: string) => front.inject({ method: 'OPTIONS', url: '/hello', headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-c' } })
    const yes = await ask('https://a.example')
    expect(yes.statusCode).toBe(204)
    expect(yes.headers).toMatchObject({ 'access-control-allow-origin': 'https://a.example', 'access-control-allow-methods': 'GET', 'access-control-allow-headers': 'x-c', 'access-control-max-age': '60' })
    expect((await ask('https://evil.example')).headers['access-control-allow-origin']).toBeUndefined()
    expect(summaries).toEqual([])
  })

  it('stands on answers and on faults', async () => {
    const { front } = frontOf([{ ...hello, cors }, { path: '/bad', cors: { origins: '*' }, flow: () => { throw new Error('x') } }])
    expect((await front.inject({ url: '/hello', headers: { origin: 'https://a.example' } })).headers).toMatchObject({ vary: 'Origin', 'access-control-allow-origin': 'https://a.example', 'access-control-allow-credentials': 'true', 'access-control-expose-headers': 'X-B' })
    expect((await front.inject({ url: '/bad', headers: { origin: 'https://b.example' } })).headers['access-control-allow-origin']).toBe('*')
    expect((await front.inject({ method: 'OPTIONS', url: '/hello' })).headers['allow']).toBe('GET, HEAD, OPTIONS')
  })
})

describe('a connection', () => {
  it('is asked to go on only for a body that will be taken', async () => {
    const { front } = frontOf([{ ...echo, bodyLimitBytes: 10 }])
    const { port } = await front.listen()
    const ask = (length: number, body: string) => talk(port, [`POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`, body])
    expect(await ask(2, 'ab')).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /)
    expect(await ask(20, '')).toMatch(/^HTTP\/1.1 413 /)
  })

  it('that the client gives up aborts the run', async () => {
    let started!: () => void
    const began = new Promise<void>((done) => (started = done))
    const { front, deployment, summaries } = frontOf([{ path: '/slow', flow: () => (started(), undefined) }])
    const { port } = await front.listen()
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    await began
    socket.destroy()
    await expect.poll(() => deployment.aborted.map((reason) => reason.code)).toEqual(['client.closed'])
    expect(summaries).toMatchObject([{ status: 499, fault: 'client.closed' }])
    expect(front.inFlight()).toBe(0)
  })

  it('finishes its request in a drain, then closes; new ones are not taken', async () => {
    let input: RunInput | undefined
    const { front } = frontOf([{ path: '/slow', flow: (given) => ((input = given), undefined) }])
    const { port } = await front.listen()
    const idle = talk(port, '')
    const busy = talk(port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => input).toBeDefined()
    const drained = front.drain(5000)
    await expect(talk(port, 'GET /slow HTTP/1.1\r\n\r\n')).rejects.toThrow('ECONNREFUSED')
    input?.reply({ payload: 'done' })
    expect(await busy).toMatch(/200 OK[^]*connection: close[^]*done$/i)
    expect(await drained).toEqual({ cut: 0 })
    await idle
  })

  it('that outlasts the drain is cut and counted', async () => {
    let began = false
    const { front, deployment } = frontOf([{ path: '/slow', flow: () => ((began = true), undefined) }])
    const { port } = await front.listen()
    const busy = talk(port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => began).toBe(true)
    expect(await front.drain(50)).toEqual({ cut: 1 })
    expect(await busy).toBe('')
    expect(deployment.aborted).toHaveLength(1)
  })

  it('cannot be offered on a port that is taken', async () => {
    const { port } = await frontOf([hello]).front.listen()
    await expect(frontOf([hello], { port }).front.listen()).rejects.toMatchObject({ code: 'port.busy', port })
  })
})

it('believes ids and addresses of trusted proxies only', async () => {
  const show: FakeRoute = { path: '/x', flow: ({ id, request }) => ({ payload: [id, request.ip, request.protocol, request.hostname] }) }
  const headers = { host: 'inner', 'x-request-id': 'abc-1', 'x-forwarded-for': '9.9.9.9, 203.0.113.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'outer.example' }
  const trusted = frontOf([show], { trustedProxies: ['loopback'] }).front
  expect((await trusted.inject({ url: '/x', headers })).json()).toEqual(['abc-1', '203.0.113.7', 'https', 'outer.example'])
  const [id, ...rest] = (await frontOf([show]).front.inject({ url: '/x', headers })).json() as string[]
  expect(id).not.toBe('abc-1')
  expect(rest).toEqual(['127.0.0.1', 'http', 'inner'])
})

describe('whatever comes, somebody is answered', () => {
  it('a request that names two hosts is refused: a proxy may have checked the other one', async () => {
    const { front } = frontOf([{ ...hello, host: 'public.test' }])
    const { port } = await front.listen()
    for (const other of ['public.test', 'private.test']) {
      const got = await talk(port, `GET /hello HTTP/1.1\r\nHost: public.test\r\nhost: ${other}\r\nConnection: close\r\n\r\n`)
      expect(got).toContain('HTTP/1.1 400')
    }
  })

  it('a reply whose values have no text is a fault with a code', async () => {
    const { front, logged } = frontOf([{ path: '/odd', flow: () => ({ payload: 1, headers: { a: { toString: 1, valueOf: 1 } } }) }])
    const answer = await front.inject('/odd')
    expect([answer.statusCode, answer.json().code]).toEqual([500, 'step.error'])
    expect(logged).toHaveLength(1)
  })

  it('a header that Node refuses costs the answer, not the caller’s patience', async () => {
    const { front, summaries } = frontOf([{ path: '/cors', cors: { origins: '*', exposed: ['X-中'] }, flow: () => ({ payload: 1 }) }])
    const { port } = await front.listen()
    const got = await talk(port, 'GET /cors HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nConnection: close\r\n\r\n')
    expect(got).toContain('HTTP/1.1 500')
    expect(got).toContain('"code":"reply.invalid"')
    expect(got).not.toContain('中')
    expect(summaries).toMatchObject([{ status: 500, fault: 'reply.invalid' }])
  })

  it('a body in chunks of one byte is a body like any other', async () => {
    const { front } = frontOf([echo])
    const { port } = await front.listen()
    const body = `[${'1,'.repeat(9999)}1]`
    const chunks = body.replaceAll(/./gs, '1\r\n$&\r\n')
    const got = await talk(port, `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}0\r\n\r\n`)
    expect(got).toContain(body)
  })
})
