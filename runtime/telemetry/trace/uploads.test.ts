import { createHash } from 'node:crypto'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EditorNode } from '../../core/flow.ts'
import { flow } from '../../../test/kit/flow-builder.ts'
import { startS3, type S3Server } from '../../../test/kit/s3-server.ts'
import { newest, openWatched, play, toCase, whole } from '../../../test/kit/watched-gateway.ts'

const lines = '{"n":1}\n{"n":2,"client_secret":"line-secret-1"}\n'
const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0xff, 0xfe])

const upstream = createServer((request, response) => {
  if (request.url === '/early') return void response.writeHead(413, { connection: 'close' }).end('too much')
  void Readable.from(request).toArray().then((parts: Buffer[]) => {
    const body = Buffer.concat(parts)
    if (request.url === '/back') return void response.writeHead(200, { 'content-type': 'image/png' }).end(body)
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ sha256: createHash('sha256').update(body).digest('hex') }))
  }, () => response.destroy())
})
upstream.on('upgrade', (_request, socket) => void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nx-why: members\r\ncontent-length: 20\r\n\r\n{"why":"not member"}'))
let base: string
let s3: S3Server
beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  s3 = await startS3('id', 'storage-secret-1')
})
afterAll(async () => {
  upstream.closeAllConnections()
  upstream.close()
  await s3.close()
})

const through = (place: string, entry: object = {}) => flow('s').httpIn('POST', '/s', { streamBody: true, ...entry }).node('pass through', { url: base + place }, 0).as('up').nodes()
const post = (url: string, type: string, body: string | Buffer | Readable, more: object = {}) =>
  fetch(`${url}/s`, { method: 'POST', headers: { 'content-type': type, ...more }, body: (body instanceof Readable ? Readable.toWeb(body) : body) as never, duplex: 'half' })

describe('a body that goes up while it comes', () => {
  it('is recorded with its bytes, its times, its end and its beginning, of the request and of the callout it went to, secrets hidden', async () => {
    await using gateway = await openWatched(through('/'))
    expect((await post(gateway.url, 'application/x-ndjson', lines)).status).toBe(201)
    const { request, callout } = await whole(gateway)
    const passed = { stream: { bytes: lines.length, firstByteMs: expect.any(Number), endMs: expect.any(Number), end: 'whole' }, body: { bytes: lines.length, text: '{"n":1}\n{"n":2,"client_secret":"[hidden]"}\n' } }
    expect(request).toMatchObject({ method: 'POST', ...passed })
    expect(callout).toMatchObject({ node: 'up', status: 201, sent: passed })
  })

  it('says when its caller broke it off, when who read it let go of it, and when nobody read it', async () => {
    await using gateway = await openWatched(through('/'))
    const halfCame = new Promise((resolve) => void upstream.once('request', (asked: IncomingMessage) => asked.once('data', resolve)))
    const leaving = httpRequest(`${gateway.url}/s`, { method: 'POST', headers: { 'content-length': 100 } }).on('error', () => {})
    leaving.write('half')
    await halfCame
    leaving.destroy()
    await expect.poll(async () => (await newest(gateway).catch(() => undefined))?.fault, { timeout: 10_000 }).toBe('client.closed')
    expect((await whole(gateway)).request).toMatchObject({ stream: { bytes: 4, end: 'cut', fault: 'body.incomplete' }, body: { text: 'half' } })

    await using early = await openWatched(through('/early'))
    const endless = new Readable({ read() {
      setImmediate(() => this.push('more and more '))
    } })
    expect((await post(early.url, 'text/plain', endless).catch(() => undefined))?.status ?? 413).toBe(413)
    endless.destroy()
    expect((await whole(early)).request?.stream).toMatchObject({ end: expect.stringMatching(/^(?:gone|cut)$/) })

    await using unread = await openWatched(flow('s').httpIn('POST', '/s', { streamBody: true }).node('respond', { body: 'no', bodyType: 'str' }, 0).nodes())
    await post(unread.url, 'text/plain', 'for nobody')
    expect((await whole(unread)).request).toMatchObject({ stream: { end: 'gone' } })
  })

  it('keeps no byte in sampled runs, and lets none out of the gateway where payloads are local', async () => {
    await using sampled = await openWatched(through('/'), { SLUICE_TRACE_SAMPLE: '100' }, false)
    await post(sampled.url, 'text/plain', 'private')
    const { callout } = await whole(sampled)
    expect(callout.sent).toEqual({ stream: expect.objectContaining({ bytes: 7, end: 'whole' }) })

    await using local = await openWatched(through('/'), { SLUICE_TRACE_PAYLOADS: 'local' })
    await post(local.url, 'text/plain', 'private')
    const record = await whole(local)
    expect([record.request?.body, record.callout.sent?.body]).toEqual([{ bytes: 7, cut: 'local' }, { bytes: 7, cut: 'local' }])
    expect(JSON.stringify(record)).not.toContain('private')
  })
})

