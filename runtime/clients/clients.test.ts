import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import type { Api, Application, ClientCredential } from '../core/access/clients.ts'
import { clientSecretPurpose, seal } from '../core/secrets/seal.ts'
import { createClients } from './clients.ts'

const key = (prefix: string, more: object = {}): ClientCredential => ({ kind: 'key', prefix, hash: 'h', environment: 'production', active: true, ...more })
const application = (id: string, credentials: readonly ClientCredential[] = [], more: Partial<Application> = {}): Application => ({
  id, name: id, organisation: 'acme', active: true, rules: {}, credentials, subscriptions: [], ...more,
})
const api = (id: string, flow: string, lifecycle: Api['lifecycle'] = 'PUBLISHED'): Api => ({ id, name: id, organisation: 'acme', flow, lifecycle, visibility: 'public' })
const empty = { version: 1, applications: [], plans: [], apis: [] }
const base = { environment: 'production', active: true } as const

test('a caller is found by each kind of credential, and by nothing else', () => {
  const clients = createClients({ clock: fakeClock() })
  clients.replace({ ...empty, version: 7, apis: [api('orders', 't1')], plans: [{ id: 'gold', name: 'Gold', quotas: [], priority: 5 }], applications: [
    application('a', [key('pk1'), { ...base, kind: 'basic', name: 'ann', verifier: 'v' }, { ...base, kind: 'hmac', id: 'h1', sealed: 's' },
      { ...base, kind: 'jwt', issuer: 'https://issuer', subject: 'sub' }, { ...base, kind: 'certificate', fingerprint: 'AB:CD' }, { ...base, kind: 'certificate', san: 'DNS:client.example' }]),
  ] })
  expect(clients.version).toBe(7)
  expect(clients.byKey('pk1')?.application.id).toBe('a')
  expect(clients.byBasicName('ann')?.credential.kind).toBe('basic')
  expect(clients.bySigner('h1')?.credential).toMatchObject({ sealed: 's' })
  expect(clients.byJwt('https://issuer', 'sub')?.application.id).toBe('a')
  expect(clients.byCertificate({ fingerprint: 'abcd', sans: [] })?.application.id).toBe('a')
  expect(clients.byCertificate({ fingerprint: '00', sans: ['DNS:CLIENT.example'] })?.application.id).toBe('a')
  expect([clients.byKey('ann'), clients.byKey('__proto__'), clients.byJwt('https://issuer', 'other'), clients.byCertificate({ fingerprint: '00', sans: ['DNS:other'] })]).toEqual([undefined, undefined, undefined, undefined])
  expect(clients.apiOfFlow('t1')?.id).toBe('orders')
  expect(clients.plan('gold')?.name).toBe('Gold')
})

test('a certificate pinned by fingerprint and name has to have both', () => {
  const clients = createClients({ clock: fakeClock() })
  clients.replace({ ...empty, applications: [application('a', [{ ...base, kind: 'certificate', fingerprint: 'abcd', san: 'DNS:a' }])] })
  expect(clients.byCertificate({ fingerprint: 'abcd', sans: [] })).toBeUndefined()
  expect(clients.byCertificate({ fingerprint: 'ffff', sans: ['DNS:a'] })).toBeUndefined()
  expect(clients.byCertificate({ fingerprint: 'abcd', sans: ['DNS:a'] })?.application.id).toBe('a')
})

test('a change takes away what went and brings what came; a record that is held stays as it was', () => {
  const clients = createClients({ clock: fakeClock() })
  clients.replace({ ...empty, applications: [application('a', [key('k1')]), application('b', [key('k2')])], apis: [api('x', 't1')] })
  const held = clients.byKey('k1')
  clients.apply({ version: 2, applications: { a: application('a', [key('k1', { active: false }), key('k3')]), b: null }, apis: { x: null } })
  expect(clients.version).toBe(2)
  expect(held?.credential.active).toBe(true)
  expect(clients.byKey('k1')?.credential.active).toBe(false)
  expect(clients.byKey('k3')?.application.id).toBe('a')
  expect(clients.byKey('k2')).toBeUndefined()
  expect(clients.apiOfFlow('t1')).toBeUndefined()
  expect(clients.applications).toBe(1)
})

test('a credential can move between applications, and the active one of two that claim a name is shown', () => {
  const clients = createClients({ clock: fakeClock() })
  clients.replace({ ...empty, applications: [application('a', [key('k')]), application('b', [key('k', { active: false })])] })
  expect(clients.byKey('k')?.application.id).toBe('a')
  clients.apply({ version: 2, applications: { b: application('b', [key('k')]), a: application('a') } })
  expect(clients.byKey('k')?.application.id).toBe('b')
  clients.apply({ version: 3, applications: { b: null } })
  expect(clients.byKey('k')).toBeUndefined()
})

test('of two records of one flow the one that is served is shown', () => {
  const clients = createClients({ clock: fakeClock() })
  clients.replace({ ...empty, apis: [api('old', 't1', 'RETIRED'), api('new', 't1')] })
  expect(clients.apiOfFlow('t1')?.id).toBe('new')
})

test('what is not whole changes nothing', () => {
  const clients = createClients({ clock: fakeClock() })
  clients.replace({ ...empty, applications: [application('a', [key('k')])] })
  expect(() => clients.apply({ version: 2, applications: { a: null, b: { id: 'b' } as never } })).toThrow('not whole')
  expect(() => clients.replace({ ...empty, version: 3, applications: [{} as never] })).toThrow('not whole')
  expect([clients.version, clients.byKey('k')?.application.id]).toEqual([1, 'a'])
})

test('a secret to sign with opens only with the key that control gave, and only where it was sealed for this', () => {
  const clients = createClients({ clock: fakeClock() })
  const gatewayKey = Buffer.alloc(32, 1)
  const sealed = seal(gatewayKey, 'shared secret', clientSecretPurpose)
  expect(() => clients.open(sealed)).toThrow('has not reached')
  clients.setKey(gatewayKey)
  expect(clients.open(sealed).toString()).toBe('shared secret')
  expect(() => clients.open(seal(gatewayKey, 'x', 'something else'))).toThrow()
})

test('a copy that control has not confirmed for too long says so, and turns callers away only when it is told to', async () => {
  const clock = fakeClock()
  let told = 0
  const serve = createClients({ clock, staleMs: 10_000, onStale: () => told++ })
  const refuse = createClients({ clock, staleMs: 10_000, whenStale: 'refuse' })
  expect([refuse.stale, refuse.fresh]).toEqual([false, true])
  for (const one of [serve, refuse]) one.follow()
  expect([serve.stale, serve.fresh, refuse.fresh]).toEqual([true, true, false])
  for (const one of [serve, refuse]) one.heard()
  expect([serve.stale, refuse.fresh, told]).toEqual([false, true, 0])
  await clock.advance(10_001)
  expect([serve.stale, serve.fresh, refuse.stale, refuse.fresh, told]).toEqual([true, true, true, false, 1])
  for (const one of [serve, refuse]) one.heard()
  expect([serve.stale, refuse.fresh]).toEqual([false, true])
})
