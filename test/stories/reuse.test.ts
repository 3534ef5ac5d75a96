import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { flow, setBy } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

/** Two documents that change when the test says so; a server by the book that counts what it sends whole. */
const state = { versions: [0, 0], tags: true, sent: 0, unchanged: 0 }
const server = createServer((req, res) => {
  const which = req.url?.startsWith('/b') ? 1 : 0
  const version = state.versions[which] as number
  const rows = Array.from({ length: 40 }, (_, i) => ({ name: ['Taipei', 'Tainan', 'Hualien', 'Penghu'][i % 4], n: i * (version + 1), who: req.headers['x-who'] ?? null }))
  const body = req.url === '/bad' ? '{ "version": 1, }' : JSON.stringify({ version, rows }, null, req.url === '/spaced' ? 1 : 0)
  const etag = `"${which}-${version}-${String(req.headers['x-who'])}"`
  const headers = { 'content-type': 'application/json', ...(state.tags ? { etag } : {}) }
  if (state.tags && req.headers['if-none-match'] === etag) {
    state.unchanged += 1
    res.writeHead(304, headers).end()
    return
  }
  state.sent += 1
  res.writeHead(200, headers).end(body)
})
let gateway: TestGateway

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const compose = (id: string, tab: Record<string, unknown> = {}) => flow(id, tab).httpIn('GET', `/${id}`)
    .node('service callout', { method: 'GET', url: `http://127.0.0.1:${port}/a`, headers: [{ name: 'x-who', value: 'req.headers["x-who"]', valueType: 'msg' }] }, 2)
    .change({ t: 'move', p: 'payload', pt: 'msg', to: 'first', tot: 'msg' })
    .node('service callout', { method: 'GET', url: `http://127.0.0.1:${port}/b`, headers: [{ name: 'x-who', value: 'req.headers["x-who"]', valueType: 'msg' }] }, 2)
    .change(setBy('sum', '$sum(first.rows[name = $lookup({"k": $$.req.query.county}, "k")].n)'))
    .node('map', { rows: [{ to: 'best', from: 'first.rows[3].n' }, { to: 'county', from: 'req.query.county' }, { to: 'who', from: 'payload.rows', do: [{ function: 'find', with: [{ value: 'name' }, { from: 'req.query.county' }] }] }], into: 'table' })
    .node('transform', { expression: '{ "sum": $message.sum, "table": $message.table, "mine": rows[name = $message.req.query.county].{ "n": n, "who": who }, "versions": [$message.first.version, version] }' })
    .node('respond', {}, 0)
  const off = { env: [{ name: 'SLUICE_REUSE', value: 'off', type: 'str' }] }
  const whole = flow('whole').httpIn('GET', '/whole/:what').node('service callout', { method: 'GET', url: `http://127.0.0.1:${port}/{{req.params.what}}` }, 2).node('map', { rows: [{ to: 'weather', from: 'payload' }, { to: 'rain', value: 0.2 }] }).node('respond', {}, 0)
  gateway = await startGateway({ nodes: [...compose('on').nodes(), ...compose('off', off).nodes(), ...whole.nodes()], settings: { SLUICE_EGRESS_ALLOW: `127.0.0.1:${port}` } })
})
afterAll(async () => {
  await gateway.close()
  server.closeAllConnections()
  server.close()
})

async function ask(id: 'on' | 'off', county: string, who: string | undefined): Promise<unknown> {
  for (let tries = 0; ; tries += 1) {
    const response = await fetch(`${gateway.url}/${id}?county=${county}`, { headers: who === undefined ? {} : { 'x-who': who } })
    const body = await response.text()
    // On a machine with other things to do an expression may pass its time; that is no answer to compare.
    if (tries < 20 && /script\.(timeout|quarantined)/.test(body)) await new Promise((resolve) => setTimeout(resolve, 50))
    else return { status: response.status, type: response.headers.get('content-type'), body }
  }
}

it('with and without work used again every answer is the same, and never older than its request', async () => {
  const step = fc.record({ change: fc.constantFrom(undefined, undefined, 0, 1), tags: fc.boolean(), county: fc.constantFrom('Taipei', 'Tainan', 'Nowhere'), who: fc.constantFrom(undefined, 'a', 'b') })
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
    for (const { change, tags, county, who } of steps) {
      if (change !== undefined) state.versions[change] = (state.versions[change] as number) + 1
      state.tags = tags
      const [on, off] = [await ask('on', county, who), await ask('off', county, who)]
      expect(on).toEqual(off)
      expect((on as { status: number }).status).toBe(200)
      expect(JSON.parse((on as { body: string }).body)).toMatchObject({ versions: state.versions })
    }
  }), { numRuns: 20 })
}, 30_000)

it('documents that do not change cross the network once', async () => {
  state.tags = true
  await ask('on', 'Taipei', 'c')
  const before = { ...state }
  for (let i = 0; i < 10; i += 1) await ask('on', 'Taipei', 'c')
  expect([state.sent - before.sent, state.unchanged - before.unchanged]).toEqual([0, 20])
  for (let i = 0; i < 10; i += 1) await ask('off', 'Taipei', 'c')
  expect(state.sent - before.sent).toBe(20)
})

it('a body that goes into an answer whole stands there as it came; one that is no JSON is no answer', async () => {
  state.versions[0] = 0
  const answer = await fetch(`${gateway.url}/whole/spaced`)
  const text = await answer.text()
  expect([answer.status, answer.headers.get('content-type'), text.slice(0, 26)]).toEqual([200, 'application/json; charset=utf-8', '{"weather":{\n "version": 0'])
  expect(JSON.parse(text)).toMatchObject({ weather: { rows: { length: 40 } }, rain: 0.2 })
  expect((await fetch(`${gateway.url}/whole/bad`)).status).toBe(500)
})