describe('a case made of an upload', () => {
  it('sends it as a stream, and holds what the upstream is asked with to what it was', async () => {
    await using gateway = await openWatched(through('/'))
    await post(gateway.url, 'application/x-ndjson', '{"n":1}\n{"n":2}\n')
    const one = await toCase(gateway, await whole(gateway))
    expect(one).toMatchObject({ request: { body: '{"n":1}\n{"n":2}\n', streamed: true }, upstreams: [{ match: { method: 'POST' }, asked: { text: '{"n":1}\n{"n":2}\n' } }] })
    expect(await play(gateway, through('/'), one)).toMatchObject({ ok: true, failures: [] })
    const other = await play(gateway, through('/'), { ...one, request: { ...one.request, body: '{"n":1}\n' } })
    expect(other.failures).toContain(`called POST ${base}/ with: expected “{"n":1}\n{"n":2}\n”, got “{"n":1}\n”`)
    const silent = flow('s').httpIn('POST', '/s', { streamBody: true }).node('respond', { status: '201', body: 'no', bodyType: 'str' }, 0).nodes()
    expect((await play(gateway, silent, { ...one, expect: { status: 201 } })).failures).toEqual([`never called POST ${base}/`])
  })

  it('is made of bytes that are no text, in both directions', async () => {
    await using gateway = await openWatched(through('/back'))
    await post(gateway.url, 'image/png', picture)
    const record = await whole(gateway)
    const body = { bytes: picture.length, base64: picture.toString('base64'), type: 'image/png' }
    expect([record.request?.body, record.callout.sent?.body, record.callout.body, record.answer?.body]).toEqual([body, body, body, body])
    const one = await toCase(gateway, record)
    expect(one).toMatchObject({ request: { base64: body.base64, streamed: true }, upstreams: [{ asked: { base64: body.base64 }, reply: { base64: body.base64 } }], expect: { base64: body.base64 } })
    expect(await play(gateway, through('/back'), one)).toMatchObject({ ok: true, failures: [] })
    const wrong = await play(gateway, through('/back'), { ...one, upstreams: [{ ...one.upstreams![0]!, reply: { ...one.upstreams![0]!.reply, base64: 'if8A' } }] })
    expect(wrong).toMatchObject({ failures: ['body: expected 10 bytes, got 3 bytes that differ'], answer: { text: '', base64: 'if8A' } })
  })

  it('is none of what the case cannot send again', async () => {
    await using gateway = await openWatched(through('/', { bodyLimitBytes: 10 }))
    await post(gateway.url, 'text/plain', Readable.from(['far too ', 'much of it'])).catch(() => {})
    await expect(toCase(gateway, await whole(gateway))).rejects.toMatchObject({ message: expect.stringContaining('the body of the request was broken off') })
  })
})

