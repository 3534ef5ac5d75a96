import { createHash, randomBytes } from 'node:crypto'
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

const mebibyte = 1024 * 1024

/** Answers in all the ways in which an answer can be long; notes what it was asked and how it ended. */
interface LongUpstream {
  readonly url: string
  readonly asked: IncomingMessage[]
  /** Paths of answers that were broken off by whoever asked. */
  readonly brokenOff: string[]
  readonly server: Server
}

const part = randomBytes(mebibyte)

async function startUpstream(): Promise<LongUpstream> {
  const asked: IncomingMessage[] = []
  const brokenOff: string[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    response.on('close', () => {
      if (!response.writableEnded) brokenOff.push(request.url as string)
    })
    void answer(request, response).catch(() => response.destroy())
  }).listen(0, '127.0.0.1')
  // Agrees to everybody but those who ask for another path, and says back what it hears.
  server.on('upgrade', (request, socket) => {
    asked.push(request)
    if (!request.url?.startsWith('/files/chat')) return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nX-Why: members\r\nContent-Length: 12\r\n\r\nmembers only')
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.on('error', () => {})
    socket.on('close', () => brokenOff.push(request.url as string))
    let heard = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk])
      // One masked text frame of less than 126 bytes (RFC 6455 §5.2), said back without a mask.
      for (let length = 6 + ((heard[1] ?? 0) & 127); heard.length >= 6 && heard.length >= length; length = 6 + ((heard[1] ?? 0) & 127)) {
        const text = heard.subarray(6, length).map((byte, at) => byte ^ (heard[2 + (at % 4)] as number))
        if (((heard[0] as number) & 15) === 1) socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]))
        if (((heard[0] as number) & 15) === 8) socket.end(Buffer.from([0x88, 0]))
        heard = heard.subarray(length)
      }
    })
  })
  await new Promise((resolve) => server.once('listening', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, brokenOff, server }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url as string, 'http://upstream')
  if (pathname === '/files/large') {
    const count = Number(searchParams.get('mb') ?? 1)
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': count * mebibyte, etag: '"large"' })
    return await pipeline(Readable.from((function* () {
      for (let i = 0; i < count; i += 1) yield part
    })()), response)
  }
  if (pathname === '/files/range') {
    response.writeHead(206, { 'content-type': 'text/plain', 'content-range': 'bytes 2-4/10', 'content-length': 3 })
    return void response.end('234')
  }
  if (pathname === '/files/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let i = 0; i < 3; i += 1) {
      response.write(`data: ${i}\n\n`)
      await pause(300)
    }
    return void response.end()
  }
  if (pathname === '/files/silent') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return void response.write('data: first\n\n')
  }
  if (pathname === '/files/torn') {
    response.writeHead(200, { 'content-length': 10 * mebibyte })
    response.write(part)
    await pause(20)
    return void response.destroy()
  }
  if (pathname === '/files/snapped') {
    response.writeHead(200, { 'content-length': 10 }).write('a')
    await pause(20)
    return void response.destroy()
  }
  if (pathname === '/files/teapot') {
    response.writeHead(418, { 'content-type': 'text/plain', 'x-tea': 'green', location: '/elsewhere' })
    return void response.end('short and stout')
  }
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  response.writeHead(201, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ bytes, sha256: hash.digest('hex'), headers: request.headers, method: request.method, url: request.url }))
}

