import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { openRedisState, type RedisState } from '../../runtime/state/redis-state.ts'
import { openTotals } from '../../runtime/state/totals.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'
import { modelStep, stateSuite, suiteBeginMs, type StatePlace } from './state-suite.ts'

/** `folder`: below it each beginning has a file of its own for its totals. */
function memoryPlace(folder?: string): StatePlace {
  let nowMs = 0
  const open = () => createMemoryState({ clock: { now: () => nowMs }, ...(folder === undefined ? {} : { totals: openTotals({ folder: mkdtempSync(join(folder, 'begin-')), clock: systemClock, log: silentLog }) }) })
  let inner = open()
  // `begin` makes another store: what is given out stays the same.
  const state = new Proxy(inner, { get: (_, name) => Reflect.get(inner, name) })
  return {
    state,
    async begin(ms) {
      nowMs = ms
      await inner.close()
      inner = open()
    },
    advance: async (ms) => void (nowMs += ms),
    now: () => nowMs,
    async close() {
      await inner.close()
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Redis whose scripts read their time from a key, which the test writes. */
async function redisPlace(cacheKey?: Buffer): Promise<StatePlace> {
  const redis = await startRedis()
  const time = "(function() local ms = tonumber(redis.call('GET', 'time')) return { math.floor(ms / 1000), (ms % 1000) * 1000 } end)()"
  await redis.client.set('time', suiteBeginMs)
  const state = openRedisState({ ...quiet, url: redis.url, time, timeoutMs: 5000, cacheKey })
  await state.connected(10_000)
  let nowMs = suiteBeginMs
  const setTime = async (ms: number) => void (await redis.client.set('time', (nowMs = ms)))
  return {
    state,
    async begin(ms) {
      await redis.client.flushall()
      await setTime(ms)
    },
    async advance(ms) {
      await setTime(nowMs + ms)
      // Values end by the server's own time.
      for (const key of await redis.client.keys('test:v:*')) {
        const left = await redis.client.pttl(key)
        if (left <= ms) await redis.client.del(key)
        else await redis.client.pexpire(key, left - ms)
      }
    },
    now: () => nowMs,
    async close() {
      await state.close()
      await redis.stop()
    },
  }
}

const quiet = { prefix: 'test:', shares: 1, clock: systemClock, log: silentLog, metrics: { count() {} } }

stateSuite('memory', async () => memoryPlace())
stateSuite('memory, with totals in a file', async () => memoryPlace(mkdtempSync(join(tmpdir(), 'sluice-state-'))))

const redisHere = needs('redis-server')
if (redisHere) {
  stateSuite('Redis', () => redisPlace())
  stateSuite('Redis, sealed', () => redisPlace(Buffer.alloc(32, 7)))
}

test.skipIf(!redisHere)('with a key, what is kept in Redis is not to be read there, nor under another key; records from before go on', async () => {
  const redis = await startRedis()
  const open = (cacheKey?: Buffer) => openRedisState({ ...quiet, url: redis.url, timeoutMs: 5000, cacheKey })
  const [clear, sealed, other] = [open(), open(Buffer.alloc(32, 1)), open(Buffer.alloc(32, 2))]
  try {
    for (const each of [clear, sealed, other]) await each.connected(10_000)
    await clear.records.set('old', 'from before', 60_000)
    expect(await sealed.records.get('old')).toBe('from before')
    await sealed.records.set('answer', 'A123456789', 60_000)
    expect(await sealed.records.get('answer')).toBe('A123456789')
    expect(JSON.stringify(await Promise.all((await redis.client.keys('*')).filter((key) => key.includes('v:')).map((key) => redis.client.get(key))))).not.toContain('A123456789')
    await expect(other.records.get('answer')).rejects.toMatchObject({ code: 'state.unavailable' })
  } finally {
    for (const each of [clear, sealed, other]) await each.close()
    await redis.stop()
  }
})

describe.skipIf(!redisHere)('memory and Redis', () => {
  let place: StatePlace
  beforeAll(async () => {
    place = await redisPlace()
  })
  afterAll(() => place?.close())

  test('the same use gives the same figures, to the last one, with corrections too', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: modelStep },
      { weight: 1, arbitrary: modelStep.map((inner) => ({ kind: 'refund' as const, charges: inner.kind === 'charge' ? inner.charges : [] })) },
      { weight: 1, arbitrary: fc.tuple(modelStep, fc.constantFrom('add' as const, 'set' as const, 'zero' as const), fc.integer({ min: -3, max: 9 })).map(([inner, op, amount]) => ({ kind: 'adjust' as const, inner, op, amount })) },
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const memory = memoryPlace()
      for (const each of [memory, place]) await each.begin(suiteBeginMs)
      for (const one of steps) {
        const answers: unknown[] = []
        for (const each of [memory, place]) {
          if (one.kind === 'wait') await each.advance(one.ms)
          else if (one.kind === 'release') await each.state.release([{ key: 'slots/a', token: one.token }])
          else if (one.kind === 'refund') await each.state.refund(one.charges, each.now() - 500)
          else if (one.kind === 'charge') answers.push(await each.state.charge(one.charges, 'closed'))
          else if (one.inner.kind === 'charge' && one.inner.charges[0]?.kind === 'counter') answers.push(await each.state.adjust(one.inner.charges[0], one))
        }
        expect(answers[1]).toEqual(answers[0])
      }
    }), { numRuns: 80 })
  })
})

