import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ClientChange } from '../../runtime/core/access/clients.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { createAudit } from '../audit.ts'
import type { Actor, Consumers } from '../contract.ts'
import { openStore, type Store } from '../store/store.ts'
import { openConsumers } from './open-consumers.ts'

const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const dataDir = mkdtempSync(join(tmpdir(), 'sluice-versions-'))
const clock = fakeClock(Date.UTC(2026, 0, 1))
const keys = { current: { id: 'k1', key: randomBytes(32) }, older: [] }
const changes: ClientChange[] = []
let store: Store
let consumers: Consumers & { close(): void }
const open = () => openConsumers({ store, audit: createAudit(store, clock), clock, log: silentLog, keys, cost: { n: 1024 } })
const refused = (pointer: string) => ({ status: 422, problems: [expect.objectContaining({ pointer })] })

beforeAll(async () => {
  store = await openStore({ dataDir })
  consumers = await open()
  consumers.onChange((change) => changes.push(change))
  for (const id of ['north', 'south']) await consumers.organisations.create({ id, name: id }, admin)
  await consumers.apis.create({ id: 'orders', name: 'Orders', organisation: 'north', flow: 'f1', apiVersion: 'v1' }, admin)
  await consumers.apis.create({ id: 'orders-2', name: 'Orders 2', organisation: 'north', flow: 'f2', apiVersion: 'v2', family: 'orders', sunset: '2030-01-01T00:00:00Z' }, admin)
})
afterAll(async () => {
  consumers?.close()
  await store?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

test('family, version, deprecation and end of an API reach gateways, at a change and from the start', async () => {
  await consumers.apis.move('orders', 'PUBLISHED', undefined, admin)
  await clock.advance(1000)
  await consumers.apis.move('orders', 'DEPRECATED', undefined, admin)
  expect(changes.at(-1)?.apis?.orders).toMatchObject({ version: 'v1', lifecycle: 'DEPRECATED', deprecatedAt: '2026-01-01T00:00:01.000Z' })
  const again = await open()
  expect(again.snapshot().apis).toEqual(expect.arrayContaining([
    expect.objectContaining({ id: 'orders', version: 'v1', deprecatedAt: '2026-01-01T00:00:01.000Z' }),
    expect.objectContaining({ id: 'orders-2', version: 'v2', family: 'orders', sunset: '2030-01-01T00:00:00Z' }),
  ]))
  again.close()
})

test('a family is of one organisation and has each version once, whatever its case', async () => {
  const input = { name: 'X', organisation: 'north', flow: 'f9' }
  await expect(consumers.apis.create({ ...input, organisation: 'south', family: 'orders', apiVersion: 'v3' }, admin)).rejects.toMatchObject(refused('/family'))
  for (const apiVersion of ['V1', 'v2']) await expect(consumers.apis.create({ ...input, family: 'orders', apiVersion }, admin)).rejects.toMatchObject(refused('/apiVersion'))
  await expect(consumers.apis.patch('orders', { apiVersion: 'v2' }, undefined, admin)).rejects.toMatchObject(refused('/apiVersion'))
  for (const apiVersion of ['v 3', '', '-1']) await expect(consumers.apis.create({ ...input, apiVersion }, admin)).rejects.toMatchObject(refused('/apiVersion'))
  expect(await consumers.apis.patch('orders-2', { description: 'the new one' }, undefined, admin)).toMatchObject({ family: 'orders' })
})

test('an application is held to versions that there are; they reach gateways, and stay when the version is gone', async () => {
  const input = { name: 'Shop', organisation: 'south' }
  for (const [family, version] of [['orders', 'v3'], ['none', 'v1'], ['orders-2', 'v2']] as const) {
    await expect(consumers.applications.create({ ...input, pins: { [family]: version } }, admin)).rejects.toMatchObject(refused(`/pins/${family}`))
  }
  await expect(consumers.applications.create({ ...input, pins: { 'Not An Id': 'v1' } }, admin)).rejects.toMatchObject({ status: 422 })
  await consumers.applications.create({ ...input, id: 'shop', pins: { orders: 'V1' } }, admin)
  expect(changes.at(-1)?.applications?.shop?.pins).toEqual({ orders: 'V1' })
  await consumers.apis.move('orders', 'RETIRED', undefined, admin)
  await consumers.apis.retire('orders', undefined, admin)
  expect(await consumers.applications.patch('shop', { name: 'Shop!' }, undefined, admin)).toMatchObject({ pins: { orders: 'V1' } })
  await consumers.applications.patch('shop', { pins: { orders: 'v2' } }, undefined, admin)
  expect(await consumers.applications.patch('shop', { pins: null }, undefined, admin)).not.toHaveProperty('pins')
  expect(changes.at(-1)?.applications?.shop).not.toHaveProperty('pins')
})

test('whoever may not see an API learns of no version of it: not by a pin, nor by an API that is called as its family', async () => {
  const stranger: Actor = { name: 'sam', role: 'subscriber', from: 'test' }
  await store.users.add({ name: 'sam', role: 'subscriber', password: '', disabled: 0, created_at: '2026-01-01T00:00:00.000Z', last_sign_in_at: null })
  await consumers.members.create({ organisation: 'south', user: 'sam', role: 'publisher' }, admin)
  await consumers.apis.create({ id: 'vaults-2', name: 'Vaults 2', organisation: 'north', flow: 'f5', family: 'vaults', apiVersion: 'v2' }, admin)
  const saidOf = async (version: string) => (await consumers.applications.create({ name: 'Nosy', organisation: 'south', pins: { vaults: version } }, stranger).catch((thrown: { problems: { message: string }[] }) => thrown.problems[0]!.message)) as string
  expect(await saidOf('v2')).toBe((await saidOf('v9')).replace('v9', 'v2'))
  const joins = { id: 'vaults', name: 'Vaults', organisation: 'south', flow: 'f6', apiVersion: 'v2' }
  await expect(consumers.apis.create(joins, admin)).rejects.toMatchObject({ status: 422, problems: [expect.objectContaining({ pointer: '/family', message: expect.not.stringContaining('vaults-2') })] })
  // What is offered may be held to, whoever offers it.
  await consumers.apis.patch('vaults-2', { visibility: 'public' }, undefined, admin)
  await consumers.apis.move('vaults-2', 'PUBLISHED', undefined, admin)
  expect(await consumers.applications.create({ id: 'fair', name: 'Fair', organisation: 'south', pins: { vaults: 'v2' } }, stranger)).toMatchObject({ pins: { vaults: 'v2' } })
})

test('both travel in a document of records', async () => {
  await consumers.applications.patch('shop', { pins: { orders: 'v2' } }, undefined, admin)
  const yaml = await consumers.exportYaml(admin)
  expect(yaml).toContain('family: orders')
  expect(yaml).toMatch(/pins:\s+orders: v2/)
  expect(await consumers.applyYaml(yaml, {}, admin)).toMatchObject({ changes: [] })
  const wrong = yaml.replace(/pins:\s+orders: v2/, 'pins:\n      orders: v7')
  await expect(consumers.applyYaml(wrong, {}, admin)).rejects.toMatchObject({ status: 422, problems: [expect.objectContaining({ pointer: expect.stringMatching(/^\/applications\/\d+\/pins\/orders$/) })] })
})
