import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { Api, ClientSnapshot } from '../../runtime/core/access/clients.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { estate, flow, type FlowBuilder } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { pacedLoad } from '../kit/paced-load.ts'

const hash = createHash('sha256').update('s3cret-of-a-test').digest('base64url')
const key = { 'x-api-key': 'pk.s3cret-of-a-test' }
const of = (organisation: string) => ({ env: [{ name: 'SLUICE_ORGANISATION', value: organisation, type: 'str' }] })
const byKey = { methods: [{ kind: 'key header', name: 'x-api-key' }] }
const record = (more: Partial<Api> = {}): Api => ({ id: 'orders', name: 'Orders', organisation: 'shop', flow: 'orders', lifecycle: 'PUBLISHED', visibility: 'organisation', ...more })

const callers = (apis: readonly Api[], version = 1): ClientSnapshot => ({
  version,
  applications: [{
    id: 'web', name: 'Web', organisation: 'shop', active: true, rules: {},
    credentials: [{ kind: 'key', prefix: 'pk', hash, environment: 'production', active: true }],
    subscriptions: [{ api: 'orders', plan: 'gold', state: 'approved' }],
  }],
  plans: [{ id: 'gold', name: 'Gold', quotas: [], priority: 2 }],
  apis,
})

const api = (id: string, organisation = 'shop') => flow(id, of(organisation)).httpIn('GET', `/${id}`).fn('msg.payload = { at: msg.at || [], who: msg.client ? msg.client.application + "/" + msg.client.plan : null }\nreturn msg').httpResponse()
const begin = (id: string, config: object = {}) => flow(id, of('shop')).line().node('global policy', { when: 'before', order: 0, paths: [], methods: [], ...config })
const end = (policy: FlowBuilder) => policy.node('link out', { mode: 'return', links: [] }, 0)
const protecting = () => end(begin('door').node('auth', byKey, 2))
const noting = (mark: string, config: object = {}) => end(begin(`note-${mark}`, config).fn(`msg.at = (msg.at || []).concat(${JSON.stringify(mark)})\nreturn msg`))
const stamping = () => end(begin('stamp', { when: 'after' }).fn('msg.headers = { ...msg.headers, "x-stamped": "yes" }\nreturn msg'))

let gateway: TestGateway
afterEach(() => gateway?.close())

async function start(nodes: readonly EditorNode[], apis: readonly Api[] = [], settings: Record<string, string> = {}) {
  gateway = await startGateway({ nodes, settings })
  gateway.gateway.clients.replace(callers(apis))
}
async function get(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(gateway.url + path, { headers })
  return { status: response.status, headers: response.headers, body: (await response.json().catch(() => undefined)) as Record<string, unknown> & { code?: string } }
}

describe('an auth node in a global policy', () => {
  test('protects every API of the organisation, each by its own record, and they know who calls', async () => {
    await start(estate(protecting(), api('orders'), api('parcels'), api('news', 'press')), [record(), record({ id: 'parcels', flow: 'parcels' })])
    expect(await get('/orders')).toMatchObject({ status: 401, body: { code: 'auth.missing' } })
    expect((await get('/orders', key)).body).toEqual({ at: [], who: 'web/gold' })
    // The subscription that is asked for is that of the API, not of the policy's tab.
    expect(await get('/parcels', key)).toMatchObject({ status: 403, body: { code: 'auth.not_subscribed' } })
    expect((await get('/news')).body).toEqual({ at: [], who: null })
  })

  test('takes away the warning about public routes, and comes back with it', async () => {
    await start(estate(protecting(), api('orders')))
    const prepared = async (nodes: EditorNode[]) => {
      const result = await gateway.deploy(nodes)
      return result.ok ? result.prepared.warnings.map(({ code, flow: on }) => `${code} ${on}`) : result.problems
    }
    expect(await prepared(estate(protecting(), api('orders')))).toEqual([])
    expect(await prepared(estate(api('orders')))).toEqual(['route.public orders'])
  })
})

test('policies before and after go round each API in their order; the log has the run as the API’s', async () => {
  await start(estate(noting('second', { order: 2 }), noting('first', { order: 1 }), stamping(), api('orders')))
  const answer = await get('/orders')
  expect(answer.body.at).toEqual(['first', 'second'])
  expect(answer.headers.get('x-stamped')).toBe('yes')
  expect(gateway.lines().filter(({ route }) => route === '/orders')).toMatchObject([{ flow: 'orders', status: 200 }])
})

