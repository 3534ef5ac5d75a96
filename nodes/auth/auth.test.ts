import { createHash, createHmac, randomBytes, scryptSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createClients } from '../../runtime/clients/clients.ts'
import type { Api, Application, ClientCredential, ClientSnapshot, Plan, Subscription } from '../../runtime/core/access/clients.ts'
import { clientSecretPurpose, seal } from '../../runtime/core/secrets/seal.ts'
import { Body } from '../../runtime/core/http/body.ts'
import type { Upstream } from '../../runtime/core/upstream/upstream.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { Log } from '../../runtime/core/log.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { fakeUpstream, type FakeAnswer } from '../../test/kit/fake-upstream.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { auth } from './auth.ts'
import { toSignText } from './sign-code-method.ts'

const sealKey = randomBytes(32)
const secret = 'a-secret-that-nobody-may-see'
const live = { environment: 'production', active: true } as const
const digest = (text: string) => createHash('sha256').update(text).digest('base64url')
const key = (prefix = 'pk'): ClientCredential => ({ kind: 'key', prefix, hash: digest(secret), ...live })
const salt = Buffer.from('0123456789abcdef')
const basic: ClientCredential = { kind: 'basic', name: 'ann', verifier: ['scrypt', 16, 1, 1, salt.toString('base64url'), scryptSync(secret, salt, 32, { N: 16, r: 1, p: 1 }).toString('base64url')].join('$'), ...live }
const hmac: ClientCredential = { kind: 'hmac', id: 'h1', sealed: seal(sealKey, secret, clientSecretPurpose), ...live }

interface World {
  readonly application?: Partial<Application>
  readonly credentials?: readonly ClientCredential[]
  readonly plans?: readonly Plan[]
  readonly apis?: readonly Api[]
}

function snapshot({ application = {}, credentials = [key(), basic, hmac], plans = [], apis = [] }: World = {}, version = 1): ClientSnapshot {
  return { version, plans, apis, applications: [{ id: 'app-1', name: 'App', organisation: 'org-1', active: true, rules: {}, subscriptions: [], credentials, ...application }] }
}

/** A node in a world of records, and what its log says. */
async function start(config: object = {}, world: World = {}, options: NodeTestOptions = {}) {
  const clock = fakeClock(Date.UTC(2026, 0, 5, 12))
  const clients = createClients({ clock })
  clients.setKey(sealKey)
  clients.replace(snapshot(world))
  const lines: string[] = []
  const log = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, (facts: object, text: string) => void lines.push(`${text} ${JSON.stringify(facts)}`)])) as unknown as Log
  const node = await testNode(auth, config, { clock, clients, state: createMemoryState({ clock }), wired: ['ok'], ...options })
  const call = (request: Partial<RequestFacts>, message: object = {}, id?: string) => {
    const run = { ...fakeRun({ request: { ip: '192.0.2.1', ...request }, ...(id ? { id } : {}) }), log }
    return node.send({ req: run.request, payload: run.request?.query, ...message }, run)
  }
  return { node, clock, clients, call, lines, retake: (next: World, version = 2) => clients.replace(snapshot(next, version)) }
}

const withKey = (value = `pk.${secret}`) => ({ headers: { 'x-api-key': value } })

