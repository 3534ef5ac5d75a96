import { afterEach, describe, expect, test } from 'vitest'
import { concurrencyLimit } from '../../nodes/concurrency-limit/concurrency-limit.ts'
import { quota } from '../../nodes/quota/quota.ts'
import { resetQuota } from '../../nodes/reset-quota/reset-quota.ts'
import { spikeArrest } from '../../nodes/spike-arrest/spike-arrest.ts'
import { type Clock, systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { NodeDefinition } from '../../runtime/core/node.ts'
import { openRedisState, type RedisState } from '../../runtime/state/redis-state.ts'
import { fakeRun } from '../kit/fake-run.ts'
import { type NodeTestOptions, type TestedNode, testNode } from '../kit/node-tester.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

const row = (limit: number, more: object = {}) => ({ limit: String(limit), limitType: 'num', every: 1, unit: 'month', algorithm: 'fixed', zone: '', per: 'all', ...more })

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

async function redisServer(): Promise<TestRedis> {
  const redis = await startRedis()
  opened.push(() => redis.stop())
  return redis
}

/** The shared state as one gateway has it, with a clock that may be wrong. */
async function gateway(redis: TestRedis, skewMs = 0): Promise<{ state: RedisState; clock: Clock }> {
  const clock: Clock = { ...systemClock, now: () => Date.now() + skewMs }
  const state = openRedisState({ url: redis.url, prefix: 'limits:', shares: 2, timeoutMs: 2000, clock, log: silentLog, metrics: { count: () => {} } })
  opened.push(() => state.close())
  expect(await state.connected(10_000)).toBe(true)
  return { state, clock }
}

/** Starts a node without waiting for timers of a fake clock. */
const nodeOn = (definition: NodeDefinition, config: object, at: { state: RedisState; clock: Clock }, more: NodeTestOptions = {}) => testNode(definition, config, { ...at, wired: [], ...more })

let runs = 0
async function call(node: TestedNode, run = fakeRun({ id: `run-${++runs}` })): Promise<string> {
  try {
    return (await node.send({}, run)).map(({ port }) => port).join()
  } catch (error) {
    return (error as { code: string }).code
  }
}

const passed = (results: readonly string[]) => results.filter((one) => one === 'ok').length

describe.skipIf(!needs('redis-server'))('limits of gateways on one Redis', () => {
  test('admit exactly their limit, however many gateways ask at once and however wrong their clocks are', async () => {
    const redis = await redisServer()
    for (const [name, more] of Object.entries({ fixed: {}, calendar: { algorithm: 'calendar' }, rolling: { algorithm: 'rolling' }, flexi: { algorithm: 'flexi' }, total: { unit: 'total' } })) {
      const config = { quota: name, windows: [row(50, more), row(1000, { unit: 'week' })] }
      const nodes = await Promise.all([0, -300_000, 300_000, 0].map(async (skewMs) => nodeOn(quota, config, await gateway(redis, skewMs))))
      const results = await Promise.all(Array.from({ length: 160 }, (_, i) => call(nodes[i % nodes.length]!)))
      expect([name, passed(results)]).toEqual([name, 50])
    }
  })

  test('hold one rate together', async () => {
    const redis = await redisServer()
    const nodes = await Promise.all([1, 2, 3, 4].map(async () => nodeOn(spikeArrest, { rate: '1', unit: 'minute', burst: 7 }, await gateway(redis))))
    expect(passed(await Promise.all(Array.from({ length: 40 }, (_, i) => call(nodes[i % 4]!))))).toBe(7)
  })

  test('give out their slots together, and those of a gateway that died come free by themselves', async () => {
    const redis = await redisServer()
    const [one, two] = [await gateway(redis), await gateway(redis)]
    const [a, b] = [await nodeOn(concurrencyLimit, { limit: '2', leaseMs: 3000 }, one), await nodeOn(concurrencyLimit, { limit: '2', leaseMs: 3000 }, two)]
    const ending = fakeRun({ id: 'ending' })
    expect([await call(a, ending), await call(b, fakeRun({ id: 'held' })), await call(a), await call(b)]).toEqual(['ok', 'ok', 'concurrency.exceeded', 'concurrency.exceeded'])
    ending.end()
    await expect.poll(() => call(b, fakeRun({ id: 'next' }))).toBe('ok')
    await b.retire() // nobody renews its slots any more
    await two.state.close()
    expect(await call(a)).toBe('concurrency.exceeded')
    await expect.poll(() => call(a), { timeout: 15_000 }).toBe('ok')
  })

  test('are corrected for all gateways by one', async () => {
    const redis = await redisServer()
    const [one, two] = [await gateway(redis), await gateway(redis)]
    const shared = new Map<string, unknown>()
    const config = { quota: 'mine', windows: [row(1)] }
    const [a, b] = [await nodeOn(quota, config, one, { shared }), await nodeOn(quota, config, two)]
    expect([await call(a), await call(b)]).toEqual(['ok', 'quota.exceeded'])
    await call(await nodeOn(resetQuota, { quota: 'mine', op: 'add', amount: '1' }, one, { shared }))
    expect([await call(b), await call(a)]).toEqual(['ok', 'quota.exceeded'])
  })

  test('do as each node says while Redis is away, and count exactly again when it is back', async () => {
    const redis = await redisServer()
    const at = await gateway(redis)
    const nodes = await Promise.all((['open', 'closed', 'share'] as const).map((onLoss) => nodeOn(quota, { quota: onLoss, windows: [row(4)], onLoss }, at)))
    await redis.kill()
    await expect.poll(() => at.state.healthy, { timeout: 10_000 }).toBe(false)
    const away = await Promise.all(nodes.map(async (node) => [await call(node), await call(node), await call(node), await call(node), await call(node)]))
    expect(away).toEqual([Array(5).fill('ok'), Array(5).fill('state.unavailable'), ['ok', 'ok', 'quota.exceeded', 'quota.exceeded', 'quota.exceeded']])
    await redis.start()
    await expect.poll(() => at.state.healthy, { timeout: 20_000 }).toBe(true)
    expect(passed(await Promise.all(Array.from({ length: 9 }, () => call(nodes[1]!))))).toBe(4)
  })
})
