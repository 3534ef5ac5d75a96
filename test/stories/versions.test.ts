import { createHash, createHmac, randomBytes } from 'node:crypto'
import { request, type IncomingMessage } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Api, Application, ClientCredential } from '../../runtime/core/access/clients.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { clientSecretPurpose, seal } from '../../runtime/core/secrets/seal.ts'
import { fakeClock } from '../kit/fake-clock.ts'
import { estate, flow, set } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

const secret = `s3cret-${randomBytes(12).toString('hex')}`
const sealKey = randomBytes(32)
const keyHash = createHash('sha256').update(secret).digest('base64url')
const live = { environment: 'production', active: true } as const
const clock = fakeClock(Date.UTC(2026, 5, 1))

const versionOf = (version: string) => ({ env: [{ name: 'SLUICE_API_VERSION', value: version, type: 'str' }] })
const tab = (id: string, version?: string) => flow(id, version === undefined ? {} : versionOf(version))
const says = (id: string, path: string, version?: string) => tab(id, version).httpIn('GET', path).change(set('payload', id)).httpResponse()

let gateway: TestGateway
let token: (client: string) => Promise<string>
let nodes: EditorNode[]
let records = 1

const api = (flowId: string, more: Partial<Api> = {}): Api => ({ id: flowId, name: flowId, organisation: 'acme', flow: flowId, lifecycle: 'PUBLISHED', visibility: 'public', ...more })
const credentials: readonly ClientCredential[] = [
  { kind: 'key', prefix: 'pk', hash: keyHash, ...live },
  { kind: 'hmac', id: 'h1', sealed: seal(sealKey, secret, clientSecretPurpose), ...live },
  { kind: 'jwt', issuer: 'https://issuer.example', subject: 'client-1', ...live },
  { kind: 'basic', name: 'shop', verifier: 'scrypt$1024$8$1$AAAA$AAAA', ...live },
]
const application = (pins?: Readonly<Record<string, string>>, more: Partial<Application> = {}): Application => ({
  id: 'app', name: 'App', organisation: 'acme', active: true, rules: {}, credentials, subscriptions: [{ api: 'guarded-1', plan: 'gold', state: 'approved' }], ...(pins ? { pins } : {}), ...more,
})

/** What control says from now on. */
function know(apis: readonly Api[], applications: readonly Application[] = []): void {
  gateway.gateway.clients.replace({ version: ++records, applications, plans: [{ id: 'gold', name: 'Gold', quotas: [], priority: 2 }], apis })
}

beforeAll(async () => {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig' }
  token = (client) => new SignJWT({ client_id: client, sub: 'ann' }).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).setIssuer('https://issuer.example').setAudience('api').setExpirationTime(Math.floor(clock.now() / 1000) + 300).sign(privateKey)
  const door = {
    methods: [{ kind: 'key header', name: 'X-Api-Key' }, { kind: 'key query', name: 'apikey' }, { kind: 'basic' }, { kind: 'jwt' }, { kind: 'signature' }, { kind: 'sign code' }],
    issuers: [{ issuer: 'https://issuer.example', audience: 'api', algorithms: 'RS256', jwks: JSON.stringify({ keys: [jwk] }) }],
  }
  const guarded = (id: string, version: string) => tab(id, version).httpIn('GET', '/guarded').node('auth', door, 2).change(set('payload', id)).httpResponse()
  nodes = estate(
    says('orders-1', '/orders', 'v1'), says('orders-2', '/orders', 'v2'), says('orders-10', '/Orders/', 'v10'),
    says('plain', '/mixed'), says('mixed-2', '/mixed', 'v2'),
    says('wide-1', '/wide/:id', 'v1'), says('narrow-2', '/wide/search', 'v2'),
    guarded('guarded-1', 'v1'), guarded('guarded-2', 'v2'),
    says('path-1', '/v1/items/:id'), says('path-2', '/v2/items/:key'),
    says('bare', '/bare'),
    tab('small').httpIn('POST', '/small').change(set('payload', 'small')).httpResponse(),
  )
  gateway = await startGateway({ nodes, clock })
  gateway.gateway.clients.setKey(sealKey)
})
afterAll(() => gateway?.close())
beforeEach(() => know([]))

const get = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(gateway.url + path, { headers })
  const text = await response.text()
  return { status: response.status, body: text, headers: response.headers, version: response.headers.get('api-version'), vary: response.headers.get('vary') }
}