test('a policy answers in the place of the APIs', async () => {
  await start(estate(begin('closed').node('respond', { status: '503', statusType: 'num', headers: [], body: '{"closed":true}', bodyType: 'json' }, 0), api('orders')))
  expect(await get('/orders')).toMatchObject({ status: 503, body: { closed: true } })
  expect(gateway.lines().filter(({ level }) => level === 'error')).toMatchObject([{ flow: 'orders', status: 503 }])
  expect(gateway.lines().some(({ fault: code }) => code !== undefined)).toBe(false)
})

test('a policy that is deployed, changed and taken away under load loses no request', async () => {
  const plain = estate(api('orders'))
  await start(plain)
  const load = pacedLoad({ port: gateway.port, path: '/orders', perSecond: 300, seconds: 3 })
  for (let round = 0; round < 8; round++) {
    const nodes = [estate(noting('a'), api('orders')), estate(noting('b'), stamping(), api('orders')), plain][round % 3] as EditorNode[]
    expect(await gateway.deploy(nodes)).toMatchObject({ ok: true })
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  const { sent, outcomes } = await load
  expect(outcomes).toEqual({ 200: sent })
})

describe('a route that asks nobody who calls', () => {
  test('is public without a record, and refused as soon as its record says that it is not, whatever the state of its life', async () => {
    await start(estate(api('orders')))
    expect((await get('/orders')).status).toBe(200)
    let version = 1
    for (const lifecycle of ['PROTOTYPED', 'PUBLISHED', 'DEPRECATED'] as const) {
      for (const visibility of ['organisation', 'roles'] as const) {
        gateway.gateway.clients.apply({ version: ++version, apis: { orders: record({ lifecycle, visibility }) } })
        const refused = await get('/orders', key)
        expect(refused, `${lifecycle} ${visibility}`).toMatchObject({ status: 401, body: { code: 'auth.required' } })
        expect(refused.headers.get('www-authenticate')).not.toBeNull()
        expect(refused.headers.get('content-type')).toContain('application/problem+json')
      }
      gateway.gateway.clients.apply({ version: ++version, apis: { orders: record({ lifecycle, visibility: 'public' }) } })
      expect((await get('/orders')).status, lifecycle).toBe(200)
    }
    gateway.gateway.clients.apply({ version: ++version, apis: { orders: record({ lifecycle: 'BLOCKED' }) } })
    expect((await get('/orders')).status).toBe(503)
    gateway.gateway.clients.apply({ version: ++version, apis: { orders: null } })
    expect((await get('/orders')).status).toBe(200)
  })

  test('is refused with the remedy in the log, and with nothing of it for the caller', async () => {
    await start(estate(api('orders')), [record()])
    const { body } = await get('/orders')
    expect(JSON.stringify(body)).not.toContain('auth node')
    const line = gateway.lines().find(({ code }) => code === 'auth.required')
    expect(line).toMatchObject({ checks: [{ passed: false, api: 'orders', visibility: 'organisation', remedy: expect.stringContaining('auth node') }] })
  })

  test('beside one that asks is refused alone', async () => {
    const both = flow('orders', of('shop')).httpIn('GET', '/orders').node('auth', byKey, 2).fn('msg.payload = { who: msg.client.application }\nreturn msg').httpResponse().as('answer').httpIn('GET', '/side').to('answer')
    await start(estate(both), [record()])
    expect((await get('/orders', key)).body).toEqual({ who: 'web' })
    expect(await get('/side', key)).toMatchObject({ status: 401, body: { code: 'auth.required' } })
  })

  test('answers nobody where the setting forbids public routes, whatever its record says', async () => {
    await start(estate(api('orders'), protecting(), api('parcels'), api('news', 'press')), [record({ id: 'news', flow: 'news', visibility: 'public' })], { SLUICE_PUBLIC_ROUTES: 'forbid' })
    expect(await get('/news')).toMatchObject({ status: 401, body: { code: 'auth.required' } })
    expect((await get('/parcels', key)).status).toBe(200)
  })
})