describe('bytes that are no text', () => {
  it('are not kept where a secret stands in them, by its value or by its name, or where they stay packed', async () => {
    await using gateway = await openWatched(through('/'))
    const bodyOf = async (body: Buffer, more: object = {}) => {
      await post(gateway.url, 'application/octet-stream', body, more)
      return (await whole(gateway)).request?.body
    }
    const around = (text: string) => Buffer.concat([picture, Buffer.from(text), picture])
    const none = (body: Buffer) => ({ bytes: body.length, cut: 'binary' })
    const [valued, named, packed] = [around('bearer-value-1'), around('\xa8password\xa3abc'), gzipSync('x'.repeat(2000) + '{"password":"in the pack"}')]
    expect(await bodyOf(valued, { authorization: 'Bearer bearer-value-1' })).toEqual(none(valued))
    expect(await bodyOf(named)).toEqual(none(named))
    expect(await bodyOf(packed.subarray(10), { 'content-encoding': 'gzip' })).toEqual(none(packed.subarray(10)))
    expect(await bodyOf(around('plain words'))).toMatchObject({ base64: around('plain words').toString('base64') })
  })

  it('show their beginning when there are too many to be kept', async () => {
    await using gateway = await openWatched(through('/'))
    await post(gateway.url, 'video/mp4', Buffer.alloc(300_000, picture))
    const { request } = await whole(gateway)
    expect(request?.body).toMatchObject({ bytes: 300_000, type: 'video/mp4', cut: 'large' })
    expect(Buffer.from(request?.body?.base64 ?? '', 'base64')).toEqual(Buffer.alloc(12_288, picture))
  })
})

describe('an upload that is stored', () => {
  const storing = (): EditorNode[] => [
    ...flow('s').httpIn('POST', '/s', { streamBody: true }).node('upload offload', { storage: 'store', prefix: 'in/', types: ['image/png', 'multipart/form-data'] }).as('keep').node('respond', { status: '201' }, 0).nodes(),
    { id: 'store', type: 'object storage', endpoint: s3.url, bucket: 'files', region: 'us-east-1', pathStyle: true } as never,
  ]
  const credentials = { store: { accessKeyId: 'id', secretAccessKey: 'storage-secret-1' } }
  const form = (password: string) => Buffer.concat([
    Buffer.from(`--frontier\r\ncontent-disposition: form-data; name="title"\r\n\r\na picture\r\n--frontier\r\ncontent-disposition: form-data; name="password"\r\n\r\n${password}\r\n--frontier\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\ncontent-type: image/png\r\n\r\n`),
    picture, Buffer.from('\r\n--frontier--\r\n'),
  ])

  it('is recorded and played as well: forms without what their fields name as secret, keys as they come', async () => {
    await using gateway = await openWatched(storing(), {}, true, { credentials })
    const reply = await post(gateway.url, 'multipart/form-data; boundary=frontier', form('form-secret-1'))
    expect([reply.status, [...s3.objects.values()].map(({ body }) => body)]).toEqual([201, [picture]])
    const record = await whole(gateway)
    expect(record.request).toMatchObject({ stream: { end: 'whole', bytes: form('form-secret-1').length }, body: { base64: form('[hidden]').toString('base64'), type: 'multipart/form-data' } })
    expect(JSON.stringify(record)).not.toMatch(/form-secret-1|storage-secret-1/)
    const one = await toCase(gateway, record)
    expect(one.upstreams).toMatchObject([{ match: { method: 'PUT', url: `${s3.url}/files/in/*` } }])
    expect(await play(gateway, storing(), one)).toMatchObject({ ok: true, failures: [] })
  })

  it('that is refused is over', async () => {
    await using gateway = await openWatched(storing(), {}, true, { credentials })
    expect((await post(gateway.url, 'text/plain', Readable.from(['a', 'b']))).status).toBe(415)
    expect((await whole(gateway)).request?.stream).toMatchObject({ end: 'gone' })
  })
})

describe('a WebSocket that is refused', () => {
  it('is recorded as the answer that it was, and played as one', async () => {
    const asking = flow('s').httpIn('GET', '/s').node('pass through', { url: `${base}/ws`, webSockets: true }, 0).nodes()
    await using gateway = await openWatched(asking)
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }
    const reply = await new Promise<IncomingMessage>((resolve, reject) => void httpRequest(`${gateway.url}/s`, { headers }, resolve).on('error', reject).end())
    expect([reply.statusCode, JSON.parse(Buffer.concat(await reply.toArray()).toString())]).toEqual([403, { why: 'not member' }])
    const record = await whole(gateway)
    expect(record.callout).toMatchObject({ status: 403, headers: { 'x-why': 'members' }, stream: { end: 'whole', bytes: 20 }, body: { text: '{"why":"not member"}' } })
    expect(await play(gateway, asking, await toCase(gateway, record))).toMatchObject({ ok: true, failures: [] })
  })
})