/** Who guesses is answered late: time has to pass for it. */
const getLate = async (path: string, headers: Record<string, string>) => {
  let answer: Awaited<ReturnType<typeof get>> | undefined
  const asked = get(path, headers).then((got) => (answer = got))
  while (!answer) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    // In small steps: a password is checked in real time, and the deadline of the call goes by this clock.
    await clock.advance(40)
  }
  return await asked
}

describe('a version asked for by header', () => {
  test('is the one that answers, whatever the case, and the answer says so', async () => {
    for (const [asked, id] of [['v1', 'orders-1'], ['V2', 'orders-2'], [' v10 ', 'orders-10']] as const) {
      expect(await get('/orders', { 'api-version': asked })).toMatchObject({ status: 200, body: id, version: id.replace('orders-', 'v'), vary: 'API-Version' })
    }
  })

  test('that is not there is refused as 400 with those that are offered', async () => {
    know([api('orders-1', { lifecycle: 'RETIRED' }), api('orders-2', { lifecycle: 'DEPRECATED' })])
    const answer = await get('/orders', { 'api-version': 'v3' })
    expect(answer).toMatchObject({ status: 400, vary: 'API-Version' })
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'route.version', versions: ['v10', 'v2'], header: 'API-Version' })
    expect((await get('/orders', { 'api-version': 'v1, v2' })).status).toBe(400)
  })

  test('is found under its own pattern where another version has a closer one', async () => {
    expect((await get('/wide/search')).body).toBe('narrow-2')
    expect(await get('/wide/search', { 'api-version': 'v1' })).toMatchObject({ status: 200, body: 'wide-1', version: 'v1' })
    expect((await get('/wide/search', { 'api-version': 'v9' })).status).toBe(400)
  })

  test('means nothing where there are no versions', async () => {
    expect(await get('/bare', { 'api-version': 'v7' })).toMatchObject({ status: 200, body: 'bare', version: null, vary: null })
  })

  test('that is blocked, retired or not published is refused as that, not passed over', async () => {
    for (const [lifecycle, status] of [['BLOCKED', 503], ['RETIRED', 410], ['CREATED', 404]] as const) {
      know([api('orders-2', { lifecycle })])
      expect(await get('/orders', { 'api-version': 'v2' }), lifecycle).toMatchObject({ status, version: 'v2' })
    }
  })
})

describe('who asks for no version', () => {
  test('gets the flow without one', async () => {
    expect(await get('/mixed')).toMatchObject({ body: 'plain', version: null, vary: 'API-Version' })
    expect((await get('/mixed', { 'api-version': 'v2' })).body).toBe('mixed-2')
  })

  test('else the highest that is offered; what is to end only when nothing else is there', async () => {
    expect((await get('/orders')).body).toBe('orders-10')
    know([api('orders-10', { lifecycle: 'CREATED' })])
    expect((await get('/orders')).body).toBe('orders-2')
    know([api('orders-10', { lifecycle: 'BLOCKED' }), api('orders-2', { lifecycle: 'DEPRECATED' }), api('orders-1', { lifecycle: 'PROTOTYPED' })])
    expect((await get('/orders')).body).toBe('orders-1')
    know([api('orders-10', { lifecycle: 'BLOCKED' }), api('orders-2', { lifecycle: 'DEPRECATED' }), api('orders-1', { lifecycle: 'RETIRED' })])
    expect((await get('/orders')).body).toBe('orders-2')
    know(['orders-1', 'orders-2', 'orders-10'].map((id) => api(id, { lifecycle: 'RETIRED' })))
    expect(await get('/orders')).toMatchObject({ status: 410, version: 'v10' })
  })

  test('gets another version from the very request after a move', async () => {
    know([api('orders-10')])
    expect((await get('/orders')).body).toBe('orders-10')
    gateway.gateway.clients.apply({ version: ++records, apis: { 'orders-10': api('orders-10', { lifecycle: 'DEPRECATED' }) } })
    expect((await get('/orders')).body).toBe('orders-2')
    gateway.gateway.clients.apply({ version: ++records, apis: { 'orders-10': null } })
    expect((await get('/orders')).body).toBe('orders-10')
  })
})

