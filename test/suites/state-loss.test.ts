import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { Charge, ChargeOutcome, CounterCharge } from '../../runtime/core/state/state.ts'
import { openRedisState, type RedisState, type RedisStateOptions } from '../../runtime/state/redis-state.ts'
import { startRedis, type TestRedis, type TestRedisOptions } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

const longMs = 30 * 86_400_000
const quota = (limit: number, more: Partial<CounterCharge> = {}): CounterCharge => ({ kind: 'counter', key: 'quota/loss', limit, cost: 1, window: { kind: 'fixed', lengthMs: longMs }, mode: 'enforce', ...more })

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function redisServer(options?: TestRedisOptions): Promise<TestRedis> {
  const redis = await startRedis(options)
  opened.push(redis)
  return redis
}

interface Watched {
  readonly state: RedisState
  readonly said: string[]
  readonly counted: string[]
}

function open(url: string, more: Partial<RedisStateOptions> = {}): Watched {
  const said: string[] = []
  const counted: string[] = []
  const say = (_facts: object, text: string) => void said.push(text)
  const state = openRedisState({
    url, prefix: 'loss:', shares: 1, timeoutMs: 300, clock: systemClock,
    log: { debug: say, info: say, warn: say, error: say },
    metrics: { count: (name, labels) => void counted.push([name, ...Object.values(labels ?? {})].join(' ')) },
    ...more,
  })
  opened.push({ [Symbol.asyncDispose]: () => state.close() })
  return { state, said, counted }
}

const away = 'The shared state is away: limits are decided by what each node says for this case.'
const back = 'The shared state answers again.'
async function untilHealthy(state: RedisState, healthy = true): Promise<void> {
  await expect.poll(() => state.healthy, { timeout: 15_000, interval: 5 }).toBe(healthy)
}