describe('an API key', () => {
  it('lets its application in and says who calls', async () => {
    const { call } = await start({}, { application: { rules: { clearance: 'high', attributes: { branch: '042' } } } })
    const [sent] = await call(withKey(), { topic: 't' })
    expect(sent).toMatchObject({ port: 'ok', message: { topic: 't' } })
    expect(sent?.message.client).toEqual({
      id: 'app-1', application: 'app-1', organisation: 'org-1', environment: 'production', priority: 5, scopes: [], clearance: 'high', attributes: { branch: '042' },
    })
  })

  it('is answered at once, without a promise', async () => {
    const { node } = await start()
    expect(node.sendNow({}, fakeRun({ request: withKey() }))).toMatchObject([{ port: 'ok' }])
  })

  it('travels in the query as well, and is gone behind the node', async () => {
    const { call } = await start({ methods: [{ kind: 'key query', name: 'apikey' }] })
    const [sent] = await call({ query: { apikey: `pk.${secret}`, q: '1' }, url: `/a?apikey=pk.${secret}&q=1`, originalUrl: `/a?apikey=pk.${secret}&q=1` })
    expect(sent?.message).toMatchObject({ payload: { q: '1' }, req: { query: { q: '1' }, url: '/a?q=1', originalUrl: '/a?q=1' } })
    expect(JSON.stringify(sent)).not.toContain(secret)
  })

  it('stays where it is only when the node says so', async () => {
    const { call } = await start({ hideCredential: false })
    expect(JSON.stringify(await call(withKey()))).toContain(secret)
  })

  it('that is unknown and one that is wrong are refused alike', async () => {
    const { call } = await start()
    const answers = await Promise.all(['pk.wrong', 'nobody.wrong', 'nothing', '.', 'x'.repeat(600)].map((value, i) => call({ ip: `192.0.2.${i}`, ...withKey(value) }).catch((error: unknown) => error)))
    for (const answer of answers) {
      expect(answer).toMatchObject({ code: 'auth.invalid_key', status: 401, message: 'The API key is not valid.', facts: { decision: expect.stringMatching(/^run-1/) } })
      expect((answer as { headers: object }).headers).toEqual((answers[0] as { headers: object }).headers)
    }
  })

  it('missing is told what to send', async () => {
    const { call } = await start({ realm: 'a "b"', methods: [{ kind: 'key header', name: 'X-API-Key' }, { kind: 'basic' }, { kind: 'signature' }] })
    await expect(call({})).rejects.toMatchObject({
      code: 'auth.missing', status: 401,
      headers: { 'WWW-Authenticate': 'ApiKey realm="a \\"b\\"", in="header", name="x-api-key", Basic realm="a \\"b\\"", charset="UTF-8", Signature realm="a \\"b\\"", algs="hmac-sha256 rsa-pss-sha512 rsa-v1_5-sha256 ecdsa-p256-sha256 ecdsa-p384-sha384 ed25519"' },
    })
  })

  it('that was taken back is refused with the next request; so are one that expired and its application', async () => {
    const { call, retake } = await start()
    expect(await call(withKey())).toMatchObject([{ port: 'ok' }])
    retake({ credentials: [{ ...key(), active: false }] }, 2)
    await expect(call(withKey())).rejects.toMatchObject({ code: 'auth.revoked', status: 401 })
    retake({ credentials: [{ ...key(), expiresAt: '2026-01-05T11:59:59Z' }] }, 3)
    await expect(call(withKey())).rejects.toMatchObject({ code: 'auth.expired' })
    retake({ application: { active: false } }, 4)
    await expect(call(withKey())).rejects.toMatchObject({ code: 'client.disabled', status: 403 })
    retake({ credentials: [] }, 5)
    await expect(call(withKey())).rejects.toMatchObject({ code: 'auth.invalid_key' })
  })
})

