import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { forkControl } from '../kit/fork-control.ts'
import { startLoneGateway } from '../kit/lone-gateway.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await Promise.resolve().then(close).catch(() => {})
}, 60_000)

const window = (limit: number, more: object = {}) => ({ limit: String(limit), limitType: 'num', every: 1, unit: 'total', algorithm: 'fixed', zone: '', per: 'all', ...more })
const flows = (limit: number) => estate(
  flow('trial').httpIn('GET', '/trial').node('quota', { quota: 'trial', windows: [window(limit), window(1000, { unit: 'day' })] }, 2).httpResponse(),
  flow('more').httpIn('GET', '/more').node('reset quota', { quota: 'trial', op: 'add', amount: '2' }, 1).httpResponse(),
)

test('without Redis, what a gateway counts in all outlives its restart and its SIGKILL; more is given by a correction or a raised limit', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-totals-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const control = await forkControl({ dataDir: join(folder, 'control') })
  closers.push(() => control.kill())
  await control.call('flows.deploy', { nodes: flows(10), user: 'admin' })
  const { token } = (await control.call('gateways.createJoinToken', 'admin')) as { token: string }
  const dataDir = join(folder, 'alone')
  const start = async () => {
    const gateway = await startLoneGateway({ controlUrl: control.url, dataDir, token })
    closers.push(gateway.stop)
    await expect.poll(async () => (await fetch(`${gateway.url}/nowhere`)).status, { timeout: 20_000, interval: 50 }).toBe(404)
    const call = async () => fetch(`${gateway.url}/trial`)
    const passed = async (times: number) => {
      let count = 0
      for (let i = 0; i < times; i += 1) if ((await call()).status === 200) count += 1
      return count
    }
    return { ...gateway, call, passed }
  }
  const kept = () => {
    const database = new DatabaseSync(join(dataDir, 'gateway/totals.db'), { readOnly: true })
    try {
      return (database.prepare('SELECT sum(used) AS used FROM totals').get() as { used: number }).used
    } finally {
      database.close()
    }
  }

  const killed = await start()
  expect(await killed.passed(4)).toBe(4)
  await expect.poll(kept, { timeout: 20_000, interval: 50 }).toBe(4)
  await killed.kill()

  const stopped = await start()
  expect(await stopped.passed(3)).toBe(3)
  await stopped.stop()
  expect(kept()).toBe(7)

  const last = await start()
  expect(await last.passed(5)).toBe(3)
  const refused = await last.call()
  expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('ratelimit-policy'), refused.headers.get('ratelimit')]).toEqual([
    429, null, expect.stringMatching(/^"trial total";q=10, "trial day";q=1000;w=86400$/), expect.stringMatching(/^"trial total";r=0, "trial day";r=\d+;t=\d+$/),
  ])
  const told = (await refused.json()) as object
  expect(told).toMatchObject({ code: 'quota.exceeded' })
  expect(told).not.toHaveProperty('retryAfter')

  expect((await fetch(`${last.url}/more`)).status).toBe(200)
  expect(await last.passed(5)).toBe(2)
  await control.call('flows.deploy', { nodes: flows(13), user: 'admin' })
  await expect.poll(async () => (await last.call()).headers.get('ratelimit-policy'), { timeout: 20_000, interval: 50 }).toContain('q=13')
  expect(await last.passed(5)).toBe(2)
  expect((await last.call()).status).toBe(429)
}, 180_000)
