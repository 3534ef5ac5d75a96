import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import type { Upstream, UpstreamRequest } from '../core/upstream/upstream.ts'
import { parseEgressAllow } from './egress-policy.ts'
import { createUpstream, type UpstreamOptions } from './upstream.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function serveRaw(onSocket: (socket: Socket, connection: number) => void): Promise<string> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onSocket(socket, (connections += 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function open(allow: string[] = ['127.0.0.1'], options: Partial<UpstreamOptions> = {}) {
  const upstream = createUpstream({ egress: parseEgressAllow(allow), ...options })
  closers.push(() => upstream.close())
  return upstream
}

function ask(url: string, extra: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return { method: 'GET', url, timeoutMs: 5_000, responseLimitBytes: 1_000_000, redirects: 0, ...extra }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

const echo: RequestListener = (request, response) => {
  void bodyOf(request).then((body) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }))
  })
}

describe('a call', () => {
  it('carries method, path, query, headers and body, and gives the answer back unparsed', async () => {
    const origin = await serve(echo)
    const reply = await open().request(ask(`${origin}/a%20b?c=1`, { method: 'POST', headers: { 'X-One': 'yes', 'x-many': ['a', 'b'] }, body: 'hello' }), fakeRun())
    expect(reply.status).toBe(200)
    expect(reply.url).toBe(`${origin}/a%20b?c=1`)
    expect(reply.body.parsed).toBe(false)
    expect(reply.body.value()).toMatchObject({ method: 'POST', url: '/a%20b?c=1', body: 'hello', headers: { 'x-one': 'yes', 'x-many': 'a, b', 'content-length': '5' } })
  })

  it('sends a credential of the query alone under its name, whatever a caller put there', async () => {
    const origin = await serve((request, response) => void response.end(request.url))
    const secret = { in: 'query', name: 'key', value: 'ours' } as const
    for (const [given, sent] of [['/x?a=1&key=theirs&%6bey=too&b=2', '/x?a=1&b=2&key=ours'], ['/x?key=theirs', '/x?key=ours'], ['/x', '/x?key=ours'], ['/x?keys=1', '/x?keys=1&key=ours']]) {
      expect((await open().request(ask(origin + given, { secret }), fakeRun())).body.bytes().toString()).toBe(sent)
    }
  })

  it('writes paths as the URL parser does, whatever was asked before', async () => {
    const origin = await serve(echo)
    const upstream = open()
    const seen = async (path: string) => ((await upstream.request(ask(origin + path), fakeRun())).body.value() as { url: string }).url
    expect(await seen('/x')).toBe('/x')
    expect(await seen('/a/../b')).toBe('/b')
    expect(await seen('/a/%2e%2e/b')).toBe('/b')
    expect(await seen('/臺北?q=松山 區')).toBe('/%E8%87%BA%E5%8C%97?q=%E6%9D%BE%E5%B1%B1%20%E5%8D%80')
    expect(await seen('/x#fragment')).toBe('/x')
    expect(await seen('?q')).toBe('/?q')
    expect(await seen('/a\\b')).toBe('/a/b')
  })

  it('keeps the headers that frame a message and name a host to itself', async () => {
    const origin = await serve(echo)
    const headers = { Host: 'evil.example', 'Content-Length': '999', 'Transfer-Encoding': 'chunked', Connection: 'close', Upgrade: 'x', Expect: '100-continue' }
    const reply = await open().request(ask(origin, { method: 'POST', body: 'abc', headers }), fakeRun())
    const seen = reply.body.value() as { headers: Record<string, string>; body: string }
    expect(seen.headers.host).toBe(new URL(origin).host)
    expect(seen.headers['content-length']).toBe('3')
    expect(seen.headers.upgrade).toBeUndefined()
    expect(seen.body).toBe('abc')
  })

  it.each([{ 'x-a': 'b\r\nx-injected: 1' }, { 'x-a\r\nx-injected': '1' }, { 'x a': '1' }, { 'x-a': '\0' }])('refuses a header that would inject another: %j', async (headers) => {
    const origin = await serve(echo)
    await expect(open().request(ask(origin, { headers: headers as unknown as Record<string, string> }), fakeRun())).rejects.toMatchObject({ code: 'upstream.header' })
  })

  it('reuses its connection', async () => {
    let connections = 0
    const origin = await serveRaw((socket) => {
      connections += 1
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
    })
    const upstream = open(undefined, { connectionsPerOrigin: 1 })
    for (let i = 0; i < 3; i += 1) await upstream.request(ask(origin), fakeRun())
    expect(connections).toBe(1)
  })

  it('sends a GET again, and a POST never, when the connection it was written on had been closed', async () => {
    const seen: string[] = []
    const origin = await serveRaw((socket) => {
      let requests = 0
      socket.on('data', (data) => {
        seen.push(data.toString().split(' ', 1)[0] as string)
        requests += 1
        if (requests === 2) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    })
    const upstream = open(undefined, { connectionsPerOrigin: 1 })
    await upstream.request(ask(origin), fakeRun())
    expect((await upstream.request(ask(origin), fakeRun())).status).toBe(200)
    await expect(upstream.request(ask(origin, { method: 'POST', body: 'x' }), fakeRun())).rejects.toMatchObject({ code: 'upstream.eof' })
    expect(seen).toEqual(['GET', 'GET', 'GET', 'POST'])
  })

  it('does the same for an answer that passes as a stream, and for a WebSocket, until something came', async () => {
    const seen: string[] = []
    const origin = await serveRaw((socket) => {
      let requests = 0
      socket.on('data', (data) => {
        const [line = ''] = data.toString().split(' HTTP', 1)
        seen.push(line)
        requests += 1
        if (line.endsWith('/torn')) return void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok')
        if (requests === 2) return void socket.destroy()
        socket.write(/upgrade: websocket/i.test(data.toString()) ? 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n' : 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    })
    const upstream = open(undefined, { connectionsPerOrigin: 1 }) as Required<Upstream>
    const stream = async (path: string, more: object = {}) => (await upstream.openStream({ method: 'GET', url: origin + path, timeoutMs: 5_000, idleMs: 5_000, ...more }, fakeRun())).body.take().toArray()
    await stream('/a')
    expect(String(await stream('/b'))).toBe('ok')
    await expect(stream('/c', { method: 'POST', body: Buffer.from('x') })).rejects.toMatchObject({ code: 'upstream.eof' })
    await stream('/d')
    const opened = await upstream.openTunnel({ url: `${origin}/ws`, timeoutMs: 5_000, idleMs: 5_000 }, fakeRun())
    expect(opened.status).toBe(101)
    if ('tunnel' in opened) opened.tunnel.discard()
    await expect(stream('/torn')).rejects.toMatchObject({ code: 'upstream.eof' })
    expect(seen).toEqual(['GET /a', 'GET /b', 'GET /b', 'POST /c', 'GET /d', 'GET /ws', 'GET /ws', 'GET /torn'])
  })

  it('takes nothing for a WebSocket that is none', async () => {
    const agreeing = (headers: string) => serveRaw((socket) => void socket.on('data', () => socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n`)))
    const upstream = open() as Required<Upstream>
    const ask = async (headers: string) => await upstream.openTunnel({ url: await agreeing(headers), timeoutMs: 5_000, idleMs: 5_000 }, fakeRun())
    await expect(ask('connection: Upgrade\r\nupgrade: chat/2\r\n')).rejects.toMatchObject({ code: 'upstream.upgrade' })
    await expect(ask('x-nothing: said\r\n')).rejects.toMatchObject({ code: 'upstream.upgrade' })
  })

  it('sends a GET again until it meets a connection that is open, when a server has closed several together', async () => {
    const held: (() => void)[] = []
    let opened = 0
    const origin = await serveRaw((socket) => {
      opened += 1
      let requests = 0
      const isOld = opened <= 4
      socket.on('data', () => {
        requests += 1
        if (isOld && requests === 2) socket.destroy()
        else if (isOld && requests === 1) {
          held.push(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
          // All at once, so that each is asked on a connection of its own.
          if (held.length === 4) for (const answer of held) answer()
        } else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    })
    const upstream = open(undefined, { connectionsPerOrigin: 4 })
    await Promise.all(Array.from({ length: 4 }, () => upstream.request(ask(origin), fakeRun())))
    expect((await upstream.request(ask(origin), fakeRun())).status).toBe(200)
    expect(opened).toBeGreaterThan(4)
  })

  it('keeps set-cookie a list, drops headers of the connection, and cannot be given a prototype', async () => {
    const origin = await serveRaw((socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n__proto__: x\r\ncontent-length: 0\r\n\r\n')),
    )
    const { headers } = await open().request(ask(origin), fakeRun())
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(headers).not.toHaveProperty('connection')
    expect(headers).not.toHaveProperty('keep-alive')
    expect(headers).not.toHaveProperty('x-hop')
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype)
  })
})

describe('an answer', () => {
  const answer = async (type: string | undefined, bytes: Buffer) => {
    const origin = await serve((_request, response) => {
      if (type) response.setHeader('content-type', type)
      response.end(bytes)
    })
    return (await open().request(ask(origin), fakeRun())).body
  }

  it('is JSON, text in its charset, or bytes, by its content type', async () => {
    expect((await answer('application/json', Buffer.from('{"a":1}'))).value()).toEqual({ a: 1 })
    expect((await answer('application/geo+json; charset=utf-8', Buffer.from('[1]'))).jsonText()).toBe('[1]')
    expect((await answer('text/csv; charset=big5', Buffer.from([0xa5, 0x78, 0xa5, 0x5f]))).value()).toBe('台北')
    expect((await answer('text/xml', Buffer.from('<a/>'))).value()).toBe('<a/>')
    expect((await answer('text/plain; charset=nobody-knows', Buffer.from('x'))).value()).toBe('x')
    expect((await answer('image/png', Buffer.from([1, 2]))).value()).toEqual(Buffer.from([1, 2]))
    expect((await answer(undefined, Buffer.from([1, 2]))).value()).toEqual(Buffer.from([1, 2]))
  })

  it('may begin with a byte order mark', async () => {
    expect((await answer('application/json', Buffer.from('\uFEFF{"a":1}'))).value()).toEqual({ a: 1 })
    expect((await answer('text/plain', Buffer.from('\uFEFFa'))).value()).toBe('a')
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('is unpacked: %s', async (coding, compress) => {
    const origin = await serve((_request, response) => response.setHeader('content-encoding', coding).setHeader('content-type', 'text/plain').end(compress(Buffer.from('hello '.repeat(100)))))
    const reply = await open().request(ask(origin), fakeRun())
    expect(reply.body.value()).toBe('hello '.repeat(100))
    expect(reply.headers).not.toHaveProperty('content-encoding')
  })

  it('is cut at its limit, announced or not, packed or not', async () => {
    const upstream = open()
    const big = Buffer.alloc(50_000)
    const announced = await serve((_request, response) => response.end(big))
    const streamed = await serve((_request, response) => {
      response.write(big.subarray(0, 100))
      response.end(big)
    })
    const bomb = await serve((_request, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(20_000_000))))
    for (const origin of [announced, streamed, bomb]) {
      await expect(upstream.request(ask(origin, { responseLimitBytes: 40_000 }), fakeRun())).rejects.toMatchObject({ code: 'upstream.too_large', facts: { limitBytes: 40_000 } })
    }
  })

  it('that is packed wrongly is a fault', async () => {
    const origin = await serve((_request, response) => response.setHeader('content-encoding', 'gzip').end('not gzip'))
    await expect(open().request(ask(origin), fakeRun())).rejects.toMatchObject({ code: 'upstream.body' })
  })
})

describe('trouble', () => {
  it('is named: nobody listens', async () => {
    const origin = await serveRaw(() => {})
    await closers.pop()?.()
    await expect(open().request(ask(origin), fakeRun())).rejects.toMatchObject({ code: 'upstream.connect', status: 502 })
  })

  it('is named: the name is not known', async () => {
    const upstream = open([], { lookup: (_name, _options, callback) => callback(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), []) })
    await expect(upstream.request(ask('http://nowhere.example/'), fakeRun())).rejects.toMatchObject({ code: 'upstream.dns', facts: { host: 'nowhere.example' } })
  })

  it('is named: the answer breaks off', async () => {
    const origin = await serveRaw((socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')))
    await expect(open().request(ask(origin), fakeRun())).rejects.toMatchObject({ code: 'upstream.eof' })
  })

  it('is named: the answer is no HTTP', async () => {
    const origin = await serveRaw((socket) => socket.on('data', () => socket.end('SSH-2.0-OpenSSH\r\n')))
    await expect(open().request(ask(origin), fakeRun())).rejects.toMatchObject({ code: 'upstream.body', facts: { type: 'HTTP' } })
  })

  it.each(['ftp://a/', 'nonsense', 'http://', 'file:///etc/passwd', '//host/x'])('is named: %s is no URL to call', async (url) => {
    await expect(open().request(ask(url), fakeRun())).rejects.toMatchObject({ code: 'upstream.url' })
  })

  it.each(['ftp://user:secret@host/', 'ftp://host/?key=secret', 'ftp://host/#secret'])('never shows what may be a secret in the URL: %s', async (url) => {
    const refused = await open().request(ask(url), fakeRun()).catch((thrown: unknown) => thrown)
    expect(refused).toMatchObject({ code: 'upstream.url' })
    expect(JSON.stringify([refused, (refused as Error).message])).not.toContain('secret')
  })

  it('ends at the call’s own limit or at the run’s deadline, whichever is sooner', async () => {
    const origin = await serveRaw(() => {})
    const upstream = open()
    await expect(upstream.request(ask(origin, { timeoutMs: 30 }), fakeRun())).rejects.toMatchObject({ code: 'upstream.timeout', status: 504 })
    await expect(upstream.request(ask(origin), fakeRun({ deadline: Date.now() + 30 }))).rejects.toMatchObject({ code: 'upstream.timeout' })
    await expect(upstream.request(ask(origin), fakeRun({ deadline: Date.now() - 1 }))).rejects.toMatchObject({ code: 'upstream.timeout' })
  })

  it('ends at the limit also when the answer only trickles', async () => {
    const origin = await serveRaw((socket) =>
      socket.on('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n')
        const timer = setInterval(() => socket.write('x'), 5)
        socket.on('close', () => clearInterval(timer))
      }),
    )
    await expect(open().request(ask(origin, { timeoutMs: 60 }), fakeRun())).rejects.toMatchObject({ code: 'upstream.timeout' })
  })

  it('of the caller ends the call at once and closes its connection', async () => {
    let closed: () => void
    const gone = new Promise<void>((resolve) => (closed = resolve))
    const origin = await serveRaw((socket) => socket.resume().on('close', () => closed()))
    const run = fakeRun()
    const call = open().request(ask(origin), run)
    setTimeout(() => run.abort(), 20)
    await expect(call).rejects.toMatchObject({ code: 'client.closed' })
    await gone
  })

  it('of the caller before the call means no call', async () => {
    let requests = 0
    const origin = await serve((_request, response) => {
      requests += 1
      response.end()
    })
    const run = fakeRun()
    run.abort()
    await expect(open().request(ask(origin), run)).rejects.toMatchObject({ code: 'client.closed' })
    expect(requests).toBe(0)
  })
})

describe('redirects', () => {
  const hops = (targets: Record<string, (response: ServerResponse, request: IncomingMessage) => void>) =>
    serve((request, response) => {
      const target = targets[(request.url as string).split('?', 1)[0] as string]
      if (target) target(response, request)
      else echo(request, response)
    })
  const to = (status: number, location: string, headers: Record<string, string> = {}) => (response: ServerResponse) => void response.writeHead(status, { location, ...headers }).end()

  it('are given back as they are when none is to be followed', async () => {
    const origin = await hops({ '/a': to(302, '/b') })
    expect(await open().request(ask(`${origin}/a`), fakeRun())).toMatchObject({ status: 302, headers: { location: '/b' } })
  })

  it('are followed, remembered and counted', async () => {
    const origin = await hops({ '/a': to(301, '/b', { 'set-cookie': 's=1; Path=/' }), '/b': to(302, 'c?x=1') })
    const reply = await open().request(ask(`${origin}/a`, { redirects: 5 }), fakeRun())
    expect(reply.url).toBe(`${origin}/c?x=1`)
    expect(reply.redirects).toEqual([{ url: `${origin}/a`, status: 301, setCookie: ['s=1; Path=/'] }, { url: `${origin}/b`, status: 302 }])
    expect(reply.body.value()).toMatchObject({ headers: { cookie: 's=1' } })
    await expect(open().request(ask(`${origin}/a`, { redirects: 1 }), fakeRun())).rejects.toMatchObject({ code: 'upstream.redirects', facts: { limit: 1 } })
  })

  it.each([
    [301, 'POST', 'GET', ''], [302, 'POST', 'GET', ''], [303, 'PUT', 'GET', ''], [303, 'HEAD', 'HEAD', ''],
    [301, 'PUT', 'PUT', 'body'], [307, 'POST', 'POST', 'body'], [308, 'POST', 'POST', 'body'],
  ])('%i turns %s into %s', async (status, before, after, body) => {
    const methods: string[] = []
    const origin = await hops({
      '/a': to(status, '/b'),
      '/b': (response, request) => void bodyOf(request).then((text) => {
        methods.push(`${request.method} ${text} ${request.headers['content-type'] ?? ''}`.trim())
        response.end()
      }),
    })
    await open().request(ask(`${origin}/a`, { method: before, redirects: 1, headers: { 'content-type': 'text/plain' }, ...(before === 'HEAD' ? {} : { body: 'body' }) }), fakeRun())
    expect(methods).toEqual([`${after} ${body} ${body === '' && after === 'GET' ? '' : 'text/plain'}`.trim().replace('  ', ' ').replace('HEAD text', 'HEAD  text')])
  })

  it('take credentials along on the same origin only', async () => {
    const other = await serve(echo)
    const origin = await hops({ '/same': to(302, '/b'), '/other': to(302, `${other}/b`) })
    const headers = { Authorization: 'Bearer t', Cookie: 'a=1', 'X-API-Key': 'k', 'x-trace': '1' }
    const seen = async (path: string) => ((await open().request(ask(origin + path, { redirects: 1, headers }), fakeRun())).body.value() as { headers: object }).headers
    expect(await seen('/same')).toMatchObject({ authorization: 'Bearer t', cookie: 'a=1', 'x-api-key': 'k' })
    const crossed = await seen('/other')
    expect(crossed).toMatchObject({ 'x-trace': '1' })
    for (const name of ['authorization', 'cookie', 'x-api-key']) expect(crossed).not.toHaveProperty(name)
  })

  it('pass the egress policy again', async () => {
    const inner = await serve(echo)
    const origin = await hops({ '/a': to(302, `${inner}/secret`) })
    await expect(open([new URL(origin).host]).request(ask(`${origin}/a`, { redirects: 5 }), fakeRun())).rejects.toMatchObject({ code: 'egress.denied', facts: { allow: new URL(inner).host } })
  })

  it('to something that is no web address are refused', async () => {
    const origin = await hops({ '/a': to(302, 'file:///etc/passwd?token=secret') })
    await expect(open().request(ask(`${origin}/a`, { redirects: 5 }), fakeRun())).rejects.toMatchObject({ code: 'upstream.url', facts: { url: 'file:///etc/passwd' } })
  })
})

describe('egress', () => {
  it.each([
    'http://127.0.0.1:9/', 'http://2130706433:9/', 'http://0x7f.1:9/', 'http://0177.0.0.1:9/', 'http://127.1:9/', 'http://0:9/',
    'http://[::1]:9/', 'http://[::]:9/', 'http://[::ffff:127.0.0.1]:9/', 'http://[64:ff9b::7f00:1]:9/', 'http://[2002:7f00:1::]:9/',
    'http://169.254.169.254:9/latest/meta-data', 'http://[fd00:ec2::254]:9/', 'http://10.1.2.3:9/', 'http://100.64.0.1:9/', 'http://①②⑦.0.0.1:9/',
  ])('to %s is refused without a connection', async (url) => {
    await expect(open([]).request(ask(url, { timeoutMs: 1_000 }), fakeRun())).rejects.toMatchObject({ code: 'egress.denied' })
  })

  it('names the host and the entry that would allow it', async () => {
    await expect(open([]).request(ask('http://127.0.0.1:9001/x'), fakeRun())).rejects.toThrow(
      'Callouts to 127.0.0.1 are not allowed: it is a loopback address. To allow it, add 127.0.0.1:9001 to SLUICE_EGRESS_ALLOW.',
    )
    await expect(open([]).request(ask('http://[::1]/x'), fakeRun())).rejects.toMatchObject({ facts: { allow: '[::1]:80' } })
  })

  it('goes by the address that a name really has when the connection is made', async () => {
    const origin = await serve(echo)
    const port = new URL(origin).port
    const answers = [['8.8.8.8'], ['127.0.0.1'], ['10.0.0.1', '127.0.0.1']]
    const lookups: number[] = []
    const upstream = open(['127.0.0.1:1'], {
      connectTimeoutMs: 200,
      lookup: (_name, _options, callback) => {
        lookups.push(1)
        callback(null, (answers[1] as string[]).map((address) => ({ address, family: 4 })))
      },
    })
    await expect(upstream.request(ask(`http://rebind.example:${port}/`), fakeRun())).rejects.toMatchObject({ code: 'egress.denied', facts: { host: 'rebind.example', address: '127.0.0.1', allow: `rebind.example:${port}` } })
    expect(lookups.length).toBeGreaterThan(0)
  })

  it('uses the allowed ones of several addresses, and a name on the list allows what it resolves to', async () => {
    const origin = await serve(echo)
    const port = new URL(origin).port
    const lookup: UpstreamOptions['lookup'] = (_name, _options, callback) => callback(null, [{ address: '10.9.9.9', family: 4 }, { address: '127.0.0.1', family: 4 }])
    expect((await open(['127.0.0.1'], { lookup }).request(ask(`http://mixed.example:${port}/`), fakeRun())).status).toBe(200)
    const named: UpstreamOptions['lookup'] = (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }])
    expect((await open([`api.internal:${port}`], { lookup: named }).request(ask(`http://api.internal:${port}/`), fakeRun())).status).toBe(200)
  })
})
