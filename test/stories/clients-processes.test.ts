import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { forkControl, type ForkedControl } from '../kit/fork-control.ts'
import { startLoneGateway, type LoneGateway } from '../kit/lone-gateway.ts'
import { findPostgres, startPostgres } from '../kit/postgres.ts'

const admin = { name: 'admin', role: 'admin', from: '127.0.0.1' }
const perDay = (limit: number) => ({ windows: [{ limit: String(limit), limitType: 'num', every: 1, unit: 'day', algorithm: 'fixed', zone: '', per: 'application' }] })
const auth = { methods: [{ kind: 'key header', name: 'x-api-key' }] }
const limited = flow('limited').httpIn('GET', '/limited').node('auth', auth, 2).node('quota', perDay(3), 2).httpResponse()
const flows = estate(limited, flow('guarded').httpIn('GET', '/guarded').node('auth', auth, 2).node('quota', perDay(1e9), 2).change({ t: 'set', p: 'payload', pt: 'msg', to: 'client.application', tot: 'msg' }).httpResponse())
const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  // One that cannot be closed may not leave the others running.
  const failed: unknown[] = []
  for (const close of closers.splice(0).reverse()) await Promise.resolve().then(close).catch((thrown: unknown) => failed.push(thrown))
  expect(failed).toEqual([])
}, 60_000)

interface Story {
  control: ForkedControl
  readonly folder: string
  readonly database: { url: string; stop(): Promise<void> } | undefined
  /** Secret of a new key of a new application, with the key's id. */
  newKey(name: string): Promise<{ id: string; secret: string }>
  gateway(name: string, env?: Record<string, string>): Promise<LoneGateway>
}

/** Control with a flow that asks for a key; on PostgreSQL when that is asked for and there is one. */
async function begin({ postgres = false } = {}): Promise<Story> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-clients-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const bin = postgres ? findPostgres() : undefined
  let database: Story['database']
  if (bin) {
    const server = await startPostgres(bin)
    server.createDatabase('sluice')
    let stopped: Promise<void> | undefined
    database = { url: server.url('sluice'), stop: () => (stopped ??= server.stop()) }
    closers.push(database.stop)
  }
  const control = await forkControl({ dataDir: join(folder, 'control'), ...(database ? { databaseUrl: database.url } : {}) })
  let latest = control
  closers.push(() => latest.kill())
  await control.call('consumers.organisations.create', { id: 'acme', name: 'Acme' }, admin)
  await control.call('flows.deploy', { nodes: flows, user: 'admin' })
  const story: Story = {
    get control() {
      return latest
    },
    set control(next) {
      latest = next
    },
    folder,
    database,
    async newKey(name) {
      await story.control.call('consumers.applications.create', { id: name, name, organisation: 'acme' }, admin)
      const { credential, secret } = await story.control.call('consumers.credentials.create', { application: name, kind: 'key' }, admin)
      return { id: credential.id, secret }
    },
    async gateway(name, env = {}) {
      const dataDir = join(folder, name)
      const known = readdirSync(folder).includes(name)
      const token = known ? {} : { token: (await story.control.call('gateways.createJoinToken', 'admin')).token as string }
      const started = await startLoneGateway({ controlUrl: control.url, dataDir, env, ...token })
      closers.push(started.stop)
      // What is made from here on reaches it as a change.
      if (!known) await expect.poll(async () => (await ready(started)).clients.stale, { timeout: 20_000, interval: 20 }).toBe(false)
      return started
    },
  }
  return story
}

const call = async (gateway: LoneGateway, key: string) => (await fetch(`${gateway.url}/guarded`, { headers: { 'x-api-key': key } })).status
const answers = async (gateway: LoneGateway, key: string, status: number) => await expect.poll(() => call(gateway, key).catch(() => 0), { timeout: 20_000, interval: 20 }).toBe(status)
const ready = async (gateway: LoneGateway) => (await (await fetch(`${gateway.opsUrl}/readyz`)).json()) as { ready: boolean; clients: { version: number; stale: boolean; fresh: boolean } }

test('a key works on two gateways at once and a revoked one stops on both', async () => {
  const story = await begin()
  const gateways = [await story.gateway('one'), await story.gateway('two')]
  const kept = await story.newKey('kept')
  const lost = await story.newKey('lost')
  for (const gateway of gateways) for (const { secret } of [kept, lost]) await answers(gateway, secret, 200)
  await story.control.call('consumers.credentials.revoke', lost.id, undefined, admin)
  for (const gateway of gateways) {
    await expect.poll(() => call(gateway, lost.secret), { timeout: 20_000, interval: 10 }).toBe(401)
    expect(await call(gateway, kept.secret)).toBe(200)
  }
}, 180_000)

