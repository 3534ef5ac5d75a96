import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { CounterCharge, LeaseCharge } from '../../runtime/core/state/state.ts'
import { openRedisState, type RedisState } from '../../runtime/state/redis-state.ts'
import { startProduct } from '../e2e/product.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { root } from '../kit/sources.ts'
import { needs } from '../kit/tools.ts'

const quiet = { prefix: 'story:', shares: 4, timeoutMs: 1000, clock: systemClock, log: silentLog, metrics: { count() {} } }
const quota = (key: string, limit: number): CounterCharge => ({ kind: 'counter', key, limit, cost: 1, window: { kind: 'fixed', lengthMs: 30 * 86_400_000 }, mode: 'enforce' })

describe.skipIf(!needs('redis-server'))('gateways that count together', () => {
  let redis: TestRedis
  const gateways: RedisState[] = []
  beforeAll(async () => {
    redis = await startRedis({ durable: true })
    for (let each = 0; each < 4; each++) gateways.push(openRedisState({ ...quiet, url: redis.url }))
    await Promise.all(gateways.map((state) => state.connected(10_000)))
  })
  afterAll(async () => {
    await Promise.all(gateways.map((state) => state.close()))
    await redis?.stop()
  })

  /** Charges through all gateways until told to stop; gives what was admitted while counting and while not. */
  async function chargeThrough(onLoss: 'closed' | 'share', limit: number, meanwhile: () => Promise<void>) {
    const charge = quota(`story/${onLoss}`, limit)
    const admitted = { counted: 0, degraded: 0, rejected: 0, sent: 0 }
    let going = true
    const callers = gateways.flatMap((state) => [0, 1].map(async () => {
      while (going) {
        try {
          admitted.sent++
          const { allowed, degraded } = await state.charge([charge], onLoss)
          if (allowed) admitted[degraded ? 'degraded' : 'counted']++
        } catch {
          admitted.rejected++
        }
        await new Promise((next) => setTimeout(next, 1))
      }
    }))
    await meanwhile()
    going = false
    await Promise.all(callers)
    return admitted
  }

  async function powerCut(): Promise<void> {
    await new Promise((next) => setTimeout(next, 200))
    await redis.kill()
    await expect.poll(() => gateways.every(({ healthy }) => !healthy), { timeout: 10_000 }).toBe(true)
    await new Promise((next) => setTimeout(next, 200))
    await redis.start()
    await expect.poll(() => gateways.every(({ healthy }) => healthy), { timeout: 20_000 }).toBe(true)
  }

  test('a power cut of Redis fails no charge, and what refuses meanwhile never admits too many', async () => {
    const admitted = await chargeThrough('closed', 1_000_000, powerCut)
    expect(admitted).toMatchObject({ rejected: 0, degraded: 0 })
    const { used } = (await gateways[0]!.charge([{ ...quota('story/closed', 1_000_000), mode: 'peek' }], 'closed')).limits[0]!
    // What was counted when the power went may have been refused for want of an answer, never the other way round.
    expect(admitted.counted).toBeLessThanOrEqual(used)
    expect(used - admitted.counted).toBeLessThanOrEqual(8)
  })

  test('counting locally admits at most the limit once more', async () => {
    const admitted = await chargeThrough('share', 60, powerCut)
    expect(admitted.rejected).toBe(0)
    expect(admitted.counted).toBeLessThanOrEqual(60)
    expect(admitted.degraded).toBeLessThanOrEqual(60)
    expect(admitted.degraded).toBeGreaterThan(0)
  })

  test('a gateway that is killed leaks no slot beyond its time', async () => {
    const holder = fork(join(root, 'test/floods/lease-holder.ts'), [redis.url], { execArgv: ['--disable-warning=ExperimentalWarning'] })
    try {
      const [held] = (await once(holder, 'message')) as [{ held: number }]
      expect(held).toEqual({ held: 3 })
      const slot = (token: string): LeaseCharge => ({ kind: 'lease', key: 'story/slots', limit: 3, token, ttlMs: 60_000 })
      expect((await gateways[0]!.charge([slot('mine')], 'closed')).allowed).toBe(false)
      holder.kill('SIGKILL')
      await once(holder, 'exit')
      await expect.poll(async () => (await gateways[0]!.charge([slot('mine')], 'closed')).allowed, { timeout: 20_000, interval: 50 }).toBe(true)
      await expect.poll(async () => (await gateways[0]!.charge([slot('mine')], 'closed')).limits[0]?.used, { timeout: 20_000, interval: 50 }).toBe(1)
    } finally {
      holder.kill('SIGKILL')
    }
  })

  test('a gateway process counts in Redis under its permissions, shows its loss to monitoring, and recovers by itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-shared-'))
    const product = await startProduct({ SLUICE_DATA_DIR: folder, SLUICE_SAMPLES: 'off', SLUICE_REDIS_URL: redis.url })
    try {
      const available = async () => /^sluice_state_available (\d)$/m.exec(await (await fetch(`${product.opsUrl}/metrics`)).text())?.[1]
      expect(await available()).toBe('1')
      await redis.kill()
      await expect.poll(available, { timeout: 10_000 }).toBe('0')
      expect((await fetch(`${product.opsUrl}/readyz`)).status).not.toBe(500)
      await redis.start()
      await expect.poll(available, { timeout: 20_000 }).toBe('1')
    } finally {
      await product.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
