import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Api, ClientCredential, ClientSnapshot } from '../../runtime/core/access/clients.ts'
import { clientSecretPurpose, seal } from '../../runtime/core/secrets/seal.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

const secret = `s3cret-${randomBytes(12).toString('hex')}`
const sealKey = randomBytes(32)
const live = { environment: 'production', active: true } as const
const keyHash = createHash('sha256').update(secret).digest('base64url')
/** Everything a script can get hold of. */
const all = 'msg.payload = { client: msg.client ?? null, error: msg.error ?? null, seen: JSON.stringify(msg) }\nreturn msg'

let issuer: Server
let issuerUrl: string
let gateway: TestGateway
let sign: (claims?: object) => Promise<string>
let jwksAsked = 0

const callers = (version: number, active = true): ClientSnapshot => {
  const credentials: ClientCredential[] = [
    { kind: 'key', prefix: 'pk', hash: keyHash, ...live },
    { kind: 'hmac', id: 'h1', sealed: seal(sealKey, secret, clientSecretPurpose), ...live },
    { kind: 'jwt', issuer: issuerUrl, subject: 'client-1', ...live },
  ]
  return {
    version,
    applications: [{ id: 'app-1', name: 'App', organisation: 'acme', active, rules: { attributes: { branch: '042' } }, credentials, subscriptions: [{ api: 'api-1', plan: 'gold', state: 'approved' }] }],
    plans: [{ id: 'gold', name: 'Gold', quotas: [], priority: 2 }],
    apis: [{ id: 'api-1', name: 'Keys', organisation: 'acme', flow: 'keys', lifecycle: 'PUBLISHED', visibility: 'public' }],
  }
}

