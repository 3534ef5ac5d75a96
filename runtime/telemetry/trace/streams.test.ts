import { once } from 'node:events'
import { createServer, request as httpRequest, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FlowCase } from '../../core/cases.ts'
import type { EditorNode } from '../../core/flow.ts'
import { flow, type FlowBuilder, set } from '../../../test/kit/flow-builder.ts'
import { newest, openWatched as open, play, toCase, whole } from '../../../test/kit/watched-gateway.ts'

const lines = '{"n":1,"city":"Taipei"}\n{"n":2,"client_secret":"line-secret-1"}\n'
const events = 'data: {"token":"event-secret-1"}\n\ndata: go'
const held: ServerResponse[] = []

const upstream = createServer((request, response) => {
  switch (request.url) {
    case '/lines':
      return void response.writeHead(200, { 'content-type': 'application/x-ndjson', 'x-served-by': 'a' }).end(lines)
    case '/plain':
      return void response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end('{"n":1}\n{"n":2}\n')
    case '/held':
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(events)
      return void held.push(response)
    case '/torn':
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).write('{"n":1}\n')
      return void setTimeout(() => response.destroy(), 20)
    case '/large':
      return void response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end('{"n":1,"password":"large-secret-1"}\n'.repeat(10_000))
    case '/packed':
      return void response.writeHead(200, { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }).end(gzipSync(lines))
    case '/bytes':
      return void response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([0x89, 0xff, 0xfe]))
    default:
      return void response.writeHead(404).end('no')
  }
})
// Agrees to any protocol, and answers one thing.
upstream.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n')
  socket.on('data', () => socket.write('private words'))
  socket.on('end', () => socket.end())
})
let base: string
beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
})
afterAll(() => {
  upstream.closeAllConnections()
  upstream.close()
})

const through = (place: string) => flow('s').httpIn('GET', '/s').node('pass through', { url: base + place }, 0).as('ask').nodes()
const callout = (place: string): FlowBuilder => flow('s').httpIn('GET', '/s').node('service callout', { url: base + place, answerAs: 'stream' }, 3).as('ask')
const eachLine = (place: string) => [
  { id: 's', type: 'tab', label: 's' }, { id: 'in', type: 'http in', z: 's', url: '/s', method: 'get', wires: [['ask']] },
  { id: 'ask', type: 'service callout', z: 's', url: base + place, answerAs: 'stream', wires: [['each'], [], []] },
  { id: 'each', type: 'for each', z: 's', wires: [['end'], ['out']] }, { id: 'end', type: 'end', z: 's', wires: [] }, { id: 'out', type: 'http response', z: 's', wires: [] },
] as unknown as EditorNode[]

