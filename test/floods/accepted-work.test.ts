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
  /** Calls by the idempotency key they came under. */
  readonly calls: Map<string, number[]>
}

/** Does a thing for each call, and takes its time. */
async function startBackend(): Promise<Backend> {
  const calls = new Map<string, number[]>()
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => (text += part.toString()))
    request.on('end', () => {
      const key = String(request.headers['idempotency-key'])
      const { n } = JSON.parse(text) as { n: number }
      calls.set(key, [...(calls.get(key) ?? []), n])
      setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(text), 40)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => (server.closeAllConnections(), void server.close()))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
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

/** Asks for work until so many were accepted, by whichever gateway answers. */
async function accept(count: number, gateways: () => readonly LoneGateway[], accepted: Map<string, number>): Promise<void> {
  let n = accepted.size
  const one = async () => {
    while (accepted.size < count) {
      const own = n++
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

/** Every accepted job is done, each under one key of its own, and no more calls were repeated than were under way at the kills. */
async function expectAllDone(accepted: ReadonlyMap<string, number>, gateway: LoneGateway, { calls }: Backend, mostRepeated: number): Promise<void> {
  const waiting = new Set(accepted.keys())
  const last = new Map<string, number>()
  await expect.poll(async () => {
    last.clear()
    for (const id of waiting) {
      const state = await stateOf(gateway, id)
      if (state === 'done') waiting.delete(id)
      else last.set(state, (last.get(state) ?? 0) + 1)
      if (last.size > 0 && waiting.size > 20) break
    }
    return [...last.keys(), waiting.size]
  }, patience).toEqual([0])
  const keysOf = new Map<number, Set<string>>()
  let repeated = 0
  for (const [key, numbers] of calls) {
    expect(new Set(numbers).size).toBe(1) // one key is one thing
    repeated += numbers.length - 1
    for (const n of numbers) keysOf.set(n, (keysOf.get(n) ?? new Set()).add(key))
  }
  for (const n of accepted.values()) expect(keysOf.get(n)?.size).toBe(1)
  expect(repeated).toBeLessThanOrEqual(mostRepeated)
}

describe('accepted work', () => {
  test.skipIf(!needs('redis-server'))('is done whichever gateways die: nothing is lost, and what was under way is repeated under the same key', async () => {
    const backend = await startBackend()
    const redis = await startRedis({ durable: true })
    closers.push(() => redis.stop())
    const start = await startPlane(backend, { SLUICE_REDIS_URL: redis.url, SLUICE_JOB_KEY: '7'.repeat(64) })
    const gateways = new Map<string, LoneGateway>()
    for (const name of ['a', 'b', 'c']) gateways.set(name, await start(name))
    const accepted = new Map<string, number>()
    const accepting = accept(500, () => [...gateways.values()], accepted)
    let kills = 0
    for (const share of [0.1, 0.3, 0.5, 0.7, 0.9]) {
      await expect.poll(() => accepted.size, patience).toBeGreaterThanOrEqual(500 * share)
      const name = ['a', 'b', 'c'][Math.floor(Math.random() * 3)] as string
      const dying = gateways.get(name) as LoneGateway
      gateways.delete(name)
      await dying.kill()
      kills += 1
      gateways.set(name, await start(name))
    }
    await accepting
    await expectAllDone(accepted, gateways.get('a') as LoneGateway, backend, kills * atOnce)
  }, 300_000)

  test.skipIf(!needs('redis-server'))('is there again when Redis was killed and started again; meanwhile callers hear 503 at once', async () => {
    const backend = await startBackend()
    const redis: TestRedis = await startRedis({ durable: true })
    closers.push(() => redis.stop())
    const start = await startPlane(backend, { SLUICE_REDIS_URL: redis.url, SLUICE_JOB_KEY: '7'.repeat(64) })
    const gateways = [await start('a'), await start('b')]
    const accepted = new Map<string, number>()
    await accept(60, () => gateways, accepted)
    await redis.kill()
    const refused = await Promise.all(Array.from({ length: 10 }, async (_, n) => {
      const reply = await fetch(`${gateways[n % 2]!.url}/orders`, { method: 'POST', body: '{"n":-1}', headers: { 'content-type': 'application/json' } })
      return [reply.status, ((await reply.json()) as { code: string }).code]
    }))
    expect(new Set(refused.map(String))).toEqual(new Set(['503,job.unavailable']))
    await redis.start()
    await accept(120, () => gateways, accepted)
    await expectAllDone(accepted, gateways[0] as LoneGateway, backend, 2 * atOnce)
  }, 300_000)

  test('without Redis is done by its gateway when that is back, however often it was killed', async () => {
    const backend = await startBackend()
    const start = await startPlane(backend, {})
    let gateway: LoneGateway | undefined = await start('alone')
    const accepted = new Map<string, number>()
    const accepting = accept(200, () => (gateway ? [gateway] : []), accepted)
    let kills = 0
    for (const share of [0.2, 0.5, 0.8]) {
      await expect.poll(() => accepted.size, patience).toBeGreaterThanOrEqual(200 * share)
      const dying = gateway as LoneGateway
      gateway = undefined
      await dying.kill()
      kills += 1
      gateway = await start('alone')
    }
    await accepting
    await expectAllDone(accepted, gateway, backend, kills * atOnce)
  }, 300_000)
})