describe.skipIf(!needs('redis-server'))('when Redis is away', () => {
  test('a charge is decided at once, in the same turn, by what its node says', async () => {
    const redis = await redisServer()
    const { state } = open(redis.url, { shares: 2 })
    expect(await state.connected(10_000)).toBe(true)
    await redis.kill()
    await untilHealthy(state, false)
    const charges: Charge[] = [quota(4), { kind: 'rate', key: 'spike/loss', intervalMs: longMs, burst: 4, cost: 1, maxDelayMs: 0 }, { kind: 'lease', key: 'slots/loss', limit: 4, token: 'a', ttlMs: 1000 }]
    expect(state.charge(charges, 'open')).toMatchObject({ allowed: true, degraded: 'open', refusedBy: -1 })
    expect(state.charge(charges, 'closed')).toMatchObject({ allowed: false, degraded: 'closed', refusedBy: 0 })
    expect(state.charge([quota(4, { mode: 'count' })], 'closed')).toMatchObject({ allowed: true })
    const local = Array.from({ length: 4 }, () => state.charge(charges, 'share') as ChargeOutcome)
    expect(local.map(({ allowed, degraded }) => [allowed, degraded])).toEqual([[true, 'share'], [true, 'share'], [false, 'share'], [false, 'share']])
  })

  test('a gateway that starts without it serves, and takes it when it comes', async () => {
    const redis = await redisServer()
    await redis.kill()
    const { state, said } = open(redis.url)
    expect(await state.connected(300)).toBe(false)
    expect(state.charge([quota(1)], 'open')).toMatchObject({ allowed: true, degraded: 'open' })
    await redis.start()
    await untilHealthy(state)
    expect(await state.charge([quota(1)], 'closed')).toEqual(expect.not.objectContaining({ degraded: expect.anything() }))
    expect(said).toEqual([away, back])
  })

  test('loss and return are said and counted once each, however many requests there are', async () => {
    const redis = await redisServer()
    const { state, said, counted } = open(redis.url)
    await state.connected(10_000)
    for (let round = 0; round < 2; round++) {
      await redis.kill()
      await untilHealthy(state, false)
      for (let each = 0; each < 20; each++) await state.charge([quota(5)], 'open')
      await redis.start()
      await untilHealthy(state)
    }
    expect(said).toEqual(['The shared state is connected.', away, back, away, back])
    expect(counted.filter((name) => name === 'state_losses').length).toBe(2)
    expect(counted.filter((name) => name === 'state_degraded open').length).toBe(40)
  })

  test('a server that hangs counts as away, and what it charged for refused requests is given back', async () => {
    const redis = await redisServer()
    const { state } = open(redis.url, { timeoutMs: 100 })
    await state.connected(10_000)
    redis.freeze()
    const lease: Charge = { kind: 'lease', key: 'slots/loss', limit: 1, token: 'late', ttlMs: longMs }
    const waited = await Promise.all([state.charge([quota(2)], 'closed'), state.charge([quota(2), lease], 'closed'), state.charge([quota(9, { key: 'quota/kept' })], 'open')])
    expect(waited.map(({ allowed, degraded }) => [allowed, degraded])).toEqual([[false, 'closed'], [false, 'closed'], [true, 'open']])
    expect(state.healthy).toBe(false)
    expect(state.charge([quota(2)], 'closed')).toMatchObject({ degraded: 'closed' })
    redis.thaw()
    await untilHealthy(state)
    const look = async (charge: CounterCharge) => (await state.charge([{ ...charge, mode: 'peek' }], 'closed')).limits[0]?.used
    await expect.poll(() => look(quota(2)), { timeout: 5000 }).toBe(0)
    expect(await look(quota(9, { key: 'quota/kept' }))).toBe(1)
    expect((await state.charge([{ ...lease, token: 'other' }], 'closed')).allowed).toBe(true)
  })

  test('a hanging server that never wakes is left for a new connection', async () => {
    const redis = await redisServer()
    const { state } = open(redis.url, { timeoutMs: 50 })
    await state.connected(10_000)
    redis.freeze()
    await state.charge([quota(2)], 'open')
    expect(state.healthy).toBe(false)
    await redis.kill()
    await redis.start()
    await untilHealthy(state)
    expect(await state.charge([quota(2)], 'closed')).toMatchObject({ allowed: true })
  })

  test('a server that takes no writes is as good as away, until it takes them again', async () => {
    const redis = await redisServer()
    const { state } = open(redis.url)
    await state.connected(10_000)
    await redis.client.replicaof('127.0.0.1', 9)
    expect(await state.charge([quota(1)], 'open')).toMatchObject({ allowed: true, degraded: 'open' })
    expect(state.healthy).toBe(false)
    await redis.client.replicaof('NO', 'ONE')
    await untilHealthy(state)
    expect((await state.charge([quota(1)], 'open')).degraded).toBeUndefined()
  })

  test('one key of another kind breaks its own limit only', async () => {
    const redis = await redisServer()
    const { state, said } = open(redis.url)
    await state.connected(10_000)
    await redis.client.set('loss:l:slots/broken', 'a')
    expect(await state.charge([{ kind: 'lease', key: 'slots/broken', limit: 1, token: 'a', ttlMs: 1000 }], 'closed')).toMatchObject({ allowed: false, degraded: 'closed' })
    expect(state.healthy).toBe(true)
    expect(said.at(-1)).toBe('The shared state could not make sense of a charge; the node decides without it.')
    expect((await state.charge([quota(1)], 'closed')).allowed).toBe(true)
  })

  test('forgotten scripts are sent again', async () => {
    const redis = await redisServer()
    const { state } = open(redis.url)
    await state.connected(10_000)
    expect((await state.charge([quota(2)], 'closed')).allowed).toBe(true)
    await redis.client.script('FLUSH')
    expect((await state.charge([quota(2)], 'closed')).allowed).toBe(true)
    expect((await state.charge([quota(2)], 'closed')).allowed).toBe(false)
  })

  test('records and corrections say that it is away', async () => {
    const redis = await redisServer()
    const { state } = open(redis.url)
    await state.connected(10_000)
    await redis.kill()
    await untilHealthy(state, false)
    const tries = [state.records.get('a'), state.records.set('a', '1', 1000), state.records.setIfAbsent('a', '1', 1000), state.records.members('g'), state.adjust(quota(1), { op: 'zero', amount: 0 })]
    for (const one of await Promise.allSettled(tries)) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'state.unavailable' } })
  })

  test('giving back after the return is for what was charged in Redis alone', async () => {
    const redis = await redisServer({ durable: true })
    const { state } = open(redis.url)
    await state.connected(10_000)
    await state.charge([quota(5)], 'closed')
    await redis.kill()
    await untilHealthy(state, false)
    const { atMs } = await state.charge([quota(5)], 'open')
    await redis.start()
    await untilHealthy(state)
    await state.refund([quota(5)], atMs)
    expect((await state.charge([quota(5, { mode: 'peek' })], 'closed')).limits[0]?.used).toBe(1)
  })

  test('no message, line or fault holds the password of the URL', async () => {
    const redis = await redisServer()
    const { state, said } = open(redis.url.replace('redis://', 'redis://someone:hunter2hunter2@'))
    expect(await state.connected(300)).toBe(false)
    const refused = await state.records.get('a').catch((thrown: unknown) => thrown)
    expect(said.join() + String((refused as Error).message)).not.toContain('hunter2')
    expect(refused).toMatchObject({ code: 'state.unavailable' })
  })
})