describe('a callout whose answer passes as a stream', () => {
  it('is recorded as any other, with its bytes, its times, how it ended and what it said, secrets hidden in each line', async () => {
    await using gateway = await open(through('/lines'))
    const text = await (await fetch(`${gateway.url}/s`)).text()
    expect(text).toBe(lines)
    const { callout: made, answer } = await whole(gateway)
    expect(made).toMatchObject({ node: 'ask', step: 1, method: 'GET', url: `${base}/lines`, status: 200, tookMs: expect.any(Number), headers: { 'x-served-by': 'a' } })
    expect(made.stream).toEqual({ bytes: lines.length, firstByteMs: expect.any(Number), endMs: expect.any(Number), end: 'whole' })
    expect(made.body).toEqual({ bytes: lines.length, text: '{"n":1,"city":"Taipei"}\n{"n":2,"client_secret":"[hidden]"}\n' })
    expect(answer).toMatchObject({ status: 200, stream: { end: 'whole', bytes: lines.length }, body: made.body })
  })

  it('is shown while it still comes, and as it ended when that is known', async () => {
    await using gateway = await open(through('/held'))
    const leaving = new AbortController()
    const reply = await fetch(`${gateway.url}/s`, { signal: leaving.signal })
    await reply.body?.getReader().read()
    const now = await newest(gateway)
    expect(now.callouts[0]).toMatchObject({ status: 200, stream: { bytes: events.length }, body: { text: 'data: {"token":"[hidden]"}\n\ndata: go' } })
    expect(now.callouts[0]?.stream?.end).toBeUndefined()
    await expect(toCase(gateway, now)).rejects.toMatchObject({ code: 'step.config', message: expect.stringContaining('has not ended yet') })
    leaving.abort()
    const then = await whole(gateway)
    expect(then.callout.stream).toMatchObject({ end: 'gone', bytes: events.length, endMs: expect.any(Number) })
    const one = await toCase(gateway, then)
    expect(one).toMatchObject({ upstreams: [{ reply: { body: 'data: {"token":"[hidden]"}\n\ndata: go' } }], expect: { status: 200 } })
    expect(await play(gateway, through('/held'), one)).toMatchObject({ ok: true, failures: [] })
    held.pop()?.destroy()
  })

  it('says when it was broken off, and with what', async () => {
    await using gateway = await open(through('/torn'))
    await fetch(`${gateway.url}/s`).then((reply) => reply.text()).catch(() => {})
    const { callout: made } = await whole(gateway)
    expect(made).toMatchObject({ stream: { end: 'cut', fault: 'upstream.eof', bytes: 8 }, body: { text: '{"n":1}' } })
  })

  it('is shown unpacked when it passed packed', async () => {
    await using gateway = await open(through('/packed'))
    expect(await (await fetch(`${gateway.url}/s`)).text()).toBe(lines)
    const record = await whole(gateway)
    expect(record.callout).toMatchObject({ stream: { end: 'whole', bytes: gzipSync(lines).length }, body: { text: expect.stringContaining('{"n":1,"city":"Taipei"}\n') } })
    expect(await play(gateway, through('/packed'), await toCase(gateway, record))).toMatchObject({ ok: true })
  })

  it('is said by its label alone where it is labelled', async () => {
    const one = { id: 'one', type: 'change', z: 's', rules: [set('payload', 1)], wires: [['end']] } as unknown as EditorNode
    const labelled = [...eachLine('/lines').map((node) => (node.id === 'ask' ? { ...node, labels: [{ path: 'payload.city', label: 'pid' }] } : node.id === 'each' ? { ...node, wires: [['one'], ['out']] } : node)), one]
    await using gateway = await open(labelled)
    await fetch(`${gateway.url}/s`).then((reply) => reply.text())
    const record = await whole(gateway)
    expect(record.callout.body).toEqual({ bytes: record.callout.stream?.bytes, text: '[pid]' })
    expect(JSON.stringify(record)).not.toContain('Taipei')
  })

  it('is let go of where an answer was not one that was hoped for', async () => {
    await using gateway = await open(callout('/none').httpResponse().nodes())
    expect((await fetch(`${gateway.url}/s`)).status).toBe(502)
    expect((await whole(gateway)).callout).toMatchObject({ status: 404, stream: { end: 'gone' } })
  })

  it('keeps the beginning of one that is too large, of which no case is made, and bytes that are no text', async () => {
    await using gateway = await open(through('/large'))
    const { length } = await (await fetch(`${gateway.url}/s`)).text()
    const record = await whole(gateway)
    expect(record.callout.body).toMatchObject({ bytes: length, cut: 'large', text: expect.stringMatching(/^\{"n":1,"password":"\[hidden\]"\}\n/) })
    expect(record.callout.body?.text?.length).toBe(16 * 1024)
    expect(JSON.stringify(record)).not.toContain('large-secret-1')
    await expect(toCase(gateway, record)).rejects.toMatchObject({ message: expect.stringContaining(`has ${length} bytes, which is more than is kept`) })

    await using other = await open(through('/bytes'))
    await fetch(`${other.url}/s`).then((reply) => reply.arrayBuffer())
    expect((await whole(other)).callout.body).toEqual({ bytes: 3, base64: 'if/+', type: 'image/png' })
  })

  it('is counted and timed in sampled runs, of which no byte is kept', async () => {
    await using gateway = await open(through('/lines'), { SLUICE_TRACE_SAMPLE: '100' }, false)
    await fetch(`${gateway.url}/s`).then((reply) => reply.text())
    const { callout: made, answer } = await whole(gateway)
    expect(made).toMatchObject({ status: 200, stream: { end: 'whole', bytes: lines.length } })
    expect([made.body, made.headers, answer]).toEqual([undefined, undefined, undefined])
  })

  it('leaves no byte of it out of the gateway where payloads are local', async () => {
    await using gateway = await open(through('/lines'), { SLUICE_TRACE_PAYLOADS: 'local' })
    await fetch(`${gateway.url}/s`).then((reply) => reply.text())
    const record = await whole(gateway)
    expect(record.callout).toMatchObject({ stream: { end: 'whole' }, body: { bytes: lines.length, cut: 'local' } })
    expect(JSON.stringify(record)).not.toContain('Taipei')
  })
})

