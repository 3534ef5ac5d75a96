import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../runtime/core/log.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { createAudit } from '../audit.ts'
import type { Actor, Role } from '../contract.ts'
import { openStore, type Store } from '../store/store.ts'
import { openConsumers } from './open-consumers.ts'

// What one organisation, or its owner, must not undo or take from another.

const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const actor = (name: string): Actor => ({ name, role: 'subscriber', from: 'test' })
const dataDir = mkdtempSync(join(tmpdir(), 'sluice-others-'))
const clock = fakeClock(Date.UTC(2026, 0, 1))
let store: Store
let consumers: Awaited<ReturnType<typeof openConsumers>>

beforeAll(async () => {
  store = await openStore({ dataDir })
  consumers = await openConsumers({ store, audit: createAudit(store, clock), clock, log: silentLog, keys: { current: { id: 'k1', key: randomBytes(32) }, older: [] }, cost: { n: 1024 } })
  for (const id of ['bank', 'shop']) await consumers.organisations.create({ id, name: id }, admin)
  await consumers.plans.create({ id: 'free', name: 'Free', autoApprove: true }, admin)
  await consumers.apis.create({ id: 'orders', name: 'Orders', organisation: 'bank', flow: 'f1', visibility: 'public' }, admin)
  await consumers.apis.move('orders', 'PUBLISHED', undefined, admin)
})
afterAll(async () => {
  consumers?.close()
  await store?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

async function member(name: string, organisation: string, role: Exclude<Role, 'editor' | 'data-officer'>): Promise<Actor> {
  await store.users.add({ name, role: 'subscriber', password: '', disabled: 0, created_at: '2026-01-01T00:00:00.000Z', last_sign_in_at: null })
  await consumers.members.create({ organisation, user: name, role }, admin)
  return actor(name)
}

test('what the provider suspended, nobody of the subscriber resumes, retires or takes anew', async () => {
  const operator = await member('shop-operator', 'shop', 'operator')
  const publisher = await member('shop-publisher', 'shop', 'publisher')
  const owner = await member('shop-owner', 'shop', 'subscriber')
  const provider = await member('bank-operator', 'bank', 'operator')
  const { id: application } = await consumers.applications.create({ name: 'Till', organisation: 'shop' }, owner)
  const wanted = { application, api: 'orders', plan: 'free' }
  const { id } = await consumers.subscriptions.create(wanted, owner)
  await consumers.subscriptions.decide(id, 'suspend', {}, provider)
  for (const by of [operator, publisher, owner]) {
    await expect(consumers.subscriptions.decide(id, 'resume', {}, by)).rejects.toMatchObject({ status: 403 })
  }
  for (const by of [publisher, owner]) {
    await expect(consumers.subscriptions.retire(id, undefined, by)).rejects.toMatchObject({ status: 403 })
    await expect(consumers.subscriptions.create(wanted, by)).rejects.toMatchObject({ code: 'subscription.exists' })
  }
  await consumers.subscriptions.decide(id, 'resume', {}, provider)
  // What one suspended oneself comes back without asking anybody.
  await consumers.subscriptions.decide(id, 'suspend', {}, operator)
  expect(await consumers.subscriptions.decide(id, 'resume', {}, operator)).toMatchObject({ state: 'approved' })
  expect(await consumers.subscriptions.retire(id, undefined, owner)).toMatchObject({ retiredAt: expect.any(String) })
})

test('an organisation that was suspended does not bring itself back', async () => {
  const own = await member('shop-admin', 'shop', 'admin')
  await consumers.organisations.patch('shop', { active: false }, undefined, admin)
  await expect(consumers.organisations.patch('shop', { active: true }, undefined, own)).rejects.toMatchObject({ status: 403 })
  await expect(consumers.organisations.patch('shop', { active: null }, undefined, own)).rejects.toMatchObject({ status: 403 })
  await expect(consumers.organisations.replace('shop', { name: 'Shop' }, undefined, own)).rejects.toMatchObject({ status: 403 })
  expect(await consumers.organisations.patch('shop', { contact: 'shop@example.org' }, undefined, own)).toMatchObject({ active: false })
  expect(await consumers.organisations.patch('shop', { active: true }, undefined, admin)).toMatchObject({ active: true })
})

test('a document of very many keys is refused at once, and one with a key twice says which', async () => {
  const many = `sluice: records\n${Array.from({ length: 100_000 }, (_, key) => `k${key}: 1\n`).join('')}`
  await expect(consumers.applyYaml(many, {}, admin)).rejects.toMatchObject({ code: 'records.malformed', status: 422 })
  await expect(consumers.applyYaml('sluice: records\nplans:\n  - id: gold\n    name: Gold\n    name: Silver\n', {}, admin)).rejects.toMatchObject({
    code: 'records.malformed', message: expect.stringContaining('“name” is there twice'),
  })
  await expect(consumers.applyYaml(`sluice: records\nplans: ${'['.repeat(20_000)}`, {}, admin)).rejects.toMatchObject({ code: 'records.malformed' })
})

test('the name of a certificate is one credential’s, however it is written', async () => {
  for (const [id, san] of [['one', 'client.example'], ['two', 'spiffe://org/app']] as const) {
    await consumers.applications.create({ id, name: id, organisation: 'bank' }, admin)
    await consumers.credentials.create({ application: id, kind: 'certificate', san }, admin)
  }
  for (const san of ['CLIENT.example', 'DNS:client.example', 'dns:Client.Example', 'URI:spiffe://org/app']) {
    await expect(consumers.credentials.create({ application: 'one', kind: 'certificate', san }, admin), san).rejects.toMatchObject({ code: 'credential.taken' })
  }
})

test('a cursor names no record that is hidden from whoever pages', async () => {
  for (const id of ['paged-1', 'paged-2-hidden', 'paged-3']) {
    await consumers.apis.create({ id, name: id, organisation: 'bank', flow: id, visibility: id.endsWith('hidden') ? 'organisation' : 'public' }, admin)
    await consumers.apis.move(id, 'PUBLISHED', undefined, admin)
  }
  const reader = await member('shop-pager', 'shop', 'viewer')
  const first = await consumers.apis.list({ search: 'paged-', limit: 1 }, reader)
  expect(Buffer.from(first.next!, 'base64url').toString()).toBe('paged-1')
  const second = await consumers.apis.list({ search: 'paged-', limit: 1, cursor: first.next! }, reader)
  expect([first, second].flatMap(({ items }) => items.map(({ id }) => id))).toEqual(['paged-1', 'paged-3'])
})
