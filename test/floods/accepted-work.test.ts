import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { forkControl } from '../kit/fork-control.ts'
import { type LoneGateway, startLoneGateway } from '../kit/lone-gateway.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await Promise.resolve().then(close).catch(() => {})
}, 60_000)

const patience = { timeout: 120_000, interval: 100 }
const atOnce = 8

interface Backend {
  readonly url: string
  /** Things that were ordered, by the idempotency keys of the calls that came for them. */
  readonly calls: Map<string, number[]>
  /** How often each thing was done: once under one key, however often that comes. */
  readonly effects: Map<number, number>
}

/** Does a thing for each new key, and takes its time. */
async function startBackend(): Promise<Backend> {
  const calls = new Map<string, number[]>()
  const effects = new Map<number, number>()
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => (text += part.toString()))
    request.on('end', () => {
      const key = String(request.headers['idempotency-key'])
      const { n } = JSON.parse(text) as { n: number }
      const before = calls.get(key)
      calls.set(key, [...(before ?? []), n])
      if (!before) effects.set(n, (effects.get(n) ?? 0) + 1)
      setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(text), 40)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => (server.closeAllConnections(), void server.close()))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls, effects }
}

const flows = (backend: Backend) => estate(
  flow('orders').httpIn('POST', '/orders').node('async', { statusPath: '/jobs', atOnce, attempts: 20, backoffMs: 200, backoffMostMs: 2000, timeoutMs: 20_000 })
    .node('service callout', { method: 'POST', url: backend.url }, 2).httpResponse()
    .httpIn('ALL', '/jobs/*').node('job status', {}, 0),
)

/** Control with the flow deployed, and a way to start gateways beside it. */
async function startPlane(backend: Backend, env: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-accepted-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const control = await forkControl({ dataDir: join(folder, 'control') })
  closers.push(() => control.kill())
  await control.call('flows.deploy', { nodes: flows(backend), user: 'admin' })
  const joined = new Set<string>()
  return async function start(name: string): Promise<LoneGateway> {
    const { token } = joined.has(name) ? { token: undefined } : ((await control.call('gateways.createJoinToken', 'admin')) as { token: string })
    joined.add(name)
    const gateway = await startLoneGateway({ controlUrl: control.url, dataDir: join(folder, name), ...(token ? { token } : {}), env: { SLUICE_EGRESS_ALLOW: '127.0.0.1', ...env } })
    closers.push(() => gateway.kill())
    await expect.poll(async () => (await fetch(`${gateway.url}/jobs/none`)).status, { timeout: 30_000, interval: 50 }).toBe(404)
    return gateway
  }
}

/** What was ordered: each order has a number of its own, also one that nobody accepted. */
interface Orders {
  readonly accepted: Map<string, number>
  next: number
}

/** Asks for work until so many were accepted, by whichever gateway answers. */
async function accept(count: number, gateways: () => readonly LoneGateway[], orders: Orders): Promise<void> {
  const { accepted } = orders
  const one = async () => {
    while (accepted.size < count) {
      const own = orders.next++
      const alive = gateways()
      const gateway = alive[own % Math.max(1, alive.length)]
      try {
        const reply = await fetch(`${gateway?.url ?? 'http://127.0.0.1:1'}/orders`, { method: 'POST', body: JSON.stringify({ n: own }), headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(10_000) })
        if (reply.status === 202) accepted.set(((await reply.json()) as { id: string }).id, own)
        else await pause(50)
      } catch {
        await pause(50)
      }
    }
  }
  await Promise.all(Array.from({ length: 10 }, one))
}

async function stateOf(gateway: LoneGateway, id: string): Promise<string> {
  try {
    const reply = await fetch(`${gateway.url}/jobs/${id}`, { signal: AbortSignal.timeout(5000) })
    return ((await reply.json()) as { state?: string }).state ?? `status ${reply.status}`
  } catch {
    return 'no answer'
  }
}

const lookAtOnce = 16

