import { createHmac, createHash } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, exportSPKI, type CryptoKey, type JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { createClients } from '../../runtime/clients/clients.ts'
import type { ClientCredential } from '../../runtime/core/access/clients.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { fakeUpstream, type FakeAnswer } from '../../test/kit/fake-upstream.ts'
import { testNode } from '../../test/kit/node-tester.ts'
import { auth } from './auth.ts'

const startMs = Date.UTC(2026, 0, 5, 12)
const now = startMs / 1000
const issuer = 'https://as.example'
let rsa: { privateKey: CryptoKey; publicKey: CryptoKey }
let rsaJwk: JWK
let ec: { privateKey: CryptoKey; publicKey: CryptoKey }
let ecJwk: JWK
let ed: { privateKey: CryptoKey; publicKey: CryptoKey }
let edJwk: JWK
let spki: string

beforeAll(async () => {
  rsa = await generateKeyPair('RS256', { extractable: true })
  ec = await generateKeyPair('ES256', { extractable: true })
  ed = await generateKeyPair('EdDSA', { extractable: true })
  rsaJwk = { ...(await exportJWK(rsa.publicKey)), kid: 'r1' }
  ecJwk = { ...(await exportJWK(ec.publicKey)), kid: 'e1' }
  edJwk = { ...(await exportJWK(ed.publicKey)), kid: 'd1' }
  spki = await exportSPKI(rsa.publicKey)
})

const claims = { iss: issuer, aud: 'api', sub: 'user-1', client_id: 'client-1', exp: now + 600, scope: 'read' }
const sign = (more: object = {}, header: object = {}, key: CryptoKey = rsa.privateKey) => new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg: 'RS256', kid: 'r1', ...header }).sign(key)
/** Signs texts as they are: what a library would not write. */
const signText = async (header: string, payload: string) => {
  const head = `${b64(header)}.${b64(payload)}`
  return `${head}.${Buffer.from(await crypto.subtle.sign('RSASSA-PKCS1-v1_5', rsa.privateKey as never, Buffer.from(head))).toString('base64url')}`
}
const b64 = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

interface Options {
  readonly issuerConfig?: object
  readonly config?: object
  readonly credentials?: readonly ClientCredential[]
  readonly answers?: readonly FakeAnswer[]
}

async function start({ issuerConfig, config, credentials, answers = [] }: Options = {}) {
  const clock = fakeClock(startMs)
  const clients = createClients({ clock })
  const take = (list: readonly ClientCredential[], version: number) => clients.replace({
    version, plans: [], apis: [], applications: [{ id: 'app-1', name: 'App', organisation: 'org-1', active: true, rules: {}, subscriptions: [], credentials: list }],
  })
  take(credentials ?? [{ kind: 'jwt', issuer, subject: 'client-1', environment: 'production', active: true }], 1)
  const upstream = fakeUpstream(...answers)
  const row = { issuer, audience: 'api', algorithms: 'RS256 ES256 EdDSA', jwks: JSON.stringify({ keys: [rsaJwk, ecJwk, edJwk] }), ...issuerConfig }
  const node = await testNode(auth, { methods: [{ kind: 'jwt' }], issuers: [row], ...config }, { clock, clients, upstream, state: createMemoryState({ clock }), wired: ['ok'] })
  let calls = 0
  const call = (token: string, request: Partial<RequestFacts> = {}) => node.send({}, fakeRun({ request: { ip: `192.0.2.${(calls += 1)}`, headers: { authorization: `Bearer ${token}` }, ...request } }))
  const code = (token: string, request?: Partial<RequestFacts>) => call(token, request).then((sent) => sent[0]?.port, (error: { code: string }) => error.code)
  return { node, clock, upstream, call, code, take }
}

