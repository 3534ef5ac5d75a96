import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../runtime/core/log.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { createAudit } from '../audit.ts'
import type { Actor, CredentialInput } from '../contract.ts'
import { openStore, type Store } from '../store/store.ts'
import { openConsumers } from './open-consumers.ts'

// A subject of an issuer and a certificate are public: naming one is no proof.

const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const as = (name: string): Actor => ({ name, role: 'subscriber', from: 'test' })
const dataDir = mkdtempSync(join(tmpdir(), 'sluice-claims-'))
const clock = fakeClock(Date.UTC(2026, 0, 1))
let store: Store
let consumers: Awaited<ReturnType<typeof openConsumers>>

const certificate = (application: string): CredentialInput => ({ application, kind: 'certificate', san: 'DNS:pay.bank.example' })
const token = (application: string): CredentialInput => ({ application, kind: 'jwt', issuer: 'https://id.example', subject: 'bank-client' })
const known = (application: string) => consumers.snapshot().applications.find(({ id }) => id === application)?.credentials.map(({ kind }) => kind)

beforeAll(async () => {
  store = await openStore({ dataDir })
  consumers = await openConsumers({ store, audit: createAudit(store, clock), clock, log: silentLog, keys: { current: { id: 'k1', key: randomBytes(32) }, older: [] }, cost: { n: 1024 } })
  for (const id of ['bank', 'thief']) {
    await consumers.organisations.create({ id, name: id }, admin)
    await consumers.members.create({ organisation: id, user: 'admin', role: 'admin' }, admin).catch(() => {})
    await store.users.add({ name: `of-${id}`, role: 'subscriber', password: '', disabled: 0, created_at: '2026-01-01T00:00:00.000Z', last_sign_in_at: null } as never)
    await consumers.members.create({ organisation: id, user: `of-${id}`, role: 'admin' }, admin)
    await consumers.applications.create({ id: `${id}-app`, name: id, organisation: id }, admin)
  }
})
afterAll(async () => {
  consumers?.close()
  await store?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

test.each([['a certificate', certificate], ['a token subject', token]])('%s that somebody else names first lets them not in, and keeps not out whose it is', async (_what, claim) => {
  const stolen = await consumers.credentials.create(claim('thief-app'), as('of-thief'))
  expect(stolen.credential.claim).toBe('pending')
  expect(known('thief-app')).toEqual([])
  // Not by switching it on, nor by confirming it oneself.
  await consumers.credentials.setActive(stolen.credential.id, true, undefined, as('of-thief'))
  await expect(consumers.credentials.confirm(stolen.credential.id, {}, as('of-thief'))).rejects.toMatchObject({ status: 403 })
  expect(known('thief-app')).toEqual([])

  const right = await consumers.credentials.create(claim('bank-app'), as('of-bank'))
  await consumers.credentials.confirm(right.credential.id, {}, admin)
  expect(known('bank-app')).toContain(right.credential.kind)
  await expect(consumers.credentials.confirm(stolen.credential.id, {}, admin)).rejects.toMatchObject({ code: 'credential.taken', status: 409 })
  await expect(consumers.credentials.confirm(right.credential.id, {}, admin)).rejects.toMatchObject({ code: 'credential.claim', status: 422 })
  await consumers.credentials.revoke(stolen.credential.id, undefined, admin)
})

test('who may write credentials everywhere confirms by making one, and takes over one that was confirmed by mistake', async () => {
  const claim: CredentialInput = { application: 'thief-app', kind: 'jwt', issuer: 'https://id.example', subject: 'mistaken' }
  const mistaken = await consumers.credentials.create(claim, admin)
  expect(mistaken.credential.claim).toBeUndefined()
  const right = await consumers.credentials.create({ ...claim, application: 'bank-app' }, as('of-bank'))
  await expect(consumers.credentials.confirm(right.credential.id, {}, admin)).rejects.toMatchObject({ code: 'credential.taken' })
  expect(await consumers.credentials.confirm(right.credential.id, { takeOver: true }, admin)).not.toHaveProperty('claim')
  expect((await consumers.credentials.get(mistaken.credential.id, admin)).retiredAt).toBeDefined()
  const subjects = (id: string) => consumers.snapshot().applications.find((one) => one.id === id)?.credentials.flatMap((one) => (one.kind === 'jwt' ? [one.subject] : []))
  expect([subjects('thief-app'), subjects('bank-app')]).toEqual([[], expect.arrayContaining(['mistaken'])])
})

test('a subscription that waits for a decision changes nothing; one that was decided counts before those of groups', async () => {
  await consumers.plans.create({ id: 'free', name: 'Free', autoApprove: true }, admin)
  await consumers.plans.create({ id: 'asked', name: 'Asked' }, admin)
  await consumers.apis.create({ id: 'orders', name: 'Orders', organisation: 'bank', flow: 'f1', visibility: 'public' }, admin)
  await consumers.apis.move('orders', 'PUBLISHED', undefined, admin)
  await consumers.groups.create({ id: 'all', name: 'All', organisation: 'bank', apis: ['orders'] }, admin)
  await consumers.subscriptions.create({ application: 'thief-app', group: 'all', plan: 'free' }, admin)
  const now = () => consumers.snapshot().applications.find(({ id }) => id === 'thief-app')?.subscriptions
  const direct = await consumers.subscriptions.create({ application: 'thief-app', api: 'orders', plan: 'asked' }, as('of-thief'))
  expect([direct.state, now()]).toEqual(['pending', [{ api: 'orders', plan: 'free', state: 'approved' }]])
  for (const [act, state] of [['refuse', 'refused'], ['approve', 'approved'], ['suspend', 'suspended']] as const) {
    await consumers.subscriptions.decide(direct.id, act, {}, as('of-bank'))
    expect(now()).toEqual([{ api: 'orders', plan: 'asked', state }])
  }
})