describe('a WebSocket', () => {
  it('is recorded as a callout that is counted and never kept, until it is closed, and no case is made of it', async () => {
    await using gateway = await open(flow('s').httpIn('GET', '/s').node('pass through', { url: `${base}/ws`, webSockets: true }, 0).as('ask').nodes())
    const socket = await new Promise<Duplex>((resolve) => void httpRequest(`${gateway.url}/s`, { headers: { connection: 'Upgrade', upgrade: 'websocket' } }).on('upgrade', (_reply, given) => resolve(given)).end())
    socket.write('hello')
    await once(socket, 'data')
    expect((await newest(gateway)).callouts[0]).toMatchObject({ node: 'ask', method: 'GET', url: `${base}/ws`, status: 101 })
    socket.destroy()
    const record = await whole(gateway)
    expect(record.callout).toMatchObject({ status: 101, stream: { bytes: 13, end: 'whole', endMs: expect.any(Number) } })
    expect(JSON.stringify(record)).not.toContain('private')
    await expect(toCase(gateway, record)).rejects.toMatchObject({ message: expect.stringContaining('WebSocket') })
  })
})

describe('a case made of a stream', () => {
  it('plays it back, byte for byte, as a stream', async () => {
    await using gateway = await open(through('/plain'))
    await fetch(`${gateway.url}/s`).then((reply) => reply.text())
    const one = await toCase(gateway, await whole(gateway))
    expect(one).toMatchObject({ upstreams: [{ match: { method: 'GET' }, reply: { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body: '{"n":1}\n{"n":2}\n' } }], expect: { text: '{"n":1}\n{"n":2}\n' } })
    expect(await play(gateway, through('/plain'), one)).toMatchObject({ ok: true, failures: [] })
  })

  it('is read item by item, and broken off where it was', async () => {
    await using gateway = await open(eachLine('/plain'))
    await fetch(`${gateway.url}/s`).then((reply) => reply.text())
    const good = await toCase(gateway, await whole(gateway))
    expect(await play(gateway, eachLine('/plain'), good)).toMatchObject({ ok: true, failures: [] })

    await using torn = await open(eachLine('/torn'))
    expect((await fetch(`${torn.url}/s`)).status).toBe(502)
    const broken = await toCase(torn, await whole(torn))
    expect(broken.upstreams).toMatchObject([{ reply: { fail: 'cut' } }])
    expect(await play(torn, eachLine('/torn'), broken)).toMatchObject({ ok: true, failures: [] })
  })

  it('may be written by hand, with its items in a list', async () => {
    await using gateway = await open(eachLine('/plain'))
    const one: FlowCase = { name: 'by hand', request: { url: '/s' }, upstreams: [{ match: { url: '*' }, reply: { headers: { 'content-type': 'application/x-ndjson' }, body: [{ n: 1 }, 'two'] } }], expect: { status: 200, json: [{ n: 1 }, 'two'] } }
    expect(await play(gateway, eachLine('/plain'), one)).toMatchObject({ ok: true, failures: [] })
  })
})
