import { createHash, randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createAudit, type Audit } from '../../control/audit.ts'
import { openConsumers } from '../../control/consumers/open-consumers.ts'
import type { Actor, ConnectorInput, Consumers, Refused, Role } from '../../control/contract.ts'
import type { Store } from '../../control/store/store.ts'
import { createPartnerFetch } from '../../runtime/cli/partner-fetch.ts'
import type { Application } from '../../runtime/core/access/clients.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { startPartnerService, type PartnerService, type PlayedPartner } from '../kit/partner-service.ts'
import { until } from '../kit/planes.ts'
import type { StorePlace } from './store-suite.ts'

const as = (role: Role, name: string = role): Actor => ({ name, role, from: '192.0.2.7' })
const admin = as('admin')
const fingerprint = (of: string) => createHash('sha256').update(of).digest('hex')
const hashOf = (secret: string) => createHash('sha256').update(secret).digest()

const map: ConnectorInput['map'] = {
  list: '/partners', next: '/next', id: '/id', name: '/title', active: '/enabled', validFrom: '/from', validUntil: '/until', cidrs: '/networks', clearance: '/level',
  attributes: { branch: '/facts/branch', rate: '/facts/rate' },
  credentials: [
    { kind: 'certificate', each: '/certificates', fingerprint: '/sha256', environmentAt: '/env', expiresAt: '/expires' },
    { kind: 'jwt', each: '/clients', issuer: 'https://idp.example', subject: '' },
    { kind: 'key', each: '/keys', prefix: '/prefix', hash: '/hash' },
  ],
  subscriptions: [{ to: 'api', each: '/apis', id: '/id', plan: '/plan', defaultPlan: 'free' }],
}

async function refusal(promise: Promise<unknown>): Promise<Pick<Refused, 'code' | 'status' | 'message'> & { readonly pointers: readonly (string | undefined)[] }> {
  const thrown = (await promise.then(() => Promise.reject(new Error('It was not refused.')), (error: unknown) => error)) as Refused
  if (typeof thrown.code !== 'string') throw thrown
  return { code: thrown.code, status: thrown.status, message: thrown.message, pointers: thrown.problems.map((one) => one.pointer) }
}

