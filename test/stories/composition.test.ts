import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

/** What the services were asked, how many at once, and how the calls ended. */
let asked: string[]
let now: number
let most: number
let aborted: string[]
let statusOf: (path: string) => number
/** Called with the answer to give; a test may keep it. */
let answer: (path: string, give: () => void) => void

const services = createServer((request: IncomingMessage, response: ServerResponse) => {
  const path = String(request.url)
  asked.push(path)
  most = Math.max(most, (now += 1))
  let given = false
  response.on('close', () => {
    now -= 1
    if (!given) aborted.push(path)
  })
  answer(path, () => {
    given = true
    response.writeHead(statusOf(path), { 'content-type': 'application/json' }).end(JSON.stringify({ from: path }))
  })
}) as Server

const callout = (z: string, id: string, url: string, to: string): EditorNode => ({ id: `${z}-${id}`, type: 'service callout', z, url, method: 'GET', wires: [[`${z}-${to}`], []] })

/** Three services at once: weather and stations are needed, air is not. */
function threeAtOnce(base: string): EditorNode[] {
  const z = 'three'
  return [
    { id: z, type: 'tab', label: 'Three at once' },
    { id: `${z}-in`, type: 'http in', z, url: '/today', method: 'get', wires: [[`${z}-all`]] },
    {
      id: `${z}-all`, type: 'parallel', z, wires: [[`${z}-weather`], [`${z}-stations`], [`${z}-air`], [`${z}-reply`]],
      branches: [{ name: 'weather' }, { name: 'stations' }, { name: 'air', ifFails: 'default', value: '{"pm25":null}' }],
    },
    callout(z, 'weather', `${base}/weather?for={{req.query.who}}`, 'end'),
    callout(z, 'stations', `${base}/stations`, 'end'),
    callout(z, 'air', `${base}/air`, 'end'),
    { id: `${z}-end`, type: 'end', z, wires: [] },
    { id: `${z}-reply`, type: 'respond', z, wires: [], body: '{"today": payload, "warnings": warnings.part}', bodyType: 'jsonata' },
  ]
}

/** Each of a list, two at once. */
function eachOf(base: string): EditorNode[] {
  const z = 'each'
  return [
    { id: z, type: 'tab', label: 'Each' },
    { id: `${z}-in`, type: 'http in', z, url: '/each', method: 'post', wires: [[`${z}-each`]] },
    { id: `${z}-each`, type: 'for each', z, parallel: 2, onError: 'collect', wires: [[`${z}-call`], [`${z}-reply`]] },
    callout(z, 'call', `${base}/item/{{payload}}`, 'end'),
    { id: `${z}-end`, type: 'end', z, wires: [] },
    { id: `${z}-reply`, type: 'respond', z, wires: [], body: '{"results": payload.from, "failed": errors.index}', bodyType: 'jsonata' },
  ]
}

let gateway: TestGateway
beforeAll(async () => {
  await new Promise<void>((resolve) => services.listen(0, '127.0.0.1', resolve))
  const { port } = services.address() as AddressInfo
  const base = `http://127.0.0.1:${port}`
  gateway = await startGateway({ nodes: [...threeAtOnce(base), ...eachOf(base)], settings: { SLUICE_EGRESS_ALLOW: `127.0.0.1:${port}` } })
})
afterAll(async () => {
  await gateway?.close()
  services.closeAllConnections()
  services.close()
})
beforeEach(() => {
  asked = []
  aborted = []
  now = 0
  most = 0
  statusOf = () => 200
  answer = (_path, give) => give()
})

test('three calls in parallel are under way at once, and the answer has all three', async () => {
  const waiting: (() => void)[] = []
  answer = (_path, give) => {
    waiting.push(give)
    // Nobody is answered before all have been asked: one after the other would wait here for ever.
    if (waiting.length === 3) waiting.forEach((letGo) => letGo())
  }
  const reply = await fetch(`${gateway.url}/today?who=me`)
  expect(await reply.json()).toEqual({ today: { weather: { from: '/weather?for=me' }, stations: { from: '/stations' }, air: { from: '/air' } } })
  expect(reply.headers.get('x-degraded')).toBeNull()
  expect(most).toBe(3)
})

test('an optional service that answers with an error costs its part and nothing else', async () => {
  statusOf = (path) => (path === '/air' ? 503 : 200)
  const reply = await fetch(`${gateway.url}/today?who=me`)
  expect(reply.status).toBe(200)
  expect(reply.headers.get('x-degraded')).toBe('air')
  expect(await reply.json()).toEqual({ today: { weather: { from: '/weather?for=me' }, stations: { from: '/stations' }, air: { pm25: null } }, warnings: 'air' })
})

test('a required service that fails fails the call once, and the other calls are aborted', async () => {
  answer = (path, give) => {
    if (path === '/stations') give()
  }
  statusOf = () => 500
  const reply = await fetch(`${gateway.url}/today?who=me`)
  expect(reply.status).toBe(502)
  expect(await reply.json()).toMatchObject({ code: 'upstream.status' })
  await expect.poll(() => aborted.toSorted()).toEqual(['/air', '/weather?for=me'])
})

test('a caller that goes away takes all three calls along', async () => {
  answer = () => {}
  const leaving = new AbortController()
  const call = fetch(`${gateway.url}/today?who=me`, { signal: leaving.signal }).catch(() => 'gone')
  await expect.poll(() => asked.length).toBe(3)
  leaving.abort()
  expect(await call).toBe('gone')
  await expect.poll(() => aborted.length).toBe(3)
})

test('many callers at once each get their own', async () => {
  answer = (path, give) => void setTimeout(give, (path.length * 7) % 5)
  const callers = Array.from({ length: 50 }, (_, who) => who)
  const answers = await Promise.all(callers.map(async (who) => (await fetch(`${gateway.url}/today?who=${who}`)).json()))
  expect(answers).toEqual(callers.map((who) => ({ today: { weather: { from: `/weather?for=${who}` }, stations: { from: '/stations' }, air: { from: '/air' } } })))
})

test('each of a list is called for, two at once, in order, and who fails is named', async () => {
  answer = (path, give) => void setTimeout(give, path.endsWith('0') ? 6 : 1)
  statusOf = (path) => (path.endsWith('3') ? 404 : 200)
  const reply = await fetch(`${gateway.url}/each`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[0,1,2,3,4]' })
  expect(await reply.json()).toEqual({ results: ['/item/0', '/item/1', '/item/2', '/item/4'], failed: 3 })
  expect(most).toBe(2)
})