describe.skipIf(!redisHere)('many gateways on one Redis', () => {
  let redis: TestRedis
  const open: RedisState[] = []
  beforeAll(async () => {
    redis = await startRedis()
    for (const skewMs of [-300_000, 0, 300_000, 7]) open.push(openRedisState({ ...quiet, url: redis.url, timeoutMs: 10_000, clock: { ...systemClock, now: () => Date.now() + skewMs } }))
    await Promise.all(open.map((state) => state.connected(10_000)))
  })
  afterAll(async () => {
    await Promise.all(open.map((state) => state.close()))
    await redis?.stop()
  })

  const day = { kind: 'fixed', lengthMs: 30 * 86_400_000 } as const
  const windows = {
    fixed: day,
    flexi: { kind: 'flexi', lengthMs: day.lengthMs },
    rolling: { kind: 'rolling', lengthMs: day.lengthMs, slices: 30 },
    // Windows that end within a skew of each other: gateways whose clocks differ believe themselves in different ones.
    calendar: { kind: 'calendar', boundsAt: (ms: number) => (ms < Date.now() - 100_000 ? { startMs: 0, endMs: Date.now() - 100_000 } : ms > Date.now() + 100_000 ? { startMs: Date.now() + 100_000, endMs: 1e13 } : { startMs: 1e12, endMs: 9e12 }) },
  } as const

  for (const [name, window] of Object.entries(windows)) {
    test(`clocks that differ by ten minutes admit exactly the limit (${name})`, async () => {
      const charge = { kind: 'counter', key: `skew/${name}`, limit: 100, cost: 1, window, mode: 'enforce' } as const
      const outcomes = await Promise.all(Array.from({ length: 400 }, async (_, each) => open[each % open.length]!.charge([charge], 'open')))
      expect(outcomes.filter(({ degraded }) => degraded).length).toBe(0)
      expect(outcomes.filter(({ allowed }) => allowed).length).toBe(100)
    })
  }

  test('they hold no more slots together than there are', async () => {
    const outcomes = await Promise.all(Array.from({ length: 40 }, async (_, each) => open[each % open.length]!.charge([{ kind: 'lease', key: 'skew/slots', limit: 7, token: `t${each}`, ttlMs: 60_000 }], 'open')))
    expect(outcomes.filter(({ allowed }) => allowed).length).toBe(7)
  })

  test('they know the store’s time, whatever their own', () => {
    for (const state of open) expect(Math.abs(state.now() - Date.now())).toBeLessThan(5000)
  })
})