describe('Basic', () => {
  const config = { methods: [{ kind: 'basic' }] }
  const login = (name: string, password: string) => ({ headers: { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` } })

  it('lets in a client that begins with many requests at once', async () => {
    const { call } = await start(config)
    const answers = await Promise.all(Array.from({ length: 100 }, () => call(login('ann', secret))))
    for (const answer of answers) expect(answer).toMatchObject([{ port: 'ok' }])
  })

  it('lets in who knows the password, and remembers it for a minute', async () => {
    const { call, node, clock } = await start(config)
    expect(await call(login('ann', secret))).toMatchObject([{ port: 'ok', message: { client: { id: 'app-1' } } }])
    expect(node.sendNow({}, fakeRun({ request: login('ann', secret) }))).toMatchObject([{ port: 'ok' }])
    await clock.advance(60_000)
    expect(() => node.sendNow({}, fakeRun({ request: login('ann', secret) }))).toThrow('promise')
  })

  it('forgets a password that was changed', async () => {
    const { call, retake } = await start(config)
    await call(login('ann', secret))
    retake({ credentials: [{ ...basic, verifier: ['scrypt', 16, 1, 1, salt.toString('base64url'), scryptSync('new', salt, 32, { N: 16, r: 1, p: 1 }).toString('base64url')].join('$') } as ClientCredential] })
    await expect(call(login('ann', secret))).rejects.toMatchObject({ code: 'auth.invalid_login' })
    expect(await call(login('ann', 'new'))).toMatchObject([{ port: 'ok' }])
  })

  it.each([['ann', 'wrong'], ['nobody', 'wrong'], ['', '']])('refuses %s alike', async (name, password) => {
    const { call } = await start(config)
    await expect(call(login(name, password))).rejects.toMatchObject({ code: 'auth.invalid_login', message: 'User name and password do not belong together.', headers: { 'WWW-Authenticate': 'Basic realm="api", charset="UTF-8"' } })
  })

  it.each([['nothing', 'Basic'], ['no base64', 'Basic %%%'], ['unpadded base64', 'Basic YQ'], ['no colon', 'Basic YWJj'], ['much too much', `Basic ${'A'.repeat(2000)}`]])('does not fall over %s', async (_what, authorization) => {
    const { call } = await start(config)
    await expect(call({ headers: { authorization } })).rejects.toMatchObject({ status: 401 })
  })
})

describe('a client certificate', () => {
  const config = { methods: [{ kind: 'certificate' }] }
  const fingerprint256 = 'AB:'.repeat(31) + 'AB'
  const shown = { clientCertificate: { subject: 'CN=x', fingerprint256, sans: ['DNS:client.example'] } }

  it('stands for a client by fingerprint or by name', async () => {
    for (const credential of [{ fingerprint: 'ab'.repeat(32) }, { san: 'DNS:client.example' }, { san: 'client.example' }]) {
      const { call } = await start(config, { credentials: [{ kind: 'certificate', ...credential, ...live }] })
      expect(await call(shown)).toMatchObject([{ port: 'ok', message: { client: { application: 'app-1' } } }])
    }
  })

  it('that no record knows is refused, and so is none', async () => {
    const { call } = await start(config, { credentials: [{ kind: 'certificate', san: 'DNS:other.example', ...live }] })
    await expect(call(shown)).rejects.toMatchObject({ code: 'auth.certificate', headers: { 'WWW-Authenticate': 'ClientCertificate realm="api"' } })
    await expect(call({})).rejects.toMatchObject({ code: 'auth.missing' })
  })
})

describe('any of several methods', () => {
  const methods = [{ kind: 'key header', name: 'x-api-key' }, { kind: 'basic' }, { kind: 'certificate' }]

  it('is enough, in the order drawn', async () => {
    const { call } = await start({ methods })
    const authorization = `Basic ${Buffer.from(`ann:${secret}`).toString('base64')}`
    expect(await call({ headers: { 'x-api-key': 'pk.wrong', authorization } })).toMatchObject([{ port: 'ok' }])
    await expect(call({ headers: { 'x-api-key': 'pk.wrong', authorization: 'Basic eDp5' } })).rejects.toMatchObject({ code: 'auth.invalid_key' })
  })

  it('hides whatever carries a secret, used or not', async () => {
    const { call } = await start({ methods })
    const [sent] = await call({ headers: { 'x-api-key': `pk.${secret}`, authorization: `Basic ${secret}`, accept: '*/*' } })
    expect(sent?.message.req).toMatchObject({ headers: { accept: '*/*' } })
    expect(JSON.stringify(sent)).not.toContain(secret)
  })
})

describe('what a client may', () => {
  it.each<[string, World, object]>([
    ['ip.denied', { application: { rules: { cidrs: ['10.0.0.0/8'] } } }, { status: 403 }],
    ['plan.not_yet_valid', { application: { rules: { validFrom: '2026-01-05T12:01:00Z' } } }, { headers: { 'Retry-After': '60' } }],
    ['plan.expired', { application: { rules: { validUntil: '2026-01-05T12:00:00Z' } } }, { status: 403 }],
    ['plan.hours', { application: { rules: { hours: { zone: 'UTC', windows: [{ days: [1], from: '13:00', to: '14:00' }] } } } }, { headers: { 'Retry-After': '3600' } }],
    ['client.rules', { application: { rules: { cidrs: ['nonsense'] } } }, { status: 403 }],
  ])('%s', async (code, world, more) => {
    const { call, lines } = await start({}, world)
    await expect(call(withKey())).rejects.toMatchObject({ code, facts: { decision: 'run-1' }, ...more })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"decision":"run-1"')
    expect(lines[0]).toContain('"passed":false')
    expect(lines[0]).not.toContain(secret)
  })

  it('is clearance, when the node asks for one', async () => {
    const { call } = await start({ clearances: ['high', 'top'] }, { application: { rules: { clearance: 'high' } } })
    expect(await call(withKey())).toMatchObject([{ port: 'ok' }])
    const other = await start({ clearances: ['top'] }, { application: { rules: { clearance: 'high' } } })
    await expect(other.call(withKey())).rejects.toMatchObject({ code: 'auth.clearance' })
  })
})

describe('an API with a record', () => {
  const api = (lifecycle: Api['lifecycle']): Api => ({ id: 'api-1', name: 'A', organisation: 'org-1', flow: 'flow-1', lifecycle, visibility: 'public' })
  const gold: Plan = { id: 'gold', name: 'Gold', quotas: [], priority: 1 }
  const silver: Plan = { id: 'silver', name: 'Silver', quotas: [], priority: 7 }
  const subscribed = (state: Subscription['state'] = 'approved', plan = 'silver'): World['application'] => ({ subscriptions: [{ api: 'api-1', plan, state }] })

  it.each<[Api['lifecycle'], World['application'], string]>([
    ['CREATED', subscribed(), 'api.not_published'],
    ['BLOCKED', subscribed(), 'api.blocked'],
    ['RETIRED', subscribed(), 'api.retired'],
    ['PUBLISHED', {}, 'auth.not_subscribed'],
    ['DEPRECATED', {}, 'auth.not_subscribed'],
    ['PUBLISHED', subscribed('pending'), 'auth.subscription_inactive'],
    ['PUBLISHED', subscribed('suspended'), 'auth.subscription_inactive'],
    ['PUBLISHED', subscribed('approved', 'gone'), 'auth.subscription_inactive'],
    ['PUBLISHED', { subscriptions: [{ api: 'api-2', plan: 'silver', state: 'approved' }] }, 'auth.not_subscribed'],
  ])('%s with %j answers %s', async (lifecycle, application, code) => {
    const { call } = await start({}, { application: application ?? {}, apis: [api(lifecycle)], plans: [gold, silver] })
    await expect(call(withKey())).rejects.toMatchObject({ code })
  })

  it.each<[Api['lifecycle'], World['application'], object]>([
    ['PUBLISHED', subscribed(), { plan: 'silver', priority: 7 }],
    ['DEPRECATED', subscribed(), { plan: 'silver', priority: 7 }],
    ['PROTOTYPED', {}, { priority: 5 }],
    ['PUBLISHED', { subscriptions: [{ api: 'api-1', plan: 'silver', state: 'approved' }, { api: 'api-1', plan: 'gold', state: 'approved' }] }, { plan: 'gold', priority: 1 }],
  ])('%s with %j lets in', async (lifecycle, application, client) => {
    const { call } = await start({}, { application: application ?? {}, apis: [api(lifecycle)], plans: [gold, silver] })
    expect(await call(withKey())).toMatchObject([{ port: 'ok', message: { client } }])
  })

  it('changes with the next request', async () => {
    const { call, retake } = await start({}, { application: subscribed() ?? {}, apis: [api('PUBLISHED')], plans: [silver] })
    expect(await call(withKey())).toMatchObject([{ port: 'ok' }])
    retake({ application: subscribed('suspended') ?? {}, apis: [api('PUBLISHED')], plans: [silver] })
    await expect(call(withKey())).rejects.toMatchObject({ code: 'auth.subscription_inactive' })
  })
})

describe('a gateway out of touch', () => {
  it('refuses everybody where the setting says so', async () => {
    const { clients } = await start()
    const stale = Object.create(clients, { fresh: { value: false } }) as typeof clients
    const { call } = await start({}, {}, { clients: stale })
    await expect(call(withKey())).rejects.toMatchObject({ code: 'auth.unavailable', status: 503, headers: { 'Retry-After': '10' } })
  })
})

describe('the refused output', () => {
  it('gets the reason, without secrets, when it is wired', async () => {
    const { call } = await start({}, {}, { wired: ['ok', 'refused'] })
    const [sent] = await call(withKey(`pk.not-${secret}`), { topic: 't' })
    expect(sent).toMatchObject({ port: 'refused', message: { topic: 't', error: { code: 'auth.invalid_key', status: 401, title: 'Invalid API key', facts: { decision: 'run-1' }, source: { type: 'auth' } } } })
    expect(sent?.message.client).toBeUndefined()
    expect(JSON.stringify(sent)).not.toContain(secret)
  })

  it('unwired makes a fault whose message for Catch nodes holds no secret either', async () => {
    const { call } = await start()
    const refusal = await call(withKey(`pk.not-${secret}`)).catch((error: unknown) => error as { shown: object })
    expect(JSON.stringify(refusal)).not.toContain(secret)
    expect(JSON.stringify((refusal as { shown: object }).shown)).not.toContain(secret)
  })

  it('is where a run goes that no request began', async () => {
    const { node } = await start()
    await expect(node.send({ payload: 'tick' }, fakeRun())).rejects.toMatchObject({ code: 'auth.missing' })
  })
})

describe('who guesses', () => {
  it('is answered later and later, while who knows is let in at once', async () => {
    const { call, node, clock } = await start()
    for (let i = 0; i < 3; i += 1) await expect(call(withKey('pk.wrong'))).rejects.toMatchObject({ code: 'auth.invalid_key' })
    const waits: number[] = []
    for (let i = 0; i < 3; i += 1) {
      const before = clock.elapsed()
      let answeredAt: number | undefined
      const asked = call(withKey('pk.wrong')).catch(() => (answeredAt = clock.elapsed()))
      await clock.advance(0)
      expect(answeredAt).toBeUndefined()
      expect(node.sendNow({}, fakeRun({ request: { ip: '192.0.2.1', ...withKey() } }))).toMatchObject([{ port: 'ok' }])
      await clock.advance(10_000)
      await asked
      waits.push((answeredAt as number) - before)
    }
    expect(waits).toEqual([250, 500, 1000])
    // Somebody else is not made to wait.
    await expect(call({ ip: '192.0.2.2', ...withKey('pk.wrong') })).rejects.toMatchObject({ code: 'auth.invalid_key' })
  })

  it('cannot have many answers kept waiting', async () => {
    const { call, clock } = await start()
    const answers: Promise<string>[] = []
    for (let i = 0; i < 40; i += 1) answers.push(call(withKey('pk.wrong')).then(() => 'ok', (error: { code: string }) => error.code))
    await clock.advance(10_000)
    const codes = await Promise.all(answers)
    expect(codes.filter((code) => code === 'auth.too_many_attempts')).toHaveLength(40 - 3 - 16)
    expect(clock.pending).toBe(0)
  })

  it('is forgotten after a while', async () => {
    const { call, clock } = await start()
    for (let i = 0; i < 3; i += 1) await call(withKey('pk.wrong')).catch(() => {})
    await clock.advance(15 * 60_000)
    await expect(call(withKey('pk.wrong'))).rejects.toMatchObject({ code: 'auth.invalid_key' })
  })
})

describe('a sign code', () => {
  const config = { methods: [{ kind: 'sign code' }], signedHeaders: ['X-Branch'] }
  const now = Date.UTC(2026, 0, 5, 12)
  const sign = (request: Partial<RequestFacts> = {}, made = now, nonce = randomBytes(8).toString('hex'), secretUsed = secret, encoding: 'hex' | 'base64' = 'hex'): Partial<RequestFacts> => {
    const facts = { method: 'POST', path: '/pay', url: '/pay?b=2&a=1', wireBody: Buffer.from('{"amount":1}'), ...request, headers: { 'x-branch': '042', ...request.headers } }
    const timestamp = String(Math.floor(made / 1000))
    const code = createHmac('sha256', secretUsed).update(toSignText(facts, ['x-branch'], timestamp, nonce)).digest(encoding)
    return { ...facts, headers: { ...facts.headers, 'x-client-id': 'h1', 'x-timestamp': timestamp, 'x-nonce': nonce, 'x-sign-code': code } }
  }

  it('is made of these lines', () => {
    expect(toSignText({ method: 'POST', path: '/pay', url: '/pay?b=2&a=1&a=0', headers: { 'x-branch': '042' }, wireBody: Buffer.from('abc') }, ['x-branch', 'x-none'], '1767614400', 'n1')).toBe(
      'POST\n/pay\na=1&a=0&b=2\nx-branch:042\nx-none:\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n1767614400\nn1')
  })

  it('lets in who signs, in hex or base64, whatever the order of the query', async () => {
    const { call } = await start(config)
    expect(await call(sign())).toMatchObject([{ port: 'ok', message: { client: { id: 'app-1' } } }])
    expect(await call({ ...sign({}, now, 'n2', secret, 'base64'), url: '/pay?a=1&b=2' })).toMatchObject([{ port: 'ok' }])
  })

  it.each<[string, (request: Partial<RequestFacts>) => Partial<RequestFacts>]>([
    ['body', (request) => ({ ...request, wireBody: Buffer.from('{"amount":9}') })],
    ['path', (request) => ({ ...request, path: '/other' })],
    ['query', (request) => ({ ...request, url: '/pay?b=2&a=9' })],
    ['order of one name in the query', (request) => ({ ...request, url: '/pay?b=2&a=9&a=1' })],
    ['method', (request) => ({ ...request, method: 'PUT' })],
    ['signed header', (request) => ({ ...request, headers: { ...request.headers, 'x-branch': '043' } })],
    ['nonce', (request) => ({ ...request, headers: { ...request.headers, 'x-nonce': 'other' } })],
    ['client', (request) => ({ ...request, headers: { ...request.headers, 'x-client-id': 'h2' } })],
    ['code', (request) => ({ ...request, headers: { ...request.headers, 'x-sign-code': '00'.repeat(32) } })],
    ['form of the code', (request) => ({ ...request, headers: { ...request.headers, 'x-sign-code': 'zz' } })],
  ])('refuses another %s', async (_what, change) => {
    const { call } = await start(config)
    await expect(call(change(sign()))).rejects.toMatchObject({ code: 'auth.signature', status: 401 })
  })

  it('is good for five minutes, and once, on whichever gateway', async () => {
    const one = await start(config)
    await expect(one.call(sign({}, now - 301_000))).rejects.toMatchObject({ code: 'auth.expired' })
    await expect(one.call(sign({}, now + 301_000))).rejects.toMatchObject({ code: 'auth.expired' })
    const state = createMemoryState({ clock: one.clock })
    const [first, second] = [await start(config, {}, { state }), await start(config, {}, { state })]
    const request = sign()
    expect(await first.call(request)).toMatchObject([{ port: 'ok' }])
    await expect(second.call(request)).rejects.toMatchObject({ code: 'auth.replayed' })
  })
})

describe('an opaque token', () => {
  const config = { methods: [{ kind: 'introspection' }], introspection: { url: 'https://as.example/introspect', issuer: 'https://as.example', audience: 'api' } }
  const credentials: ClientCredential[] = [{ kind: 'jwt', issuer: 'https://as.example', subject: 'client-1', ...live }]
  const active = { active: true, client_id: 'client-1', sub: 'user-7', aud: ['api'], scope: 'read write', exp: Date.UTC(2026, 0, 5, 13) / 1000 }
  const bearer = { headers: { authorization: 'Bearer opaque-token' } }
  const startWith = async (answers: FakeAnswer[], more: object = {}) => {
    const upstream = fakeUpstream(...answers)
    return { upstream, ...(await start({ ...config, ...more }, { credentials }, { upstream, credentials: { introspectionClientId: 'gw', introspectionClientSecret: 'p w' } })) }
  }

  it('is asked about, once in a while', async () => {
    const { upstream, call, clock } = await startWith([{ body: JSON.stringify(active) }])
    expect(await call(bearer)).toMatchObject([{ port: 'ok', message: { client: { id: 'user-7', application: 'app-1', scopes: ['read', 'write'] } } }])
    await Promise.all([call(bearer), call(bearer)])
    expect(upstream.asked).toHaveLength(1)
    expect(upstream.asked[0]).toMatchObject({ method: 'POST', body: 'token=opaque-token&token_type_hint=access_token', headers: { authorization: `Basic ${Buffer.from('gw:p+w').toString('base64')}` } })
    await clock.advance(30_000)
    await Promise.all([call(bearer), call(bearer)])
    expect(upstream.asked).toHaveLength(2)
  })

  it.each([
    [{ active: false }, 'auth.invalid_token'],
    [{ ...active, aud: 'other' }, 'auth.invalid_token'],
    [{ ...active, exp: 1 }, 'auth.expired'],
    [{ ...active, iss: 'https://other.example' }, 'auth.invalid_token'],
    [{ ...active, client_id: 'nobody' }, 'auth.unknown_client'],
    ['nonsense', 'auth.unavailable'],
  ])('answered with %j gives %s', async (answer, code) => {
    const { call } = await startWith([{ body: JSON.stringify(answer) }])
    await expect(call(bearer)).rejects.toMatchObject({ code })
  })

  it('that cannot be asked about is refused with 503, and names no secret', async () => {
    const { call, lines } = await startWith([new Error('down')])
    await expect(call(bearer)).rejects.toMatchObject({ code: 'auth.unavailable', status: 503 })
    expect(lines.join()).not.toContain('opaque-token')
  })

  it('asks so many at once and keeps so many waiting, and has places left for other addresses', async () => {
    let open = 0
    let most = 0
    const ends: (() => void)[] = []
    const upstream = {
      request: async () => {
        most = Math.max(most, (open += 1))
        await new Promise<void>((resolve) => ends.push(resolve))
        open -= 1
        return { status: 200, headers: {}, body: Body.ofJsonBytes(Buffer.from(JSON.stringify(active))), url: '', redirects: [] }
      },
    } as unknown as Upstream
    const { call } = await start(config, { credentials }, { upstream, credentials: { introspectionClientId: 'gw', introspectionClientSecret: 'x' } })
    const ask = (ip: string, i: number) => call({ ip, headers: { authorization: `Bearer invented-${i}` } }).then(([sent]) => sent?.port, (error: { code: string; status: number }) => `${error.code} ${error.status}`)
    const flood = Array.from({ length: 1000 }, (_, i) => ask('198.51.100.7', i))
    const others = Array.from({ length: 20 }, (_, i) => ask(`203.0.113.${i}`, 2000 + i))
    for (let ended = 0; ended < 1020; ended += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      ends.shift()?.()
    }
    const codes = await Promise.all(flood)
    expect(most).toBe(32)
    expect(codes.filter((code) => code === 'auth.unavailable 503')).toHaveLength(1000 - 16 - 128)
    expect(new Set(await Promise.all(others))).toEqual(new Set(['ok']))
  })

  it('that is good is not forgotten because others are invented', async () => {
    const { upstream, call } = await startWith([{ body: JSON.stringify(active) }, { body: '{"active":false}' }])
    expect(await call(bearer)).toMatchObject([{ port: 'ok' }])
    for (let caller = 0; caller < 10_001; caller += 1) {
      await call({ ip: `10.${caller >> 16}.${(caller >> 8) & 255}.${caller & 255}`, headers: { authorization: `Bearer invented-${caller}` } }).catch(() => {})
    }
    expect(await call(bearer)).toMatchObject([{ port: 'ok' }])
    expect(upstream.asked).toHaveLength(10_002)
  })

  it('needs the scopes that the node asks for, and the missing one is named', async () => {
    const { call } = await startWith([{ body: JSON.stringify(active) }], { scopes: ['read', 'admin'] })
    await expect(call(bearer)).rejects.toMatchObject({
      code: 'auth.scope', status: 403, message: 'The token lacks the scope admin.', facts: { missing: ['admin'] },
      headers: { 'WWW-Authenticate': 'Bearer realm="api", error="insufficient_scope", scope="admin"' },
    })
  })
})

describe('the form', () => {
  it.each([
    [{ methods: [] }, 'config.invalid'],
    [{ methods: [{ kind: 'none' }] }, 'config.invalid'],
    [{ methods: [{ kind: 'key header', name: 'a b' }] }, 'auth.name'],
    [{ methods: [{ kind: 'key query', name: '' }] }, 'auth.name'],
    [{ methods: [{ kind: 'jwt' }] }, 'auth.no_issuer'],
    [{ methods: [{ kind: 'introspection' }] }, 'auth.introspection'],
    [{ methods: [{ kind: 'signature' }], signedHeaders: ['a b'] }, 'header.name'],
    [{ issuers: [{ issuer: 'https://a.example', audience: '', algorithms: 'RS256' }] }, 'auth.audience'],
    [{ issuers: [{ issuer: 'https://a.example', audience: 'x', algorithms: '' }] }, 'auth.algorithms'],
    [{ issuers: [{ issuer: 'https://a.example', audience: 'x', algorithms: 'none' }] }, 'auth.algorithms'],
    [{ issuers: [{ issuer: 'https://a.example', audience: 'x', algorithms: 'HS256' }] }, 'auth.algorithms'],
    [{ issuers: [{ issuer: 'accounts', audience: 'x', algorithms: 'RS256' }] }, 'auth.keys'],
    [{ issuers: [{ issuer: 'a', audience: 'x', algorithms: 'RS256', jwks: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}' }] }, 'auth.keys'],
    [{ issuers: [{ issuer: 'a', audience: 'x', algorithms: 'RS256', jwks: 'nonsense' }] }, 'auth.keys'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(auth, config)).toMatchObject([{ code }])
  })

  it('takes addresses from the environment', () => {
    expect(checkNode(auth, { methods: [{ kind: 'jwt' }], issuers: [{ issuer: '${ISSUER}', audience: '${AUD}', algorithms: 'RS256, ES256' }] })).toEqual([])
  })
})
