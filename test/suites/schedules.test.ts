import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { ScheduleSpec } from '../../runtime/core/jobs/schedules.ts'
import { createClusterTimers } from '../../runtime/schedule/cluster-timers.ts'
import { createSchedules } from '../../runtime/schedule/create-schedules.ts'
import { openRedisJobs, type RedisJobs } from '../../runtime/schedule/jobs/redis-jobs.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

describe.skipIf(!needs('redis-server'))('schedules of gateways that share a Redis', { timeout: 60_000 }, () => {
  let redis: TestRedis
  let opened: RedisJobs[] = []
  beforeAll(async () => {
    redis = await startRedis({ durable: true })
  })
  afterAll(() => redis.stop())
  afterEach(async () => {
    await Promise.all(opened.map((jobs) => jobs.close()))
    opened = []
  })

  async function gateway(): Promise<RedisJobs> {
    const jobs = openRedisJobs({ url: redis.url, prefix: 'test:', key: Buffer.alloc(32), whenUnsafe: 'refuse', lockMs: 1000, clock: systemClock, log: silentLog, metrics: { count() {} } })
    opened.push(jobs)
    await jobs.connected(5000)
    return jobs
  }
  const spec = (node: string, more: Partial<ScheduleSpec> = {}): ScheduleSpec => ({ flow: 'f', node, revision: 'a', times: { kind: 'interval', everyMs: 1000 }, overlap: 'parallel', missed: 'skip', jitterMs: 0, attempts: 1, backoffMs: 10, ...more })

  test('each time comes to one of them, and none is left out', async () => {
    const fired: number[] = []
    const stops = (await Promise.all([gateway(), gateway(), gateway()])).map((jobs) => createSchedules({ jobs, clock: systemClock, log: silentLog }).start(spec('shared'), async ({ scheduledAtMs }) => {
      fired.push(scheduledAtMs)
      return { kind: 'done' }
    }))
    await expect.poll(() => fired.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(4)
    for (const stop of stops) stop()
    await pause(300)
    const times = fired.toSorted((a, b) => a - b)
    expect(times).toEqual(times.map((_, at) => times[0]! + at * 1000))
  })

  test('a gateway that dies over a time leaves it to another', async () => {
    const [dying, other] = [await gateway(), await gateway()]
    const times = { kind: 'once', atMs: Date.now() + 500 } as const
    let began = () => {}
    const beginning = new Promise<void>((resolve) => (began = resolve))
    createSchedules({ jobs: dying, clock: systemClock, log: silentLog }).start(spec('once', { times }), () => {
      began()
      return new Promise(() => {})
    })
    await beginning
    dying.kill()
    opened = [other]
    const fired: number[] = []
    createSchedules({ jobs: other, clock: systemClock, log: silentLog }).start(spec('once', { times }), async ({ scheduledAtMs }) => {
      fired.push(scheduledAtMs)
      return { kind: 'done' }
    })
    await expect.poll(() => fired, { timeout: 15_000 }).toEqual([times.atMs])
  })

  test('of runs that may not overlap no two are under way anywhere', async () => {
    let [under, most, count] = [0, 0, 0]
    const stops = (await Promise.all([gateway(), gateway()])).map((jobs) => createSchedules({ jobs, clock: systemClock, log: silentLog }).start(spec('alone', { overlap: 'queue' }), async () => {
      most = Math.max(most, ++under)
      await pause(1500)
      under -= 1
      count += 1
      return { kind: 'done' }
    }))
    await expect.poll(() => count, { timeout: 20_000 }).toBeGreaterThanOrEqual(3)
    for (const stop of stops) stop()
    expect(most).toBe(1)
    await expect.poll(() => under, { timeout: 5000 }).toBe(0)
  })

  test('the times of a timer come to one of them', async () => {
    const fired: number[] = []
    const stops = (await Promise.all([gateway(), gateway(), gateway()])).map((jobs) => createClusterTimers(systemClock, jobs, silentLog)({ on: 'cron', cron: '* * * * * *', zone: 'UTC' }, () => void fired.push(Math.round(Date.now() / 1000)), { flow: 'f', node: 'inject' }))
    await expect.poll(() => fired.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(3)
    for (const stop of stops) stop()
    expect(new Set(fired).size).toBe(fired.length)
  })
})
