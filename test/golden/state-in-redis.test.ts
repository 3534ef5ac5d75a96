import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { Charge } from '../../runtime/core/state/state.ts'
import { openRedisState, type RedisState } from '../../runtime/state/redis-state.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'

/** The time that all scripts see: 2100-01-01T13:00:00Z, later than the server’s own, by which keys end. */
const nowMs = 4_102_491_600_000
const dayMs = 86_400_000
const midnightMs = nowMs - (nowMs % dayMs)

/**
 * What a gateway of release 0.1 leaves in Redis, written down. Gateways of different releases count together while a rollout is
 * under way: each must read what the other wrote, and write what the other reads. A change of a shape takes another letter.
 */
const written: Readonly<Record<string, string | readonly (readonly [member: string, score: number])[]>> = {
  [`g:f${dayMs}:day`]: `${midnightMs}:${midnightMs + dayMs}:3`,
  'g:x60000:first call': `${nowMs}:${nowMs + 60_000}:3`,
  'g:s60000/1000:minute': `${nowMs / 1000}:3`,
  [`g:c${midnightMs}-${midnightMs + dayMs}:calendar`]: `${midnightMs}:${midnightMs + dayMs}:3`,
  'g:t:total': '3',
  'g:r:rate': String(nowMs + 1000),
  'g:l:slots': [['run-1', nowMs + 5000]],
  'g:v:record': 'a value',
}

const counter = (key: string, window: object): Charge => ({ kind: 'counter', key, limit: 10, cost: 3, mode: 'enforce', window }) as Charge
const charges = (token: string): readonly Charge[] => [
  counter('day', { kind: 'fixed', lengthMs: dayMs }),
  counter('first call', { kind: 'flexi', lengthMs: 60_000 }),
  counter('minute', { kind: 'rolling', lengthMs: 60_000, slices: 60 }),
  counter('calendar', { kind: 'calendar', boundsAt: () => ({ startMs: midnightMs, endMs: midnightMs + dayMs }) }),
  counter('total', { kind: 'total' }),
  { kind: 'rate', key: 'rate', intervalMs: 1000, burst: 2, cost: 1, maxDelayMs: 0 },
  { kind: 'lease', key: 'slots', limit: 2, token, ttlMs: 5000 },
]

let redis: TestRedis
let state: RedisState
beforeAll(async () => {
  redis = await startRedis()
  const time = `{ ${nowMs / 1000}, 0 }`
  state = openRedisState({ url: redis.url, prefix: 'g:', shares: 1, timeoutMs: 5000, time, clock: { ...systemClock, now: () => nowMs }, log: silentLog, metrics: { count() {} } })
  await state.connected(10_000)
})
afterAll(async () => {
  await state.close()
  await redis.stop()
})
beforeEach(() => redis.client.flushall())

/** Everything in Redis but what is only a sign of life. */
async function stored(): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const key of (await redis.client.keys('*')).filter((one) => one !== 'g:probe')) {
    if ((await redis.client.type(key)) === 'string') found[key] = await redis.client.get(key)
    else {
      const flat = await redis.client.zrange(key, '0', '-1', 'WITHSCORES')
      found[key] = flat.flatMap((member, at) => (at % 2 === 0 ? [[member, Number(flat[at + 1])]] : []))
    }
  }
  return found
}

describe('what lies in Redis', () => {
  test('is written as release 0.1 reads it', async () => {
    await state.charge(charges('run-1'), 'open')
    await state.records.set('record', 'a value', 60_000)
    expect(await stored()).toEqual(written)
  })

  test('is read as release 0.1 wrote it: counts go on, slots are held, records are there', async () => {
    for (const [key, value] of Object.entries(written)) {
      if (typeof value === 'string') await redis.client.set(key, value)
      else for (const [member, score] of value) await redis.client.zadd(key, String(score), member)
    }
    const outcome = await state.charge(charges('run-2'), 'open')
    expect(outcome.allowed).toBe(true)
    expect(outcome.limits.map(({ used }) => used)).toEqual([6, 6, 6, 6, 6, 2, 2])
    expect((await state.charge(charges('run-3'), 'open')).refusedBy).toBe(5)
    expect(await state.records.get('record')).toBe('a value')
  })
})
