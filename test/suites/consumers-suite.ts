import { createHash, generateKeyPairSync, randomBytes, scryptSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAudit, type Audit } from '../../control/audit.ts'
import { openConsumers } from '../../control/consumers/open-consumers.ts'
import type { Actor, Consumers, Lifecycle, Refused, Role } from '../../control/contract.ts'
import type { Store } from '../../control/store/store.ts'
import type { ClientChange, ClientSnapshot } from '../../runtime/core/access/clients.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { clientSecretPurpose, unseal } from '../../runtime/core/secrets/seal.ts'
import { dropGuards } from './audit-suite.ts'
import type { StorePlace } from './store-suite.ts'

const as = (role: Role, name: string = role): Actor => ({ name, role, from: '192.0.2.7' })
const admin = as('admin')

/** The refusal that a promise ends in. */
async function refusal(promise: Promise<unknown>): Promise<Pick<Refused, 'code' | 'status'> & { readonly pointers: readonly (string | undefined)[] }> {
  const thrown = (await promise.then(
    () => {
      throw new Error('It was not refused.')
    },
    (error: unknown) => error,
  )) as Refused
  if (typeof thrown.code !== 'string') throw thrown
  return { code: thrown.code, status: thrown.status, pointers: thrown.problems.map((one) => one.pointer) }
}

/** A snapshot with changes applied to it, as a gateway does. */
function applyTo(snapshot: ClientSnapshot, changes: readonly ClientChange[]): ClientSnapshot {
  const sets = { applications: new Map(), plans: new Map(), apis: new Map() } as Record<'applications' | 'plans' | 'apis', Map<string, unknown>>
  for (const kind of ['applications', 'plans', 'apis'] as const) for (const one of snapshot[kind]) sets[kind].set(one.id, one)
  let { version } = snapshot
  for (const change of changes) {
    expect(change.version).toBe(version + 1)
    version = change.version
    for (const kind of ['applications', 'plans', 'apis'] as const) {
      for (const [id, one] of Object.entries(change[kind] ?? {})) {
        if (one === null) sets[kind].delete(id)
        else sets[kind].set(id, one)
      }
    }
  }
  return { version, ...Object.fromEntries(Object.entries(sets).map(([kind, map]) => [kind, [...map.values()]])) } as unknown as ClientSnapshot
}

function sorted(snapshot: ClientSnapshot): unknown {
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
  return {
    version: snapshot.version,
    plans: [...snapshot.plans].sort(byId),
    apis: [...snapshot.apis].sort(byId),
    applications: [...snapshot.applications].sort(byId).map((one) => ({
      ...one,
      subscriptions: [...one.subscriptions].sort((a, b) => (a.api < b.api ? -1 : 1)),
      credentials: [...one.credentials].map((credential) => JSON.stringify(credential)).sort(),
    })),
  }
}