describe.skipIf(!redisHere)('what lies in Redis', () => {
  test('has the shapes that gateways of every release write and read', async () => {
    const redis = await startRedis()
    const state = openRedisState({ ...quiet, url: redis.url, timeoutMs: 10_000 })
    try {
      await state.connected(10_000)
      const lengthMs = 30 * 86_400_000
      const startMs = Math.floor(Date.now() / lengthMs) * lengthMs
      const year = { startMs: 0, endMs: 9e12 }
      const soonMs = Date.now() + 60_000
      const slice = Math.floor(Date.now() / 1000)
      const stored = {
        [`test:f${lengthMs}:a`]: `${startMs}:${startMs + lengthMs}:3`,
        [`test:x${lengthMs}:a`]: `${startMs}:${startMs + lengthMs}:3`,
        'test:c0-9000000000000:a': '0:9000000000000:3',
        'test:s60000/1000:a': `${slice - 1}:1;${slice}:2`,
        'test:t:a': '3',
        'test:r:a': String(soonMs),
        'test:v:a': 'kept',
      }
      await redis.client.mset(stored)
      await redis.client.zadd('test:l:a', String(soonMs), 'x', String(soonMs), 'y', String(soonMs), 'z')
      await redis.client.zadd('test:g:a', String(soonMs), 'new', String(soonMs), 'old')
      await redis.client.zadd('test:o:a', '7', 'old', '8', 'new')
      const counter = { kind: 'counter', key: 'a', limit: 10, cost: 1, mode: 'enforce' } as const
      const counters = ([{ kind: 'fixed', lengthMs }, { kind: 'flexi', lengthMs }, { kind: 'calendar', boundsAt: () => year }, { kind: 'rolling', lengthMs: 60_000, slices: 60 }, { kind: 'total' }] as const).map((window) => ({ ...counter, window }))
      const lease = { kind: 'lease', key: 'a', limit: 9, token: 'x', ttlMs: 120_000 } as const
      const { limits } = await state.charge([...counters, lease], 'closed')
      expect(limits.map(({ used }) => used)).toEqual([4, 4, 4, 4, 4, 3])
      expect((await state.charge([{ kind: 'rate', key: 'a', intervalMs: 1000, burst: 1, cost: 1, maxDelayMs: 0 }], 'closed')).limits[0]).toMatchObject({ allowed: false, resetsAtMs: soonMs })
      expect(await state.records.get('a')).toBe('kept')
      expect(await state.records.members('a')).toEqual(['old', 'new'])

      expect(await redis.client.get(`test:f${lengthMs}:a`)).toBe(`${startMs}:${startMs + lengthMs}:4`)
      expect(await redis.client.get(`test:x${lengthMs}:a`)).toBe(`${startMs}:${startMs + lengthMs}:4`)
      expect(await redis.client.get('test:c0-9000000000000:a')).toBe('0:9000000000000:4')
      expect(await redis.client.get('test:s60000/1000:a')).toMatch(/^\d+:1(;\d+:\d+)+$/)
      expect(await redis.client.get('test:t:a')).toBe('4')
      expect(await redis.client.zrange('test:l:a', '0', '-1')).toEqual(['y', 'z', 'x'])
    } finally {
      await state.close()
      await redis.stop()
    }
  })

  test('every key that a gateway writes ends by itself but totals, which never do', async () => {
    const redis = await startRedis()
    const state = openRedisState({ ...quiet, url: redis.url, timeoutMs: 10_000 })
    try {
      await state.connected(10_000)
      const counter = { kind: 'counter', key: 'a', limit: 10, cost: 1, mode: 'enforce' } as const
      const windows = [{ kind: 'fixed', lengthMs: 60_000 }, { kind: 'flexi', lengthMs: 60_000 }, { kind: 'rolling', lengthMs: 60_000, slices: 6 }] as const
      const rate = { kind: 'rate', key: 'a', intervalMs: 60_000, burst: 1, cost: 1, maxDelayMs: 0 } as const
      const charges = [...windows.map((window) => ({ ...counter, window })), rate, { kind: 'lease', key: 'a', limit: 9, token: 'x', ttlMs: 60_000 }] as const
      await state.charge(charges, 'closed')
      await state.charge([{ ...counter, key: 'b', window: windows[0] }, { ...rate, key: 'b' }], 'closed')
      await state.refund(charges.slice(0, 4))
      await state.adjust({ ...counter, key: 'c', window: windows[1] }, { op: 'add', amount: 5 })
      await state.records.set('a', '1', 60_000)
      await state.records.join('a', 'm', { cap: 2, whenFull: 'evict', ttlMs: 60_000 })
      const total = (key: string) => ({ ...counter, key, window: { kind: 'total' } }) as const
      await state.charge([total('plain')], 'closed')
      await state.charge([total('beside'), charges[4]!], 'closed')
      await state.charge([{ ...total('beside'), cost: 3 }], 'closed')
      await state.refund([total('beside')])
      await state.adjust(total('corrected'), { op: 'add', amount: 5 })
      await state.charge([total('over')], 'closed')
      await state.refund([total('over')])
      const held = await Promise.all(['plain', 'beside', 'corrected', 'over'].map(async (key) => [await redis.client.get(`test:t:${key}`), await redis.client.pttl(`test:t:${key}`)]))
      expect(held).toEqual([['1', -1], ['3', -1], ['-5', -1], [null, -2]])
      const keys = (await redis.client.keys('*')).filter((key) => !key.startsWith('test:t:'))
      expect(keys.length).toBeGreaterThanOrEqual(10)
      for (const key of keys) expect([key, (await redis.client.pttl(key)) !== -1]).toEqual([key, true])
    } finally {
      await state.close()
      await redis.stop()
    }
  })
})