describe('an application that is held to a version', () => {
  const guardedApis = [api('guarded-1', { family: 'guarded', version: 'v1' }), api('guarded-2', { family: 'guarded', version: 'v2' })]
  const subscriptions = ['guarded-1', 'guarded-2'].map((id) => ({ api: id, plan: 'gold', state: 'approved' as const }))
  const signCode = () => {
    const [timestamp, nonce] = [String(Math.floor(clock.now() / 1000)), randomBytes(8).toString('hex')]
    const text = ['GET', '/guarded', '', createHash('sha256').update('').digest('hex'), timestamp, nonce].join('\n')
    return { 'x-client-id': 'h1', 'x-timestamp': timestamp, 'x-nonce': nonce, 'x-sign-code': createHmac('sha256', secret).update(text).digest('hex') }
  }
  const signature = () => {
    const params = `("@method" "@path");created=${Math.floor(clock.now() / 1000)};nonce="${randomBytes(8).toString('hex')}";keyid="h1"`
    const base = `"@method": GET\n"@path": /guarded\n"@signature-params": ${params}`
    return { 'signature-input': `sig=${params}`, signature: `sig=:${createHmac('sha256', secret).update(base).digest('base64')}:` }
  }
  const ways: readonly (readonly [string, () => Promise<[path: string, headers: Record<string, string>]>])[] = [
    ['key in a header', async () => ['/guarded', { 'x-api-key': `pk.${secret}` }]],
    ['key in the query', async () => [`/guarded?apikey=pk.${secret}`, {}]],
    ['token', async () => ['/guarded', { authorization: `Bearer ${await token('client-1')}` }]],
    ['signature', async () => ['/guarded', signature()]],
    ['sign code', async () => ['/guarded', signCode()]],
  ]

  test.each(ways)('gets it, known by a %s; without the pin it gets the newest', async (_way, make) => {
    know(guardedApis, [application({ guarded: 'V1' }, { subscriptions })])
    expect(await get(...(await make()))).toMatchObject({ status: 200, body: 'guarded-1', version: 'v1' })
    know(guardedApis, [application(undefined, { subscriptions })])
    expect(await get(...(await make()))).toMatchObject({ status: 200, body: 'guarded-2', version: 'v2' })
    know(guardedApis, [application({ guarded: 'v1' }, { subscriptions })])
    const [path, headers] = await make()
    expect((await get(path, { ...headers, 'API-Version': 'v2' })).body, 'what is asked for goes first').toBe('guarded-2')
  })

  test('is known by its Basic name too, and its password is asked for by the version that was chosen', async () => {
    know(guardedApis, [application({ guarded: 'v1' }, { subscriptions })])
    expect(await getLate('/guarded', { authorization: `Basic ${Buffer.from('shop:wrong').toString('base64')}` })).toMatchObject({ status: 401, version: 'v1' })
  })

  test('is somebody else’s to claim in vain: the version chosen asks for the proof', async () => {
    know(guardedApis, [application({ guarded: 'v1' }, { subscriptions })])
    const forged = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ iss: 'https://issuer.example', client_id: 'client-1' })).toString('base64url')}.`
    for (const headers of [{ 'x-api-key': 'pk.wrong' }, { authorization: `Bearer ${forged}` }] as Record<string, string>[]) {
      expect(await getLate('/guarded', headers)).toMatchObject({ status: 401, version: 'v1' })
    }
    for (const headers of [{ 'x-api-key': '' }, { authorization: 'Bearer a.b.c' }, { authorization: 'Basic !!!' }, { 'signature-input': 'sig=();keyid="nobody"' }, { 'x-client-id': 'nobody' }] as Record<string, string>[]) {
      expect(await getLate('/guarded', headers), JSON.stringify(headers)).toMatchObject({ status: 401, version: 'v2' })
    }
  })

  test('is known also where a global policy asks who calls, or another tab', async () => {
    const env = (version: string) => ({ env: [...versionOf(version).env, { name: 'SLUICE_ORGANISATION', value: 'acme', type: 'str' }] })
    const byKey = { methods: [{ kind: 'key header', name: 'x-api-key' }] }
    const door = flow('door', { env: env('v1').env.slice(1) }).line().node('global policy', { when: 'before', order: 0, paths: [], methods: [] }).node('auth', byKey, 2).node('link out', { mode: 'return', links: [] }, 0)
    const kept = (id: string, version: string) => flow(id, env(version)).httpIn('GET', '/kept').change(set('payload', id)).httpResponse()
    const asked = flow('asked').line().node('link in', { links: [] }).as('asked-in').node('auth', byKey, 2).node('link out', { mode: 'return', links: [] }, 0)
    const asking = (id: string, version: string) => tab(id, version).httpIn('GET', '/asking').node('link call', { links: ['asked-in'], linkType: 'static', timeout: '5' }).change(set('payload', id)).httpResponse()
    const result = await gateway.deploy(estate(door, kept('kept-1', 'v1'), kept('kept-2', 'v2'), asked, asking('asking-1', 'v1'), asking('asking-2', 'v2')))
    expect(result).toMatchObject({ ok: true })
    const apis = ['kept', 'asking'].flatMap((family) => ['1', '2'].map((one) => api(`${family}-${one}`, { family, version: `v${one}` })))
    const mine = apis.map(({ id }) => ({ api: id, plan: 'gold', state: 'approved' as const }))
    for (const path of ['kept', 'asking']) {
      know(apis, [application({ [path]: 'v1' }, { subscriptions: mine })])
      expect(await get(`/${path}`, { 'x-api-key': `pk.${secret}` }), path).toMatchObject({ status: 200, body: `${path}-1` })
      know(apis, [application(undefined, { subscriptions: mine })])
      expect(await get(`/${path}`, { 'x-api-key': `pk.${secret}` }), path).toMatchObject({ status: 200, body: `${path}-2` })
    }
    await gateway.deploy(nodes)
  })

  test('gets what everybody gets where its version is not served, and caches are told what was looked at', async () => {
    know(guardedApis, [application({ guarded: 'v7', other: 'v1' }, { subscriptions })])
    const answer = await get('/guarded', { 'x-api-key': `pk.${secret}` })
    expect(answer).toMatchObject({ status: 200, body: 'guarded-2' })
    expect(answer.vary).toBe('API-Version, x-api-key, Authorization, Signature-Input, X-Client-Id')
  })
})

describe('an API that is to end', () => {
  const deprecatedAt = '2026-05-01T00:00:00.500Z'
  const sunset = '2026-06-03T00:00:00Z'

  test('says so with every answer, refusals included, and nothing else does', async () => {
    know([api('path-1', { lifecycle: 'DEPRECATED', deprecatedAt, sunset: '2027-01-01T00:00:00Z' }), api('small', { deprecatedAt }), api('path-2')])
    const answer = await get('/v1/items/7')
    expect(answer).toMatchObject({ status: 200, body: 'path-1' })
    expect(answer.headers.get('deprecation')).toBe(`@${Date.UTC(2026, 4, 1) / 1000}`)
    expect(answer.headers.get('sunset')).toBe('Fri, 01 Jan 2027 00:00:00 GMT')
    expect(answer.headers.get('link')).toBeNull()
    // Turned away by its announced length, before any run began.
    const tooLarge = await new Promise<IncomingMessage>((done, fail) => {
      const asked = request(`${gateway.url}/small`, { method: 'POST', headers: { 'content-length': 7_000_000 } }, done).once('error', fail)
      asked.flushHeaders()
    })
    tooLarge.destroy()
    expect([tooLarge.statusCode, tooLarge.headers['deprecation']]).toEqual([413, `@${Date.UTC(2026, 4, 1) / 1000}`])
    for (const path of ['/v2/items/7', '/bare']) expect((await get(path)).headers.get('deprecation'), path).toBeNull()
  })

  test('leads to the same thing in the newest version whose address says the version', async () => {
    const old = api('path-1', { family: 'items', version: 'v1', lifecycle: 'DEPRECATED', deprecatedAt })
    know([old, api('path-2', { family: 'items', version: 'v2' })])
    expect((await get('/v1/items/a%20b?x=1')).headers.get('link')).toBe('</v2/items/a%20b>; rel="successor-version"')
    know([old, api('path-2', { family: 'items', version: 'v2', lifecycle: 'BLOCKED' })])
    expect((await get('/v1/items/7')).headers.get('link')).toBeNull()
    // Versions by header have one address: there is nowhere to lead to.
    know([api('orders-1', { family: 'orders', version: 'v1', deprecatedAt }), api('orders-2', { family: 'orders', version: 'v2' })])
    expect((await get('/orders', { 'api-version': 'v1' })).headers.get('link')).toBeNull()
  })

  test('ends at its second, by the clock of the gateway, without a deploy and where nothing asks who calls', async () => {
    know([api('path-1', { sunset }), api('orders-10', { sunset })])
    await clock.advance(Date.parse(sunset) - clock.now() - 1)
    expect((await get('/v1/items/7')).status).toBe(200)
    expect((await get('/orders')).body).toBe('orders-10')
    await clock.advance(1)
    const ended = await get('/v1/items/7')
    expect(ended.status).toBe(410)
    expect(ended.headers.get('sunset')).toBe('Wed, 03 Jun 2026 00:00:00 GMT')
    expect(JSON.parse(ended.body)).toMatchObject({ code: 'api.sunset' })
    expect((await get('/orders')).body, 'nobody is led to it any more').toBe('orders-2')
    expect((await get('/orders', { 'api-version': 'v10' })).status).toBe(410)
    know([api('path-1', { sunset: '2099-01-01T00:00:00Z' })])
    expect((await get('/v1/items/7')).status).toBe(200)
  })
})

test('a preflight is answered by the rules of the usual version', async () => {
  const open = (id: string, version: string, origin: string) => tab(id, version).httpIn('GET', '/cross', { cors: { origins: [origin], headers: ['api-version'] } }).httpResponse()
  expect(await gateway.deploy(estate(open('cross-1', 'v1', 'https://one.example'), open('cross-2', 'v2', 'https://two.example')))).toMatchObject({ ok: true })
  const preflight = async () => (await fetch(`${gateway.url}/cross`, { method: 'OPTIONS', headers: { origin: 'https://one.example', 'access-control-request-method': 'GET', 'access-control-request-headers': 'api-version' } })).headers.get('access-control-allow-origin')
  expect(await preflight()).toBeNull()
  know([api('cross-2', { lifecycle: 'BLOCKED' })])
  expect(await preflight()).toBe('https://one.example')
  await gateway.deploy(nodes)
})

describe('a deploy', () => {
  test('that adds a version under load fails no request and mixes none', async () => {
    const calls: { body: string; status: number; version: string | null }[] = []
    let going = true
    const run = async (headers: Record<string, string>, allowed: readonly string[]) => {
      while (going) {
        const { body, status, version } = await get('/orders', headers)
        calls.push({ body, status, version })
        expect(allowed).toContain(body)
      }
    }
    const running = [run({ 'api-version': 'v1' }, ['orders-1']), run({ 'api-version': 'v1' }, ['orders-1']), run({}, ['orders-10', 'orders-11']), run({ 'api-version': 'v2' }, ['orders-2'])]
    for (let round = 0; round < 5; round++) {
      expect(await gateway.deploy([...nodes, ...says('orders-11', '/orders', 'v11').nodes()])).toMatchObject({ ok: true })
      expect((await get('/orders')).body).toBe('orders-11')
      expect(await gateway.deploy(nodes)).toMatchObject({ ok: true })
      expect(await get('/orders', { 'api-version': 'v11' })).toMatchObject({ status: 400 })
    }
    going = false
    await Promise.all(running)
    expect(calls.filter(({ status }) => status !== 200)).toEqual([])
    expect(calls.filter(({ body, version }) => body.replace('orders-', 'v') !== version)).toEqual([])
  })

  test('of the same route twice is refused unless the versions differ', async () => {
    for (const [first, second] of [['v1', 'V1'], [undefined, undefined]] as const) {
      const result = await gateway.deploy(estate(says('a', '/twice/:x', first), says('b', '/Twice/:y/', second)))
      expect(result).toMatchObject({ ok: false, problems: [{ code: 'route.duplicate', node: 'b.1', flow: 'b' }] })
    }
    expect(await gateway.deploy(estate(says('a', '/twice/:x', 'v1'), says('b', '/Twice/:y/', 'v2'), says('c', '/twice/:z')))).toMatchObject({ ok: true })
    await gateway.deploy(nodes)
  })

  test.each([['v 2', 'str'], ['-v2', 'str'], ['v2', 'jsonata'], ['a'.repeat(33), 'str'], [true, 'bool']])('with %j (%s) as a version is refused with the tab painted', async (value, type) => {
    const bad = flow('bad', { env: [{ name: 'SLUICE_API_VERSION', value, type }] }).httpIn('GET', '/bad').httpResponse()
    const result = await gateway.deploy([...nodes, ...bad.nodes()])
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'tab.version', flow: 'bad', property: 'env' }] })
  })
})