describe('what passes through', () => {
  let upstream: LongUpstream
  let gateway: TestGateway
  beforeAll(async () => {
    upstream = await startUpstream()
    const through = { url: `${upstream.url}/files/{{+req.params["*"]}}`, headers: [{ name: 'X-Partner', value: 'city-{{req.params.id}}' }], withhold: ['Authorization', 'Cookie', 'X-Api-Key'], timeoutMs: 5000, idleMs: 400, tls: '', sandboxUrl: '' }
    const nodes = [
      ...flow('files').httpIn('GET', '/:id/*', { timeoutMs: 600 }).node('pass through', through, 0).nodes(),
      ...flow('uploads').httpIn('POST', '/:id/*', { streamBody: true }).node('pass through', through, 0)
        .httpIn('PUT', '/:id/*', { streamBody: true, bodyLimitBytes: 1000 }).node('pass through', through, 0)
        .httpIn('PATCH', '/:id/*').node('pass through', through, 0).nodes(),
      ...flow('chat').httpIn('GET', '/ws/*').node('pass through', { ...through, idleMs: 5000, webSockets: true }, 0).nodes(),
      { id: 'ups', type: 'upstream', name: 'chats', targets: [{ url: `${upstream.url}/files`, weight: 1 }], maxConcurrent: 1, placeWaitMs: 0 } as never,
      ...flow('named').httpIn('GET', '/named/*').node('pass through', { upstream: 'ups', url: '/{{+req.params["*"]}}', idleMs: 5000, webSockets: true }, 0).nodes(),
      ...flow('waits').httpIn('GET', '/waits/:id/*').node('service callout', { url: `${upstream.url}/files/{{+req.params["*"]}}`, answerAs: 'stream' }, 3).delay(200).httpResponse().nodes(),
      ...flow('kept').httpIn('GET', '/kept/*').node('response cache', { ttlSeconds: 60 }, 1).node('pass through', through, 0).nodes(),
      ...flow('nowhere').httpIn('POST', '/nowhere', { streamBody: true }).node('pass through', { ...through, url: 'http://127.0.0.1:1/' }, 0).nodes(),
      ...flow('back').httpIn('POST', '/back', { streamBody: true }).httpResponse().nodes(),
      ...flow('looks').httpIn('POST', '/looks', { streamBody: true }).fn('msg.payload = { saw: msg.payload }\nreturn msg').httpResponse().nodes(),
    ]
    gateway = await startGateway({ nodes, settings: { SLUICE_EGRESS_ALLOW: `${new URL(upstream.url).host},127.0.0.1:1` } })
  })
  afterAll(async () => {
    await gateway?.close()
    upstream.server.closeAllConnections()
    upstream.server.close()
  })
  beforeEach(() => {
    upstream.asked.length = 0
    upstream.brokenOff.length = 0
  })
  const sent = (bytes: number) => ({ method: 'POST', body: Readable.toWeb(Readable.from((function* () {
    for (let left = bytes; left > 0; left -= mebibyte) yield part.subarray(0, Math.min(left, mebibyte))
  })())) as ReadableStream, duplex: 'half' as const })

  test('keeps status, headers and bytes, errors and redirects included', async () => {
    const reply = await fetch(`${gateway.url}/7/teapot?a=1&b=%20`, { redirect: 'manual', headers: { 'x-mine': 'yes', authorization: 'Bearer secret', cookie: 'a=b', 'x-api-key': 'k' } })
    expect([reply.status, reply.headers.get('x-tea'), reply.headers.get('location'), await reply.text()]).toEqual([418, 'green', '/elsewhere', 'short and stout'])
    const [{ url, headers }] = upstream.asked as [IncomingMessage]
    expect(url).toBe('/files/teapot?a=1&b=%20')
    expect(headers).toMatchObject({ 'x-mine': 'yes', 'x-partner': 'city-7', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': '127.0.0.1' })
    expect(Object.keys(headers).filter((name) => ['authorization', 'cookie', 'x-api-key'].includes(name))).toEqual([])
  })

  test('passes parts of a file, and the validators that ask for them', async () => {
    const reply = await fetch(`${gateway.url}/7/range`, { headers: { range: 'bytes=2-4', 'if-range': '"v"' } })
    expect([reply.status, reply.headers.get('content-range'), reply.headers.get('content-length'), await reply.text()]).toEqual([206, 'bytes 2-4/10', '3', '234'])
    expect(upstream.asked[0]?.headers).toMatchObject({ range: 'bytes=2-4', 'if-range': '"v"' })
  })

  test('has its first bytes out while the upstream still writes, past the deadline of the run', async () => {
    const reply = await fetch(`${gateway.url}/7/events`)
    const texts: string[] = []
    let early = false
    for await (const chunk of reply.body as unknown as AsyncIterable<Uint8Array>) {
      texts.push(Buffer.from(chunk).toString())
      early ||= !texts.join('').includes('data: 2')
    }
    expect([early, texts.join('')]).toEqual([true, 'data: 0\n\ndata: 1\n\ndata: 2\n\n'])
  })

  test('goes up as it comes, of any size, with a length or without, and arrives byte for byte', async () => {
    const bytes = 24 * mebibyte + 17
    const whole = createHash('sha256')
    for (let left = bytes; left > 0; left -= mebibyte) whole.update(part.subarray(0, Math.min(left, mebibyte)))
    const reply = await fetch(`${gateway.url}/7/upload`, sent(bytes))
    expect(reply.status).toBe(201)
    expect(await reply.json()).toMatchObject({ bytes, sha256: whole.digest('hex'), headers: { 'transfer-encoding': 'chunked' } })
    const measured = await fetch(`${gateway.url}/7/upload`, { method: 'POST', body: part })
    expect(await measured.json()).toMatchObject({ bytes: mebibyte, headers: { 'content-length': String(mebibyte) } })
  })

  test('of a body that was read, what was read goes up as it was sent', async () => {
    const reply = await fetch(`${gateway.url}/7/upload`, { method: 'PATCH', body: '{ "a":  1 }', headers: { 'content-type': 'application/json' } })
    expect(await reply.json()).toMatchObject({ bytes: 11, method: 'PATCH', headers: { 'content-type': 'application/json' } })
  })

  test('holds neither of many large answers: who reads slowly makes the upstream wait', async () => {
    const slow = await Promise.all(Array.from({ length: 20 }, () => new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest(`${gateway.url}/7/large?mb=64`, resolve).on('error', reject).end()
    })))
    const before = process.memoryUsage()
    await pause(500)
    const after = process.memoryUsage()
    const grown = after.external + after.arrayBuffers + after.heapUsed - before.external - before.arrayBuffers - before.heapUsed
    expect(grown).toBeLessThan(20 * 8 * mebibyte)
    for (const reply of slow) reply.destroy()
    await expect.poll(() => upstream.brokenOff.length, { timeout: 5000 }).toBe(20)
  })

  test('is whole for who stops reading for longer than the upstream may be silent', async () => {
    const reply = await new Promise<IncomingMessage>((resolve, reject) => void httpRequest(`${gateway.url}/7/large?mb=16`, resolve).on('error', reject).end())
    await pause(900)
    let bytes = 0
    for await (const chunk of reply) bytes += (chunk as Buffer).length
    expect(bytes).toBe(16 * mebibyte)
  })

  test('is broken off where it breaks: nobody takes a part for the whole', async () => {
    const reply = await fetch(`${gateway.url}/7/torn`)
    await expect(reply.arrayBuffer()).rejects.toThrow()
    const silent = await fetch(`${gateway.url}/7/silent`)
    await expect(silent.text()).rejects.toThrow()
  })

  test('is refused above the limit that the entry sets, announced or not', async () => {
    expect((await fetch(`${gateway.url}/7/upload`, { method: 'PUT', body: 'x'.repeat(1001) })).status).toBe(413)
    const late = await fetch(`${gateway.url}/7/upload`, { ...sent(2000), method: 'PUT' }).then(({ status }) => status, () => 'cut')
    expect([413, 'cut', 502, 400]).toContain(late)
    expect((await fetch(`${gateway.url}/7/upload`, { method: 'PUT', body: 'x'.repeat(1000) })).status).toBe(201)
  })

  test('answers with a fault where no upstream answers, though the caller still sends', async () => {
    const reply = await fetch(`${gateway.url}/nowhere`, { method: 'POST', body: Buffer.alloc(3 * mebibyte) })
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([502, 'upstream.connect'])
  })

  test('goes nowhere above the path that was drawn', async () => {
    for (const path of ['/7/%2e%2e/secret', '/7/a/%2E%2E/%2e%2e/secret', '/7/..%2fsecret']) {
      const reply = await new Promise<IncomingMessage>((resolve, reject) => void httpRequest({ port: Number(new URL(gateway.url).port), host: '127.0.0.1', path }, resolve).on('error', reject).end())
      reply.resume()
      expect(reply.statusCode).toBeGreaterThanOrEqual(400)
    }
    expect(upstream.asked.filter(({ url }) => !url?.startsWith('/files/'))).toEqual([])
  })

  test('is never kept by a cache in front of it: each caller has bytes of their own', async () => {
    const sizes = await Promise.all(Array.from({ length: 4 }, async () => (await (await fetch(`${gateway.url}/kept/large?mb=1`)).arrayBuffer()).byteLength))
    expect([sizes, upstream.asked.length]).toEqual([[mebibyte, mebibyte, mebibyte, mebibyte], 4])
  })

  test('is a WebSocket where that is switched on: both sides hear each other until one leaves', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws/chat?room=1`)
    const heard: string[] = []
    await new Promise((resolve, reject) => {
      socket.addEventListener('error', reject)
      socket.addEventListener('open', () => {
        socket.send('你好')
        socket.send('again')
      })
      socket.addEventListener('message', ({ data }) => {
        if (heard.push(String(data)) === 2) resolve(undefined)
      })
    })
    expect(heard).toEqual(['你好', 'again'])
    expect(upstream.asked[0]?.url).toBe('/files/chat?room=1')
    socket.close()
    await expect.poll(() => upstream.brokenOff, { timeout: 5000 }).toEqual(['/files/chat?room=1'])
  })

  test('is a WebSocket through an upstream by name, where it has its place until it is closed', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/named/chat`)
    const heard = new Promise((resolve, reject) => {
      socket.addEventListener('error', reject)
      socket.addEventListener('open', () => socket.send('by name'))
      socket.addEventListener('message', ({ data }) => resolve(data))
    })
    expect(await heard).toBe('by name')
    const { length: before } = upstream.asked
    expect((await fetch(`${gateway.url}/named/range`)).status).toBe(503)
    expect(upstream.asked.length).toBe(before)
    socket.close()
    await expect.poll(async () => (await fetch(`${gateway.url}/named/range`)).status, { timeout: 5000 }).toBe(206)
  })

  test('is over on both sides soon after one has gone, although the other does not mind', async () => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }
    const socket = await new Promise<Duplex>((resolve, reject) => void httpRequest(`${gateway.url}/named/chat-2`, { headers }).on('upgrade', (_reply, given) => resolve(given)).on('error', reject).end())
    expect((await fetch(`${gateway.url}/named/range`)).status).toBe(503)
    socket.destroy()
    await expect.poll(async () => (await fetch(`${gateway.url}/named/range`)).status, { timeout: 4500 }).toBe(206)
  })

  test('is a fault when it breaks off before anybody has begun to read it', async () => {
    const reply = await fetch(`${gateway.url}/waits/7/snapped`)
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([502, 'upstream.eof'])
  })

  test('is the upstream’s own answer to who is refused a WebSocket, also through an upstream by name', async () => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }
    for (const path of ['/ws/other', '/named/other']) {
      const reply = await new Promise<IncomingMessage>((resolve, reject) => void httpRequest(gateway.url + path, { headers }, resolve).on('error', reject).end())
      const said = Buffer.concat(await reply.toArray()).toString()
      expect([reply.statusCode, reply.headers['x-why'], reply.headers['content-type'], said]).toEqual([403, 'members', 'text/plain', 'members only'])
    }
    expect((await fetch(`${gateway.url}/named/range`)).status).toBe(206)
  })

  test('is no WebSocket where the upstream, or the flow, does not agree', async () => {
    const opened = (path: string) => new Promise<boolean>((resolve) => {
      const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}${path}`)
      socket.addEventListener('error', () => resolve(false))
      socket.addEventListener('open', () => resolve(true))
    })
    expect(await Promise.all([opened('/ws/other'), opened('/7/chat'), opened('/none')])).toEqual([false, false, false])
    const plain = await new Promise<IncomingMessage>((resolve, reject) => void httpRequest({ port: gateway.port, host: '127.0.0.1', path: '/7/teapot', headers: { connection: 'Upgrade', upgrade: 'h2c' } }, resolve).on('error', reject).end())
    plain.resume()
    expect(plain.statusCode).toBe(418)
  })

  test('a stream goes back by a reply node, and a function sees what it is, not its bytes', async () => {
    const back = await fetch(`${gateway.url}/back`, { ...sent(3 * mebibyte), headers: { 'content-type': 'image/png' } })
    expect([back.headers.get('content-type'), (await back.arrayBuffer()).byteLength]).toEqual(['image/png', 3 * mebibyte])
    const looked = await fetch(`${gateway.url}/looks`, { method: 'POST', body: 'hello', headers: { 'content-type': 'text/plain' } })
    expect(await looked.json()).toEqual({ saw: { contentType: 'text/plain', lengthBytes: 5 } })
  })
})
