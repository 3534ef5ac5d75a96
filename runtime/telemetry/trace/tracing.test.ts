import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CasesReport, FlowCase, ReplayReport, TraceList } from '../../core/cases.ts'
import type { EditorNode } from '../../core/flow.ts'
import type { RunRecord } from '../../core/trace.ts'
import { flow, set } from '../../../test/kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../../../test/kit/gateway.ts'

let upstream: Server
let upstreamUrl: string
const asked: IncomingMessage[] = []
let failing = 0

beforeAll(async () => {
  upstream = createServer((request, response) => {
    asked.push(request)
    if (failing > 0) {
      failing--
      response.writeHead(503).end('not now')
      return
    }
    if (request.headers['if-none-match'] === '"v1"') return void response.writeHead(304, { etag: '"v1"' }).end()
    response.writeHead(200, { 'content-type': 'application/json', etag: '"v1"', ...(request.url?.includes('api_key') ? { 'set-cookie': 'sid=upstream-session-1' } : {}) }).end(JSON.stringify({ weather: 'rain', access_token: 'tok-987654' }))
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
})
afterAll(() => void upstream.close())

const request = () => ({ method: 'GET', ret: 'obj', url: `${upstreamUrl}/now`, paytoqs: 'ignore', tls: '', persist: false, proxy: '', authType: '', senderr: false })
const weather = (answer = 'weather') =>
  flow('weather').httpIn('GET', '/weather').node('http request', request()).as('ask')
    .node('change', { rules: [{ t: 'move', p: 'payload.weather', pt: 'msg', to: `payload.${answer}`, tot: 'msg' }], action: '', property: '', from: '', to: '', reg: false }).as('shape').httpResponse().nodes()

async function open(nodes: readonly EditorNode[], settings: Readonly<Record<string, string>> = {}): Promise<TestGateway> {
  return await startGateway({ nodes, cases: true, settings: { SLUICE_EGRESS_ALLOW: '127.0.0.0/8', ...settings } })
}

const ask = async <T>({ gateway }: TestGateway, command: Parameters<TestGateway['gateway']['deployer']['command']>[0]) => (await gateway.deployer.command(command)) as T
const watch = (gateway: TestGateway, more: object = {}) => ask(gateway, { do: 'traces.watch', id: 'w1', flow: 'weather', next: 5, forMs: 60_000, ...more })

async function newest(gateway: TestGateway, query: { flow?: string; watch?: string } = {}): Promise<RunRecord> {
  const { runs } = await ask<TraceList>(gateway, { do: 'traces.list', flow: 'weather', limit: 10, ...query })
  return await ask<RunRecord>(gateway, { do: 'traces.get', id: runs[0]!.id })
}

describe('a watched flow', () => {
  it('shows the way of a request: each node with what came and left, its time, its callout and the answer', async () => {
    await using gateway = await open(weather())
    await watch(gateway)
    const reply = await fetch(`${gateway.url}/weather?place=Taipei`)
    expect(reply.status).toBe(200)
    const record = await newest(gateway)
    expect(record).toMatchObject({ flow: 'weather', method: 'GET', route: '/weather', status: 200, payloads: 'shown', watch: 'w1', run: reply.headers.get('x-request-id') })
    expect(record.steps.map(({ node }) => node)).toEqual(['weather.1', 'ask', 'shape', expect.any(String)])
    const [entry, call, shape] = record.steps
    expect(entry!.sends).toEqual([{ port: 0, to: ['ask'], message: expect.any(Number) }])
    expect(call).toMatchObject({ attempts: 1, tookMs: expect.any(Number) })
    expect(record.messages[call!.sends[0]!.message!]).toMatchObject({ payload: { weather: 'rain' }, statusCode: 200, req: '[request]' })
    expect(shape!.in).toBe(call!.sends[0]!.message)
    expect(record.callouts).toEqual([expect.objectContaining({ node: 'ask', step: 1, method: 'GET', url: `${upstreamUrl}/now`, status: 200 })])
    expect(record.answer).toMatchObject({ status: 200, body: { text: expect.stringContaining('rain') } })
  })

  it('records so many requests and no more, and none of other flows', async () => {
    const other = flow('other').httpIn('GET', '/other').node('change', { rules: [set('payload', 'x')] }).httpResponse().nodes()
    await using gateway = await open([...weather(), ...other])
    await watch(gateway, { next: 2 })
    await fetch(`${gateway.url}/other`)
    for (let n = 0; n < 4; n++) await fetch(`${gateway.url}/weather`)
    const list = await ask<TraceList>(gateway, { do: 'traces.list', flow: 'weather', watch: 'w1', limit: 10 })
    expect(list.runs).toHaveLength(2)
    expect(list.left).toBeUndefined()
    expect(gateway.gateway.tracing.active).toBe(false)
  })

  it('is not over before the last request that it records is answered', async () => {
    await using gateway = await open(flow('weather').httpIn('GET', '/weather').delay(150).httpResponse().nodes())
    await watch(gateway, { next: 1 })
    const left = async () => (await ask<TraceList>(gateway, { do: 'traces.list', flow: 'weather', watch: 'w1', limit: 10 })).left
    expect(await left()).toBe(1)
    const reply = fetch(`${gateway.url}/weather`)
    await expect.poll(left).toBe(0)
    await reply
    await expect.poll(left).toBeUndefined()
    expect((await newest(gateway)).status).toBe(200)
  })

  it('records by header only who shows the token that was given out', async () => {
    await using gateway = await open(weather())
    const token = 'sluice-watch-token'
    await watch(gateway, { tokenHash: createHash('sha256').update(token).digest('hex') })
    await fetch(`${gateway.url}/weather`)
    await fetch(`${gateway.url}/weather`, { headers: { 'x-sluice-watch': 'guessed' } })
    expect((await ask<TraceList>(gateway, { do: 'traces.list', flow: 'weather', limit: 10 })).runs).toEqual([])
    await fetch(`${gateway.url}/weather`, { headers: { 'x-sluice-watch': token } })
    const record = await newest(gateway)
    expect(JSON.stringify(record)).not.toContain(token)
  })

  it('hides credentials, cookies, keys and tokens, by name and wherever their values turn up', async () => {
    const nodes = flow('weather').httpIn('POST', '/weather').node('function', { func: "msg.copy = msg.req.headers.authorization.slice(7); msg.seen = 'key ' + msg.req.headers['x-tenant']; return msg", outputs: 1 })
      .node('http request', { method: 'GET', ret: 'obj', url: `${upstreamUrl}/now?api_key=query-key-1`, paytoqs: 'ignore', tls: '', persist: false, proxy: '', authType: 'basic', senderr: false }).as('ask').httpResponse().nodes()
    await using gateway = await startGateway({ nodes, settings: { SLUICE_EGRESS_ALLOW: '127.0.0.0/8' }, credentials: { ask: { user: 'node-user', password: 'node-password' } } })
    await watch(gateway)
    await fetch(`${gateway.url}/weather?token=url-token-1`, {
      method: 'POST', headers: { authorization: 'Bearer bearer-secret', cookie: 'sid=cookie-secret', 'x-api-key': 'api-key-secret', 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'ada', password: 'body-password', nested: { client_secret: 'nested-secret' }, note: 'the key is api-key-secret, node-password' }),
    })
    const text = JSON.stringify(await newest(gateway))
    for (const secret of ['bearer-secret', 'cookie-secret', 'api-key-secret', 'body-password', 'nested-secret', 'url-token-1', 'node-password', 'query-key-1', 'tok-987654', 'upstream-session-1']) expect(text, secret).not.toContain(secret)
    expect(text).toContain('ada')
    expect(text).toContain('[hidden]')
  })

  it('bounds what it shows of large messages', async () => {
    const nodes = flow('weather').httpIn('POST', '/weather').node('change', { rules: [set('payload.more', 1)] }).httpResponse().nodes()
    await using gateway = await open(nodes)
    await watch(gateway)
    const body = JSON.stringify({ list: Array.from({ length: 50_000 }, (_, n) => ({ n, text: 'x'.repeat(20) })) })
    await fetch(`${gateway.url}/weather`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const record = await newest(gateway)
    expect(JSON.stringify(record).length).toBeLessThan(400_000)
    expect(record.request?.body).toMatchObject({ cut: 'large' })
  })

  it('keeps no value of a message from leaving the gateway when payloads are local', async () => {
    await using gateway = await open(weather(), { SLUICE_TRACE_PAYLOADS: 'local' })
    await watch(gateway)
    await fetch(`${gateway.url}/weather?name=Ada-Lovelace`)
    const record = await newest(gateway)
    expect(record.payloads).toBe('local')
    const text = JSON.stringify(record)
    for (const value of ['rain', 'Ada-Lovelace']) expect(text).not.toContain(value)
    expect(record.messages.some((one) => JSON.stringify(one).includes('"weather":"string"'))).toBe(true)
    await expect(ask(gateway, { do: 'traces.case', id: record.id, name: 'x' })).rejects.toMatchObject({ code: 'step.config' })
  })

  it('shows a fault where it happened', async () => {
    const nodes = flow('weather').httpIn('GET', '/weather').node('function', { func: "throw new Error('broken here')", outputs: 1 }).as('bad').httpResponse().nodes()
    await using gateway = await open(nodes)
    await watch(gateway)
    expect((await fetch(`${gateway.url}/weather`)).status).toBe(500)
    const record = await newest(gateway)
    expect(record.steps.find(({ node }) => node === 'bad')?.fault).toMatchObject({ code: 'script.error', message: expect.stringContaining('broken here') })
    expect(record).toMatchObject({ status: 500, fault: 'script.error', answer: { status: 500, fault: 'script.error' } })
  })
})

describe('the way of a run', () => {
  const wires = (record: RunRecord) => record.steps.flatMap(({ node, sends }) => sends.flatMap(({ port, to }) => to.map((target) => `${node}:${port}→${target}`))).toSorted()

  it('has the wires into the branches of a parallel node, and what came of them', async () => {
    const nodes = [
      { id: 't', type: 'tab', label: 'T' }, { id: 'in', type: 'http in', z: 't', url: '/fork', method: 'get', wires: [['p']] },
      { id: 'p', type: 'parallel', z: 't', branches: [{ name: 'a' }, { name: 'b' }], wires: [['a'], ['b'], ['out']] },
      { id: 'a', type: 'change', z: 't', rules: [set('payload', 1)], wires: [['end']] }, { id: 'b', type: 'change', z: 't', rules: [set('payload', 2)], wires: [['end']] },
      { id: 'end', type: 'end', z: 't', wires: [] }, { id: 'out', type: 'http response', z: 't', wires: [] },
    ] as unknown as EditorNode[]
    await using gateway = await open(nodes)
    await watch(gateway, { flow: 't' })
    await fetch(`${gateway.url}/fork`)
    expect(wires(await newest(gateway, { flow: 't' }))).toEqual(['a:0→end', 'b:0→end', 'in:0→p', 'p:0→a', 'p:1→b', 'p:2→out'])
  })

  it('goes through junctions, links and subflows, whose nodes carry the id of the instance', async () => {
    const nodes = [
      { id: 't', type: 'tab', label: 'T' }, { id: 'in', type: 'http in', z: 't', url: '/way', method: 'get', wires: [['j']] }, { id: 'j', type: 'junction', z: 't', wires: [['i']] },
      { id: 's', type: 'subflow', name: 'S', in: [{ wires: [{ id: 'x' }] }], out: [{ wires: [{ id: 'x', port: 0 }] }] }, { id: 'x', type: 'change', z: 's', rules: [set('payload', 'x')], wires: [[]] },
      { id: 'i', type: 'subflow:s', z: 't', wires: [['out']] }, { id: 'out', type: 'http response', z: 't', wires: [] },
    ] as unknown as EditorNode[]
    await using gateway = await open(nodes)
    await watch(gateway, { flow: 't' })
    await fetch(`${gateway.url}/way`)
    expect(wires(await newest(gateway, { flow: 't' }))).toEqual(['i-x:0→out', 'in:0→i-x'])
  })

  it('is recorded whole when an answer of an upstream was still held', async () => {
    await using gateway = await open(weather())
    await watch(gateway)
    await fetch(`${gateway.url}/weather`)
    await fetch(`${gateway.url}/weather`)
    const { callouts, answer } = await newest(gateway)
    expect(asked.at(-1)?.headers['if-none-match']).toBe('"v1"')
    expect(callouts).toMatchObject([{ status: 200, body: { text: expect.stringContaining('rain') } }])
    expect(answer).toMatchObject({ status: 200 })
  })
})

describe('sampled runs', () => {
  it('are written down without any message, and count in the metrics of nodes', async () => {
    await using gateway = await open(weather(), { SLUICE_TRACE_SAMPLE: '100' })
    await fetch(`${gateway.url}/weather?who=Grace`)
    const record = await newest(gateway)
    expect(record).toMatchObject({ payloads: 'none', status: 200, messages: [] })
    expect(record.steps).toHaveLength(4)
    expect(JSON.stringify(record.steps)).not.toContain('rain')
    const metrics = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
    expect(metrics).toMatch(/sluice_node_duration_seconds_count\{flow="weather",node="shape",type="change"\} 1/)
    expect(metrics).toContain('sluice_traced_runs_total{flow="weather",why="sample"} 1')
    expect(metrics).toMatch(/sluice_callout_duration_seconds_count\{node="ask",host="127.0.0.1:\d+",status="2xx"\} 1/)
  })

  it('are none unless it is set', async () => {
    await using gateway = await open(weather())
    await fetch(`${gateway.url}/weather`)
    expect(gateway.gateway.tracing.kept).toBe(0)
  })
})

describe('a recorded run', () => {
  it('becomes a case with its callouts played, which passes, covers the wires, and fails when the flow changes', async () => {
    await using gateway = await open(weather())
    await watch(gateway)
    await fetch(`${gateway.url}/weather?place=Taipei`)
    const record = await newest(gateway)
    const one = await ask<FlowCase>(gateway, { do: 'traces.case', id: record.id, name: 'rain in Taipei' })
    expect(one).toMatchObject({
      name: 'rain in Taipei', request: { method: 'GET', url: '/weather?place=Taipei' }, upstreams: [{ match: { method: 'GET', url: `${upstreamUrl}/now` }, reply: { status: 200 } }],
      expect: { status: 200, json: { weather: 'rain' } },
    })
    expect(JSON.stringify(one)).not.toContain('tok-987654')
    const calls = asked.length
    const good = await ask<CasesReport>(gateway, { do: 'cases.run', nodes: weather(), cases: [one] })
    expect(good.results).toMatchObject([{ ok: true, failures: [], wires: [['weather.1', 0, 'ask'], ['ask', 0, 'shape'], ['shape', 0, expect.any(String)]] }])
    const bad = await ask<CasesReport>(gateway, { do: 'cases.run', nodes: weather('sky'), cases: [one] })
    expect(bad.results).toMatchObject([{ ok: false, failures: [expect.stringContaining('body.weather')] }])
    expect(asked.length, 'no callout went out').toBe(calls)
    const broken = await ask<CasesReport>(gateway, { do: 'cases.run', nodes: [...weather(), { id: 'bad', type: 'function', z: 'weather', func: 'return {', outputs: 1, wires: [[]], x: 1, y: 1 }], cases: [one] })
    expect(broken.problems).toEqual(expect.arrayContaining([expect.objectContaining({ node: 'bad', severity: 'error' })]))
  })

  it('plays the answers of one upstream in the order in which they came', async () => {
    const twice = flow('weather').httpIn('GET', '/weather')
      .node('http request', request()).as('first').node('change', { rules: [{ t: 'move', p: 'payload', pt: 'msg', to: 'before', tot: 'msg' }] })
      .node('http request', request()).node('change', { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: '{"first": before, "second": payload.weather}', tot: 'jsonata' }, { t: 'set', p: 'statusCode', pt: 'msg', to: '200', tot: 'num' }] }).httpResponse().nodes()
    await using gateway = await open(twice)
    await watch(gateway)
    failing = 1
    await fetch(`${gateway.url}/weather`)
    const one = await ask<FlowCase>(gateway, { do: 'traces.case', id: (await newest(gateway)).id, name: 'first fails' })
    expect(one.upstreams).toMatchObject([{ times: 1, reply: { status: 503, body: 'not now' } }, { reply: { status: 200 } }])
    expect((await ask<CasesReport>(gateway, { do: 'cases.run', nodes: twice, cases: [one] })).results).toMatchObject([{ ok: true }])
  })

  it('lets a caller in as it was recorded, without a credential in the case', async () => {
    const guarded = flow('weather').httpIn('GET', '/weather').node('auth', { methods: [{ kind: 'key header', name: 'x-api-key' }] }, 2).node('change', { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: '{"for": client.application}', tot: 'jsonata' }] }).httpResponse().nodes()
    await using gateway = await open(guarded)
    const one: FlowCase = { name: 'a', caller: { client: { application: 'app-1' } }, request: { url: '/weather' }, expect: { status: 200, json: { for: 'app-1' } } }
    const { caller: _, ...nobody } = one
    const report = await ask<CasesReport>(gateway, { do: 'cases.run', nodes: guarded, cases: [one, { ...nobody, name: 'b', expect: { status: 401 } }] })
    expect(report.results.map(({ failures }) => failures)).toEqual([[], []])
  })

  it('is done again against a draft, and the difference of the answers is told', async () => {
    await using gateway = await open(weather())
    await watch(gateway)
    await fetch(`${gateway.url}/weather`)
    const { id } = await newest(gateway)
    const same = await ask<ReplayReport>(gateway, { do: 'traces.replay', id, nodes: weather() })
    expect(same).toMatchObject({ differences: [], before: { status: 200 }, after: { status: 200 } })
    const other = await ask<ReplayReport>(gateway, { do: 'traces.replay', id, nodes: weather('sky') })
    expect(other.differences).toEqual(['body.weather: "rain" → —', 'body.sky: — → "rain"'])
  })

  it('says when the draft succeeds where the recorded run failed, and calls what was not recorded', async () => {
    const failingFlow = flow('weather').httpIn('GET', '/weather').node('function', { func: "throw new Error('broken')", outputs: 1 }).httpResponse().nodes()
    await using gateway = await open(failingFlow, { SLUICE_TRACE_PAYLOADS: 'local' })
    await watch(gateway)
    await fetch(`${gateway.url}/weather`)
    const { id } = await newest(gateway)
    expect((await ask<ReplayReport>(gateway, { do: 'traces.replay', id, nodes: failingFlow })).differences).toEqual([])
    const mended = flow('weather').httpIn('GET', '/weather').change(set('payload', 'very private')).httpResponse().nodes()
    const report = await ask<ReplayReport>(gateway, { do: 'traces.replay', id, nodes: mended })
    expect(report.differences).toEqual(['status: 500 → 200', 'body.code'])
    expect(JSON.stringify(report)).not.toContain('private')
    const calling = await ask<ReplayReport>(gateway, { do: 'traces.replay', id, nodes: weather() })
    expect(calling.differences).toContain(`called GET ${upstreamUrl}/now, which the case does not play`)
  })

  it('is replayed where its bodies are local, and only the places of differences leave', async () => {
    await using gateway = await open(weather(), { SLUICE_TRACE_PAYLOADS: 'local' })
    await watch(gateway)
    await fetch(`${gateway.url}/weather`)
    const report = await ask<ReplayReport>(gateway, { do: 'traces.replay', id: (await newest(gateway)).id, nodes: weather('sky') })
    expect(report.differences).toEqual(['body.weather', 'body.sky'])
    expect(JSON.stringify(report)).not.toContain('rain')
  })
})