/** Every accepted job is done, each under one key of its own and once, and no more calls were repeated than were under way at the kills. */
async function expectAllDone({ accepted }: Orders, gateways: readonly LoneGateway[], { calls, effects }: Backend, mostRepeated: number): Promise<void> {
  const waiting = new Set(accepted.keys())
  await expect.poll(async () => {
    const states = new Map<string, number>()
    const left = [...waiting]
    const look = async (gateway: LoneGateway) => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        const state = await stateOf(gateway, id)
        if (state === 'done') waiting.delete(id)
        else states.set(state, (states.get(state) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: lookAtOnce }, (_, at) => look(gateways[at % gateways.length] as LoneGateway)))
    return Object.fromEntries(states)
  }, patience).toEqual({})
  let repeated = 0
  for (const numbers of calls.values()) {
    expect(new Set(numbers).size).toBe(1) // one key is one thing
    repeated += numbers.length - 1
  }
  const effectsOf = new Map([...accepted.values()].map((n) => [n, effects.get(n)]))
  expect([...effectsOf].filter(([, times]) => times !== 1)).toEqual([])
  expect(repeated).toBeLessThanOrEqual(mostRepeated)
}

describe('accepted work', () => {
  test.skipIf(!needs('redis-server'))('is done whichever gateways die: of 10,000 none is lost through 20 kills, what was under way is repeated under the same key, and nothing else', async () => {
    const [kills, between] = [20, 500]
    const backend = await startBackend()
    const redis = await startRedis({ durable: true })
    closers.push(() => redis.stop())
    const start = await startPlane(backend, { SLUICE_REDIS_URL: redis.url, SLUICE_JOB_KEY: '7'.repeat(64) })
    const names = ['a', 'b', 'c']
    const gateways = new Map(await Promise.all(names.map(async (name) => [name, await start(name)] as const)))
    const orders: Orders = { accepted: new Map(), next: 0 }
    for (let kill = 0; kill < kills; kill += 1) {
      const atKill = between * (kill + Math.random() * 0.3)
      const accepting = accept(between * (kill + 1), () => [...gateways.values()], orders)
      await expect.poll(() => orders.accepted.size, { ...patience, interval: 5 }).toBeGreaterThanOrEqual(atKill)
      const name = names[Math.floor(Math.random() * names.length)] as string
      const dying = gateways.get(name) as LoneGateway
      gateways.delete(name)
      await dying.kill()
      const [back] = await Promise.all([start(name), accepting])
      gateways.set(name, back)
    }
    expect(orders.accepted.size).toBeGreaterThanOrEqual(10_000)
    await expectAllDone(orders, [...gateways.values()], backend, kills * atOnce)
  }, 600_000)

  test.skipIf(!needs('redis-server'))('is there again when Redis was killed and started again; meanwhile callers hear 503 at once', async () => {
    const backend = await startBackend()
    const redis: TestRedis = await startRedis({ durable: true })
    closers.push(() => redis.stop())
    const start = await startPlane(backend, { SLUICE_REDIS_URL: redis.url, SLUICE_JOB_KEY: '7'.repeat(64) })
    const gateways = [await start('a'), await start('b')]
    const orders: Orders = { accepted: new Map(), next: 0 }
    await accept(60, () => gateways, orders)
    await redis.kill()
    const refused = await Promise.all(Array.from({ length: 10 }, async (_, n) => {
      const reply = await fetch(`${gateways[n % 2]!.url}/orders`, { method: 'POST', body: '{"n":-1}', headers: { 'content-type': 'application/json' } })
      return [reply.status, ((await reply.json()) as { code: string }).code]
    }))
    expect(new Set(refused.map(String))).toEqual(new Set(['503,job.unavailable']))
    await redis.start()
    await accept(120, () => gateways, orders)
    await expectAllDone(orders, gateways, backend, 2 * atOnce)
  }, 300_000)

  test('without Redis is done by its gateway when that is back, however often it was killed', async () => {
    const backend = await startBackend()
    const start = await startPlane(backend, {})
    let gateway: LoneGateway | undefined = await start('alone')
    const orders: Orders = { accepted: new Map(), next: 0 }
    const accepting = accept(200, () => (gateway ? [gateway] : []), orders)
    let kills = 0
    for (const share of [0.2, 0.5, 0.8]) {
      await expect.poll(() => orders.accepted.size, patience).toBeGreaterThanOrEqual(200 * share)
      const dying = gateway as LoneGateway
      gateway = undefined
      await dying.kill()
      kills += 1
      gateway = await start('alone')
    }
    await accepting
    await expectAllDone(orders, [gateway], backend, kills * atOnce)
  }, 300_000)
})