beforeAll(async () => {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig' }
  issuer = createServer((request, response) => {
    jwksAsked += request.url === '/jwks' ? 1 : 0
    const body = request.url === '/jwks' ? { keys: [jwk] } : { issuer: issuerUrl, jwks_uri: `${issuerUrl}/jwks` }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
  })
  await new Promise<void>((done) => issuer.listen(0, '127.0.0.1', done))
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`
  sign = (claims = {}) => new SignJWT({ client_id: 'client-1', sub: 'ann', scope: 'read', ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).setIssuer(issuerUrl).setAudience('api').setExpirationTime('5m').sign(privateKey)

  const byKey = { methods: [{ kind: 'key header', name: 'x-api-key' }, { kind: 'key query', name: 'apikey' }] }
  const nodes = estate(
    flow('keys')
      .httpIn('GET', '/key').node('auth', byKey, 2).as('door').node('debug', { complete: 'true', targetType: 'full', active: true, tosidebar: true }, 0)
      .from('door').fn(all).httpResponse().from('door', 1).fn(all).httpResponse(418),
    flow('open').httpIn('GET', '/open').fn('msg.payload = 1\nreturn msg').httpResponse(),
    flow('caught').httpIn('GET', '/caught').node('auth', byKey, 2).httpResponse().line().node('catch', { scope: null, uncaught: false }).node('debug', { complete: 'true', targetType: 'full', active: true, tosidebar: true }, 0),
    flow('caught2').httpIn('GET', '/caught2').node('auth', byKey, 2).httpResponse().line().node('catch', { scope: null, uncaught: false }).fn(all).httpResponse(418),
    flow('tokens').httpIn('GET', '/token').node('auth', { methods: [{ kind: 'jwt' }], issuers: [{ issuer: issuerUrl, audience: 'api', algorithms: 'RS256' }], scopes: ['read'] }, 2).fn(all).httpResponse(),
    flow('signed').httpIn('POST', '/signed').node('auth', { methods: [{ kind: 'signature' }, { kind: 'sign code' }] }, 2).fn('msg.payload = msg.client.id\nreturn msg').httpResponse(),
  )
  gateway = await startGateway({ nodes, settings: { SLUICE_EGRESS_ALLOW: new URL(issuerUrl).host } })
  gateway.gateway.clients.setKey(sealKey)
  gateway.gateway.clients.replace(callers(1))
})
afterAll(async () => {
  await gateway?.close()
  issuer?.close()
})

const get = (path: string, headers: Record<string, string> = {}) => fetch(gateway.url + path, { headers })

test('an API that is blocked, retired or not published is served to nobody, also where nothing asks who calls', async () => {
  for (const [lifecycle, status] of [['BLOCKED', 503], ['RETIRED', 410], ['CREATED', 404], ['PROTOTYPED', 200]] as const) {
    const known = callers(1)
    gateway.gateway.clients.replace({ ...known, apis: [...known.apis, { id: 'api-2', name: 'Open', organisation: 'acme', flow: 'open', lifecycle, visibility: 'public' }] })
    expect((await get('/open')).status, lifecycle).toBe(status)
  }
  gateway.gateway.clients.replace(callers(1))
  expect((await get('/open')).status).toBe(200)
})

describe('behind an auth node', () => {
  test('a flow knows who calls, and nobody but the caller has the key', async () => {
    for (const reply of [await get('/key?q=1', { 'x-api-key': `pk.${secret}` }), await get(`/key?apikey=pk.${secret}&q=1`)]) {
      expect(reply.status).toBe(200)
      const text = await reply.text()
      expect(JSON.parse(text)).toMatchObject({ client: { id: 'app-1', organisation: 'acme', plan: 'gold', priority: 2, attributes: { branch: '042' } } })
      expect(text).toContain('q=1')
      expect(text).not.toContain(secret)
    }
    const refused = await get('/key', { 'x-api-key': `pk.not-${secret}` })
    expect([refused.status, await refused.text()]).toEqual([418, expect.stringContaining('auth.invalid_key')])
    await expect.poll(() => gateway.events.filter(({ kind }) => kind === 'debug').length).toBeGreaterThanOrEqual(2)
    expect(JSON.stringify(gateway.events)).not.toContain(secret)
    expect(JSON.stringify(gateway.lines())).not.toContain(secret)
  })

  test('a refusal is a problem document with the id of the decision; the checks are in the log under that id', async () => {
    const reply = await get('/token', { authorization: 'Bearer nonsense' })
    expect([reply.status, reply.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="api", error="invalid_token"'])
    const problem = (await reply.json()) as { code: string; decision: string }
    expect(problem).toMatchObject({ code: 'auth.invalid_token', status: 401, decision: reply.headers.get('x-request-id') })
    expect(Object.keys(problem).toSorted()).toEqual(['code', 'decision', 'detail', 'instance', 'run', 'status', 'title', 'type'])
    expect(gateway.lines()).toContainEqual(expect.objectContaining({ decision: problem.decision, code: 'auth.invalid_token', checks: [{ check: 'jwt', passed: false, reason: 'not three parts of base64url' }] }))
  })

  test('a Catch node gets a refusal without the key', async () => {
    const reply = await get('/caught2', { 'x-api-key': `pk.not-${secret}` })
    expect(reply.status).toBe(418)
    const text = await reply.text()
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'auth.invalid_key', facts: { decision: expect.any(String) } } })
    expect(text).not.toContain(secret)
    await get('/caught', { 'x-api-key': `pk.not-${secret}` })
    expect(JSON.stringify([gateway.events, gateway.lines()])).not.toContain(secret)
  })

  test('tokens are verified with the keys that the issuer publishes, fetched once', async () => {
    const [one, two] = [await sign(), await sign({ sub: 'bob' })]
    for (const token of [one, two, one]) expect((await get('/token', { authorization: `Bearer ${token}` })).status).toBe(200)
    expect(jwksAsked).toBe(1)
    const short = await get('/token', { authorization: `Bearer ${await sign({ scope: 'write' })}` })
    expect([short.status, short.headers.get('www-authenticate')]).toEqual([403, 'Bearer realm="api", error="insufficient_scope", scope="read"'])
    expect(JSON.stringify([gateway.events, gateway.lines()])).not.toContain(one)
  })

  test('a signature covers the body as it was sent, content coding included, and is good once', async () => {
    const post = (body: Buffer, signedBody: Buffer, coding: Record<string, string>, nonce: string) => {
      const digest = `sha-256=:${createHash('sha256').update(signedBody).digest('base64')}:`
      const params = `("@method" "@path" "content-digest");created=${Math.floor(Date.now() / 1000)};keyid="h1";nonce="${nonce}"`
      const base = `"@method": POST\n"@path": /signed\n"content-digest": ${digest}\n"@signature-params": ${params}`
      const signature = createHmac('sha256', secret).update(base).digest('base64')
      return fetch(`${gateway.url}/signed`, { method: 'POST', body: new Uint8Array(body), headers: { 'content-type': 'application/json', ...coding, 'content-digest': digest, 'signature-input': `a=${params}`, signature: `a=:${signature}:` } }).then(({ status }) => status)
    }
    const [plain, packed] = [Buffer.from('{"amount": 1}'), gzipSync('{"amount": 1}')]
    expect(await post(plain, plain, {}, 'n1')).toBe(200)
    expect(await post(packed, packed, { 'content-encoding': 'gzip' }, 'n2')).toBe(200)
    expect(await post(Buffer.from('{"amount": 9}'), plain, {}, 'n3')).toBe(401)
    expect(await post(plain, plain, {}, 'n1')).toBe(401)
  })

  test('a sign code made with nothing but OpenSSL’s words lets in', async () => {
    const [timestamp, nonce] = [String(Math.floor(Date.now() / 1000)), randomBytes(8).toString('hex')]
    const text = `POST\n/signed\na=1&b=2\n${createHash('sha256').update('x').digest('hex')}\n${timestamp}\n${nonce}`
    const reply = await fetch(`${gateway.url}/signed?b=2&a=1`, {
      method: 'POST', body: 'x', headers: { 'x-client-id': 'h1', 'x-timestamp': timestamp, 'x-nonce': nonce, 'x-sign-code': createHmac('sha256', secret).update(text).digest('hex') },
    })
    expect([reply.status, await reply.text()]).toEqual([200, 'app-1'])
  })

  test('an application that is switched off is out with its next call, also with a token that was seen before', async () => {
    const token = await sign()
    const ask = () => get('/token', { authorization: `Bearer ${token}` })
    expect((await ask()).status).toBe(200)
    gateway.gateway.clients.replace(callers(2, false))
    expect(await (await ask()).json()).toMatchObject({ code: 'client.disabled', status: 403 })
    gateway.gateway.clients.replace(callers(3))
    expect((await ask()).status).toBe(200)
  })

  test('an API goes through its life', async () => {
    const token = await sign()
    const ask = async (lifecycle: Api['lifecycle'], subscribed: boolean) => {
      const given = callers(Date.now())
      const applications = given.applications.map((one) => ({ ...one, subscriptions: subscribed ? one.subscriptions : [] }))
      gateway.gateway.clients.replace({ ...given, applications, apis: given.apis.map((one) => ({ ...one, flow: 'tokens', lifecycle })) })
      return (await get('/token', { authorization: `Bearer ${token}` })).status
    }
    expect([await ask('PUBLISHED', true), await ask('DEPRECATED', true), await ask('PROTOTYPED', false)]).toEqual([200, 200, 200])
    expect([await ask('PUBLISHED', false), await ask('DEPRECATED', false), await ask('CREATED', true), await ask('BLOCKED', true), await ask('RETIRED', true)]).toEqual([403, 403, 404, 503, 410])
  })
})
