import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { estate, flow, set } from '../kit/flow-builder.ts'
import { forkControl } from '../kit/fork-control.ts'
import { startLoneGateway, type LoneGateway } from '../kit/lone-gateway.ts'

const admin = { name: 'admin', role: 'admin', from: '127.0.0.1' }
const tab = (id: string, version: string) =>
  flow(id, { env: [{ name: 'SLUICE_API_VERSION', value: version, type: 'str' }] }).httpIn('GET', '/orders').node('auth', { methods: [{ kind: 'key header', name: 'x-api-key' }] }, 2).change(set('payload', id)).httpResponse()

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
}, 60_000)

async function ask(at: LoneGateway, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${at.url}/orders`, { headers })
  const text = await response.text()
  return response.status === 200 ? `${text} ${response.headers.get('api-version')}` : `${response.status} ${(JSON.parse(text) as { code?: string }).code}`
}
async function answers(at: LoneGateway, expected: string, headers: Record<string, string>): Promise<void> {
  await expect.poll(() => ask(at, headers).catch(String), { timeout: 20_000, interval: 20 }).toBe(expected)
}

test('a pin and an end set at control reach gateways without a deploy and hold on one that starts with control down; a version added under load fails no request', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-versions-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const control = await forkControl({ dataDir: join(folder, 'control') })
  closers.push(() => control.kill())
  await control.call('consumers.organisations.create', { id: 'acme', name: 'Acme' }, admin)
  await control.call('consumers.plans.create', { id: 'gold', name: 'Gold', autoApprove: true }, admin)
  for (const version of [1, 2]) {
    await control.call('consumers.apis.create', { id: `orders-${version}`, name: `Orders ${version}`, organisation: 'acme', flow: `orders-${version}`, family: 'orders', apiVersion: `v${version}` }, admin)
    await control.call('consumers.apis.move', `orders-${version}`, 'PUBLISHED', undefined, admin)
  }
  await control.call('consumers.applications.create', { id: 'shop', name: 'Shop', organisation: 'acme' }, admin)
  for (const version of [1, 2]) await control.call('consumers.subscriptions.create', { application: 'shop', api: `orders-${version}`, plan: 'gold' }, admin)
  const { secret } = await control.call('consumers.credentials.create', { application: 'shop', kind: 'key' }, admin)
  const key = { 'x-api-key': secret as string }
  await control.call('flows.deploy', { nodes: estate(tab('orders-1', 'v1')), user: 'admin' })
  const { token } = await control.call('gateways.createJoinToken', 'admin')
  const first = await startLoneGateway({ controlUrl: control.url, dataDir: join(folder, 'gateway'), token })
  closers.push(first.stop)
  await answers(first, 'orders-1 v1', key)

  let going = true
  const seen = new Map<string, number>()
  const run = async () => {
    while (going) {
      const answer = await ask(first, key)
      seen.set(answer, (seen.get(answer) ?? 0) + 1)
    }
  }
  const running = [run(), run()]
  await control.call('flows.deploy', { nodes: estate(tab('orders-1', 'v1'), tab('orders-2', 'v2')), user: 'admin' })
  await answers(first, 'orders-2 v2', key)
  await control.call('consumers.applications.patch', 'shop', { pins: { orders: 'v1' } }, undefined, admin)
  await answers(first, 'orders-1 v1', key)
  going = false
  await Promise.all(running)
  expect([...seen.keys()].toSorted()).toEqual(['orders-1 v1', 'orders-2 v2'])

  const inASecond = new Date(Date.now() + 1000).toISOString()
  await control.call('consumers.apis.patch', 'orders-2', { sunset: inASecond }, undefined, admin)
  await answers(first, '410 api.sunset', { ...key, 'api-version': 'v2' })
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(inASecond))

  await control.kill()
  await first.stop()
  const again = await startLoneGateway({ controlUrl: control.url, dataDir: join(folder, 'gateway') })
  closers.push(again.stop)
  expect(await ask(again, key)).toBe('orders-1 v1')
  expect(await ask(again, { ...key, 'api-version': 'v2' })).toBe('410 api.sunset')
}, 120_000)
