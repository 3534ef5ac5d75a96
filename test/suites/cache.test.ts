import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { openRedisState } from '../../runtime/state/redis-state.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'
import { cacheSuite, type CachePlace } from './cache-suite.ts'

const quiet = { prefix: 'test:', shares: 1, clock: systemClock, log: silentLog, metrics: { count() {} }, timeoutMs: 5000 }
const cacheLimitBytes = 1024 * 1024

function memoryPlace(): CachePlace {
  let nowMs = 1_000
  let inner = createMemoryState({ clock: { now: () => nowMs }, cacheLimitBytes })
  return {
    cache: new Proxy(inner.cache, { get: (_, name) => Reflect.get(inner.cache, name) }),
    async begin() {
      inner = createMemoryState({ clock: { now: () => nowMs }, cacheLimitBytes })
    },
    advance: async (ms) => void (nowMs += ms),
    close: () => inner.close(),
  }
}

/** Redis whose scripts read their time from a key, which the test writes. */
const redisPlace = (cacheKey?: Buffer) => async (): Promise<CachePlace> => {
  const redis = await startRedis()
  const time = "(function() local ms = tonumber(redis.call('GET', 'time')) return { math.floor(ms / 1000), (ms % 1000) * 1000 } end)()"
  let nowMs = 1_000_000
  const setTime = async (ms: number) => void (await redis.client.set('time', (nowMs = ms)))
  await setTime(nowMs)
  const state = openRedisState({ ...quiet, url: redis.url, time, ...(cacheKey ? { cacheKey } : {}) })
  await state.connected(10_000)
  return {
    cache: state.cache,
    async begin() {
      await redis.client.flushall()
      await setTime(nowMs)
    },
    async advance(ms) {
      await setTime(nowMs + ms)
      for (const key of await redis.client.keys('test:c*')) {
        const left = await redis.client.pttl(key)
        if (left <= ms) await redis.client.del(key)
        else await redis.client.pexpire(key, left - ms)
      }
    },
    async close() {
      await state.close()
      await redis.stop()
    },
  }
}

const redisHere = needs('redis-server')
cacheSuite('memory', async () => memoryPlace())
if (redisHere) {
  cacheSuite('Redis', redisPlace())
  cacheSuite('Redis, sealed', redisPlace(Buffer.alloc(32, 7)))
}

describe.skipIf(!redisHere)('memory and Redis', () => {
  let place: CachePlace
  beforeAll(async () => {
    place = await redisPlace()()
  })
  afterAll(() => place?.close())

  test('the same use finds the same', async () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const tags = fc.subarray(['x', 'y'])
    const step = fc.oneof(
      fc.record({ kind: fc.constant('look' as const), key }),
      fc.record({ kind: fc.constant('set' as const), key, tags, ttlMs: fc.integer({ min: 1, max: 50 }).map((ten) => ten * 100), sinceLook: fc.boolean(), text: fc.string({ maxLength: 5 }) }),
      fc.record({ kind: fc.constant('purge' as const), keys: fc.subarray(['a', 'b']), tags }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 }).map((ten) => ten * 50) }),
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const places = [memoryPlace(), place]
      const marks = places.map(() => new Map<string, number>())
      for (const each of places) await each.begin()
      for (const one of steps) {
        const answers: unknown[] = []
        for (const [at, each] of places.entries()) {
          await each.advance(one.kind === 'wait' ? one.ms : 1)
          if (one.kind === 'look') {
            const found = await each.cache.get(one.key)
            if (found.value === undefined) marks[at]?.set(one.key, found.mark)
            answers.push(found.value?.body === undefined ? undefined : String(found.value.body))
          } else if (one.kind === 'set') {
            answers.push(await each.cache.set(one.key, { head: '{}', body: one.text }, { ttlMs: one.ttlMs + 0.5, tags: one.tags, mark: one.sinceLook ? marks[at]?.get(one.key) : undefined }))
          } else if (one.kind === 'purge') await each.cache.purge(one)
        }
        expect(answers[1]).toEqual(answers[0])
      }
    }), { numRuns: 60 })
  })
})

describe.skipIf(!redisHere)('a cache in Redis', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  test('what one gateway keeps another finds; what one purges is gone for all, whatever is still being made', async () => {
    const [a, b] = [openRedisState({ ...quiet, url: redis.url }), openRedisState({ ...quiet, url: redis.url })]
    try {
      await Promise.all([a.connected(10_000), b.connected(10_000)])
      await a.cache.set('k', { head: '{}', body: 'v' }, { ttlMs: 60_000, tags: ['t'] })
      expect(String((await b.cache.get('k')).value?.body)).toBe('v')
      const { mark } = await a.cache.get('other')
      await b.cache.purge({ tags: ['t'] })
      expect((await a.cache.get('k')).value).toBeUndefined()
      expect(await a.cache.set('other', { head: '{}' }, { ttlMs: 60_000, tags: ['t'], mark })).toBe(false)
    } finally {
      await Promise.all([a.close(), b.close()])
    }
  })

  test('with a key neither keys, tags nor values can be read there, and another key opens nothing', async () => {
    const open = (fill: number) => openRedisState({ ...quiet, prefix: 'sealed:', url: redis.url, cacheKey: Buffer.alloc(32, fill) })
    const [one, other] = [open(1), open(2)]
    try {
      await Promise.all([one.connected(10_000), other.connected(10_000)])
      await one.cache.set('A123456789', { head: '{"name":"secret"}', body: 'secret body' }, { ttlMs: 60_000, tags: ['A123456789'] })
      await one.cache.purge({ tags: ['A999'] })
      expect((await other.cache.get('A123456789')).value).toBeUndefined()
      expect(String((await one.cache.get('A123456789')).value?.body)).toBe('secret body')
      let seen = ''
      for (const key of await redis.client.keys('sealed:*')) {
        if (key.startsWith('sealed:c')) seen += key + ((await redis.client.type(key)) === 'hash' ? JSON.stringify(await redis.client.hgetall(key)) : await redis.client.get(key))
      }
      expect(seen.length).toBeGreaterThan(100)
      expect(seen).not.toMatch(/secret|A123456789|A999/)
      expect([one.cache.inClear, other.cache.inClear]).toEqual([false, false])
    } finally {
      await Promise.all([one.close(), other.close()])
    }
  })

  test('every key that it writes ends by itself', async () => {
    const state = openRedisState({ ...quiet, prefix: 'ends:', url: redis.url })
    try {
      await state.connected(10_000)
      await state.cache.set('a', { head: '{}' }, { ttlMs: 60_000, tags: ['t'] })
      await state.cache.set('b', { head: '{}' }, { ttlMs: 60_000, tags: ['t'] })
      await state.cache.purge({ keys: ['a'], tags: ['u'] })
      const keys = await redis.client.keys('ends:c*')
      expect(keys.length).toBe(3)
      for (const key of keys) expect([key, (await redis.client.pttl(key)) > 0]).toEqual([key, true])
    } finally {
      await state.close()
    }
  })

  test('without Redis nothing is found, nothing is kept, and a purge says that it was not done', async () => {
    const state = openRedisState({ ...quiet, url: 'redis://127.0.0.1:1' })
    try {
      expect(await state.cache.get('a')).toMatchObject({ value: undefined })
      expect(await state.cache.set('a', { head: '{}' }, { ttlMs: 1000 })).toBe(false)
      await expect(state.cache.purge({ tags: ['a'] })).rejects.toMatchObject({ code: 'state.unavailable' })
    } finally {
      await state.close()
    }
  })
})