describe('a signed token', () => {
  it('lets its client in, whatever the kind of key', async () => {
    const { call, code } = await start()
    expect(await call(await sign())).toMatchObject([{ port: 'ok', message: { client: { id: 'user-1', application: 'app-1', scopes: ['read'] } } }])
    expect(await code(await sign({}, { alg: 'ES256', kid: 'e1' }, ec.privateKey))).toBe('ok')
    expect(await code(await sign({}, { alg: 'EdDSA', kid: 'd1' }, ed.privateKey))).toBe('ok')
    expect(await code(await sign({}, { kid: undefined }))).toBe('ok')
  })

  it('seen before is answered at once, until it ends or its client is taken back', async () => {
    const { node, call, code, clock, take } = await start()
    const token = await sign()
    await call(token)
    const request = { headers: { authorization: `Bearer ${token}` } }
    expect(node.sendNow({}, fakeRun({ request }))).toMatchObject([{ port: 'ok' }])
    take([{ kind: 'jwt', issuer, subject: 'client-1', environment: 'production', active: false }], 2)
    expect(await code(token)).toBe('auth.revoked')
    take([], 3)
    expect(await code(token)).toBe('auth.unknown_client')
    take([{ kind: 'jwt', issuer, subject: 'client-1', environment: 'production', active: true }], 4)
    expect(await code(token)).toBe('ok')
    await clock.advance(660_000)
    expect(await code(token)).toBe('auth.expired')
  })

  it('takes the client from client_id, azp or sub, in this order', async () => {
    const { code } = await start()
    expect(await code(await sign({ client_id: undefined, azp: 'client-1' }))).toBe('ok')
    expect(await code(await sign({ client_id: undefined, sub: 'client-1' }))).toBe('ok')
    // A user who calls himself like a client is not that client.
    expect(await code(await sign({ client_id: 'other', sub: 'client-1' }))).toBe('auth.unknown_client')
  })

  it('of a client without record is taken only where the node says so', async () => {
    const token = await sign({ client_id: 'stranger' })
    expect(await (await start()).code(token)).toBe('auth.unknown_client')
    expect(await (await start({ config: { unknownSubjects: 'accept' } })).call(token)).toMatchObject([{ message: { client: { id: 'user-1', application: 'https://as.example stranger', organisation: '', priority: 5, attributes: {} } } }])
    // Called like an application that is known, it does not pass for it.
    const alike = await sign({ client_id: 'app-1' })
    expect(await (await start({ config: { unknownSubjects: 'accept' } })).call(alike)).toMatchObject([{ message: { client: { id: 'user-1', application: 'https://as.example app-1', organisation: '' } } }])
  })

  it('of a client without record is told from one that another issuer calls alike', async () => {
    const other = 'https://other.example'
    const row = (name: string) => ({ issuer: name, audience: 'api', algorithms: 'RS256', jwks: JSON.stringify({ keys: [rsaJwk] }) })
    const { call } = await start({ config: { unknownSubjects: 'accept', issuers: [row(issuer), row(other)] } })
    const applicationOf = async (iss: string) => ((await call(await sign({ iss, client_id: 'shop' })))[0]?.message.client as { application: string } | undefined)?.application
    expect(await applicationOf(issuer)).not.toBe(await applicationOf(other))
    expect(await applicationOf(issuer)).toBe(await applicationOf(issuer))
  })

  it('is taken with the types of access tokens, and with none', async () => {
    const { code } = await start()
    for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt']) expect(await code(await sign({}, { typ }))).toBe('ok')
  })

  it('bound to a certificate is good with that certificate only', async () => {
    const { code } = await start()
    const fingerprint256 = createHash('sha256').update('x').digest('hex').toUpperCase().replace(/..(?=.)/g, '$&:')
    const token = await sign({ cnf: { 'x5t#S256': createHash('sha256').update('x').digest('base64url') } })
    const headers = { authorization: `Bearer ${token}` }
    expect(await code(token, { headers, clientCertificate: { subject: '', fingerprint256 } })).toBe('ok')
    expect(await code(token)).toBe('auth.invalid_token')
    expect(await code(token, { headers, clientCertificate: { subject: '', fingerprint256: '00:'.repeat(31) + '00' } })).toBe('auth.invalid_token')
    expect(await code(await sign({ cnf: { jkt: 'x' } }))).toBe('auth.invalid_token')
  })
})

