import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import iconv from 'iconv-lite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { RawConnection } from '../kit/raw-http.ts'

/** Answers with what the function saw, as JSON. */
const echo = 'msg.payload = { payload: msg.payload, kind: Buffer.isBuffer(msg.payload) ? "bytes" : typeof msg.payload, files: msg.req.files?.map((one) => [one.originalname, one.mimetype, one.size]) }\nreturn msg'

const bodies = () => flow('bodies')
  .httpIn('POST', '/echo').fn(echo).httpResponse()
  .httpIn('POST', '/upload', { upload: true }).fn(echo).httpResponse()
  .httpIn('POST', '/raw', { skipBodyParsing: true }).fn('msg.payload = msg.payload.toString("hex")\nreturn msg').httpResponse()
  .httpIn('POST', '/back').httpResponse()
  .httpIn('POST', '/json', { accepts: ['application/json'], bodyLimitBytes: 100 }).fn(echo).httpResponse()
  .httpIn('POST', '/csv', { skipBodyParsing: true }).node('csv', { sep: ',', hdrin: true, multi: 'mult', ret: '\\n', temp: '', skip: '0', encoding: 'big5' }).httpResponse()

describe('a body, through a flow', () => {
  let gateway: TestGateway
  beforeAll(async () => void (gateway = await startGateway({ nodes: bodies().nodes() })))
  afterAll(() => gateway?.close())
  const post = (path: string, body: NonNullable<RequestInit['body']>, type?: string, headers: Record<string, string> = {}) =>
    fetch(gateway.url + path, { method: 'POST', body, headers: { ...(type ? { 'content-type': type } : {}), ...headers } })

  test('of a form arrives as a value, with nested and repeated keys', async () => {
    const reply = await post('/echo', 'a=1&a=2&b[c]=3&%E4%B8%AD=%E6%96%87', 'application/x-www-form-urlencoded')
    expect(await reply.json()).toMatchObject({ payload: { a: ['1', '2'], b: { c: '3' }, 中: '文' } })
  })

  test('with files arrives as fields and files', async () => {
    const form = new FormData()
    form.append('title', '報告')
    form.append('file', new Blob([Buffer.from([0, 1, 2, 255])], { type: 'image/png' }), 'a b.png')
    expect(await (await post('/upload', form)).json()).toMatchObject({ payload: { title: '報告' }, files: [['a b.png', 'image/png', 4]] })
  })

  test('of XML arrives as text, of an unknown type as bytes', async () => {
    expect(await (await post('/echo', '<a>中</a>', 'application/xml')).json()).toMatchObject({ payload: '<a>中</a>', kind: 'string' })
    expect(await (await post('/echo', new Uint8Array([0xff, 0]), 'image/png')).json()).toMatchObject({ kind: 'bytes' })
    expect(await (await post('/raw', new Uint8Array([0xff, 0, 0x10]), 'application/json')).text()).toBe('ff0010')
  })

  test('of bytes goes back byte for byte', async () => {
    const bytes = new Uint8Array(300_000).map((_, i) => (i * 7) % 256)
    const reply = await post('/back', bytes, 'application/octet-stream')
    expect(Buffer.from(await reply.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true)
  })

  test('of Big5 is read by a csv node that was told so', async () => {
    expect(await (await post('/csv', new Uint8Array(iconv.encode('站名,車\n松山區,3\n', 'big5')))).json()).toEqual([{ 站名: '松山區', 車: 3 }])
  })

  test('with __proto__ is data', async () => {
    const reply = await post('/back', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}', 'application/json')
    expect(await reply.text()).toContain('__proto__')
    expect(await (await post('/echo', '__proto__[polluted]=1&a[__proto__][polluted]=1', 'application/x-www-form-urlencoded')).json()).toMatchObject({ kind: 'object' })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test.each<[string, () => Promise<Response>, number, string]>([
    ['a type that is not taken', () => post('/json', 'x', 'text/plain'), 415, 'body.unsupported'],
    ['a charset nobody knows', () => post('/echo', '{}', 'application/json; charset=x-none'), 415, 'body.unsupported'],
    ['a coding nobody knows', () => post('/echo', '{}', 'application/json', { 'content-encoding': 'lzma' }), 415, 'body.unsupported'],
    ['more than the node takes', () => post('/json', JSON.stringify('x'.repeat(200)), 'application/json'), 413, 'body.too_large'],
    ['more than the gateway takes', () => post('/echo', 'x'.repeat(5_242_881), 'text/plain'), 413, 'body.too_large'],
    ['JSON that is none', () => post('/echo', '{"a":', 'application/json'), 400, 'body.malformed'],
    ['a form that is cut off', () => post('/upload', '--x\r\nContent-Dis', 'multipart/form-data; boundary=x'), 400, 'body.malformed'],
    ['a path nobody serves', () => post('/nothing', ''), 404, 'route.none'],
    ['a method nobody serves', () => fetch(`${gateway.url}/echo`), 405, 'method.none'],
    ['headers larger than the limit', () => post('/echo', '', undefined, { 'x-large': 'x'.repeat(20_000) }), 431, 'request.headers_too_large'],
  ])('%s is refused as problem+json', async (_what, ask, status, code) => {
    const reply = await ask()
    expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(await reply.json()).toMatchObject({ status, code })
    expect(reply.status).toBe(status)
    if (status === 405) expect(reply.headers.get('allow')).toContain('POST')
  })

  test('bytes that are no HTTP get a 400 and the connection ends', async () => {
    const connection = new RawConnection('127.0.0.1', gateway.port)
    const reply = await connection.exchange('\x16\x03\x01 nonsense\r\n\r\n')
    expect([reply.status, reply.closes, JSON.parse(reply.body.toString()).code]).toEqual([400, true, 'request.malformed'])
    connection.close()
  })
})

describe('a flow', () => {
  const one = async (nodes: readonly EditorNode[], path: string, settings: Record<string, string> = {}, credentials = {}) => {
    await using gateway = await startGateway({ nodes, settings, credentials })
    const reply = await fetch(gateway.url + path)
    return { status: reply.status, body: await reply.text() }
  }

  test('calls what lies on another tab, with a link call node', async () => {
    const called = flow('called').line().node('link in', { links: [] }).as('work').fn('msg.payload = `did ${msg.payload.for}`\nreturn msg').node('link out', { mode: 'return', links: [] }, 0)
    const caller = flow('caller').httpIn('GET', '/node').node('link call', { links: ['work'], linkType: 'static', timeout: '5' }).httpResponse()
    const nodes = estate(called, caller)
    expect(await one(nodes, '/node?for=node')).toEqual({ status: 200, body: 'did node' })
  })

  test('with a subflow reads the environment of its instance, secrets too', async () => {
    const sub: EditorNode[] = [
      { id: 'sf', type: 'subflow', name: 'Key', in: [{ x: 1, y: 1, wires: [{ id: 'sf-fn' }] }], out: [{ x: 9, y: 1, wires: [{ id: 'sf-fn', port: 0 }] }],
        env: [{ name: 'WORD', type: 'str', value: 'template' }, { name: 'KEY', type: 'cred' }] } as unknown as EditorNode,
      { id: 'sf-fn', type: 'function', z: 'sf', func: "msg.payload = [env.get('WORD'), env.get('KEY'), env.get('PATH'), env.get('NR_FLOW_NAME')]\nreturn msg", outputs: 1, wires: [[]] } as unknown as EditorNode,
    ]
    const nodes = [...sub, ...flow('main').httpIn('GET', '/env').node('subflow:sf', { env: [{ name: 'WORD', type: 'str', value: 'instance' }, { name: 'KEY', type: 'cred' }] }).as('use').httpResponse().nodes()]
    const { status, body } = await one(nodes, '/env', {}, { use: { KEY: 'of the instance' } })
    expect([status, JSON.parse(body).slice(0, 2)]).toEqual([200, ['instance', 'of the instance']])
    expect(JSON.parse(body)[2]).toBeFalsy()
  })

  test('is ended by its own deadline with a 504, also when the gateway allows more', async () => {
    const slow = flow('slow', { env: [{ name: 'SLUICE_DEADLINE_MS', type: 'num', value: '80' }] }).httpIn('GET', '/slow').delay(5_000).httpResponse()
    expect(await one(slow.nodes(), '/slow')).toMatchObject({ status: 504, body: expect.stringContaining('"code"') })
    expect((await one(flow('node').httpIn('GET', '/slow', { timeoutMs: 80 }).delay(5_000).httpResponse().nodes(), '/slow')).status).toBe(504)
  })

  test('that goes round in a circle ends at the hop limit', async () => {
    const circle = flow('circle').httpIn('GET', '/circle').fn('return msg').as('again').to('again').from('again').switch('never', { t: 'true' }).httpResponse()
    const { status, body } = await one(circle.nodes(), '/circle')
    expect([status, JSON.parse(body).code]).toEqual([508, 'flow.hops'])
  })

  test('keeps what a run says to itself apart from other callers', async () => {
    const scoped = flow('scoped').httpIn('GET', '/own').fn("run.set('who', msg.payload.who)\nreturn msg").delay(20).fn("msg.payload = { run: run.get('who') }\nreturn msg").httpResponse()
    await using gateway = await startGateway({ nodes: scoped.nodes() })
    const answers = await Promise.all(['a', 'b', 'c'].map(async (who) => (await fetch(`${gateway.url}/own?who=${who}`)).json()))
    expect(answers).toEqual([{ run: 'a' }, { run: 'b' }, { run: 'c' }])
  })

  test('counts on after a restart: context lies on disk', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-context-'))
    const nodes = flow('count').httpIn('GET', '/count').fn("msg.payload = { flow: flow.increment('n'), global: global.increment('n'), node: context.increment('n') }\nreturn msg").httpResponse().nodes()
    try {
      for (const n of [1, 2]) {
        const gateway = await startGateway({ nodes, folder })
        expect(await (await fetch(`${gateway.url}/count`)).json()).toEqual({ flow: n, global: n, node: n })
        await gateway.close()
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('that starts by itself is started once, not again by a deploy of another', async () => {
    const ticking = () => flow('tick').line().node('inject', { props: [], repeat: '', crontab: '', once: true, onceDelay: '0' }).fn("global.increment('started')\nreturn null")
    const asking = (text: string) => flow('ask').httpIn('GET', '/started').fn(`msg.payload = { started: global.get('started'), text: '${text}' }\nreturn msg`).httpResponse()
    await using gateway = await startGateway({ nodes: estate(ticking(), asking('one')) })
    const ask = async () => (await fetch(`${gateway.url}/started`)).json()
    await expect.poll(ask).toEqual({ started: 1, text: 'one' })
    await gateway.deploy(estate(ticking(), asking('two')))
    await new Promise((next) => setTimeout(next, 300))
    expect(await ask()).toEqual({ started: 1, text: 'two' })
  })

  test.each([
    ['JSONata without end', (on: ReturnType<typeof flow>) => on.change({ t: 'set', p: 'payload', pt: 'msg', to: '($f := function($n) { $f($n + 1) }; $f(0))', tot: 'jsonata' })],
    ['a template that doubles', (on: ReturnType<typeof flow>) => on.fn('msg.payload = Array(3000).fill(0)\nreturn msg').node('template', { field: 'payload', fieldType: 'msg', syntax: 'mustache', output: 'str', template: '{{#payload}}{{#payload}}{{#payload}}{{#payload}}xxxxxxxxxxxxxxxx{{/payload}}{{/payload}}{{/payload}}{{/payload}}' })],
    ['a pattern that backtracks', (on: ReturnType<typeof flow>) => on.fn("msg.payload = 'a'.repeat(50) + '!'\nreturn msg").switch('payload', { t: 'regex', v: '^(a+)+$', vt: 'str', case: false }, { t: 'else' }).port(1)],
  ])('%s ends within its limits and disturbs nobody', async (_what, draw) => {
    const bad = draw(flow('bad').httpIn('GET', '/bad')).httpResponse()
    await using gateway = await startGateway({ nodes: estate(bad, flow('good').httpIn('GET', '/good').fn("msg.payload = 'ok'\nreturn msg").httpResponse()) })
    const began = fetch(`${gateway.url}/bad`)
    expect(await (await fetch(`${gateway.url}/good`)).text()).toBe('ok')
    expect([200, 500, 503, 504]).toContain((await began).status)
  })

  test('hears of completions and statuses', async () => {
    const told = flow('told').httpIn('GET', '/told').fn("node.status({ fill: 'green', text: 'busy' })\nreturn msg").as('work').httpResponse()
      .line().node('complete', { scope: ['work'], uncaught: false }).fn("global.increment('completed')\nreturn null")
      .line().node('status', { scope: ['work'] }).fn("global.set('said', msg.status.text)\nreturn null")
      .httpIn('GET', '/heard').fn("msg.payload = [global.get('completed'), global.get('said')]\nreturn msg").httpResponse()
    await using gateway = await startGateway({ nodes: told.nodes() })
    await fetch(`${gateway.url}/told`)
    await expect.poll(async () => (await fetch(`${gateway.url}/heard`)).json()).toEqual([1, 'busy'])
  })
})

describe('a callout', () => {
  let upstream: Server
  let place = ''
  beforeAll(async () => {
    upstream = createServer((request, response) => {
      const away = new URL(request.url ?? '/', 'http://x').searchParams.get('to')
      response.writeHead(away ? 302 : 200, away ? { location: away } : { 'content-type': 'text/plain' })
      response.end('inside')
    })
    await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', listening))
    place = `127.0.0.1:${(upstream.address() as AddressInfo).port}`
  })
  afterAll(() => {
    upstream.closeAllConnections()
    upstream.close()
  })

  const calling = (url: string) => flow('call')
    .httpIn('GET', '/call').node('http request', { method: 'GET', ret: 'txt', paytoqs: 'ignore', url, persist: false, senderr: true, authType: '', headers: [] }).httpResponse()
    .nodes()

  test('to a private address is refused, and the log says what would allow it', async () => {
    await using gateway = await startGateway({ nodes: calling(`http://${place}/`) })
    const reply = await fetch(`${gateway.url}/call`)
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([502, 'egress.denied'])
    expect(JSON.stringify(gateway.lines())).toContain('SLUICE_EGRESS_ALLOW')
  })

  test('that was allowed is made, and refused where a redirect leads elsewhere', async () => {
    const settings = { SLUICE_EGRESS_ALLOW: place }
    await using gateway = await startGateway({ nodes: calling(`http://${place}/`), settings })
    expect(await (await fetch(`${gateway.url}/call`)).text()).toBe('inside')
    for (const to of ['http://127.0.0.1:9/', 'http://169.254.169.254/latest/meta-data/', 'http://[::1]:9/', 'http://localhost:9/', 'http://2130706433:9/']) {
      await gateway.deploy(calling(`http://${place}/?to=${encodeURIComponent(to)}`))
      expect([to, ((await (await fetch(`${gateway.url}/call`)).json()) as { code: string }).code]).toEqual([to, 'egress.denied'])
    }
  })
})
