import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { flow } from '../../test/kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../../test/kit/gateway.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import { httpRequest } from './http-request.ts'

const asked: string[] = []
let answerOf = (_path: string): number => 200
let server: Server
let origin: string
let gateway: TestGateway

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`.trim())
    response.writeHead(answerOf(request.url as string), { 'content-type': 'application/json' }).end(JSON.stringify({ path: request.url }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const nodes = [
    { id: 'ups', type: 'upstream', name: 'weather', targets: [{ url: `${origin}/base`, weight: 1 }], retries: 2, backoffMs: 0, retryPercent: 100, breaker: true, breakerMinCalls: 4, breakerErrorPercent: 50, breakerOpenMs: 60_000 },
    ...flow('t').httpIn('GET', '/t/*').node('http request', { method: 'use', ret: 'obj', url: '', upstream: 'ups', paytoqs: 'ignore' }).as('ask').fn('return { ...msg, payload: { said: msg.payload, url: msg.responseUrl }, headers: {} }').httpResponse().nodes().map((node) => (node.id === 't.1' ? { ...node, wires: [['set']] } : node)),
    { id: 'set', type: 'function', z: 't', func: "return { ...msg, url: msg.req.query.url ?? '/' + msg.req.params[0], method: msg.req.query.method ?? 'GET' }", outputs: 1, wires: [['ask']] },
  ]
  gateway = await startGateway({ nodes: nodes as never, settings: { SLUICE_EGRESS_ALLOW: origin.slice(7) } })
})
afterAll(async () => {
  await gateway.close()
  server.closeAllConnections()
  server.close()
})

async function ask(path: string) {
  asked.length = 0
  const answer = await fetch(`${gateway.url}/t${path}`)
  return { status: answer.status, body: (await answer.json().catch(() => ({}))) as { said?: unknown; url?: string }, asked: [...asked] }
}

it('a request to a named upstream is tried again as the upstream says, when it is safe to repeat', async () => {
  let failures = 2
  answerOf = () => (failures-- > 0 ? 503 : 200)
  expect(await ask('/a/b?url=/a/b%3Fq=1')).toEqual({ status: 200, body: { said: { path: '/base/a/b?q=1' }, url: expect.not.stringContaining('.upstream') as unknown }, asked: Array.from({ length: 3 }, () => 'GET /base/a/b?q=1') })
  failures = 1
  const posted = await ask('/x?method=POST')
  expect([posted.status, posted.asked.length]).toEqual([503, 1])
})

it('a flow cannot choose another host', async () => {
  answerOf = () => 200
  for (const url of ['http://127.0.0.1:1/', '//127.0.0.1:1/', 'relative']) {
    const { body, asked: sent } = await ask(`/x?url=${encodeURIComponent(url)}`)
    expect([sent, JSON.stringify(body.said)]).toEqual([[], expect.stringContaining('begins with a slash')])
  }
})

it('its breaker opens for this node as for others', async () => {
  answerOf = () => 500
  for (let i = 0; i < 6; i += 1) await ask('/down')
  const { body, asked: sent } = await ask('/down')
  expect([sent, JSON.stringify(body.said)]).toEqual([[], expect.stringContaining('weather')])
})

it('says what is wrong with it', () => {
  const codes = (config: object, types: Record<string, string> = {}) => checkNode(httpRequest, config, { configNodes: Object.fromEntries(Object.entries(types).map(([id, type]) => [id, { type, config: {} }])) }).map(({ code, property }) => `${code} ${property}`)
  expect(codes({ url: '/a', upstream: 'ups' }, { ups: 'upstream' })).toEqual([])
  expect(codes({ url: '{{payload.path}}', upstream: 'ups' }, { ups: 'upstream' })).toEqual([])
  expect(codes({ url: 'https://else.example/a', upstream: 'ups' }, { ups: 'upstream' })).toEqual(['callout.path url'])
  expect(codes({ url: '/a', upstream: 'gone' })).toEqual(['config.missing upstream'])
})