/** What connectors to partner services have to keep, whichever database is below them. */
export function partnersSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`partner records on ${name}`, () => {
    let place: StorePlace
    let store: Store
    let audit: Audit
    let consumers: Consumers & { close(): void }
    let service: PartnerService
    let door: ReturnType<typeof createPartnerFetch>
    let number = 0
    let id = ''
    const opened: { close(): void }[] = []
    const keys = { current: { id: 'k1', key: randomBytes(32) }, older: [] }

    const open = async (fetch = door.fetch, on: Store = store) => {
      const made = await openConsumers({ store: on, audit, clock: systemClock, log: silentLog, keys, cost: { n: 1024 }, partnerFetch: fetch })
      opened.push(made)
      return made
    }
    const partner = (own: string, more: object = {}): PlayedPartner => ({ id: own, title: `Partner ${own}`, clients: [`${own} ${id}`], ...more })
    const some = (count: number) => Array.from({ length: count }, (_, place) => partner(`p${place}`))
    /** One that fetches when it is told to. */
    const connect = async (more: Partial<ConnectorInput> = {}, by: Actor = admin) => {
      const made = await consumers.connectors.create({ id, name: 'Partners', organisation: 'bank', url: service.url, everySeconds: 3600, timeoutMs: 500, map, ...more }, by)
      await until(async () => (await consumers.connectors.status(id, admin)).attemptedAt !== undefined)
      return made
    }
    const fetchNow = async (options = {}) => {
      for (;;) {
        try {
          return await consumers.connectors.fetch(id, options, admin)
        } catch (thrown) {
          if ((thrown as Refused).code !== 'connector.busy') throw thrown
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      }
    }
    const known = (partnerId: string): Application | undefined => consumers.snapshot().applications.find((one) => one.id === `${id}.${partnerId}`)
    const ours = () => consumers.snapshot().applications.filter((one) => one.id.startsWith(`${id}.`)).map((one) => one.id.slice(id.length + 1)).sort()

    beforeAll(async () => {
      service = await startPartnerService()
      door = createPartnerFetch({ egressAllow: [service.host], clock: systemClock, log: silentLog })
      place = await makePlace()
      store = await place.open()
      audit = createAudit(store, systemClock)
      consumers = await open()
      await store.users.add({ name: 'olga', role: 'subscriber', password: '-', disabled: 0, created_at: 'now', last_sign_in_at: null })
      await consumers.organisations.create({ id: 'bank', name: 'Bank' }, admin)
      await consumers.organisations.create({ id: 'shop', name: 'Shop' }, admin)
      await consumers.members.create({ organisation: 'bank', user: 'olga', role: 'admin' }, admin)
      await consumers.plans.create({ id: 'free', name: 'Free' }, admin)
      await consumers.plans.create({ id: 'gold', name: 'Gold' }, admin)
      for (const [api, organisation] of [['pay', 'bank'], ['order', 'shop']] as const) {
        await consumers.apis.create({ id: api, name: api, organisation, flow: `flow-${api}`, visibility: 'public' }, admin)
        await consumers.apis.move(api, 'PUBLISHED', undefined, admin)
      }
    })
    beforeEach(() => {
      id = `c${number++}`
      service.tags(true)
      service.say([])
      service.asked.length = 0
    })
    // What another test plays is not for the connector of this one.
    afterEach(async () => void (await consumers.connectors.patch(id, { active: false }, undefined, admin).catch(() => {})))
    afterAll(async () => {
      for (const one of opened) one.close()
      await door?.close()
      await service?.stop()
      await store?.close()
      await place?.close()
    })

    test('a partner becomes an application with rules, facts, credentials and subscriptions, as gateways know it; nobody did it by hand', async () => {
      const secret = 'the secret of a key'
      service.say([{
        id: 'acme', title: 'Acme', enabled: true, from: '2026-01-01T00:00:00Z', until: '2030-01-01T00:00:00Z', networks: ['192.0.2.0/24'], level: 'high', facts: { branch: '042', rate: 1.5, other: 'not asked for' },
        certificates: [{ sha256: fingerprint(`acme ${name}`).toUpperCase().replace(/(..)(?=.)/g, '$1:'), env: 'sandbox', expires: '2031-01-01T00:00:00Z' }],
        clients: [`acme-client ${id}`], keys: [{ prefix: `pk-${id}`, hash: hashOf(secret).toString('hex') }], apis: [{ id: 'pay', plan: 'gold' }, { id: 'order' }],
      }])
      await connect()
      expect(known('acme')).toEqual({
        id: `${id}.acme`, name: 'Acme', organisation: 'bank', active: true,
        rules: { cidrs: ['192.0.2.0/24'], validFrom: '2026-01-01T00:00:00Z', validUntil: '2030-01-01T00:00:00Z', clearance: 'high', attributes: { branch: '042', rate: '1.5' } },
        credentials: expect.arrayContaining([
          { kind: 'certificate', fingerprint: fingerprint(`acme ${name}`), environment: 'sandbox', active: true, expiresAt: '2031-01-01T00:00:00Z' },
          { kind: 'jwt', issuer: 'https://idp.example', subject: `acme-client ${id}`, environment: 'production', active: true },
          { kind: 'key', prefix: `pk-${id}`, hash: hashOf(secret).toString('base64url'), environment: 'production', active: true },
        ]),
        // Its own organisation's API is approved; somebody else's waits for them.
        subscriptions: expect.arrayContaining([{ api: 'pay', plan: 'gold', state: 'approved' }, { api: 'order', plan: 'free', state: 'pending' }]),
      })
      expect(await consumers.applications.get(`${id}.acme`, admin)).toMatchObject({ managedBy: `connector:${id}`, partner: 'acme', createdBy: `connector:${id}` })
      expect((await consumers.audit.list({ user: `connector:${id}`, subject: `applications/${id}.acme` }, admin)).items).toMatchObject([{ action: 'applications.create', from: 'control', organisation: 'bank' }])
      expect(await consumers.connectors.status(id, admin)).toMatchObject({ state: 'ok', partners: 1, failures: 0, ageSeconds: expect.any(Number) })
    })

    test('what is different over there is different here after the next fetch, and nothing is written when nothing is', async () => {
      service.say([partner('a', { facts: { branch: '1' } }), partner('b')])
      await connect()
      const before = consumers.snapshot().version
      expect(await fetchNow()).toMatchObject({ unchanged: true, changeCount: 0 })
      expect(service.asked.at(-1)?.status).toBe(304)
      expect(consumers.snapshot().version).toBe(before)
      service.say([partner('a', { facts: { branch: '2' }, clients: [`other ${id}`] }), partner('b'), partner('c', { enabled: false })])
      expect(await fetchNow()).toMatchObject({ unchanged: false, partners: 3 })
      expect(known('a')).toMatchObject({ rules: { attributes: { branch: '2' } }, credentials: [{ subject: `other ${id}` }] })
      expect(known('c')).toMatchObject({ active: false })
      // Without ETags every answer is looked at, and the same one changes nothing.
      service.tags(false)
      const same = consumers.snapshot().version
      expect(await fetchNow()).toMatchObject({ unchanged: false, changeCount: 0 })
      expect(consumers.snapshot().version).toBe(same)
    })

    test('a certificate or subject may move from one partner to another in one fetch', async () => {
      service.say([partner('a', { clients: [`moving ${id}`] }), partner('b', { clients: [`staying ${id}`] })])
      await connect()
      service.say([partner('a', { clients: [`new ${id}`] }), partner('b', { clients: [`staying ${id}`, `moving ${id}`] })])
      await fetchNow()
      expect(known('a')?.credentials).toMatchObject([{ subject: `new ${id}` }])
      expect(known('b')?.credentials).toHaveLength(2)
    })

    test('many pages are one document; each is asked for with its own ETag', async () => {
      service.say(some(25), 10)
      await connect()
      expect(ours()).toHaveLength(25)
      expect(service.asked.map(({ url }) => url)).toEqual(['/partners', '/partners?from=10', '/partners?from=20'])
      service.asked.length = 0
      expect(await fetchNow()).toMatchObject({ unchanged: true })
      expect(service.asked.map(({ status }) => status)).toEqual([304, 304, 304])
      service.say([...some(24), partner('p24', { title: 'Renamed' })], 10)
      expect(await fetchNow()).toMatchObject({ changeCount: 1 })
      expect(known('p24')?.name).toBe('Renamed')
    })

    test('pages that lead in a circle or to another server are refused', async () => {
      service.say(some(2))
      await connect()
      service.misbehave((_request, response) => response.end(JSON.stringify({ partners: [], next: '/partners' })))
      expect(await refusal(fetchNow({ force: true }))).toMatchObject({ code: 'connector.document', pointers: ['/next'] })
      service.misbehave((_request, response) => response.end(JSON.stringify({ partners: [], next: 'http://127.0.0.1:9/steal' })))
      expect(await refusal(fetchNow({ force: true }))).toMatchObject({ code: 'connector.document', message: expect.stringContaining('not at the same server') })
      expect(ours()).toHaveLength(2)
    })

    test.each([
      ['is down', async () => await service.stop(), 'unreachable', 'connector.unreachable'],
      ['answers an error', () => service.misbehave((_request, response) => response.writeHead(500).end()), 'unreachable', 'connector.unreachable'],
      ['does not take the credential', () => service.misbehave((_request, response) => response.writeHead(401).end()), 'unreachable', 'connector.unreachable'],
      ['sends elsewhere', () => service.misbehave((_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end()), 'unreachable', 'connector.unreachable'],
      ['does not answer in time', () => service.misbehave(() => {}), 'unreachable', 'connector.unreachable'],
      ['answers more than is taken', () => service.misbehave((_request, response) => response.end(`{"partners":[],"fill":"${'x'.repeat(20_000)}"}`)), 'unreachable', 'connector.unreachable'],
      ['breaks off', () => service.misbehave((_request, response) => { response.writeHead(200, { 'content-length': '100' }); response.write('{'); response.destroy() }), 'unreachable', 'connector.unreachable'],
      ['talks rubbish', () => service.misbehave((_request, response) => response.end('<html>secret words</html>')), 'invalid', 'connector.document'],
      ['answers half a document', () => service.misbehave((_request, response) => response.end('{"partners":[{"id":')), 'invalid', 'connector.document'],
      ['answers something else', () => service.misbehave((_request, response) => response.end('{"items":[]}')), 'invalid', 'connector.document'],
    ])('nothing is lost when the service %s; it says so, and recovers by itself', async (what, misbehave: () => void | Promise<void>, state, code) => {
      service.say(some(3))
      await connect({ limitBytes: 10_000 })
      const before = consumers.snapshot()
      await misbehave()
      const refused = await refusal(fetchNow({ force: true }))
      expect(refused.code).toBe(code)
      expect(refused.message).not.toContain('secret words')
      expect(consumers.snapshot()).toEqual(before)
      expect(await consumers.connectors.status(id, admin)).toMatchObject({ state, failures: 1, partners: 3, problem: { code }, fetchedAt: expect.any(String) })
      await until(() => consumers.connectors.alarms().some((alarm) => alarm.id === id && alarm.state === state))
      if (what === 'is down') await service.start()
      service.say(some(4))
      expect(await fetchNow()).toMatchObject({ partners: 4 })
      expect(await consumers.connectors.status(id, admin)).toMatchObject({ state: 'ok', failures: 0 })
      expect(await consumers.connectors.status(id, admin)).not.toHaveProperty('problem')
    })

    test('a document in which anything is wrong changes nothing, and every place is named', async () => {
      service.say(some(2))
      await connect()
      const before = consumers.snapshot()
      service.say([
        partner('p0'), { id: '', title: 'none' }, partner('p0'), partner('x', { enabled: 'yes' }), partner('y', { networks: ['10.0.0.0/8', 'not a network'] }), partner('z', { from: 'tomorrow' }),
        partner('q', { certificates: [{ sha256: 'ab' }] }), partner('r', { facts: { branch: { deep: true } } }), partner('s', { keys: [{ prefix: 'k', hash: 'short' }] }), 5 as never,
      ])
      expect(await refusal(fetchNow())).toMatchObject({
        code: 'connector.document', status: 422,
        pointers: [
          '/partners/1/id', '/partners/2/id', '/partners/3/enabled', '/partners/4/networks/1', '/partners/5/from', '/partners/6/certificates/0/sha256', '/partners/7/facts/branch', '/partners/8/keys/0/hash', '/partners/9',
        ],
      })
      // What only the records know, with its place too: a plan that is not there; a subject that is somebody else's.
      service.say([partner('p0'), partner('p1'), partner('t', { apis: [{ id: 'pay', plan: 'platinum' }] })])
      expect(await refusal(fetchNow())).toMatchObject({ code: 'connector.document', pointers: ['/partners/2/apis/0'] })
      await consumers.applications.create({ id: `own-${id}`, name: 'Own', organisation: 'shop' }, admin)
      await consumers.credentials.create({ application: `own-${id}`, kind: 'jwt', issuer: 'https://idp.example', subject: `taken ${id}` }, admin)
      service.say([partner('p0'), partner('p1'), partner('u', { clients: [`taken ${id}`] })])
      expect(await refusal(fetchNow())).toMatchObject({ code: 'connector.document', pointers: ['/partners/2/clients/0'] })
      expect(consumers.snapshot().applications.filter((one) => one.id.startsWith(`${id}.`))).toEqual(before.applications.filter((one) => one.id.startsWith(`${id}.`)))
      expect(await consumers.connectors.status(id, admin)).toMatchObject({ state: 'invalid', problem: { problems: [{ pointer: '/partners/2/clients/0' }] } })
    })

    test('a partner that is not named any more is suspended, kept or retired, as set; one that comes back is back', async () => {
      for (const [onMissing, then] of [['suspend', { active: false }], ['keep', { active: true }], ['retire', undefined]] as const) {
        id = `c${number++}`
        service.say([partner('stays'), partner('goes'), partner('else')])
        await connect({ onMissing })
        service.say([partner('stays'), partner('else')])
        await fetchNow()
        if (then) expect([onMissing, known('goes')]).toMatchObject([onMissing, then])
        else expect(known('goes')).toBeUndefined()
        service.say([partner('stays'), partner('goes'), partner('else')])
        await fetchNow()
        expect(known('goes')).toMatchObject({ active: true, credentials: [{ subject: `goes ${id}` }] })
      }
    })

    test('a document that would shut out too many at once is held until somebody has looked', async () => {
      const all = some(10)
      service.say(all)
      await connect()
      for (const shrunk of [all.slice(0, 7), [], all.map((one) => ({ ...one, clients: [] })), all.map((one, place) => ({ ...one, enabled: place > 4 }))]) {
        service.say(shrunk)
        expect(await refusal(fetchNow())).toMatchObject({ code: 'connector.shrunk', status: 409 })
        expect(await consumers.connectors.status(id, admin)).toMatchObject({ state: 'held', partners: 10 })
        expect(ours().filter((one) => known(one)?.active)).toHaveLength(10)
      }
      service.say(all.slice(0, 8))
      expect(await fetchNow()).toMatchObject({ dropped: 2 })
      service.say(all.slice(0, 3))
      expect(await fetchNow({ force: true })).toMatchObject({ dropped: 5 })
      expect((await consumers.audit.list({ subject: `connectors/${id}`, action: 'connectors.fetch', user: 'admin' }, admin)).items[0]).toMatchObject({ from: '192.0.2.7', detail: { force: true, dropped: 5 } })
      expect(ours().filter((one) => known(one)?.active)).toHaveLength(3)
    })

    test('a preview says what would be different and does nothing', async () => {
      service.say([partner('a')])
      await connect()
      const before = consumers.snapshot()
      service.say([partner('a', { title: 'New name' }), partner('b')])
      const preview = await fetchNow({ dryRun: true })
      expect(preview).toMatchObject({
        dryRun: true, partners: 2, dropped: 0,
        changes: expect.arrayContaining([
          { kind: 'applications', id: `${id}.a`, change: 'change', fields: [{ pointer: '/name', before: 'Partner a', after: 'New name' }] },
          expect.objectContaining({ kind: 'applications', id: `${id}.b`, change: 'add' }),
          expect.objectContaining({ kind: 'credentials', change: 'add' }),
        ]),
      })
      expect(consumers.snapshot()).toEqual(before)
      expect((await fetchNow()).changeCount).toBe(preview.changeCount)
    })

    test('people do not change what a connector keeps, and are told where to; what they add stays theirs', async () => {
      service.say([partner('a', { apis: [{ id: 'pay' }] })])
      await connect()
      const app = `${id}.a`
      const managed = { code: 'record.managed', status: 409 }
      expect(await refusal(consumers.applications.patch(app, { name: 'Mine' }, undefined, admin))).toMatchObject(managed)
      expect(await refusal(consumers.applications.patch(app, { active: false }, undefined, admin))).toMatchObject(managed)
      expect(await refusal(consumers.applications.retire(app, undefined, admin))).toMatchObject(managed)
      const [credential] = (await consumers.credentials.list({ application: app }, admin)).items
      expect(await refusal(consumers.credentials.revoke(credential?.id ?? '', undefined, admin))).toMatchObject(managed)
      const [subscription] = (await consumers.subscriptions.list({ application: app }, admin)).items
      expect(await refusal(consumers.subscriptions.retire(subscription?.id ?? '', undefined, admin))).toMatchObject(managed)
      // To stop its calls is the provider's all the same, and stays so after the next fetch.
      await consumers.subscriptions.decide(subscription?.id ?? '', 'suspend', {}, admin)
      const { credential: own } = await consumers.credentials.create({ application: app, kind: 'key' }, admin)
      service.say([partner('a', { title: 'Other', apis: [{ id: 'pay', plan: 'gold' }] })])
      await fetchNow()
      expect(known('a')).toMatchObject({ name: 'Other', subscriptions: [{ plan: 'gold', state: 'suspended' }] })
      expect((await consumers.credentials.get(own.id, admin)).retiredAt).toBeUndefined()
    })

    test('YAML holds the connector and neither its secret nor what it keeps; applying it elsewhere or with prune takes nothing away', async () => {
      service.say([partner('a', { apis: [{ id: 'pay' }] })])
      await connect({ auth: { kind: 'bearer' } })
      await consumers.connectors.setSecret(id, 'top-secret', undefined, admin)
      const yaml = await consumers.exportYaml(admin)
      expect(yaml).toContain(`- id: ${id}\n`)
      expect(yaml).not.toContain('top-secret')
      expect(yaml).not.toContain(`${id}.a`)
      expect((await consumers.applyYaml(yaml, { prune: true }, admin)).changes).toEqual([])
      expect(known('a')).toBeDefined()
      expect(await consumers.connectors.get(id, admin)).toMatchObject({ hasSecret: true })
    })

    test('the secret goes to the server that it was given for, is sealed in the store, and shown nowhere', async () => {
      service.say([partner('a')])
      await connect({ auth: { kind: 'basic', user: 'control' } })
      const set = await consumers.connectors.setSecret(id, 'top-secret', undefined, admin)
      await fetchNow({ force: true })
      expect(service.asked.at(-1)?.authorization).toBe(`Basic ${Buffer.from('control:top-secret').toString('base64')}`)
      const row = await store.consumers.get('connectors', id)
      expect(JSON.stringify([set, row, await audit.list(1000)])).not.toContain('top-secret')
      // Another server does not get it.
      await consumers.connectors.patch(id, { url: `http://localhost:${new URL(service.url).port}/partners` }, undefined, admin)
      expect(await consumers.connectors.get(id, admin)).toMatchObject({ hasSecret: false })
    })

    test('a connector of somebody who runs one organisation cannot say whose a subject is: it waits to be confirmed', async () => {
      service.say([partner('a', { keys: [{ prefix: `ok-${id}`, hash: hashOf('x').toString('base64') }] })])
      expect(await connect({}, as('subscriber', 'olga'))).toMatchObject({ trusted: false })
      expect(known('a')?.credentials).toMatchObject([{ kind: 'key' }])
      const claim = (await consumers.credentials.list({ application: `${id}.a` }, admin)).items.find((one) => one.kind === 'jwt')
      expect(claim).toMatchObject({ claim: 'pending' })
      await consumers.credentials.confirm(claim?.id ?? '', {}, admin)
      expect(known('a')?.credentials).toHaveLength(2)
      await fetchNow({ force: true })
      expect(known('a')?.credentials).toHaveLength(2)
    })

    test('who may not write connectors makes none, and nobody one with an address or a map that cannot be', async () => {
      const make = (more: object, by: Actor = admin) => refusal(consumers.connectors.create({ id: `${id}-x`, name: 'X', organisation: 'bank', url: 'https://partners.example/', map, ...more }, by))
      for (const role of ['publisher', 'operator', 'auditor', 'viewer', 'subscriber'] as const) expect(await make({}, as(role))).toMatchObject({ code: 'auth.role' })
      expect(await make({ organisation: 'shop' }, as('subscriber', 'olga'))).toMatchObject({ code: 'auth.role' })
      expect(await make({ tls: 'profile' }, as('subscriber', 'olga'))).toMatchObject({ code: 'auth.role' })
      expect(await make({ url: 'http://partners.example/' })).toMatchObject({ code: 'record.invalid', pointers: ['/url'] })
      expect(await make({ url: 'https://user:word@partners.example/' })).toMatchObject({ pointers: ['/url'] })
      expect(await make({ organisation: 'nowhere' })).toMatchObject({ pointers: ['/organisation'] })
      expect(await make({ auth: { kind: 'basic' } })).toMatchObject({ pointers: ['/auth/user'] })
      expect(await make({ map: { ...map, list: 'partners' } })).toMatchObject({ pointers: ['/map/list'] })
      expect(await make({ map: { ...map, credentials: [{ kind: 'jwt', subject: '/s' }] } })).toMatchObject({ pointers: ['/map/credentials/0/issuer'] })
      expect(await make({ map: { ...map, credentials: [{ kind: 'certificate', fingerprint: '/a', hash: '/b' }] } })).toMatchObject({ pointers: ['/map/credentials/0/hash'] })
      expect(await make({ map: { ...map, subscriptions: [{ to: 'api' }] } })).toMatchObject({ pointers: ['/map/subscriptions/0/plan'] })
    })

    test('private addresses are not asked unless they are allowed', async () => {
      const strict = createPartnerFetch({ egressAllow: [], clock: systemClock, log: silentLog })
      await expect(strict.fetch({ url: service.url, headers: {}, timeoutMs: 1000, limitBytes: 1000 })).rejects.toThrow(/not allowed/)
      await strict.close()
    })

    test('it asks by itself, again and again, and a change of its settings makes it ask at once', async () => {
      service.say([partner('a')])
      await connect({ everySeconds: 1 })
      service.say([partner('a'), partner('b')])
      await until(() => known('b') !== undefined)
      await consumers.connectors.patch(id, { everySeconds: 3600 }, undefined, admin)
      service.say([partner('a'), partner('b'), partner('c')])
      await consumers.connectors.patch(id, { map: { ...map, clearance: '/grade' } }, undefined, admin)
      await until(() => known('c') !== undefined)
      await consumers.connectors.patch(id, { active: false }, undefined, admin)
      expect(await consumers.connectors.status(id, admin)).toMatchObject({ state: 'off' })
    })

    test('settings that change while a service is being asked win, also when it refuses the old ones afterwards', async () => {
      let refuse = (): unknown => undefined
      let isAsked = false
      service.misbehave((_request, response) => {
        isAsked = true
        refuse = () => response.writeHead(401).end()
      })
      await consumers.connectors.create({ id, name: 'Partners', organisation: 'bank', url: service.url, everySeconds: 3600, map, auth: { kind: 'bearer' } }, admin)
      await until(() => isAsked)
      service.say([partner('a')])
      await consumers.connectors.setSecret(id, 'x', undefined, admin)
      refuse()
      await until(() => known('a') !== undefined)
      expect(service.asked.at(-1)).toMatchObject({ authorization: 'Bearer x', status: 200 })
    })

    test('a connector that is switched off while another control looks for what is due is not asked any more', async () => {
      service.say([partner('a')])
      await connect({ everySeconds: 1 })
      let looks = 0
      let goOn = () => {}
      const held = new Promise<void>((resolve) => (goOn = resolve))
      const page: Store['consumers']['page'] = async (filter) => {
        const rows = await store.consumers.page(filter)
        if (filter.kind === 'connectors' && ++looks === 1) await held
        return rows
      }
      const other = await open(door.fetch, { ...store, consumers: { ...store.consumers, page } })
      await until(() => looks === 1)
      // When the first one has asked again, the time that the other one has read is over.
      const before = service.asked.length
      await until(() => service.asked.length > before)
      await consumers.connectors.patch(id, { active: false }, undefined, admin)
      const asked = service.asked.length
      goOn()
      // Its next look is after all that came of this one.
      await until(() => looks === 2)
      other.close()
      expect(service.asked.length).toBe(asked)
      expect(await consumers.connectors.status(id, admin)).toMatchObject({ state: 'off' })
    })

    test('of several controls on one store one asks at a time; one that is slow does not write over the other', async () => {
      let atOnce = 0
      let most = 0
      const counting: typeof door.fetch = async (request) => {
        atOnce++
        most = Math.max(most, atOnce)
        await new Promise((resolve) => setTimeout(resolve, 50))
        return await door.fetch(request).finally(() => atOnce--)
      }
      service.say([partner('a')])
      await connect()
      const controls = await Promise.all([open(counting), open(counting)])
      const said = new Set<string>()
      for (let round = 0; round < 5; round++) {
        const asked = controls.map(async (control) => await control.connectors.fetch(id, { force: true }, admin).then(() => 'done', (thrown: Refused) => thrown.code))
        for (const outcome of await Promise.all(asked)) said.add(outcome)
      }
      expect(most).toBe(1)
      expect([...said].sort()).toEqual(['connector.busy', 'done'])
      for (const control of controls) control.close()
    }, 15_000)

    test('a connector that is retired leaves what it fetched, and people keep it from then on', async () => {
      service.say([partner('a', { apis: [{ id: 'pay' }] })])
      await connect()
      const before = known('a')
      await consumers.connectors.retire(id, undefined, admin)
      expect(known('a')).toEqual(before)
      expect(await consumers.applications.patch(`${id}.a`, { name: 'Mine now' }, undefined, admin)).toMatchObject({ name: 'Mine now' })
      expect(await refusal(consumers.connectors.fetch(id, {}, admin))).toMatchObject({ code: 'record.retired' })
      expect(await audit.verify()).toMatchObject({ ok: true })
    })
  })
}
