import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

const callers = 1000
const slots = 20

/** A backend that answers nobody before it is opened. */
let server: Server
let url: string
let held: (() => void)[]
let isOpen: boolean
let under: number
let most: number
let redis: TestRedis | undefined
let gateways: TestGateway[] = []

beforeEach(async () => {
  held = []
  isOpen = false
  under = 0
  most = 0
  server = createServer((_request, response) => {
    most = Math.max(most, ++under)
    const answer = () => {
      under -= 1
      response.end('done')
    }
    if (isOpen) setImmediate(answer)
    else held.push(answer)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()))
  await redis?.stop()
  redis = undefined
  server.closeAllConnections()
  server.close()
}, 60_000)

const nodes = (scope: 'gateway' | 'cluster', marker: string, more: object = {}) => [
  { id: 'host', type: 'resource', name: 'host', slots, scope, ...more },
  ...estate(flow('waits').httpIn('GET', '/waits').node('priority queue', { resource: 'host', priority: 'req.query.p', priorityType: 'msg', maxWaitMs: 120_000 }, 2).node('http request', { method: 'GET', url }).fn(`msg.payload = '${marker}'; msg.headers = {}; return msg`).httpResponse()),
] as unknown as EditorNode[]
const other = () => estate(flow('other').httpIn('GET', '/other').fn("msg.payload = 'other'; return msg").httpResponse())

async function start(scope: 'gateway' | 'cluster'): Promise<void> {
  if (scope === 'cluster') redis = await startRedis()
  const settings = { SLUICE_EGRESS_ALLOW: new URL(url).host, SLUICE_DEADLINE_MS: '120000', ...(redis ? { SLUICE_REDIS_URL: redis.url, SLUICE_STATE_SHARES: '2' } : {}) }
  gateways = await Promise.all(Array.from({ length: scope === 'cluster' ? 2 : 1 }, () => startGateway({ nodes: nodes(scope, 'one'), settings })))
}
async function deploy(next: readonly EditorNode[]): Promise<void> {
  for (const gateway of gateways) expect(await gateway.deploy(next)).toMatchObject({ ok: true })
}
/** What a caller got: a text of the flow, status and code of a refusal, or what broke. */
const call = async (n: number): Promise<string> => {
  try {
    const reply = await fetch(`${gateways[n % gateways.length]!.url}/waits?p=${[0, 5, 9][n % 3]}`)
    const text = await reply.text()
    return text.startsWith('{') ? `${reply.status} ${(JSON.parse(text) as { code: string }).code}` : text
  } catch (error) {
    return String(error)
  }
}
async function waiting(): Promise<number> {
  const reports = (await Promise.all(gateways.map(({ gateway }) => gateway.deployer.command({ do: 'lines.list' })))) as { waiting: number[] }[][]
  return reports.flat().flatMap(({ waiting: counts }) => counts).reduce((sum, count) => sum + count, 0)
}
function open(): void {
  isOpen = true
  for (const answer of held.splice(0)) answer()
}
function tally(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}

/** So many call, and all have come: they wait, or are at the backend. */
async function come(count: number): Promise<readonly Promise<string>[]> {
  const there = (await waiting()) + under
  const answers: Promise<string>[] = []
  // In parts, so that the one process that all of this is in keeps up with Redis.
  while (answers.length < count) {
    for (const end = Math.min(count, answers.length + 100); answers.length < end;) answers.push(call(answers.length))
    await expect.poll(async () => (await waiting()) + under, { timeout: 20_000 }).toBe(there + answers.length)
  }
  return answers
}

describe.each(['gateway', 'cluster'] as const)('1,000 calls that wait at a resource of scope %s', (scope) => {
  const skip = scope === 'cluster' && !needs('redis-server')

  test.skipIf(skip)('finish on the revision they came in on, whatever goes live meanwhile: another one, more slots, none', async () => {
    await start(scope)
    const before = await come(callers + slots)
    await deploy(nodes(scope, 'two', { slots: slots + 10 }))
    // What is new holds for those that wait as well.
    await expect.poll(() => under, { timeout: 10_000 }).toBeGreaterThanOrEqual(slots + 10)
    const after = await come(30)
    await deploy(other())
    expect(await call(0)).toBe('404 route.none')
    open()
    expect([tally(await Promise.all(before)), tally(await Promise.all(after))]).toEqual([{ one: callers + slots }, { two: 30 }])
    if (scope === 'gateway') expect(most).toBe(slots + 10)
    await expect.poll(() => gateways.reduce((sum, { gateway }) => sum + gateway.deployer.inFlight, 0)).toBe(0)
    // With the last of them the line is gone.
    for (const { gateway } of gateways) await expect.poll(() => gateway.deployer.command({ do: 'lines.list' })).toEqual([])
  }, 90_000)
})
