import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { JobFacts, Jobs, NewJob } from '../../runtime/core/jobs/jobs.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createJournalJobs } from '../../runtime/schedule/jobs/journal-jobs.ts'
import { openRedisJobs, type RedisJobs } from '../../runtime/schedule/jobs/redis-jobs.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'
import { jobsSuite } from './jobs-suite.ts'

const key = Buffer.alloc(32, 7)
const quiet = { clock: systemClock, log: silentLog, metrics: { count() {} }, orphanMs: 500 }
const newJob = (more: Partial<NewJob> = {}): NewJob => ({ work: { flow: 'f', node: 'n' }, revision: 'a', body: 1, owner: '', priority: 5, attempts: 1, backoffMs: 10, backoffMostMs: 10, ttlMs: 60_000, keepMs: 60_000, maxPending: 100, ...more })

jobsSuite('a journal', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'))
  return {
    open: async () => createJournalJobs({ ...quiet, folder, key }),
    async dump() {
      const database = new DatabaseSync(join(folder, 'jobs.db'))
      try {
        return JSON.stringify(database.prepare('SELECT * FROM jobs').all())
      } finally {
        database.close()
      }
    },
    close: async () => rmSync(folder, { recursive: true, force: true }),
  }
})

describe.skipIf(!needs('redis-server'))('with Redis', () => {
  jobsSuite('Redis', async () => {
    const redis = await startRedis({ durable: true })
    return {
      async open() {
        const jobs = openRedisJobs({ ...quiet, url: redis.url, prefix: 'test:', key, whenUnsafe: 'refuse', lockMs: 1000 })
        await jobs.connected(5000)
        return jobs
      },
      async dump() {
        const keys = await redis.client.keys('*')
        const hashes = await Promise.all(keys.map(async (one) => ((await redis.client.type(one)) === 'hash' ? await redis.client.hgetall(one) : one)))
        return JSON.stringify([keys, hashes])
      },
      close: () => redis.stop(),
    }
  })
})

describe('a journal of jobs', () => {
  test('makes its key by itself where none is given, for its owner only', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'))
    const jobs = createJournalJobs({ ...quiet, folder })
    try {
      await jobs.accept(newJob())
      expect(statSync(join(folder, 'job.key')).mode & 0o077).toBe(0)
      expect(readFileSync(join(folder, 'job.key'), 'utf8')).toHaveLength(44)
    } finally {
      await jobs.close()
      rmSync(folder, { recursive: true })
    }
  })

  test('opens no file before somebody has work for later', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'))
    const jobs = createJournalJobs({ ...quiet, folder })
    await jobs.close()
    expect(() => statSync(join(folder, 'jobs.db'))).toThrow()
    rmSync(folder, { recursive: true })
  })

  test('sets a job aside that its key does not open, and goes on with the others', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'))
    const first = createJournalJobs({ ...quiet, folder, key: Buffer.alloc(32, 1) })
    const poisoned = await first.accept(newJob())
    await first.close()
    const jobs = createJournalJobs({ ...quiet, folder, key })
    try {
      jobs.open({ flow: 'f', node: 'n', revision: 'a', atOnce: 1 }, async () => ({ kind: 'done' }))
      expect(await jobs.settled(poisoned.id, 5000)).toMatchObject({ state: 'failed', reason: { code: 'job.undecodable' } })
      const { id } = await jobs.accept(newJob())
      expect(await jobs.settled(id, 5000)).toMatchObject({ state: 'done' })
    } finally {
      await jobs.close()
      rmSync(folder, { recursive: true })
    }
  })

  test('gives a job up that ends its gateway again and again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'))
    let id = ''
    let begun = 0
    for (let time = 0; time < 8; time += 1) {
      const jobs = createJournalJobs({ ...quiet, folder, key })
      if (id === '') ({ id } = await jobs.accept(newJob()))
      const before = begun
      jobs.open({ flow: 'f', node: 'n', revision: 'a', atOnce: 1 }, () => {
        begun += 1
        return new Promise(() => {})
      })
      if (time < 5) await expect.poll(() => begun, { timeout: 5000 }).toBe(before + 1)
      jobs.kill()
    }
    const jobs = createJournalJobs({ ...quiet, folder, key })
    expect([begun, await jobs.find(id)]).toEqual([5, expect.objectContaining({ state: 'failed', reason: expect.objectContaining({ code: 'job.crashed' }) })])
    await jobs.close()
    rmSync(folder, { recursive: true })
  })
})

