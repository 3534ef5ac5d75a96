import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { forkControl } from '../kit/fork-control.ts'
import { startLoneGateway } from '../kit/lone-gateway.ts'
import { startRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await Promise.resolve().then(close).catch(() => {})
}, 60_000)

const slots = 3
const leaseMs = 6_000
const flows = estate(
  flow('there').httpIn('GET', '/there').httpResponse(),
  flow('slow').httpIn('GET', '/slow').node('concurrency limit', { limit: String(slots), limitType: 'num', per: 'api', slots: 'shared', leaseMs, onLoss: 'closed' }, 2)
    .node('delay', { pauseType: 'delay', timeout: '5', timeoutUnits: 'minutes' }).httpResponse(),
)

describe.skipIf(!needs('redis-server'))('a gateway process that is killed while its runs hold slots', () => {
  test('leaves them taken until their lease is over, and then exactly as many are free', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-killed-'))
    closers.push(() => rmSync(folder, { recursive: true, force: true }))
    const redis = await startRedis()
    closers.push(() => redis.stop())
    const control = await forkControl({ dataDir: join(folder, 'control') })
    closers.push(() => control.kill())
    await control.call('flows.deploy', { nodes: flows, user: 'admin' })
    const start = async (name: string) => {
      const { token } = (await control.call('gateways.createJoinToken', 'admin')) as { token: string }
      const env = { SLUICE_REDIS_URL: redis.url, SLUICE_DEADLINE_MS: '300000' }
      const gateway = await startLoneGateway({ controlUrl: control.url, dataDir: join(folder, name), token, env })
      closers.push(gateway.stop)
      await expect.poll(async () => (await fetch(`${gateway.url}/there`)).status, { timeout: 20_000, interval: 50 }).toBe(200)
      return gateway
    }
    const [dying, other] = [await start('dying'), await start('other')]

    // One that is let in does not answer; one that is refused does.
    const abort = new AbortController()
    closers.push(() => abort.abort())
    const refusals: string[] = []
    let [asked, gone] = [0, 0]
    const ask = (url: string) => {
      asked += 1
      void fetch(`${url}/slow`, { signal: abort.signal }).then(async (reply) => refusals.push(((await reply.json()) as { code: string }).code), () => (gone += 1))
    }
    const answered = () => refusals.length + gone
    const patience = { timeout: 20_000, interval: 20 }

    for (let i = 0; i < 5; i += 1) ask(dying.url)
    await expect.poll(answered, patience).toBe(5 - slots)
    // The slots are those of all gateways, and are renewed for longer than one lease.
    await new Promise((resolve) => setTimeout(resolve, leaseMs * 1.1))
    for (let i = 0; i < 5; i += 1) ask(other.url)
    await expect.poll(answered, patience).toBe(10 - slots)

    await dying.kill()
    await expect.poll(() => gone, { timeout: 20_000 }).toBe(slots)
    ask(other.url)
    await expect.poll(answered, patience).toBe(11)

    // From now on somebody tries all the time: no more get in than there are slots, however the leases end.
    const held = () => asked - refusals.length - gone
    await expect.poll(() => {
      for (let i = 0; i < 4; i += 1) ask(other.url)
      return held() - 4
    }, { timeout: 60_000, interval: 200 }).toBeGreaterThanOrEqual(slots)
    for (let i = 0; i < 20; i += 1) ask(other.url)
    await expect.poll(held, { timeout: 20_000, interval: 50 }).toBe(slots)
    expect(new Set(refusals)).toEqual(new Set(['concurrency.exceeded']))
  }, 180_000)
})
