import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import { Refused, type Actor } from '../contract.ts'
import { openControl, type ControlOptions, type OpenControl } from '../open-control.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const admin: Actor = { name: 'admin', role: 'admin', from: '127.0.0.1' }
const of = { env: [{ name: 'SLUICE_ORGANISATION', value: 'shop', type: 'str' }] }
const open = (id: string) => flow(id, of).httpIn('GET', `/${id}`).httpResponse()
const door = flow('door', of).line().node('global policy').node('auth', { methods: [{ kind: 'key header', name: 'x-api-key' }] }, 2).node('link out', { mode: 'return', links: [] }, 0)

let folder: string
let control: OpenControl
async function start(options: Partial<ControlOptions> = {}) {
  control = await openControl({ dataDir: folder, definitions, log: silent, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, ...options })
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-public-'))
})
afterEach(async () => {
  await control.close()
  await rm(folder, { recursive: true, force: true })
})
const deploy = async (nodes: EditorNode[]) => (await control.flows.deploy({ nodes, user: 'admin' })).warnings.filter(({ code }) => code.startsWith('route')).map(({ code, flow: on }) => `${code} ${on}`)
const register = (visibility: 'public' | 'organisation') => control.consumers.apis.create({ id: 'orders', name: 'Orders', organisation: 'shop', flow: 'orders', visibility }, admin)

test('a deploy says plainly of a public route that its record is against it', async () => {
  await start()
  await control.consumers.organisations.create({ id: 'shop', name: 'Shop' }, admin)
  expect(await deploy(estate(open('orders'), open('news')))).toEqual(['route.public orders', 'route.public news'])
  const { version } = await register('organisation')
  const { warnings } = await control.flows.deploy({ nodes: estate(open('orders'), open('news')), user: 'admin' })
  expect(warnings.find(({ code }) => code === 'route.not_public')).toMatchObject({ flow: 'orders', node: 'orders.1', message: expect.stringContaining('“orders”'), remedy: expect.stringContaining('auth node') })
  expect(await deploy(estate(door, open('orders'), open('news')))).toEqual([])
  await control.consumers.apis.patch('orders', { visibility: 'public' }, version, admin)
  expect(await deploy(estate(open('orders')))).toEqual(['route.public orders'])
})

test('a record that is against its flow is written, and says so; also after a restart', async () => {
  await start()
  await control.consumers.organisations.create({ id: 'shop', name: 'Shop' }, admin)
  await deploy(estate(open('orders')))
  const made = await register('organisation')
  expect(made.warnings).toMatchObject([{ code: 'route.not_public', flow: 'orders', message: expect.stringContaining('GET /orders'), remedy: expect.stringContaining('auth node') }])
  expect((await control.consumers.apis.move('orders', 'PUBLISHED', made.version, admin)).warnings).toHaveLength(1)
  await control.close()
  await start()
  expect((await control.consumers.apis.get('orders', admin)).warnings).toHaveLength(1)
  await deploy(estate(door, open('orders')))
  const asks = await control.consumers.apis.get('orders', admin)
  expect(asks).not.toHaveProperty('warnings')
  await deploy(estate(open('orders')))
  expect(await control.consumers.apis.patch('orders', { visibility: 'public' }, asks.version, admin)).not.toHaveProperty('warnings')
})

test('where public routes are forbidden, control refuses to deploy one, with its place; one behind a policy that asks is taken', async () => {
  await start({ publicRoutes: 'forbid' })
  const refused = await deploy(estate(open('orders'))).catch((thrown: unknown) => thrown)
  expect(refused).toBeInstanceOf(Refused)
  expect((refused as Refused).problems).toMatchObject([{ severity: 'error', code: 'route.public', flow: 'orders', node: 'orders.1', remedy: expect.stringContaining('SLUICE_PUBLIC_ROUTES') }])
  expect(await deploy(estate(door, open('orders')))).toEqual([])
})