test('control and its database are killed under load: no request fails, and a gateway restarted meanwhile knows its callers and their limits', async () => {
  const story = await begin({ postgres: true })
  const [one, two] = [await story.gateway('one'), await story.gateway('two')]
  const key = await story.newKey('steady')
  const revoked = await story.newKey('revoked')
  await answers(two, revoked.secret, 200)
  await story.control.call('consumers.credentials.revoke', revoked.id, undefined, admin)
  for (const gateway of [one, two]) await answers(gateway, key.secret, 200)
  await answers(two, revoked.secret, 401)

  const statuses = new Map<number | string, number>()
  let loading = true
  const load = Array.from({ length: 8 }, async () => {
    while (loading) {
      const status = await call(one, key.secret).catch((thrown: Error) => thrown.message)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  await expect.poll(() => statuses.get(200) ?? 0, { timeout: 60_000, interval: 20 }).toBeGreaterThan(200)
  await story.control.kill()
  await story.database?.stop()
  await two.stop()
  const again = await story.gateway('two')
  expect(await call(again, key.secret)).toBe(200)
  expect(await call(again, revoked.secret)).toBe(401)
  const used: number[] = []
  for (let i = 0; i < 5; i += 1) used.push((await fetch(`${again.url}/limited`, { headers: { 'x-api-key': key.secret } })).status)
  expect(used).toEqual([200, 200, 200, 429, 429])
  const before = statuses.get(200) ?? 0
  await expect.poll(() => statuses.get(200) ?? 0, { timeout: 60_000, interval: 20 }).toBeGreaterThan(before + 200)
  loading = false
  await Promise.all(load)
  expect([...statuses.keys()]).toEqual([200])
}, 180_000)

test('a gateway out of touch says so, and turns callers away when a setting says that it should', async () => {
  const story = await begin()
  const serving = await story.gateway('serving', { SLUICE_CLIENTS_STALE_MS: '5000' })
  const strict = await story.gateway('strict', { SLUICE_CLIENTS_STALE_MS: '5000', SLUICE_CLIENTS_WHEN_STALE: 'refuse' })
  const key = await story.newKey('caller')
  for (const gateway of [serving, strict]) await answers(gateway, key.secret, 200)
  await story.control.kill()
  await answers(strict, key.secret, 503)
  expect(await call(serving, key.secret)).toBe(200)
  expect(await ready(strict)).toMatchObject({ ready: true, clients: { stale: true, fresh: false } })
  await expect.poll(async () => (await ready(serving)).clients, { timeout: 20_000 }).toMatchObject({ stale: true, fresh: true })
  expect(await (await fetch(`${serving.opsUrl}/metrics`)).text()).toMatch(/^sluice_clients_stale 1$/m)
  await expect.poll(() => serving.printed()).toContain('control was not heard for longer')

  story.control = await forkControl({ dataDir: join(story.folder, 'control'), port: Number(new URL(story.control.url).port), ...(story.database ? { databaseUrl: story.database.url } : {}) })
  await answers(strict, key.secret, 200)
  await expect.poll(async () => (await ready(serving)).clients.stale, { timeout: 20_000 }).toBe(false)
}, 180_000)

test('a file that was tampered with while everything was down is refused and named, and mended when control is back', async () => {
  const story = await begin()
  const first = await story.gateway('one')
  const key = await story.newKey('caller')
  await answers(first, key.secret, 200)
  await first.stop()
  await story.control.kill()
  const own = join(story.folder, 'one', 'gateway', 'clients')
  const journal = join(own, 'changes.jsonl')
  const lines = readFileSync(journal, 'utf8').split('\n')
  const place = lines.findIndex((line) => line.includes('\\"kind\\":\\"key\\"'))
  lines[place] = (lines[place] as string).replace('\\"active\\":true', '\\"active\\":false')
  writeFileSync(journal, lines.join('\n'))
  const again = await story.gateway('one')
  expect(again.printed()).toContain('clients.signature')
  expect(again.printed()).toContain('clients/changes.jsonl')
  expect(await call(again, key.secret)).toBe(401)
  story.control = await forkControl({ dataDir: join(story.folder, 'control'), port: Number(new URL(story.control.url).port), ...(story.database ? { databaseUrl: story.database.url } : {}) })
  await answers(again, key.secret, 200)
}, 180_000)