describe('no token is taken', () => {
  it.each<[string, () => Promise<string> | string, string?]>([
    ['without signature (alg none)', () => new UnsecuredJWT({ ...claims }).encode()],
    ['without signature but with one', () => `${b64({ alg: 'none' })}.${b64(claims)}.AAAA`],
    ['with none in odd letters', () => `${b64({ alg: 'nOnE' })}.${b64(claims)}.AAAA`],
    ['signed HS256 with the public key as text', () => {
      const head = `${b64({ alg: 'HS256', kid: 'r1' })}.${b64(claims)}`
      return `${head}.${createHmac('sha256', spki).update(head).digest('base64url')}`
    }],
    ['signed HS256 with the modulus', () => {
      const head = `${b64({ alg: 'HS256', kid: 'r1' })}.${b64(claims)}`
      return `${head}.${createHmac('sha256', Buffer.from(rsaJwk.n as string, 'base64url')).update(head).digest('base64url')}`
    }],
    ['of an algorithm that is not on the list', () => sign({}, { alg: 'RS512' }, rsa.privateKey).catch(() => generateKeyPair('RS512').then(({ privateKey }) => sign({}, { alg: 'RS512' }, privateKey)))],
    ['whose algorithm does not fit the key', () => sign({}, { alg: 'ES256', kid: 'r1' }, ec.privateKey)],
    ['for another audience', () => sign({ aud: 'other' })],
    ['without audience', () => sign({ aud: undefined })],
    ['of another issuer', () => sign({ iss: 'https://evil.example' })],
    ['of an issuer that nearly fits', () => sign({ iss: `${issuer}/` })],
    ['without issuer', () => sign({ iss: undefined })],
    ['that never ends', () => sign({ exp: undefined })],
    ['whose end is a text', () => sign({ exp: '9999999999' })],
    ['not valid yet', () => sign({ nbf: now + 61 })],
    ['that has ended', () => sign({ exp: now - 60 }), 'auth.expired'],
    ['with a critical extension', () => {
      const head = `${b64({ alg: 'RS256', kid: 'r1', crit: ['exp'], exp: 1 })}.${b64(claims)}`
      return crypto.subtle.sign('RSASSA-PKCS1-v1_5', rsa.privateKey, Buffer.from(head)).then((signature) => `${head}.${Buffer.from(signature).toString('base64url')}`)
    }],
    ['with an unencoded payload (b64)', () => {
      const head = `${b64({ alg: 'RS256', kid: 'r1', crit: ['b64'], b64: false })}.${b64(claims)}`
      return crypto.subtle.sign('RSASSA-PKCS1-v1_5', rsa.privateKey, Buffer.from(head)).then((signature) => `${head}.${Buffer.from(signature).toString('base64url')}`)
    }],
    ['with a key of its own (jwk)', async () => {
      const own = await generateKeyPair('RS256', { extractable: true })
      return sign({}, { jwk: await exportJWK(own.publicKey) }, own.privateKey)
    }],
    ['with keys at an address of its own (jku)', async () => sign({}, { jku: 'https://evil.example/jwks', kid: 'x' }, (await generateKeyPair('RS256')).privateKey)],
    ['whose key id is a path', async () => sign({}, { kid: '../../dev/null' }, (await generateKeyPair('RS256')).privateKey)],
    ['whose key id is SQL', async () => sign({}, { kid: "' OR 1=1 --" }, (await generateKeyPair('RS256')).privateKey)],
    ['whose claims were changed', async () => (await sign()).replace(/\.[^.]+\./, `.${b64({ ...claims, sub: 'admin' })}.`)],
    ['with padding', async () => `${await sign()}==`],
    ['with the other base64', async () => (await sign()).replace(/.{3}$/, '+/+')],
    ['with a header that names two algorithms', async () => signText('{"alg":"none","alg":"RS256","kid":"r1"}', JSON.stringify(claims))],
    ['with a claim that stands twice', async () => signText('{"alg":"RS256","kid":"r1"}', JSON.stringify(claims).replace('{', '{"client_id":"somebody",'))],
    ['with a claim that stands twice, once in other letters', async () => signText('{"alg":"RS256","kid":"r1"}', JSON.stringify(claims).replace('{', '{"\\u0061ud":"other",'))],
    ['for logging out', () => sign({}, { typ: 'logout+jwt' })],
    ['that proves a key (DPoP)', () => sign({}, { typ: 'application/dpop+jwt' })],
    ['whose type is no text', () => sign({}, { typ: 1 as never })],
    ['whose client is a list', () => sign({ client_id: ['other'], sub: 'client-1' })],
    ['with crit that is not understood', () => signText('{"alg":"RS256","kid":"r1","crit":["exp"],"exp":1}', JSON.stringify(claims))],
    ['with an unencoded payload', () => signText('{"alg":"RS256","kid":"r1","crit":["b64"],"b64":false}', JSON.stringify(claims))],
    ['with a key id that is long', () => sign({}, { kid: 'k'.repeat(600) })],
    ['of a megabyte', async () => `${await sign()}${'A'.repeat(1_000_000)}`],
    ['with stray bits at the end', async () => `${b64({ alg: 'RS256', kid: 'r1' }).replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1))}.${(await sign()).split('.').slice(1).join('.')}`],
    ['with white space', async () => (await sign()).replace('.', '. ')],
    ['of four parts', async () => `${await sign()}.AAAA`],
    ['of five parts (encrypted)', () => 'e30.e30.e30.e30.e30'],
    ['that is opaque', () => 'opaque'],
    ['that is no JSON', () => `${b64('no')}.${b64('no')}.AAAA`],
    ['whose claims are a list', () => `${b64({ alg: 'RS256' })}.${b64([])}.AAAA`],
    ['that is much too long', () => `${b64({ alg: 'RS256' })}.${b64({ x: 'y'.repeat(20_000) })}.AAAA`],
  ])('%s', async (_what, make, code = 'auth.invalid_token') => {
    const { call } = await start()
    await expect(call(await make())).rejects.toMatchObject({ code, status: 401, headers: { 'WWW-Authenticate': 'Bearer realm="api", error="invalid_token"' } })
  })

  it('signed with a weak key, even if the issuer has it', async () => {
    const weak = await crypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify'])
    const jwk = { ...(await crypto.subtle.exportKey('jwk', weak.publicKey)), kid: 'weak' } as JWK
    const { code } = await start({ issuerConfig: { jwks: '', jwksUrl: 'https://as.example/jwks' }, answers: [{ body: JSON.stringify({ keys: [jwk, rsaJwk] }) }] })
    const head = `${b64({ alg: 'RS256', kid: 'weak' })}.${b64(claims)}`
    const signature = Buffer.from(await crypto.subtle.sign('RSASSA-PKCS1-v1_5', weak.privateKey, Buffer.from(head))).toString('base64url')
    expect(await code(`${head}.${signature}`)).toBe('auth.invalid_token')
    expect(await code(await sign())).toBe('ok')
  })

  it('with a key that is for encryption, or secret', async () => {
    for (const change of [{ use: 'enc' }, { key_ops: ['encrypt'] }, { alg: 'RS512' }, { d: 'AQAB' }]) {
      const { code } = await start({ issuerConfig: { jwks: '', jwksUrl: 'https://as.example/jwks' }, answers: [{ body: JSON.stringify({ keys: [{ ...rsaJwk, ...change }, ecJwk] }) }] })
      expect(await code(await sign())).toBe('auth.invalid_token')
    }
  })
})

