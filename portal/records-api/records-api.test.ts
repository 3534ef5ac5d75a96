import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rightsByRole } from '../../control/consumers/rights.ts'
import type { AcceptedJob, AcceptedWork, Actor, Caches, Queue, Queues, Refused, Right, Role } from '../../control/contract.ts'
import { openControl, type OpenControl } from '../../control/open-control.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { definitions } from '../../nodes/index.ts'
import { createFakeVaultDesk } from '../../test/kit/fake-vault-desk.ts'
import { createPortal } from '../portal.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoints } from './endpoints.ts'

const roles = Object.keys(rightsByRole) as Role[]
const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const root = mkdtempSync(join(tmpdir(), 'sluice-records-api-'))
const tokens = new Map<Role, string>()
const vault = createFakeVaultDesk()
let control: OpenControl
let server: Server
let base: string
let made = 0
/** Flows that stand ready, each to be served by one API: whoever registers an API deploys all of them. */
const flowsReady = 600
let flowsTaken = 0

beforeAll(async () => {
  control = await openControl({ dataDir: root, definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, vault, partnerFetch: async () => ({ status: 200, headers: {}, body: Buffer.from('[]') }) })
  // No gateway is connected, so no queue is there: who may see and change them is decided all the same.
  const found = (thrown: unknown): Queue => {
    if ((thrown as Refused).code !== 'record.none') throw thrown
    return { name: '*gateway', scope: 'gateway', paused: false, waiting: [], underWay: 0, longestWaitMs: 0, expectedMs: [], gateways: [] }
  }
  const queues: Queues = { list: (by) => control.queues.list(by), get: (name, by) => control.queues.get(name, by).catch(found), act: (name, act, by) => control.queues.act(name, act, by).catch(found) }
  const caches: Caches = { list: (by) => control.caches.list(by), purge: (what, by) => control.caches.purge(what, by).catch((thrown: unknown) => (found(thrown), { entries: 0, complete: true, caches: [], gateways: [] })) }
  const job: AcceptedJob = { id: 'a', flow: 'f', node: 'n', revision: 'r', owner: '', state: 'done', acceptedAtMs: 0, attempt: 0, attempts: 1, gateway: 'g' }
  const noJob = (thrown: unknown): AcceptedJob => {
    if ((thrown as Refused).code !== 'record.none') throw thrown
    return job
  }
  const accepted: AcceptedWork = { list: (query, by) => control.accepted.list(query, by), get: (id, by) => control.accepted.get(id, by).catch(noJob), act: (id, act, by) => control.accepted.act(id, act, by).catch(noJob), move: (id, to, by) => control.accepted.move(id, to, by).catch(noJob), flows: (by) => control.accepted.flows(by), actOnFlow: (flow, act, by) => control.accepted.actOnFlow(flow, act, by).catch((thrown: unknown) => ({ ...noJob(thrown), paused: false, pending: 0, running: 0, dead: 0, gateways: [] })) }
  const portal = createPortal({
    control: { ...control, queues, caches, accepted }, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.9', editorPath: '/editor/', gatewayUrls: () => [], samples: [],
  })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const role of roles) {
    const name = role === 'admin' ? 'admin' : `the-${role}`
    if (role !== 'admin') await control.users.create({ name, role }, 'admin')
    tokens.set(role, (await control.users.issueToken(name, 'cli', 3_600_000)).token)
  }
  await control.consumers.organisations.create({ id: 'shop', name: 'Shop' }, admin)
  await control.consumers.plans.create({ id: 'free', name: 'Free' }, admin)
  // Flows of the organisation: whom else one may belong to is tried elsewhere.
  const env = [{ name: 'SLUICE_ORGANISATION', value: 'shop', type: 'str' }]
  await control.flows.deploy({ nodes: Array.from({ length: flowsReady }, (_, index) => ({ id: `flow-${index + 1}`, type: 'tab', label: `Flow ${index + 1}`, env })), user: 'test' })
})
afterAll(async () => {
  server?.close()
  server?.closeAllConnections()
  await control?.close()
  rmSync(root, { recursive: true, force: true })
})

