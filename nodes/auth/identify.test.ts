import { createHmac, scryptSync } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { createClients } from '../../runtime/clients/clients.ts'
import { createIdentities } from '../../runtime/clients/identities.ts'
import type { ClientCredential, TokenRevocation } from '../../runtime/core/access/clients.ts'
import type { ProofKind } from '../../runtime/core/access/identities.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { clientSecretPurpose, seal } from '../../runtime/core/secrets/seal.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { fakeUpstream, type FakeAnswer } from '../../test/kit/fake-upstream.ts'
import { testNode } from '../../test/kit/node-tester.ts'
import { auth } from './auth.ts'
import { toSignText } from './sign-code-method.ts'

const startMs = Date.UTC(2026, 0, 5, 12)
const live = { environment: 'production', active: true } as const
const issuer = 'https://as.example'
const sealKey = Buffer.alloc(32, 7)
const secret = 'a-secret'
let signer: CryptoKey
let key: JWK
beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true })
  signer = pair.privateKey
  key = { ...(await exportJWK(pair.publicKey)), kid: 'k1' }
})

const verifierOf = (password: string) => ['scrypt', 16, 1, 1, 'c2FsdHNhbHQ', scryptSync(password, Buffer.from('c2FsdHNhbHQ', 'base64url'), 32, { N: 16, r: 1, p: 1 }).toString('base64url')].join('$')
const basic = (password = secret): ClientCredential => ({ kind: 'basic', name: 'ann', verifier: verifierOf(password), ...live })
const jwt: ClientCredential = { kind: 'jwt', issuer, subject: 'client-1', ...live }
const hmac: ClientCredential = { kind: 'hmac', id: 'h1', sealed: seal(sealKey, secret, clientSecretPurpose), ...live }
const withBasic = { headers: { authorization: `Basic ${Buffer.from(`ann:${secret}`).toString('base64')}` } }
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
const token = (claims: object = {}) => new SignJWT({ iss: issuer, aud: 'api', client_id: 'client-1', exp: startMs / 1000 + 600, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(signer)

/** Auth nodes of one gateway, of which somebody asks whose a request is. */
function start(credentials: readonly ClientCredential[] = [basic(), jwt, hmac], answers: readonly FakeAnswer[] = []) {
  const clock = fakeClock(startMs)
  const clients = createClients({ clock })
  let version = 0
  const take = (list: readonly ClientCredential[], revoked: readonly TokenRevocation[] = []) => clients.replace({ revoked, version: (version += 1), plans: [], apis: [], applications: [{ id: 'app-1', name: 'App', organisation: 'org-1', active: true, rules: {}, subscriptions: [], credentials: list }] })
  clients.setKey(sealKey)
  take(credentials)
  const identities = createIdentities()
  const upstream = fakeUpstream(...answers)
  const shared = new Map<string, unknown>()
  const state = createMemoryState({ clock })
  const whose = (kind: ProofKind, request: object, node = 'a') => [...identities.of(node, kind)].map((identify) => identify({ headers: {}, query: {}, ...request } as RequestFacts)).find((proven) => proven !== undefined)?.known?.application.id
  async function open(id: string, config: object) {
    const node = await testNode(auth, config, { node: { id }, clock, clients, identities, upstream, shared, state, wired: ['ok'], credentials: { introspectionClientId: 'gw', introspectionClientSecret: 'p' } })
    const call = (request: object) => node.send({}, fakeRun({ request: { ip: '192.0.2.1', ...request } })).then((sent) => sent[0]?.port, (error: { code: string }) => error.code)
    return { node, call }
  }
  return { clock, identities, take, whose, open, upstream }
}

const tokens = (more: object = {}) => ({ methods: [{ kind: 'jwt' }], issuers: [{ issuer, audience: 'api', algorithms: 'ES256', jwks: JSON.stringify({ keys: [key] }), ...more }] })

describe('whose a request is, asked before the flow begins', () => {
  it('is known of a password for a minute after it was checked, unless the password was changed or its record is gone', async () => {
    const { whose, open, clock, take } = start()
    const { call } = await open('a', { methods: [{ kind: 'basic' }] })
    expect(whose('basic', withBasic)).toBeUndefined()
    expect(await call(withBasic)).toBe('ok')
    expect(whose('basic', withBasic)).toBe('app-1')
    for (const wrong of ['ann:guess', 'bob:a-secret', 'ann', '']) expect(whose('basic', { headers: { authorization: `Basic ${Buffer.from(wrong).toString('base64')}` } })).toBeUndefined()
    expect(whose('basic', {})).toBeUndefined()
    expect(whose('bearer', withBasic)).toBeUndefined()
    take([basic('another')])
    expect(whose('basic', withBasic)).toBeUndefined()
    take([])
    expect(whose('basic', withBasic)).toBeUndefined()
    take([basic()])
    await clock.advance(59_999)
    expect(whose('basic', withBasic)).toBe('app-1')
    await clock.advance(1)
    expect(whose('basic', withBasic)).toBeUndefined()
  })

  it('is known of a token that was verified, until it ends', async () => {
    const { whose, open, clock } = start()
    const { call } = await open('a', tokens())
    const good = await token()
    expect(whose('bearer', bearer(good))).toBeUndefined()
    expect(await call(bearer(good))).toBe('ok')
    expect(whose('bearer', bearer(good))).toBe('app-1')
    expect(whose('bearer', bearer(await token({ jti: 'other' })))).toBeUndefined()
    expect(whose('bearer', {})).toBeUndefined()
    await clock.advance(660_000)
    expect(whose('bearer', bearer(good))).toBeUndefined()
  })

  it('is not known any more of a token that was taken back, or whose client has no record', async () => {
    const { whose, open, take } = start()
    const { call } = await open('a', tokens())
    const good = await token()
    await call(bearer(good))
    take([])
    expect(whose('bearer', bearer(good))).toBeUndefined()
    take([jwt])
    expect(whose('bearer', bearer(good))).toBe('app-1')
    take([jwt], [{ issuer, id: 'client:client-1', untilMs: startMs + 1e6 }])
    expect(whose('bearer', bearer(good))).toBeUndefined()
  })

  it('is a matter of each node’s own issuers: what one believes proves nothing to another', async () => {
    const { whose, open } = start()
    const { call } = await open('a', tokens())
    await open('b', tokens({ audience: 'other' }))
    await open('c', { methods: [{ kind: 'introspection' }], introspection: { url: 'https://as.example/introspect' } })
    const good = await token()
    await call(bearer(good))
    expect(whose('bearer', bearer(good), 'a')).toBe('app-1')
    expect(whose('bearer', bearer(good), 'b')).toBeUndefined()
    expect(whose('bearer', bearer(good), 'c')).toBeUndefined()
    expect(whose('bearer', bearer(good), 'nobody')).toBeUndefined()
  })

  it('is known to nodes that take the same tokens as soon as it is to one, also when that one is gone', async () => {
    const { whose, open } = start()
    const first = await open('a', tokens())
    const next = await open('b', tokens())
    const good = await token()
    await first.call(bearer(good))
    expect(whose('bearer', bearer(good), 'b')).toBe('app-1')
    await first.node.retire()
    expect(whose('bearer', bearer(good), 'a')).toBeUndefined()
    expect(whose('bearer', bearer(good), 'b')).toBe('app-1')
    expect(await next.call(bearer(good))).toBe('ok')
  })

  it('is known of an opaque token as long as its issuer’s answer is believed; nobody is asked', async () => {
    const active = { body: JSON.stringify({ active: true, client_id: 'client-1', exp: startMs / 1000 + 600 }) }
    const { whose, open, clock, upstream } = start([jwt], [active, { body: '{"active":false}' }])
    const config = { methods: [{ kind: 'introspection' }], introspection: { url: 'https://as.example/introspect', issuer } }
    const { call } = await open('a', config)
    const other = await open('b', config)
    expect(whose('bearer', bearer('opaque'))).toBeUndefined()
    expect(upstream.asked).toHaveLength(0)
    expect(await call(bearer('opaque'))).toBe('ok')
    expect(whose('bearer', bearer('opaque'))).toBe('app-1')
    expect(await other.call(bearer('opaque'))).toBe('ok')
    expect(await call(bearer('invented'))).toBe('auth.invalid_token')
    expect(whose('bearer', bearer('invented'))).toBeUndefined()
    expect(upstream.asked).toHaveLength(2)
    await clock.advance(30_000)
    expect(whose('bearer', bearer('opaque'))).toBeUndefined()
  })

  it('is not remembered of a token so long that a few thousands of them would fill the memory; it is let in all the same', async () => {
    const { whose, open } = start()
    const { call } = await open('a', tokens())
    const long = await token({ scope: 'x'.repeat(4000) })
    expect([await call(bearer(long)), await call(bearer(long))]).toEqual(['ok', 'ok'])
    expect(whose('bearer', bearer(long))).toBeUndefined()
  })

  it('is asked of one of the nodes that are set alike, and of each that is not', async () => {
    const { identities, open } = start()
    const ways: (readonly [ProofKind, object])[] = [
      ['basic', { methods: [{ kind: 'basic' }] }],
      ['bearer', tokens()],
      ['bearer', tokens({ audience: 'other' })],
      ['bearer', { methods: [{ kind: 'introspection' }], introspection: { url: 'https://as.example/introspect' } }],
      ['bearer', { methods: [{ kind: 'introspection' }], introspection: { url: 'https://as.example/introspect' }, unknownSubjects: 'accept' }],
      ['signature', { methods: [{ kind: 'signature' }] }],
      ['signature', { methods: [{ kind: 'signature' }], signedHeaders: ['x-branch'] }],
      ['sign code', { methods: [{ kind: 'sign code' }] }],
    ]
    for (const [n, [, config]] of ways.entries()) for (const node of ['a', 'b']) await open(`${node}${n}`, config)
    const of = (node: string) => ways.map(([kind], n) => [...identities.of(`${node}${n}`, kind)])
    expect(of('a').map((list) => list.length)).toEqual(ways.map(() => 1))
    expect(of('b').flat().map((identify, n) => identify === of('a').flat()[n])).toEqual(ways.map(() => true))
    expect(new Set(of('a').flat()).size).toBe(ways.length)
  })

  it('is known of a signature at once and again: its number is used by the call alone', async () => {
    const { whose, open } = start()
    const { call } = await open('a', { methods: [{ kind: 'sign code' }] })
    const request = { method: 'GET', path: '/a', url: '/a', headers: { 'x-client-id': 'h1', 'x-timestamp': String(startMs), 'x-nonce': 'n1' } as Record<string, string>, query: {}, wireBody: Buffer.alloc(0) }
    request.headers['x-sign-code'] = createHmac('sha256', secret).update(toSignText(request, [], String(startMs), 'n1')).digest('hex')
    expect([whose('sign code', request), whose('sign code', request)]).toEqual(['app-1', 'app-1'])
    expect(whose('sign code', { ...request, path: '/b' })).toBeUndefined()
    expect(whose('signature', request)).toBeUndefined()
    expect(await call(request)).toBe('ok')
    expect(await call(request)).toBe('auth.replayed')
  })
})