describe('the keys of an issuer', () => {
  const fetched = { jwks: '', jwksUrl: 'https://as.example/jwks' }
  const set = (...keys: JWK[]): FakeAnswer => ({ body: JSON.stringify({ keys }) })

  it('are fetched once for all who wait', async () => {
    const { code, upstream } = await start({ issuerConfig: fetched, answers: [set(rsaJwk)] })
    const tokens = await Promise.all([sign({ jti: '1' }), sign({ jti: '2' }), sign({ jti: '3' })])
    expect(await Promise.all(tokens.map((token) => code(token)))).toEqual(['ok', 'ok', 'ok'])
    expect(upstream.asked).toMatchObject([{ method: 'GET', url: 'https://as.example/jwks' }])
  })

  it('are found by the issuer’s discovery document, if it is that issuer’s', async () => {
    const found = await start({ issuerConfig: { jwks: '' }, answers: [{ body: JSON.stringify({ issuer, jwks_uri: 'https://as.example/k' }) }, set(rsaJwk)] })
    expect(await found.code(await sign())).toBe('ok')
    expect(found.upstream.asked.map(({ url }) => url)).toEqual(['https://as.example/.well-known/openid-configuration', 'https://as.example/k'])
    const mixed = await start({ issuerConfig: { jwks: '' }, answers: [{ body: JSON.stringify({ issuer: 'https://evil.example', jwks_uri: 'https://evil.example/k' }) }, set(rsaJwk)] })
    expect(await mixed.code(await sign())).toBe('auth.unavailable')
  })

  it('are looked up again for an unknown key id, once a minute', async () => {
    const { code, upstream, clock } = await start({ issuerConfig: fetched, answers: [set(rsaJwk), set(rsaJwk, ecJwk)] })
    expect(await code(await sign())).toBe('ok')
    const rotated = await sign({}, { alg: 'ES256', kid: 'e1' }, ec.privateKey)
    expect(await code(rotated)).toBe('auth.invalid_token')
    expect(upstream.asked).toHaveLength(1)
    await clock.advance(60_000)
    expect(await code(rotated)).toBe('ok')
    for (let i = 0; i < 5; i += 1) await code(await sign({}, { kid: `guess-${i}` }))
    expect(upstream.asked).toHaveLength(2)
  })

  it('stay while the issuer does not answer, for a day', async () => {
    const { code, clock } = await start({ issuerConfig: fetched, answers: [set(rsaJwk), new Error('down')] })
    const long = await sign({ exp: now + 10 * 86_400 })
    expect(await code(long)).toBe('ok')
    await clock.advance(23 * 3_600_000)
    expect(await code(long)).toBe('ok')
    await clock.advance(2 * 3_600_000)
    expect(await code(long)).toBe('auth.unavailable')
  })

  it('that were taken back end the tokens they signed', async () => {
    const { code, clock } = await start({ issuerConfig: fetched, answers: [set(rsaJwk), set(ecJwk)] })
    const token = await sign({ exp: now + 86_400 })
    expect(await code(token)).toBe('ok')
    await clock.advance(301_000)
    expect(await code(token)).toBe('ok') // it makes the look
    await clock.advance(0)
    expect(await code(token)).toBe('auth.invalid_token')
  })

  it('that cannot be had make 503, not 401', async () => {
    const { call } = await start({ issuerConfig: fetched, answers: [{ status: 500 }] })
    await expect(call(await sign())).rejects.toMatchObject({ code: 'auth.unavailable', status: 503, headers: { 'Retry-After': '10' } })
  })
})

describe('tokens of several issuers', () => {
  it('are checked by their own issuer’s rules', async () => {
    const other = 'https://other.example'
    const issuers = [
      { issuer, audience: 'api', algorithms: 'RS256', jwks: JSON.stringify({ keys: [rsaJwk] }) },
      { issuer: other, audience: 'theirs', algorithms: 'ES256', jwks: JSON.stringify({ keys: [ecJwk] }) },
    ]
    const { code } = await start({ config: { issuers }, credentials: [{ kind: 'jwt', issuer: other, subject: 'client-1', environment: 'sandbox', active: true }] })
    expect(await code(await sign({ iss: other, aud: 'theirs' }, { alg: 'ES256', kid: 'e1' }, ec.privateKey))).toBe('ok')
    // The first issuer signs in the name of the second.
    expect(await code(await sign({ iss: other, aud: 'theirs' }))).toBe('auth.invalid_token')
    // A client of the one is not the client of that name of the other.
    expect(await code(await sign())).toBe('auth.unknown_client')
  })
})