interface Sent {
  readonly role?: Role
  readonly body?: unknown
  readonly headers?: Record<string, string>
}
async function call(method: string, path: string, { role = 'admin', body, headers = {} }: Sent = {}) {
  const answer = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${tokens.get(role)}`, ...(body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  const json = answer.headers.get('content-type')?.includes('json') ? (JSON.parse(text) as any) : undefined
  return { status: answer.status, headers: answer.headers, text, json }
}

function takeFlow(): string {
  if (++flowsTaken > flowsReady) throw new Error('More flows have to be ready.')
  return `flow-${flowsTaken}`
}

/** A record of its own for one try, and what to send about it, so that nothing but the right can be missing. */
async function prepare(endpoint: Endpoint): Promise<{ id: string; body: unknown }> {
  const { consumers } = control
  const id = `try-${++made}`
  const own = { name: id, organisation: 'shop' }
  const connector = { ...own, url: 'https://partners.example/', active: false, auth: { kind: 'bearer' }, map: { list: '', id: '/id' } } as const
  const application = async () => (await consumers.applications.create({ id, ...own }, admin)).id
  const published = async () => {
    const api = await consumers.apis.create({ id, ...own, flow: takeFlow() }, admin)
    return (await consumers.apis.move(api.id, 'PUBLISHED', undefined, admin)).id
  }
  const credential = async () => (await consumers.credentials.create({ application: await application(), kind: 'key' }, admin)).credential.id
  const subscription = async (state?: 'refused') => {
    const { id: made } = await consumers.subscriptions.create({ application: await application(), api: await published(), plan: 'free' }, admin)
    if (state) await consumers.subscriptions.decide(made, 'refuse', {}, admin)
    return made
  }
  const user = async () => (await control.users.create({ name: id, role: 'subscriber' }, 'admin')).user.name
  const inputs: Readonly<Record<string, () => Promise<Record<string, unknown>>>> = {
    organisations: async () => ({ name: id }),
    members: async () => ({ organisation: 'shop', user: await user(), role: 'viewer' }),
    applications: async () => own,
    plans: async () => ({ name: id }),
    apis: async () => ({ ...own, flow: takeFlow() }),
    groups: async () => own,
    products: async () => own,
    subscriptions: async () => ({ application: await application(), api: await published(), plan: 'free' }),
    credentials: async () => ({ application: await application(), kind: 'key' }),
    connectors: async () => connector,
  }
  switch (endpoint.operation) {
    case 'registerApi': return { id, body: { id, organisation: 'shop', url: 'https://service.example/', path: `/${id}` } }
    case 'registerApis': return { id, body: { apis: [{ id, organisation: 'shop', url: 'https://service.example/', path: `/${id}` }] } }
    case 'getDecision': {
      await control.decisions.take('gateway-1', [{ id, at: Date.now(), run: id, flow: 'f', node: 'n', nodeType: 'auth', code: 'ip.denied', status: 403, organisation: 'shop', checks: [{ check: 'network', passed: false, ip: '192.0.2.1' }], decidedBy: 0 }])
      return { id, body: undefined }
    }
    case 'moveJob': return { id: 'a', body: { to: 0 } }
    case 'getJob':
    case 'cancelJob':
    case 'retryJob':
    case 'pauseJobFlow':
    case 'resumeJobFlow': return { id: 'a', body: undefined }
    case 'createVaultDomain': return { id, body: { name: id } }
    case 'getVaultDomain':
    case 'changeVaultDomain':
    case 'rotateVaultDomain':
    case 'shredVaultDomain':
    case 'shredVaultSubject': {
      await vault.domains.put(id, {}, 'admin')
      return { id, body: { changeVaultDomain: { purposes: ['billing'] }, shredVaultDomain: { confirm: id }, shredVaultSubject: { subject: 'A123456789' } }[endpoint.operation as string] }
    }
    case 'createVaultGrant':
    case 'decideVaultGrant':
    case 'removeVaultGrant': {
      await vault.domains.put(id, { purposes: ['billing'] }, 'admin')
      const careful = endpoint.operation === 'decideVaultGrant'
      if (careful) await consumers.organisations.create({ id, name: id, fourEyes: true }, admin)
      const client = (await consumers.applications.create({ id: `${id}-client`, name: id, organisation: careful ? id : 'shop' }, admin)).id
      const grant = { domain: id, client, purpose: 'billing' }
      if (endpoint.operation === 'createVaultGrant') return { id, body: grant }
      return { id: (await control.dataProtection.grants.add(grant, { ...admin, name: 'somebody-else' })).id, body: careful ? { agree: true } : undefined }
    }
    case 'createVaultKey': return { id, body: { name: id, kind: 'ed25519', set: 'signing' } }
    case 'getVaultKey':
    case 'listVaultKeyUses':
    case 'rotateVaultKey':
    case 'disableVaultKey':
    case 'enableVaultKey': {
      await vault.keys.create(id, { kind: 'aes-256' }, 'admin')
      return { id, body: undefined }
    }
    case 'scheduleVaultKey': return { id: (await vault.keys.create(id, { kind: 'aes-256' }, 'admin')).name, body: { rotateEveryDays: 90 } }
    case 'getVaultCertificate': return { id: (await vault.certificates.put(id, 'a certificate', 'admin')).name, body: undefined }
    case 'getVaultSecret': return { id: (await vault.secrets.put(id, 'a-canary-value', undefined, 'admin')).name, body: undefined }
    case 'putVaultCertificate': return { id, body: { pem: 'a certificate' } }
    case 'setVaultSecret': return { id, body: { value: 'a-canary-value' } }
    case 'getLedger':
    case 'listLedgerEntries':
    case 'verifyLedger':
    case 'proveLedgerEntry':
    case 'proveLedgerGrowth':
    case 'exportLedger': {
      await control.ledgers.take('gateway-1', [{ ledger: id, id, takenAt: '2026-01-01T00:00:00Z', flow: 'f', node: 'n', run: 'r', value: 1, organisation: 'shop' }])
      await control.ledgers.prove(id, 1, admin)
      return { id, body: undefined }
    }
    case 'getQueue':
    case 'pauseQueue':
    case 'resumeQueue':
    case 'drainQueue': return { id: '*gateway', body: undefined }
    case 'moveQueue': return { id: '*gateway', body: { from: 9, to: 5 } }
    case 'purgeCaches': return { id, body: { tags: ['bikes'] } }
    case 'setConnectorSecret': return { id: (await consumers.connectors.create({ id, ...connector }, admin)).id, body: { secret: 'a-secret' } }
    case 'applyRecords': return { id, body: 'sluice: records\n' }
    case 'moveApi': return { id: (await consumers.apis.create({ id, ...own, flow: takeFlow() }, admin)).id, body: { to: 'PROTOTYPED' } }
    case 'decideApiMove': {
      await consumers.apis.create({ id, ...own, flow: takeFlow() }, admin)
      await consumers.apis.move(id, 'PUBLISHED', undefined, { name: 'cleo', role: 'creator', from: 'test' })
      return { id, body: { agree: true } }
    }
    case 'changeSubscriptionPlan': return { id: await subscription(), body: { plan: (await consumers.plans.create({ id, name: id }, admin)).id } }
    case 'decideSubscription': return { id: await subscription('refused'), body: { act: 'approve' } }
    case 'rotateCredential': return { id: await credential(), body: {} }
    case 'confirmCredential': {
      // Claimed by somebody who answers for one organisation only.
      const claimant = `claims-${id}`
      await control.users.create({ name: claimant, role: 'subscriber' }, 'admin')
      await consumers.members.create({ organisation: 'shop', user: claimant, role: 'publisher' }, admin)
      const input = { application: await application(), kind: 'jwt', issuer: 'https://id.example', subject: id } as const
      return { id: (await consumers.credentials.create(input, { name: claimant, role: 'subscriber', from: 'test' })).credential.id, body: {} }
    }
    case 'switchCredential': return { id: await credential(), body: { active: false } }
    default:
  }
  const input = inputs[endpoint.tag]
  if (!input || !(endpoint.path.includes(':id') || endpoint.method === 'POST')) return { id, body: undefined }
  const values = await input()
  if (!endpoint.path.includes(':id')) return { id, body: values }
  if (endpoint.tag === 'credentials') return { id: (await consumers.credentials.create(values as never, admin)).credential.id, body: undefined }
  const kind = consumers[endpoint.tag as 'plans']
  const record = await kind.create((endpoint.tag === 'members' ? values : { id: `${id}-made`, ...values }) as never, admin)
  const field = endpoint.tag === 'members' ? { role: 'operator' } : { name: 'Changed' }
  const body = endpoint.method === 'PUT' ? { ...values, ...field } : endpoint.method === 'PATCH' ? field : undefined
  return { id: record.id, body }
}

/** Tries every endpoint in the name of `token`; gives what was answered otherwise than `may` says. */
async function tryAll(who: string, token: string, may: (endpoint: Endpoint) => boolean): Promise<string[]> {
  const unexpected: string[] = []
  for (const endpoint of endpoints) {
    const { id, body } = await prepare(endpoint)
    const path = endpoint.path.replace(':id', encodeURIComponent(id))
    const { status, json, text } = await call(endpoint.method, path, { body, headers: { authorization: `Bearer ${token}`, ...(endpoint.ifMatch ? { 'if-match': '*' } : {}) } })
    // Whoever may not see an application learns no more of it than that there is none.
    const unseen = json?.code === 'record.invalid' && json.problems[0].pointer === '/application'
    const fits = may(endpoint) ? status === endpoint.status : status === 403 || status === 404 || unseen
    if (!fits) unexpected.push(`${who} ${endpoint.method} ${endpoint.path}: ${status} ${text.slice(0, 200)}`)
  }
  return unexpected
}

const holds = (role: Role, right: Right | undefined) => right === undefined || rightsByRole[role].includes(right)

test('every role is answered by every endpoint what the table of rights says, and nothing more', async () => {
  const unexpected: string[] = []
  // A subscriber has rights as a member only.
  for (const role of roles) unexpected.push(...(await tryAll(role, tokens.get(role)!, ({ right }) => right === undefined || (role !== 'subscriber' && holds(role, right)))))
  expect(unexpected).toEqual([])
}, 60_000)

test('a member may in the own organisation what the role says, and nothing in others', async () => {
  // These concern all organisations at once; plans are made for all of them here.
  const everywhere = new Set(['createOrganisation', 'createPlan', 'replacePlan', 'patchPlan', 'retirePlan', 'verifyAudit', 'applyRecords', 'confirmCredential', 'listJobs', 'getJob', 'cancelJob', 'retryJob', 'moveJob', 'listJobFlows', 'pauseJobFlow', 'resumeJobFlow', 'listQueues', 'getQueue', 'pauseQueue', 'resumeQueue', 'drainQueue', 'moveQueue', 'listCaches', 'purgeCaches', ...endpoints.filter(({ tag }) => tag === 'vault').map(({ operation }) => operation)])
  const ownPart = new Set(['listAudit', 'exportRecords', 'listLedgers', 'getLedgerKey', 'listLedgerWitnesses'])
  await control.consumers.organisations.create({ id: 'bank', name: 'Bank' }, admin)
  const unexpected: string[] = []
  for (const role of roles.filter((one) => one !== 'editor' && one !== 'data-officer')) {
    // Elsewhere the role that may most stands for all.
    for (const organisation of role === 'admin' ? ['shop', 'bank'] : ['shop']) {
      const user = `${role}-of-${organisation}`
      await control.users.create({ name: user, role: 'subscriber' }, 'admin')
      await control.consumers.members.create({ organisation, user, role: role as 'viewer' }, admin)
      const { token } = await control.users.issueToken(user, 'cli', 3_600_000)
      unexpected.push(
        ...(await tryAll(user, token, ({ operation, right }) => {
          if (right === undefined) return true
          if (operation.endsWith('Organisation')) return false // those tried are not the member's
          if (role === 'subscriber' && operation === 'createApplication') return organisation === 'shop' // an own one
          if (everywhere.has(operation) || !holds(role, right)) {
            // Members see their organisation's groups and products, whatever their role.
            return organisation === 'shop' && ['getGroup', 'getProduct'].includes(operation)
          }
          return organisation === 'shop' || ownPart.has(operation)
        })),
      )
    }
  }
  expect(unexpected).toEqual([])
  const { token } = await control.users.issueToken('admin-of-bank', 'cli', 3_600_000)
  const patch = (id: string) => call('PATCH', `/api/v1/organisations/${id}`, { body: { contact: 'us' }, headers: { authorization: `Bearer ${token}`, 'if-match': '*' } })
  expect([(await patch('bank')).status, (await patch('shop')).status]).toEqual([200, 404])
}, 60_000)

test('nobody is answered without a token, and a subscriber without an organisation sees no records', async () => {
  for (const { method, path } of endpoints) expect((await fetch(base + path.replace(':id', 'x'), { method })).status).toBe(401)
  for (const kind of ['organisations', 'members', 'applications', 'credentials', 'subscriptions', 'apis', 'groups', 'products']) {
    expect((await call('GET', `/api/v1/${kind}`, { role: 'subscriber' })).json).toEqual({ items: [] })
  }
})

test('a write says which version it changes: none is 428, an old one is 412, a good one gives the next ETag', async () => {
  const first = await call('POST', '/api/v1/applications', { body: { id: 'locked', name: 'Locked', organisation: 'shop' } })
  expect([first.status, first.headers.get('etag'), first.headers.get('location')]).toEqual([201, '"1"', '/api/v1/applications/locked'])
  const path = '/api/v1/applications/locked'
  expect((await call('PATCH', path, { body: { name: 'A' } })).json).toMatchObject({ status: 428, code: 'precondition.required' })
  const second = await call('PATCH', path, { body: { name: 'A' }, headers: { 'if-match': '"1"' } })
  expect([second.status, second.headers.get('etag'), second.json.name]).toEqual([200, '"2"', 'A'])
  for (const stale of ['"1"', 'W/"2"', 'nonsense']) expect((await call('PUT', path, { body: { name: 'B', organisation: 'shop' }, headers: { 'if-match': stale } })).json).toMatchObject({ status: 412, code: 'record.stale' })
  expect((await call('GET', path, { headers: { 'if-none-match': '"2"' } })).status).toBe(304)
  expect((await call('DELETE', path, { headers: { 'if-match': '"2"' } })).json.retiredAt).toBeDefined()
})

test('what is wrong is a problem document with pointers', async () => {
  const answer = await call('POST', '/api/v1/applications', { body: { name: 7, organisation: 'shop', rules: { cidrs: ['10.0.0.1/99'] }, more: 1 } })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([422, 'application/problem+json; charset=utf-8'])
  expect(answer.json.problems.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual(['/more', '/name'])
  expect((await call('POST', '/api/v1/apis', { body: '{' })).json).toMatchObject({ status: 400, code: 'body.malformed' })
  expect((await call('POST', '/api/v1/apis', { body: [] })).status).toBe(400)
  expect((await call('GET', '/api/v1/apis?limit=0&colour=red')).json.problems.map(({ property }: { property: string }) => property)).toEqual(['limit', 'colour'])
  await control.consumers.apis.create({ id: 'undecided', name: 'U', organisation: 'shop', flow: 'undecided' }, admin)
  expect((await call('POST', '/api/v1/apis/undecided/decide', { body: {}, headers: { 'if-match': '*' } })).json.problems[0].pointer).toBe('/agree')
  expect((await call('POST', '/api/v1/apis/undecided/move', { body: { to: 'RETIRED' }, headers: { 'if-match': '*' } })).json).toMatchObject({ status: 422, code: 'lifecycle.move' })
})

test('a list comes page by page, each naming where the next begins', async () => {
  for (let index = 0; index < 5; index++) await control.consumers.plans.create({ id: `paged-${index}`, name: 'Paged' }, admin)
  const seen: string[] = []
  let query = 'search=paged&limit=2'
  for (;;) {
    const { json } = await call('GET', `/api/v1/plans?${query}`)
    seen.push(...json.items.map(({ id }: { id: string }) => id))
    if (!json.next) break
    query = `search=paged&limit=2&cursor=${encodeURIComponent(json.next)}`
  }
  expect(seen).toEqual(['paged-0', 'paged-1', 'paged-2', 'paged-3', 'paged-4'])
})

test('a key is shown in the answer that made it and in no other', async () => {
  await control.consumers.applications.create({ id: 'keyed', name: 'Keyed', organisation: 'shop' }, admin)
  const made = await call('POST', '/api/v1/credentials', { body: { application: 'keyed', kind: 'key' } })
  const secret = (made.json.secret as string).split('.')[1]!
  const path = `/api/v1/credentials/${made.json.credential.id}`
  for (const other of [path, '/api/v1/credentials?application=keyed', '/api/v1/applications/keyed', '/api/v1/audit?limit=200', '/api/v1/records']) expect((await call('GET', other)).text).not.toContain(secret)
  const next = await call('POST', `${path}/rotate`, { body: { oldEndsInMs: 60_000 }, headers: { 'if-match': made.headers.get('etag')! } })
  expect(next.json.secret).toMatch(/^slk_[\w-]{12}\.[\w-]{43}$/)
  expect((await call('POST', '/api/v1/credentials', { body: { application: 'keyed', kind: 'key' } })).json).toMatchObject({ status: 409, code: 'credential.two_live' })
})

test('records go out as YAML and in again, tried before they are applied', async () => {
  const yaml = await call('GET', '/api/v1/records')
  expect(yaml.headers.get('content-type')).toBe('application/yaml; charset=utf-8')
  const body = yaml.text.replace('applications:', 'applications:\n  - {id: by-yaml, name: By YAML, organisation: shop}')
  expect((await call('POST', '/api/v1/records?dryRun=true', { body })).json).toMatchObject({ dryRun: true, changes: [{ kind: 'applications', id: 'by-yaml', change: 'add' }] })
  expect((await call('GET', '/api/v1/applications/by-yaml')).status).toBe(404)
  expect((await call('POST', '/api/v1/records', { body })).json.changes.length).toBe(1)
  expect((await call('GET', '/api/v1/applications/by-yaml')).status).toBe(200)
  expect((await call('POST', '/api/v1/records', { body: body.replace('By YAML', 'X').replace('organisation: shop}', 'organisation: nowhere}') })).json.problems[0].pointer).toBe('/applications/0/organisation')
})

test('the audit log says who did it from where, and verifies', async () => {
  await call('POST', '/api/v1/plans', { role: 'publisher', body: { id: 'audited', name: 'Audited' } })
  const { json } = await call('GET', '/api/v1/audit?subject=plans%2Faudited', { role: 'auditor' })
  expect(json.items).toMatchObject([{ user: 'the-publisher', action: 'plans.create', from: '192.0.2.9', after: { id: 'audited' } }])
  expect((await call('GET', '/api/v1/audit/verify')).json).toMatchObject({ ok: true })
})

test('the published description is OpenAPI 3.1 whose references and schemas hold, and answers are as it says', async () => {
  const { json: document } = await call('GET', '/api/v1/openapi.json')
  expect(document.openapi).toBe('3.1.1')
  const resolve = (pointer: string) => pointer.slice(2).split('/').reduce((at: any, part) => at?.[part], document)
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, pointer]) => pointer!)
  expect(references.filter((pointer) => resolve(pointer) === undefined)).toEqual([])
  const operations = Object.values(document.paths as Record<string, Record<string, { operationId: string }>>).flatMap((path) => Object.values(path).map(({ operationId }) => operationId))
  expect(new Set(operations).size).toBe(operations.length)
  expect(operations.length).toBe(endpoints.length + 1)
  const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } })
  ajv.addSchema(document, 'document')
  const problems: string[] = []
  for (const endpoint of endpoints.filter(({ method, answer }) => method === 'GET' && typeof answer === 'object')) {
    const { id } = await prepare(endpoint)
    const { json } = await call('GET', endpoint.path.replace(':id', encodeURIComponent(id)))
    const at = `document#/paths/${endpoint.path.replace(':id', '{id}').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')}/get/responses/200/content/application~1json/schema`
    const validate = ajv.getSchema(at)
    if (!validate) problems.push(`${endpoint.path}: no schema`)
    else if (!validate(json)) problems.push(`${endpoint.path}: ${ajv.errorsText(validate.errors)}`)
  }
  expect(problems).toEqual([])
})