/** What the records of consumers have to keep, whichever database is below them. */
export function consumersSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`consumers on ${name}`, () => {
    let place: StorePlace
    let store: Store
    let audit: Audit
    let consumers: Consumers & { close(): void }
    const changes: ClientChange[] = []
    let first: ClientSnapshot
    const keys = { current: { id: 'k1', key: randomBytes(32) }, older: [] }

    const open = async (of: Store) => await openConsumers({ store: of, audit: createAudit(of, systemClock), clock: systemClock, log: silentLog, keys, cost: { n: 1024 } })
    const publish = async (id: string, to: Lifecycle = 'PUBLISHED') => await consumers.apis.move(id, to, undefined, admin)

    beforeAll(async () => {
      place = await makePlace()
      store = await place.open()
      audit = createAudit(store, systemClock)
      consumers = await open(store)
      for (const user of ['sam', 'pia', 'ole', 'ona']) {
        await store.users.add({ name: user, role: 'subscriber', password: '-', disabled: 0, created_at: 'now', last_sign_in_at: null })
      }
      first = consumers.snapshot()
      consumers.onChange((change) => changes.push(change))
      await consumers.organisations.create({ id: 'shop', name: 'Shop' }, admin)
      await consumers.organisations.create({ id: 'bank', name: 'Bank', fourEyes: true }, admin)
      await consumers.plans.create({ id: 'free', name: 'Free', quotas: [{ limit: 10, every: 1, unit: 'day', algorithm: 'calendar', zone: 'Asia/Taipei' }] }, admin)
      await consumers.plans.create({ id: 'gold', name: 'Gold', roles: ['publisher'], rate: { perSecond: 5, burst: 2 }, priority: 1, autoApprove: true }, admin)
      await consumers.members.create({ organisation: 'shop', user: 'sam', role: 'subscriber' }, admin)
      await consumers.members.create({ organisation: 'shop', user: 'pia', role: 'publisher' }, admin)
      await consumers.members.create({ organisation: 'bank', user: 'ole', role: 'publisher' }, admin)
    })
    afterAll(async () => {
      consumers?.close()
      await store?.close()
      await place?.close()
    })

    test('a record is made, read, changed in part and as a whole, and retired instead of deleted', async () => {
      const made = await consumers.applications.create({ name: 'Web shop', organisation: 'shop' }, admin)
      expect(made).toMatchObject({ id: 'web-shop', version: 1, owner: 'admin', active: true, rules: {}, createdBy: 'admin' })
      const patched = await consumers.applications.patch('web-shop', { rules: { cidrs: ['10.0.0.0/8', '2001:db8::/32'] }, description: 'x' }, 1, admin)
      expect(patched).toMatchObject({ version: 2, name: 'Web shop', rules: { cidrs: ['10.0.0.0/8', '2001:db8::/32'] } })
      expect(await consumers.applications.patch('web-shop', { description: null }, 2, admin)).not.toHaveProperty('description')
      const replaced = await consumers.applications.replace('web-shop', { name: 'Web', organisation: 'shop' }, 3, admin)
      expect(replaced).toMatchObject({ version: 4, name: 'Web', rules: {} })
      expect((await consumers.applications.replace('web-shop', { name: 'Web', organisation: 'shop' }, 4, admin)).version).toBe(4)
      const retired = await consumers.applications.retire('web-shop', 4, admin)
      expect(retired.retiredAt).toBeDefined()
      expect(await consumers.applications.get('web-shop', admin)).toEqual(retired)
      expect((await consumers.applications.list({ search: 'WEB' }, admin)).items).toEqual([])
      expect((await consumers.applications.list({ search: 'WEB', retired: true }, admin)).items.map(({ id }) => id)).toEqual(['web-shop'])
      expect(await refusal(consumers.applications.patch('web-shop', { name: 'y' }, undefined, admin))).toMatchObject({ code: 'record.retired', status: 409 })
      expect(await refusal(consumers.applications.create({ id: 'web-shop', name: 'Again', organisation: 'shop' }, admin))).toMatchObject({ code: 'record.exists', status: 409 })
    })

    test('of two who change the same record at once the second learns that it was too late', async () => {
      const { version } = await consumers.applications.create({ id: 'raced', name: 'Raced', organisation: 'shop' }, admin)
      const tries = await Promise.allSettled(['a', 'b', 'c'].map((text) => consumers.applications.patch('raced', { name: text }, version, admin)))
      expect(tries.filter(({ status }) => status === 'fulfilled').length).toBe(1)
      expect(await refusal(consumers.applications.retire('raced', version, admin))).toMatchObject({ code: 'record.stale', status: 412 })
    })

    test('everything that is wrong is said at once, each with a pointer', async () => {
      const wrong = { name: '', organisation: 'shop', colour: 'red', rules: { cidrs: [7], hours: { zone: 'Asia/Taipei' } } }
      const { code, status, pointers } = await refusal(consumers.applications.create(wrong as never, admin))
      expect([code, status]).toEqual(['record.invalid', 422])
      expect(pointers).toEqual(expect.arrayContaining(['/name', '/colour', '/rules/cidrs/0', '/rules/hours/windows']))
      const rules = {
        cidrs: ['10.0.0.0/33', '::1'], validFrom: '2030-01-01T00:00:00Z', validUntil: '2029-01-01T00:00:00Z',
        hours: { zone: 'Asia/Atlantis', windows: [{ days: [1], from: '22:00', to: '06:00' }] },
      }
      expect((await refusal(consumers.applications.create({ name: 'X', organisation: 'shop', rules }, admin))).pointers).toEqual(['/rules/cidrs/0', '/rules/validUntil', '/rules/hours/zone'])
      const hours = { zone: 'Asia/Taipei', windows: [{ days: [1, 7], from: '22:00', to: '06:00' }] }
      expect(await consumers.applications.create({ id: 'nightly', name: 'Nightly', organisation: 'shop', rules: { hours } }, admin)).toMatchObject({ rules: { hours } })
      const quotas = [{ limit: 1, every: 1, unit: 'month', algorithm: 'fixed' }, { limit: 1, every: 1, unit: 'day', algorithm: 'rolling', zone: 'UTC' }, { limit: 1, every: 2, unit: 'total', algorithm: 'flexi', zone: 'UTC' }] as const
      expect((await refusal(consumers.plans.create({ name: 'P', quotas }, admin))).pointers).toEqual(['/quotas/0/unit', '/quotas/1/zone', '/quotas/2/zone', '/quotas/2/every', '/quotas/2/algorithm'])
      const once = [{ limit: 1000, every: 1, unit: 'total', algorithm: 'fixed' }] as const
      expect(await consumers.plans.create({ id: 'once', name: 'Once', quotas: once }, admin)).toMatchObject({ quotas: once })
      expect(consumers.snapshot().plans.find(({ id }) => id === 'once')).toMatchObject({ quotas: once })
      expect((await refusal(consumers.applications.create({ name: 'X', organisation: 'nowhere' }, admin))).pointers).toEqual(['/organisation'])
      expect((await refusal(consumers.applications.patch('nightly', { organisation: 'bank' }, undefined, admin))).pointers).toEqual(['/organisation'])
      expect((await refusal(consumers.applications.patch('nightly', { nmae: 'x' } as never, undefined, admin))).pointers).toEqual(['/nmae'])
    })

    test('pages of a list hold every record once, whatever was asked for', async () => {
      for (let index = 0; index < 25; index++) await consumers.plans.create({ id: `page-${String(index).padStart(2, '0')}`, name: `100% plan_${index}` }, admin)
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await consumers.plans.list({ limit: 7, search: '100% PLAN_', ...(cursor === undefined ? {} : { cursor }) }, admin)
        seen.push(...page.items.map(({ id }) => id))
        cursor = page.next
      } while (cursor !== undefined)
      expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `page-${String(index).padStart(2, '0')}`))
      expect((await consumers.plans.list({ search: '100%_plan' }, admin)).items).toEqual([])
    })

    test('an API goes through its lifecycle by legal moves only', async () => {
      await consumers.apis.create({ id: 'orders', name: 'Orders', organisation: 'shop', flow: 'f-orders', visibility: 'public' }, admin)
      const all: readonly Lifecycle[] = ['CREATED', 'PROTOTYPED', 'PUBLISHED', 'BLOCKED', 'DEPRECATED', 'RETIRED']
      const path: readonly Lifecycle[] = ['PROTOTYPED', 'PUBLISHED', 'BLOCKED', 'PUBLISHED', 'DEPRECATED', 'RETIRED']
      let from: Lifecycle = 'CREATED'
      for (const to of [...path, undefined]) {
        const legal = consumers.apis.movesFrom(from)
        for (const wrong of all.filter((one) => !legal.includes(one))) expect(await refusal(publish('orders', wrong))).toMatchObject({ code: 'lifecycle.move', status: 422, pointers: ['/to'] })
        if (to === undefined) break
        expect((await publish('orders', to)).lifecycle).toBe(to)
        from = to
      }
      expect(consumers.snapshot().apis.find(({ id }) => id === 'orders')?.lifecycle).toBe('RETIRED')
      expect(await refusal(consumers.apis.create({ name: 'Other', organisation: 'shop', flow: 'f-orders' }, admin))).toMatchObject({ status: 409, pointers: ['/flow'] })
      await consumers.apis.retire('orders', undefined, admin)
      expect(consumers.snapshot().apis.find(({ id }) => id === 'orders')).toBeUndefined()
      expect(await consumers.apis.create({ id: 'orders-2', name: 'Orders', organisation: 'shop', flow: 'f-orders' }, admin)).toMatchObject({ lifecycle: 'CREATED' })
    })

    test('publishing waits for a publisher, and for a second one where four eyes are wanted', async () => {
      const cleo = as('creator', 'cleo')
      await consumers.apis.create({ id: 'loans', name: 'Loans', organisation: 'bank', flow: 'f-loans' }, cleo)
      expect(await consumers.apis.move('loans', 'PUBLISHED', undefined, cleo)).toMatchObject({ lifecycle: 'CREATED', requested: { to: 'PUBLISHED', by: 'cleo' } })
      expect(await refusal(consumers.apis.decide('loans', true, undefined, cleo))).toMatchObject({ code: 'auth.role' })
      const ole = as('subscriber', 'ole')
      expect(await consumers.apis.decide('loans', false, undefined, ole)).not.toHaveProperty('requested')
      expect(await consumers.apis.move('loans', 'PUBLISHED', undefined, ole)).toMatchObject({ requested: { by: 'ole' } })
      expect(await refusal(consumers.apis.decide('loans', true, undefined, ole))).toMatchObject({ code: 'lifecycle.four_eyes', status: 403 })
      const decided = await consumers.apis.decide('loans', true, undefined, admin)
      expect(decided.lifecycle).toBe('PUBLISHED')
      expect(decided).not.toHaveProperty('requested')
      expect(await refusal(consumers.apis.decide('loans', true, undefined, admin))).toMatchObject({ code: 'lifecycle.not_requested', status: 409 })
    })

    test('what callers have already is changed by publishers only, and not published again by way of blocking it', async () => {
      const cleo = as('creator', 'cleo')
      const operator = as('operator')
      await consumers.apis.create({ id: 'steady', name: 'Steady', organisation: 'shop', flow: 'f-steady' }, cleo)
      expect(await consumers.apis.patch('steady', { flow: 'f-steady-2', visibility: 'public' }, undefined, cleo)).toMatchObject({ flow: 'f-steady-2' })
      await publish('steady')
      expect(await consumers.apis.patch('steady', { description: 'better' }, undefined, cleo)).toMatchObject({ description: 'better' })
      for (const patch of [{ flow: 'f-other' }, { visibility: 'organisation' }, { sunset: '2031-01-01T00:00:00Z' }] as const) expect(await refusal(consumers.apis.patch('steady', patch, undefined, cleo))).toMatchObject({ code: 'auth.role', status: 403 })
      await consumers.apis.move('steady', 'BLOCKED', undefined, operator)
      expect(await consumers.apis.move('steady', 'PUBLISHED', undefined, operator)).toMatchObject({ lifecycle: 'PUBLISHED' })
      await publish('steady', 'DEPRECATED')
      await consumers.apis.move('steady', 'BLOCKED', undefined, operator)
      expect(await refusal(consumers.apis.move('steady', 'PUBLISHED', undefined, operator))).toMatchObject({ code: 'auth.role', status: 403 })
      expect(await consumers.apis.move('steady', 'DEPRECATED', undefined, operator)).toMatchObject({ lifecycle: 'DEPRECATED' })
    })

    test('who subscribes follows lifecycle, visibility and plan; who may approves', async () => {
      const sam = as('subscriber', 'sam')
      for (const [id, visibility] of [['open', 'public'], ['inner', 'organisation'], ['gone', 'public']] as const) {
        await consumers.apis.create({ id, name: id, organisation: 'shop', flow: `f-${id}`, visibility }, admin)
      }
      expect(await refusal(consumers.subscriptions.create({ application: 'nightly', api: 'open', plan: 'free' }, admin))).toMatchObject({ code: 'subscription.lifecycle', status: 422 })
      for (const id of ['open', 'inner', 'gone']) await publish(id)
      await publish('gone', 'DEPRECATED')
      const app = await consumers.applications.create({ id: 'sams', name: 'Sams', organisation: 'shop' }, sam)
      expect(app.owner).toBe('sam')
      expect(await refusal(consumers.subscriptions.create({ application: 'sams', api: 'gone', plan: 'free' }, sam))).toMatchObject({ code: 'subscription.lifecycle' })
      expect(await refusal(consumers.subscriptions.create({ application: 'sams', api: 'loans', plan: 'free' }, sam))).toMatchObject({ code: 'subscription.visibility', status: 404 })
      expect(await refusal(consumers.subscriptions.create({ application: 'sams', api: 'open', plan: 'gold' }, sam))).toMatchObject({ code: 'subscription.plan', status: 403 })
      expect(await refusal(consumers.subscriptions.create({ application: 'sams', api: 'open', group: 'x', plan: 'free' }, sam))).toMatchObject({ code: 'record.invalid' })
      await consumers.plans.create({ id: 'bank-plan', name: 'Bank', organisation: 'bank', autoApprove: true }, as('subscriber', 'ole'))
      expect(await refusal(consumers.subscriptions.create({ application: 'sams', api: 'open', plan: 'bank-plan' }, sam))).toMatchObject({ code: 'record.invalid', pointers: ['/plan'] })
      const asked = await consumers.subscriptions.create({ application: 'sams', api: 'open', plan: 'free' }, sam)
      expect(asked).toMatchObject({ state: 'pending', organisation: 'shop', provider: 'shop' })
      expect(await refusal(consumers.subscriptions.create({ application: 'sams', api: 'open', plan: 'free' }, sam))).toMatchObject({ code: 'subscription.exists', status: 409 })
      expect(await refusal(consumers.subscriptions.decide(asked.id, 'approve', {}, sam))).toMatchObject({ code: 'auth.role', status: 403 })
      const pia = as('subscriber', 'pia')
      expect(await consumers.subscriptions.decide(asked.id, 'approve', { version: 1 }, pia)).toMatchObject({ state: 'approved', decidedBy: 'pia' })
      expect(await refusal(consumers.subscriptions.decide(asked.id, 'resume', {}, pia))).toMatchObject({ code: 'subscription.state', status: 422 })
      expect(await consumers.subscriptions.decide(asked.id, 'suspend', { reason: 'late' }, as('operator'))).toMatchObject({ state: 'suspended', reason: 'late' })
      expect(await consumers.subscriptions.decide(asked.id, 'resume', {}, as('operator'))).toMatchObject({ state: 'approved' })
      await publish('open', 'DEPRECATED')
      expect(consumers.snapshot().applications.find(({ id }) => id === 'sams')?.subscriptions).toEqual([{ api: 'open', plan: 'free', state: 'approved' }])
      expect(await refusal(consumers.plans.retire('free', undefined, admin))).toMatchObject({ code: 'record.in_use', status: 409 })
    })

    test('groups and products reach gateways as one subscription per API, the approved and most direct one', async () => {
      for (const id of ['a1', 'a2', 'a3', 'a4']) {
        await consumers.apis.create({ id, name: id, organisation: 'shop', flow: `f-${id}` }, admin)
        await publish(id)
      }
      await publish('a4', 'DEPRECATED')
      await consumers.groups.create({ id: 'g1', name: 'G', organisation: 'shop', apis: ['a1', 'a2', 'a4'] }, admin)
      await consumers.products.create({ id: 'p1', name: 'P', organisation: 'shop', apis: ['a3'], groups: ['g1'] }, admin)
      await consumers.applications.create({ id: 'multi', name: 'Multi', organisation: 'shop' }, admin)
      const subscriptions = () => Object.fromEntries(consumers.snapshot().applications.find(({ id }) => id === 'multi')!.subscriptions.map(({ api, plan, state }) => [api, `${plan} ${state}`]))
      await consumers.subscriptions.create({ application: 'multi', product: 'p1', plan: 'free' }, admin)
      // a4 took no new subscribers any more.
      expect(subscriptions()).toEqual({ a1: 'free approved', a2: 'free approved', a3: 'free approved' })
      await consumers.subscriptions.create({ application: 'multi', group: 'g1', plan: 'gold' }, admin)
      const direct = await consumers.subscriptions.create({ application: 'multi', api: 'a1', plan: 'page-01' }, admin)
      expect(subscriptions()).toEqual({ a1: 'page-01 approved', a2: 'gold approved', a3: 'free approved' })
      // Whoever was suspended or refused for one API does not come in by its group.
      await consumers.subscriptions.decide(direct.id, 'suspend', {}, admin)
      expect(subscriptions().a1).toBe('page-01 suspended')
      await consumers.subscriptions.decide(direct.id, 'refuse', {}, admin)
      expect(subscriptions().a1).toBe('page-01 refused')
      await consumers.subscriptions.decide(direct.id, 'approve', {}, admin)
      await consumers.subscriptions.decide(direct.id, 'suspend', {}, admin)
      await consumers.groups.patch('g1', { apis: ['a2'] }, undefined, admin)
      expect(subscriptions()).toEqual({ a1: 'page-01 suspended', a2: 'gold approved', a3: 'free approved' })
      await publish('a3', 'DEPRECATED')
      expect(subscriptions().a3).toBe('free approved')
      expect(await refusal(consumers.groups.create({ name: 'H', organisation: 'bank', apis: ['a1'] }, admin))).toMatchObject({ pointers: ['/apis/0'] })
      expect(await refusal(consumers.apis.retire('a2', undefined, admin))).toMatchObject({ code: 'record.in_use' })
      expect(await refusal(consumers.organisations.retire('shop', undefined, admin))).toMatchObject({ code: 'record.in_use' })
    })

    test('a secret is shown once; what is kept checks it and does not tell it', async () => {
      const key = await consumers.credentials.create({ application: 'nightly', kind: 'key', label: 'first' }, admin)
      const [prefix, secret] = key.secret!.split('.')
      expect(Buffer.from(secret!, 'base64url').length).toBe(32)
      const basic = await consumers.credentials.create({ application: 'nightly', kind: 'basic', name: 'night' }, admin)
      const hmac = await consumers.credentials.create({ application: 'nightly', kind: 'hmac', environment: 'sandbox' }, admin)
      await consumers.credentials.create({ application: 'nightly', kind: 'jwt', issuer: 'https://id.example', subject: 's1' }, admin)
      const { publicKey, privateKey } = generateKeyPairSync('ed25519')
      const pair = await consumers.credentials.create({ application: 'nightly', kind: 'public-key', publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString() }, admin)
      const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':')
      await consumers.credentials.create({ application: 'nightly', kind: 'certificate', fingerprint }, admin)
      const kept = consumers.snapshot().applications.find(({ id }) => id === 'nightly')!.credentials
      const of = <K extends (typeof kept)[number]['kind']>(kind: K) => kept.find((one) => one.kind === kind) as Extract<(typeof kept)[number], { kind: K }>
      expect(of('key')).toEqual({ kind: 'key', prefix, hash: createHash('sha256').update(secret!).digest('base64url'), environment: 'production', active: true })
      const [, n, r, p, salt, hash] = of('basic').verifier.split('$')
      expect(scryptSync(basic.secret!, Buffer.from(salt!, 'base64url'), 32, { N: Number(n), r: Number(r), p: Number(p) }).toString('base64url')).toBe(hash)
      expect(unseal(consumers.clientKey, of('hmac').sealed, clientSecretPurpose)).toBe(hmac.secret)
      expect(of('jwt')).toMatchObject({ issuer: 'https://id.example', subject: 's1' })
      expect(of('certificate').fingerprint).toBe('ab'.repeat(32))
      expect(of('public-key')).toEqual({ kind: 'public-key', id: pair.credential.name, jwk: publicKey.export({ format: 'jwk' }), environment: 'production', active: true })
      expect([pair.secret, pair.credential.claim]).toEqual([undefined, undefined])
      const leaked = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      const refused = await refusal(consumers.credentials.create({ application: 'nightly', kind: 'public-key', publicKey: leaked }, admin))
      expect(refused).toMatchObject({ status: 422, pointers: ['/publicKey'] })
      expect(JSON.stringify(refused)).not.toContain(leaked.split('\n')[1])
      expect(await refusal(consumers.credentials.create({ application: 'nightly', kind: 'public-key', name: hmac.credential.name!, publicKey: JSON.stringify(publicKey.export({ format: 'jwk' })) }, admin))).toMatchObject({ code: 'credential.taken' })
      const told = JSON.stringify([await consumers.credentials.list({}, admin), await audit.list(1000), await consumers.exportYaml(admin)])
      for (const text of [secret!, basic.secret!, hmac.secret!, of('key').hash, of('basic').verifier, of('hmac').sealed]) expect(told).not.toContain(text)
      expect(await refusal(consumers.credentials.create({ application: 'multi', kind: 'jwt', issuer: 'https://id.example', subject: 's1' }, admin))).toMatchObject({ code: 'credential.taken', status: 409 })
      expect(await refusal(consumers.credentials.create({ application: 'multi', kind: 'key', name: 'x' } as never, admin))).toMatchObject({ pointers: ['/name'] })
      expect(await refusal(consumers.credentials.create({ application: 'multi', kind: 'certificate' }, admin))).toMatchObject({ status: 422 })
    })

    test('two keys live at once, so that one can follow the other; a revoked one is gone from gateways', async () => {
      await consumers.applications.create({ id: 'rotor', name: 'Rotor', organisation: 'shop' }, admin)
      const live = () => consumers.snapshot().applications.find(({ id }) => id === 'rotor')!.credentials
      const one = await consumers.credentials.create({ application: 'rotor', kind: 'key' }, admin)
      const two = await consumers.credentials.rotate(one.credential.id, { oldEndsInMs: 3_600_000 }, admin)
      expect(two.secret).not.toBe(one.secret)
      expect(live().length).toBe(2)
      expect(live().filter(({ expiresAt }) => expiresAt !== undefined).length).toBe(1)
      expect(await refusal(consumers.credentials.create({ application: 'rotor', kind: 'key' }, admin))).toMatchObject({ code: 'credential.two_live', status: 409 })
      expect((await consumers.credentials.create({ application: 'rotor', kind: 'key', environment: 'sandbox' }, admin)).credential.environment).toBe('sandbox')
      await consumers.credentials.revoke(one.credential.id, undefined, as('operator'))
      expect(live().some((credential) => credential.kind === 'key' && credential.prefix === one.credential.name)).toBe(false)
      await consumers.credentials.setActive(two.credential.id, false, undefined, admin)
      expect(live().find((credential) => credential.kind === 'key' && credential.prefix === two.credential.name)?.active).toBe(false)
      await consumers.applications.retire('rotor', undefined, admin)
      expect(consumers.snapshot().applications.some(({ id }) => id === 'rotor')).toBe(false)
      expect((await consumers.credentials.list({ application: 'rotor', retired: true }, admin)).items.every(({ active, retiredAt }) => !active && retiredAt !== undefined)).toBe(true)
    })

    test('an organisation sees its own records and nothing of others', async () => {
      const ole = as('subscriber', 'ole')
      const sam = as('subscriber', 'sam')
      const nobody = as('subscriber', 'nobody')
      expect(await refusal(consumers.applications.get('nightly', ole))).toMatchObject({ code: 'record.none', status: 404 })
      expect((await consumers.applications.list({}, ole)).items).toEqual([])
      expect((await consumers.applications.list({}, sam)).items.map(({ id }) => id)).toEqual(['sams'])
      expect((await consumers.subscriptions.list({}, sam)).items.every(({ application }) => application === 'sams')).toBe(true)
      expect((await consumers.organisations.list({}, sam)).items.map(({ id }) => id)).toEqual(['shop'])
      expect((await consumers.organisations.list({}, nobody)).items).toEqual([])
      expect(await refusal(consumers.applications.create({ name: 'N', organisation: 'shop' }, nobody))).toMatchObject({ code: 'auth.role', status: 403 })
      expect(await refusal(consumers.applications.patch('sams', { rules: { clearance: 'top' } }, undefined, sam))).toMatchObject({ code: 'auth.role', status: 403 })
      expect(await refusal(consumers.applications.patch('sams', { owner: 'pia' }, undefined, sam))).toMatchObject({ code: 'auth.role' })
      expect(await consumers.applications.patch('sams', { description: 'mine' }, undefined, sam)).toMatchObject({ description: 'mine' })
      expect(await consumers.applications.patch('sams', { active: false }, undefined, as('operator'))).toMatchObject({ active: false })
      expect(await refusal(consumers.applications.patch('sams', { active: true }, undefined, sam))).toMatchObject({ code: 'auth.role' })
      expect(await refusal(consumers.plans.create({ name: 'P' }, as('subscriber', 'pia')))).toMatchObject({ code: 'auth.role' })
      expect(await consumers.plans.create({ name: 'Shop plan', organisation: 'shop' }, as('subscriber', 'pia'))).toMatchObject({ organisation: 'shop' })
      const visible = (await consumers.apis.list({ limit: 200 }, ole)).items
      expect(visible.every(({ organisation, visibility }) => organisation === 'bank' || visibility === 'public')).toBe(true)
      expect(await refusal(consumers.members.create({ organisation: 'shop', user: 'ona', role: 'admin' }, as('subscriber', 'pia')))).toMatchObject({ code: 'auth.role' })
      await consumers.organisations.patch('shop', { active: false }, undefined, admin)
      expect(consumers.snapshot().applications.find(({ id }) => id === 'nightly')?.active).toBe(false)
      await consumers.organisations.patch('shop', { active: true }, undefined, admin)
      expect(consumers.snapshot().applications.find(({ id }) => id === 'nightly')?.active).toBe(true)
    })

    test('an organisation lets no program ask people for rights over records, nor take their passwords: everybody could be asked', async () => {
      const pia = as('subscriber', 'pia')
      const oauth = (more: object) => ({ oauth: { grants: ['authorization_code' as const], redirectUris: ['https://shop.example/cb'], ...more } })
      await consumers.applications.create({ id: 'asking', name: 'Asking', organisation: 'shop', ...oauth({ scopes: ['orders.read'] }) }, pia)
      expect(await refusal(consumers.applications.patch('asking', oauth({ scopes: ['orders.read', 'records.read'] }), undefined, pia))).toMatchObject({ code: 'auth.role', status: 403 })
      expect(await refusal(consumers.applications.patch('asking', oauth({ legacyPassword: true }), undefined, pia))).toMatchObject({ code: 'auth.role', status: 403 })
      await consumers.applications.patch('asking', oauth({ scopes: ['records.read'], legacyPassword: true }), undefined, admin)
      // What was granted stays when something else changes.
      expect(await consumers.applications.patch('asking', { description: 'Web shop' }, undefined, pia)).toMatchObject({ oauth: { scopes: ['records.read'], legacyPassword: true } })
      await consumers.applications.retire('asking', undefined, admin)
    })

    test('records go out as YAML and come back the same; what is wrong changes nothing', async () => {
      const yaml = await consumers.exportYaml(admin)
      expect(await consumers.exportYaml(admin)).toBe(yaml)
      expect(await consumers.applyYaml(yaml, { prune: true }, admin)).toEqual({ dryRun: false, changes: [] })
      const head = (await audit.verify()) as { entries: number }
      const before = consumers.snapshot().version
      const more = `${yaml.replace('name: Nightly', 'name: Nightly jobs')}`.replace('applications:', 'applications:\n  - id: fresh\n    name: Fresh\n    organisation: shop')
      const tried = await consumers.applyYaml(more, { dryRun: true }, admin)
      expect(tried.changes.map(({ kind, id, change }) => `${change} ${kind}/${id}`).sort()).toEqual(['add applications/fresh', 'change applications/nightly'])
      expect(tried.changes.find(({ id }) => id === 'nightly')?.fields).toEqual([{ pointer: '/name', before: 'Nightly', after: 'Nightly jobs' }])
      const broken = more.replace('plan: free', 'plan: none-such')
      expect((await refusal(consumers.applyYaml(broken, {}, admin))).pointers[0]).toMatch(/^\/subscriptions\/\d+\/plan$/)
      expect((await refusal(consumers.applyYaml(more.replace('name: Fresh', 'nmae: Fresh\n    secret: x'), {}, admin))).pointers).toEqual(expect.arrayContaining(['/applications/0/nmae', '/applications/0/secret']))
      for (const bad of ['', 'sluice: [', 'sluice: records\nthings: []', 'a: &a [*a]', '- 1']) expect(await refusal(consumers.applyYaml(bad, {}, admin))).toMatchObject({ status: 422 })
      expect(await refusal(consumers.applications.get('fresh', admin))).toMatchObject({ status: 404 })
      expect(await audit.verify()).toMatchObject({ entries: head.entries })
      expect(consumers.snapshot().version).toBe(before)
      const applied = await consumers.applyYaml(more, {}, admin)
      expect(applied.changes).toEqual(tried.changes)
      expect(consumers.snapshot().applications.find(({ id }) => id === 'fresh')).toMatchObject({ name: 'Fresh' })
      expect(consumers.snapshot().version).toBe(before + 1)
      expect((await consumers.applyYaml(yaml, { prune: true }, admin)).changes.map(({ change, id }) => `${change} ${id}`).sort()).toEqual(['change nightly', 'retire fresh'])
      for (const role of ['publisher', 'auditor', 'viewer', 'subscriber'] as const) expect(await refusal(consumers.applyYaml(yaml, { dryRun: true }, as(role)))).toMatchObject({ status: 403 })
    })

    test('an export fills an empty store with records that export the same', async () => {
      const yaml = await consumers.exportYaml(admin)
      const other = await place.empty()
      const there = await open(other)
      try {
        for (const user of ['sam', 'pia', 'ole']) await other.users.add({ name: user, role: 'subscriber', password: '-', disabled: 0, created_at: 'now', last_sign_in_at: null })
        await there.applyYaml(yaml, {}, admin)
        expect(await there.exportYaml(admin)).toBe(yaml)
      } finally {
        there.close()
        await other.close()
      }
    })

    test('the changes told add up to the snapshot, also to one read anew from the store', async () => {
      expect(sorted(applyTo(first, changes))).toEqual(sorted(consumers.snapshot()))
      const again = await open(store)
      expect(sorted(again.snapshot())).toEqual(sorted(consumers.snapshot()))
      again.close()
      expect(again.clientKey.equals(consumers.clientKey)).toBe(true)
    })

    test('the audit log says who changed what from where, before and after, page by page and by organisation', async () => {
      const { items, next } = await consumers.audit.list({ subject: 'applications/sams', limit: 2 }, admin)
      expect(items[0]).toMatchObject({ user: 'operator', action: 'applications.change', from: '192.0.2.7', organisation: 'shop', before: { active: true }, after: { active: false } })
      expect((await consumers.audit.list({ subject: 'applications/sams', cursor: next! }, admin)).items[0]!.number).toBeLessThan(items[1]!.number)
      expect(await refusal(consumers.audit.list({}, as('publisher')))).toMatchObject({ status: 403 })
      await consumers.members.create({ organisation: 'bank', user: 'ona', role: 'auditor' }, admin)
      const ona = as('subscriber', 'ona')
      expect((await consumers.audit.list({ limit: 200 }, ona)).items.every(({ organisation }) => organisation === 'bank')).toBe(true)
      expect(await refusal(consumers.audit.list({ organisation: 'shop' }, ona))).toMatchObject({ status: 403 })
    })

    test('the audit log names the first record that somebody changed, took out, or cut off', async () => {
      expect(await consumers.audit.verify(as('auditor'))).toMatchObject({ ok: true })
      await Promise.all(Array.from({ length: 20 }, (_, index) => audit.add('many', `at.once.${index}`, {})))
      const good = await audit.verify()
      expect(good).toMatchObject({ ok: true })
      const { entries } = good as { entries: number }
      const row = (number: number) => store.database.selectFrom('audit_log').selectAll().where('number', '=', number).executeTakeFirstOrThrow()
      const seventh = await row(7)
      await expect(store.database.updateTable('audit_log').set({ user_name: 'mallory' }).where('number', '=', 7).execute()).rejects.toThrow(/append-only/)
      await expect(store.database.deleteFrom('audit_log').where('number', '=', 7).execute()).rejects.toThrow(/append-only/)
      expect(await audit.verify()).toEqual(good)
      // Who owns the database can take that away.
      await dropGuards(store)
      await store.database.updateTable('audit_log').set({ user_name: 'mallory' }).where('number', '=', 7).execute()
      expect(await audit.verify()).toMatchObject({ ok: false, number: 7, entries })
      await store.database.deleteFrom('audit_log').where('number', '=', 7).execute()
      expect(await audit.verify()).toMatchObject({ ok: false, number: 7 })
      await store.database.insertInto('audit_log').values(seventh).execute()
      expect(await audit.verify()).toEqual(good)
      const last = await row(entries)
      await store.database.deleteFrom('audit_log').where('number', '=', entries).execute()
      expect(await audit.verify()).toMatchObject({ ok: false, number: entries })
      await store.database.insertInto('audit_log').values(last).execute()
    })
  })
}