describe.skipIf(!needs('redis-server'))('jobs in Redis', { timeout: 60_000 }, () => {
  let redis: TestRedis
  let opened: RedisJobs[] = []
  beforeAll(async () => {
    redis = await startRedis({ durable: true })
  })
  afterAll(async () => {
    redis.thaw()
    await Promise.all(opened.map((jobs) => jobs.close()))
    opened = []
    await redis.stop()
  })
  async function open(more: object = {}, url = redis.url): Promise<RedisJobs> {
    const jobs = openRedisJobs({ ...quiet, url, prefix: 'test:', key, whenUnsafe: 'refuse', lockMs: 1000, answerMs: 500, ...more })
    opened.push(jobs)
    await jobs.connected(5000)
    return jobs
  }

  test('each is done once, by whichever gateway is free, and whoever accepted it hears of its end', async () => {
    const gateways = await Promise.all([open(), open(), open()])
    const did = new Map<string, number>()
    for (const jobs of gateways) jobs.open({ flow: 'f', node: 'shared', revision: 'a', atOnce: 2 }, async ({ facts }) => {
      did.set(facts.id, (did.get(facts.id) ?? 0) + 1)
      await new Promise((resolve) => setTimeout(resolve, 5))
      return { kind: 'done' }
    })
    const accepted = await Promise.all(Array.from({ length: 90 }, (_, n) => gateways[n % 3]!.accept(newJob({ work: { flow: 'f', node: 'shared' } }))))
    const ends = await Promise.all(accepted.map(({ id }, n) => gateways[n % 3]!.settled(id, 20_000)))
    expect([new Set(ends.map((facts) => facts?.state)), [...did.values()].every((times) => times === 1), did.size]).toEqual([new Set(['done']), true, 90])
  })

  test('what a gateway with a clock that is ahead put off waits no longer than it may', async () => {
    const jobs = await open()
    jobs.open({ flow: 'f', node: 'ahead', revision: 'a', atOnce: 1 }, async () => ({ kind: 'done' }))
    const { id } = await jobs.accept(newJob({ work: { flow: 'f', node: 'ahead' }, delayMs: 30_000 }))
    const [key] = await redis.client.keys(`test:jobs:${id.slice(0, 12)}:delayed`)
    const dueMs = async () => Number(await redis.client.zscore(key!, id)) / 0x1000
    await redis.client.zadd(key!, (Date.now() + 3_600_000) * 0x1000, id)
    await expect.poll(async () => (await dueMs()) - Date.now(), { timeout: 10_000 }).toBeLessThanOrEqual(60_000)
    expect((await dueMs()) - Date.now()).toBeGreaterThan(30_000)
  })

  test('whoever waits for an end, and whose work is not begun in time, is told by the time that passes and not by a clock that is put', async () => {
    let aheadMs = 0
    const jobs = await open({ clock: { ...systemClock, now: () => Date.now() + aheadMs } })
    const work = { flow: 'f', node: 'jumps' }
    const { id } = await jobs.accept(newJob({ work }))
    const waiting = jobs.settled(id, 300)
    aheadMs = -3_600_000
    expect(await waiting).toBeUndefined()
    aheadMs = 3_600_000
    expect(await jobs.find(id)).toMatchObject({ state: 'pending' })
    jobs.open({ ...work, revision: 'a', atOnce: 1 }, async () => ({ kind: 'done' }))
    expect(await jobs.settled(id, 10_000)).toMatchObject({ state: 'done' })
  })

  test('sets aside what cannot be read, whichever part of it, says why, and goes on with the others', async () => {
    const jobs = await open()
    const work = { flow: 'f', node: 'poisoned' }
    const accept = async (poison: (key: string) => Promise<unknown>) => {
      const { id } = await jobs.accept(newJob({ work, attempts: 5 }))
      await poison(`test:jobs:${id.slice(0, 12)}:${id}`)
      return id
    }
    const poisoned = [
      await accept((key) => redis.client.hset(key, 'data', JSON.stringify({ f: 'f', n: 'poisoned' }))),
      await accept((key) => redis.client.hset(key, 'data', '{"f":')),
      await accept((key) => redis.client.hset(key, 'data', 'null')),
      await accept(async (key) => redis.client.hset(key, 'data', JSON.stringify({ ...JSON.parse((await redis.client.hget(key, 'data'))!) as object, s: 'AAAA' }))),
    ]
    const good = await jobs.accept(newJob({ work }))
    let begun = 0
    jobs.open({ ...work, revision: 'a', atOnce: 1 }, async () => {
      begun += 1
      return { kind: 'done' }
    })
    expect(await jobs.settled(good.id, 15_000)).toMatchObject({ state: 'done' })
    await expect.poll(async () => Promise.all(poisoned.map(async (id) => (await jobs.find(id))?.reason?.code)), { timeout: 20_000 }).toEqual(poisoned.map(() => 'job.undecodable'))
    expect(begun).toBe(1)
    const dead = await jobs.list({ state: 'failed', flow: 'f', limit: 100 })
    expect(poisoned.map((id) => dead.find((facts) => facts.id === id))).toEqual(poisoned.map(() => expect.objectContaining(work)))
    await jobs.retry(poisoned[1]!)
    await expect.poll(async () => (await jobs.find(poisoned[1]!))?.state).toBe('failed')
  })

  test('gives a job up that ends gateway after gateway, and says so', async () => {
    const work = { flow: 'f', node: 'deadly' }
    // Gateways of the other tests, which are less patient, would take its work for nobody's between two of these.
    const apart = { prefix: 'deadly:', orphanMs: 60_000 }
    const patient = await open(apart)
    const { id } = await patient.accept(newJob({ work }))
    let begun = 0
    for (let time = 0; time < 8; time += 1) {
      const before = begun
      const jobs = await open({ ...apart, lockMs: 200 })
      jobs.open({ ...work, revision: 'a', atOnce: 1 }, () => {
        begun += 1
        return new Promise(() => {})
      })
      await expect.poll(async () => begun > before || (await patient.find(id))?.state === 'failed', { timeout: 10_000 }).toBe(true)
      jobs.kill()
      opened.splice(opened.indexOf(jobs), 1)
    }
    expect(await patient.find(id)).toMatchObject({ state: 'failed', reason: { code: 'job.crashed' } })
    expect(begun).toBeLessThanOrEqual(6)
  })

  test('accepts nothing where Redis would lose it, unless it is told to', async () => {
    const careless = await startRedis()
    try {
      const strict = await open({}, careless.url)
      await expect(strict.accept(newJob())).rejects.toMatchObject({ code: 'job.unsafe', facts: { reason: expect.stringContaining('appendonly') } })
      await careless.client.config('SET', 'appendonly', 'yes')
      await careless.client.config('SET', 'maxmemory-policy', 'allkeys-lru')
      await expect((await open({}, careless.url)).accept(newJob())).rejects.toMatchObject({ code: 'job.unsafe', facts: { reason: expect.stringContaining('noeviction') } })
      const told = await open({ whenUnsafe: 'warn' }, careless.url)
      expect(await told.accept(newJob())).toMatchObject({ state: 'pending' })
      expect(told.unsafe).toContain('noeviction')
      await Promise.all(opened.splice(-3).map((jobs) => jobs.close()))
    } finally {
      await careless.stop()
    }
  })

  test('accepts nothing without a key', async () => {
    await expect((await open({ key: undefined })).accept(newJob())).rejects.toMatchObject({ code: 'job.no_key' })
  })

  test('says at once that nothing is accepted while Redis is frozen or gone, and goes on by itself when it is back, with all it had', async () => {
    const own: Jobs = await open()
    let finished = 0
    own.open({ flow: 'f', node: 'away', revision: 'a', atOnce: 5 }, async () => {
      finished += 1
      return { kind: 'done' }
    })
    const work = { flow: 'f', node: 'away' }
    const before = await own.accept(newJob({ work, delayMs: 1500 }))
    redis.freeze()
    await expect(own.accept(newJob({ work }))).rejects.toMatchObject({ code: 'job.unavailable', status: 503 })
    redis.thaw()
    await redis.kill()
    await expect.poll(() => own.accept(newJob({ work })).then(() => 'taken', (error: { code: string }) => error.code), { timeout: 5000 }).toBe('job.unavailable')
    await redis.start()
    await expect.poll(async () => (await own.find(before.id).catch(() => undefined))?.state, { timeout: 20_000 }).toBe('done')
    const after = await own.accept(newJob({ work }))
    expect(await own.settled(after.id, 15_000)).toMatchObject({ state: 'done' })
    expect(finished).toBeGreaterThanOrEqual(2)
  })

  test('waits for its own flow after Redis was away for longer than work may be left: nobody else gives it up', async () => {
    const own = await startRedis({ durable: true })
    try {
      const [doing, ...others] = await Promise.all(Array.from({ length: 6 }, () => open({}, own.url)))
      const work = { flow: 'f', node: 'outage' }
      doing!.open({ ...work, revision: 'a', atOnce: 1 }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 300))
        return { kind: 'done' }
      })
      const accepted = await Promise.all(Array.from({ length: 8 }, () => doing!.accept(newJob({ work }))))
      await own.kill()
      await new Promise((resolve) => setTimeout(resolve, 1500))
      await own.start()
      const end = (facts: JobFacts | undefined) => (facts?.state === 'failed' ? facts.reason : facts?.state === 'done' ? 'done' : undefined)
      const states = async () => await Promise.all(accepted.map(async ({ id }) => end(await doing!.find(id).catch(() => undefined))))
      await expect.poll(async () => (await states()).every((state) => state !== undefined), { timeout: 20_000 }).toBe(true)
      expect(await states()).toEqual(accepted.map(() => 'done'))
      expect(others).toHaveLength(5)
      await Promise.all(opened.splice(-6).map((jobs) => jobs.close()))
    } finally {
      await own.stop()
    }
  })
})
