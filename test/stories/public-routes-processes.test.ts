import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { forkControl, type ForkedControl } from '../kit/fork-control.ts'
import { startLoneGateway, type LoneGateway } from '../kit/lone-gateway.ts'

const admin = { name: 'admin', role: 'admin', from: '127.0.0.1' }
const of = { env: [{ name: 'SLUICE_ORGANISATION', value: 'acme', type: 'str' }] }
const api = flow('orders', of).httpIn('GET', '/orders').httpResponse()
const door = flow('door', of).line().node('global policy').node('auth', { methods: [{ kind: 'key header', name: 'x-api-key' }] }, 2).node('link out', { mode: 'return', links: [] }, 0)

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
}, 60_000)

let control: ForkedControl
let folder: string
async function begin(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'sluice-public-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  control = await forkControl({ dataDir: join(folder, 'control') })
  closers.push(() => control.kill())
  await control.call('consumers.organisations.create', { id: 'acme', name: 'Acme' }, admin)
  await control.call('flows.deploy', { nodes: estate(api), user: 'admin' })
}
async function gateway(name: string, env: Record<string, string> = {}, known = false): Promise<LoneGateway> {
  const token = known ? {} : { token: (await control.call('gateways.createJoinToken', 'admin')).token as string }
  const started = await startLoneGateway({ controlUrl: control.url, dataDir: join(folder, name), env, ...token })
  closers.push(started.stop)
  return started
}
async function ask(at: LoneGateway, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${at.url}/orders`, { headers })
  const { code } = (await response.json().catch(() => ({}))) as { code?: string }
  return code === undefined ? String(response.status) : `${response.status} ${code}`
}
async function answers(at: LoneGateway, expected: string, headers: Record<string, string> = {}): Promise<void> {
  await expect.poll(() => ask(at, headers).catch(String), { timeout: 20_000, interval: 20 }).toBe(expected)
}

test('a record that is not public closes a public route on every gateway, without a deploy, also on one that starts with control down; a policy opens it to callers', async () => {
  await begin()
  const one = await gateway('one')
  const two = await gateway('two')
  for (const at of [one, two]) await answers(at, '200')
  const made = await control.call('consumers.apis.create', { id: 'orders', name: 'Orders', organisation: 'acme', flow: 'orders', visibility: 'public' }, admin)
  await control.call('consumers.apis.move', 'orders', 'PROTOTYPED', made.version, admin)
  for (const at of [one, two]) await answers(at, '200')
  await control.call('consumers.apis.patch', 'orders', { visibility: 'organisation' }, undefined, admin)
  for (const at of [one, two]) await answers(at, '401 auth.required')

  await control.call('flows.deploy', { nodes: estate(door, api), user: 'admin' })
  await control.call('consumers.applications.create', { id: 'web', name: 'Web', organisation: 'acme' }, admin)
  const { secret } = await control.call('consumers.credentials.create', { application: 'web', kind: 'key' }, admin)
  for (const at of [one, two]) {
    await answers(at, '200', { 'x-api-key': secret })
    expect(await ask(at)).toBe('401 auth.missing')
  }
  await control.call('flows.deploy', { nodes: estate(api), user: 'admin' })
  for (const at of [one, two]) await answers(at, '401 auth.required', { 'x-api-key': secret })

  await control.kill()
  await two.stop()
  const again = await gateway('two', {}, true)
  expect(await ask(again)).toBe('401 auth.required')
  expect(await ask(one)).toBe('401 auth.required')
}, 120_000)

test('a gateway that forbids public routes answers nobody on those of a release made before, also with control down', async () => {
  await begin()
  const one = await gateway('one')
  await answers(one, '200')
  await control.kill()
  await one.stop()
  expect(await ask(await gateway('one', { SLUICE_PUBLIC_ROUTES: 'forbid' }, true))).toBe('401 auth.required')
}, 120_000)
