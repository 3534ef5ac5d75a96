import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as oauth from 'oauth4webapi'
import * as oidc from 'openid-client'
import { type CryptoKey, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Actor } from '../control/contract.ts'
import { openAuthority } from '../control/oauth/open-authority.ts'
import type { Authority } from '../control/oauth-contract.ts'
import { openControl, type OpenControl } from '../control/open-control.ts'
import { toMarks } from '../nodes/auth/token-claims.ts'
import { createPortal } from '../portal/portal.ts'
import { createRevoked } from '../runtime/core/access/revoked.ts'
import { systemClock } from '../runtime/core/time/clock.ts'
import { silentLog } from '../runtime/core/log.ts'
import { findFreePort } from '../runtime/cli/start/port.ts'
import { estate, flow } from '../test/kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../test/kit/gateway.ts'
import { createAuthServer, type AuthServer } from './auth-server.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-auth-'))
const admin: Actor = { name: 'admin', role: 'admin', from: '127.0.0.1' }
const cost = { n: 1024 }
const callback = 'https://shop.example/callback'
const resource = 'https://api.example.org'

let control: OpenControl
let authority: Authority
let server: AuthServer
let issuer: string
let gateway: TestGateway
let port: number
const secrets: Record<string, string> = {}


const openServer = async () => {
  authority = await openAuthority({ dataDir, clock: systemClock, log: silentLog, passwordCost: cost })
  server = createAuthServer({ authority, host: '127.0.0.1', port, accessTokenMs: 300_000, clock: systemClock, log: silentLog })
  await server.listen()
}

beforeAll(async () => {
  port = await findFreePort('127.0.0.1')
  issuer = `http://127.0.0.1:${port}`
  control = await openControl({ dataDir, definitions: [], log: silentLog, clock: systemClock, adminPassword: 'correct horse', passwordCost: cost, tokenIssuer: issuer })
  const { consumers } = control
  await consumers.organisations.create({ id: 'shop', name: 'Shop' }, admin)
  const all = ['client_credentials', 'authorization_code', 'refresh_token', 'device_code'] as const
  const make = async (id: string, oauthClient: object) => {
    await consumers.applications.create({ id, name: `App ${id}`, organisation: 'shop', oauth: oauthClient as never }, admin)
    secrets[id] = (await consumers.credentials.create({ application: id, kind: 'basic', name: id }, admin)).secret as string
  }
  await make('web', { grants: all, redirectUris: [callback, 'http://127.0.0.1/here'], scopes: ['read', 'write'], resources: [resource, 'https://other.example.org'] })
  await make('app', { grants: ['authorization_code', 'refresh_token', 'device_code'], redirectUris: ['http://127.0.0.1:7777/cb'], scopes: ['read'], resources: [resource], public: true })
  await make('plain', { grants: ['client_credentials'] })
  await consumers.applications.create({ id: 'none', name: 'None', organisation: 'shop' }, admin)
  secrets['none'] = (await consumers.credentials.create({ application: 'none', kind: 'basic', name: 'none' }, admin)).secret as string
  await consumers.apis.create({ id: 'orders', name: 'Orders', organisation: 'shop', flow: 'orders' }, admin)
  await openServer()
  const guard = (audience: string) => ({ methods: [{ kind: 'jwt' }], issuers: [{ issuer, audience, algorithms: 'RS256' }], scopes: ['read'] })
  const nodes = estate(
    flow('tokens').httpIn('GET', '/token').node('auth', guard(resource), 2).fn('msg.payload = msg.client\nreturn msg').httpResponse(),
    flow('other').httpIn('GET', '/other').node('auth', guard('https://other.example.org'), 2).fn('msg.payload = msg.client\nreturn msg').httpResponse(),
    flow('api').httpIn('GET', '/api').node('auth', guard('orders'), 2).fn('msg.payload = msg.client\nreturn msg').httpResponse(),
  )
  gateway = await startGateway({ nodes, settings: { SLUICE_EGRESS_ALLOW: new URL(issuer).host } })
  gateway.gateway.clients.replace(consumers.snapshot())
  consumers.onChange((change) => gateway.gateway.clients.apply(change))
  // Making the admin ended what she had before. `iat` counts seconds: what is issued in that very second counts as issued before.
  const madeAtMs = Date.now()
  await vi.waitUntil(() => Math.floor(Date.now() / 1000) > Math.floor(madeAtMs / 1000), { timeout: 2000 })
}, 30_000)
afterEach(() => void vi.useRealTimers())
afterAll(async () => {
  await gateway?.close()
  await server?.close()
  await authority?.close()
  await control?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const discover = (id: string, auth?: oidc.ClientAuth) =>
  oidc.discovery(new URL(issuer), id, undefined, auth ?? oidc.ClientSecretBasic(secrets[id]), { execute: [oidc.allowInsecureRequests] })
const call = (path: string, token: string) => fetch(gateway.url + path, { headers: { authorization: `Bearer ${token}` } })
/** What an error of the protocol is called. */
const codeOf = (work: Promise<unknown>) =>
  work.then(() => 'none', (thrown: { error?: string; code?: string; cause?: readonly { parameters?: { error?: string } }[] }) => thrown.error ?? thrown.cause?.[0]?.parameters?.error ?? thrown.code)

/** A browser: cookies, no redirects followed by itself. */
function createBrowser() {
  const jar = new Map<string, { value: string; path: string }>()
  return async function go(url: string, form?: Record<string, string>): Promise<Response> {
    const target = new URL(url, issuer)
    const cookie = [...jar].filter(([, { path }]) => target.pathname.startsWith(path)).map(([name, { value }]) => `${name.split('@')[0]}=${value}`).join('; ')
    const reply = await fetch(target, {
      redirect: 'manual',
      headers: { cookie, ...(form ? { origin: issuer } : {}) },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    })
    for (const line of reply.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      const path = /path=([^;]+)/i.exec(line)?.[1] ?? '/'
      if (value === '') jar.delete(`${name}@${path}`)
      else jar.set(`${name}@${path}`, { value, path })
    }
    return reply
  }
}

/** Signs in and agrees; the URL at the client that it ends at, or the page that it ended on. */
async function authorize(url: URL, browser = createBrowser(), name = 'admin', password = 'correct horse'): Promise<URL | Response> {
  let reply = await browser(url.href)
  for (let step = 0; step < 12; step++) {
    const to = reply.headers.get('location')
    if (to === null) {
      const text = await reply.clone().text()
      if (reply.status !== 200 || !text.includes('name="act"')) return reply
      reply = await browser(reply.url, text.includes('name="password"') ? { name, password, act: 'go' } : { act: 'go' })
      continue
    }
    const next = new URL(to, issuer)
    if (next.origin !== issuer) return next
    reply = await browser(next.href)
  }
  throw new Error('it never ended')
}

/** What a person who signs in with PKCE brings home. */
async function signIn(config: oidc.Configuration, more: Record<string, string> = {}, browser = createBrowser(), name = 'admin') {
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const url = oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid read', state, code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more })
  const home = await authorize(url, browser, name)
  if (!(home instanceof URL)) throw new Error(`it ended on a page: ${home.status} ${await home.text()}`)
  return { home, checks: { pkceCodeVerifier: verifier, expectedState: state } }
}

describe('a program', () => {
  test('gets a token by its name and secret that an auth node lets in, until it has ended', async () => {
    const config = await discover('web')
    const { access_token: token } = await oidc.clientCredentialsGrant(config, { scope: 'read' })
    expect(decodeProtectedHeader(token)).toMatchObject({ typ: 'at+jwt', alg: 'RS256' })
    expect(decodeJwt(token)).toMatchObject({ iss: issuer, aud: resource, client_id: 'web', sub: 'web', scope: 'read' })
    const reply = await call('/token', token)
    expect([reply.status, await reply.json()]).toEqual([200, expect.objectContaining({ application: 'web', organisation: 'shop', scopes: ['read'] })])
    expect((await call('/other', token)).status).toBe(401)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 361_000 })
    const late = await call('/token', token)
    expect([late.status, await late.json()]).toEqual([401, expect.objectContaining({ code: 'auth.expired' })])
  })

  test('proves itself by a key of which the server has the public half only, by no other key and by no assertion twice', async () => {
    await control.consumers.applications.create({ id: 'robot', name: 'Robot', organisation: 'shop', oauth: { grants: ['client_credentials'], scopes: ['read'], resources: [resource] } }, admin)
    const pair = await generateKeyPair('ES256', { extractable: true })
    const made = await control.consumers.credentials.create({ application: 'robot', kind: 'public-key', name: 'robot-1', publicKey: JSON.stringify(await exportJWK(pair.publicKey)) }, admin)
    const by = async (key: CryptoKey, id = 'key:robot-1') => await oidc.discovery(new URL(issuer), id, undefined, oidc.PrivateKeyJwt(key), { execute: [oidc.allowInsecureRequests] })
    const { access_token: token } = await oidc.clientCredentialsGrant(await by(pair.privateKey), { scope: 'read' })
    const reply = await call('/token', token)
    expect([reply.status, await reply.json()]).toEqual([200, expect.objectContaining({ application: 'robot', scopes: ['read'] })])
    expect(await codeOf(oidc.clientCredentialsGrant(await by((await generateKeyPair('ES256')).privateKey), { scope: 'read' }))).toBe('invalid_client')
    // Whoever has a secret is no client by a key, nor the other way round.
    for (const id of ['robot-1', 'key:web', 'key:']) expect(await codeOf(oidc.clientCredentialsGrant(await by(pair.privateKey, id), { scope: 'read' }))).toBe('invalid_client')
    const assertion = await new SignJWT({ jti: 'once' }).setProtectedHeader({ alg: 'ES256' }).setIssuer('key:robot-1').setSubject('key:robot-1').setAudience(issuer).setIssuedAt().setExpirationTime('1m').sign(pair.privateKey)
    const ask = async () => (await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion }) })).status
    expect([await ask(), await ask()]).toEqual([200, 401])
    await control.consumers.credentials.revoke(made.credential.id, undefined, admin)
    expect(await codeOf(oidc.clientCredentialsGrant(await by(pair.privateKey), { scope: 'read' }))).toBe('invalid_client')
    expect((await call('/token', token)).status).toBe(403)
  })

  test('gets tokens for what its record names, or for one API by its id, and for nothing else', async () => {
    const config = await discover('web')
    const forApi = await oidc.clientCredentialsGrant(config, { scope: 'read', resource: 'urn:sluice:api:orders' })
    expect(decodeJwt(forApi.access_token).aud).toBe('orders')
    expect((await call('/api', forApi.access_token)).status).toBe(200)
    expect((await call('/token', forApi.access_token)).status).toBe(401)
    const forOther = await oidc.clientCredentialsGrant(config, { scope: 'read', resource: 'https://other.example.org' })
    expect([(await call('/other', forOther.access_token)).status, (await call('/token', forOther.access_token)).status]).toEqual([200, 401])
    for (const wrong of ['https://api.example.org/', 'https://evil.example', 'urn:sluice:api:nothing']) {
      expect(await codeOf(oidc.clientCredentialsGrant(config, { scope: 'read', resource: wrong }))).toBe('invalid_target')
    }
  })

  test('gets no scope that its record does not give', async () => {
    const { scope } = await oidc.clientCredentialsGrant(await discover('web'), { scope: 'read admin' })
    expect(scope).toBe('read')
  })

  test('is refused with a wrong secret, without a part in the records, and for grants that it has not', async () => {
    expect(await codeOf(oidc.clientCredentialsGrant(await discover('web', oidc.ClientSecretBasic('wrong')), {}))).toBe('invalid_client')
    // What the store keeps of the secret is no secret.
    const verifier = (await authority.clients.get('web'))?.verifier as string
    expect(await codeOf(oidc.clientCredentialsGrant(await discover('web', oidc.ClientSecretPost(verifier)), {}))).toBe('invalid_client')
    expect(await codeOf(oidc.clientCredentialsGrant(await discover('none'), {}))).toBe('invalid_client')
    expect(await codeOf(oidc.clientCredentialsGrant(await discover('app', oidc.None()), {}))).toBe('invalid_request')
  })

  test('that is switched off gets no token from then on', async () => {
    const { consumers } = control
    const { secret, credential } = await consumers.credentials.create({ application: 'plain', kind: 'basic', name: 'passing' }, admin)
    const ask = async () => await codeOf(oidc.clientCredentialsGrant(await discover('passing', oidc.ClientSecretBasic(secret)), {}))
    expect(await ask()).toBe('none')
    await consumers.credentials.revoke(credential.id, undefined, admin)
    expect(await ask()).toBe('invalid_client')
  })

  test('without an audience gets an opaque token, about which can be asked, and which can be revoked', async () => {
    const config = await discover('plain')
    const { access_token: token } = await oidc.clientCredentialsGrant(config, {})
    expect(token.split('.')).toHaveLength(1)
    // Another program with a secret may ask: that is what resource servers do.
    expect(await oidc.tokenIntrospection(await discover('web'), token)).toMatchObject({ active: true, client_id: 'plain', iss: issuer })
    await oidc.tokenRevocation(config, token)
    expect(await oidc.tokenIntrospection(config, token)).toEqual({ active: false })
  })

  test('finds no password grant and no implicit one', async () => {
    const { grant_types_supported: grants, response_types_supported: types, code_challenge_methods_supported: methods } = (await discover('web')).serverMetadata()
    expect([grants, types, methods]).toEqual([['authorization_code', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code'].toSorted(), ['code'], ['S256']].map((one, place) => (place === 0 ? expect.arrayContaining(one) : one)))
    expect(grants).not.toContain('password')
    expect(grants).not.toContain('implicit')
    expect(await codeOf(oidc.genericGrantRequest(await discover('web'), 'password', { username: 'admin', password: 'correct horse' }))).toBe('invalid_request')
  })
})

describe('a person', () => {
  test('signs in, agrees, and the client gets tokens that an auth node lets in and that say who it is', async () => {
    const config = await discover('web')
    const { home, checks } = await signIn(config)
    const tokens = await oidc.authorizationCodeGrant(config, home, checks)
    expect(tokens.claims()).toMatchObject({ iss: issuer, aud: 'web', sub: 'admin' })
    expect(decodeJwt(tokens.access_token)).toMatchObject({ aud: resource, client_id: 'web', sub: 'admin', scope: 'read' })
    expect(await (await call('/token', tokens.access_token)).json()).toMatchObject({ id: 'admin', application: 'web' })
    const who = await signIn(config, { scope: 'openid profile' })
    const { access_token: opaque } = await oidc.authorizationCodeGrant(config, who.home, who.checks)
    expect(await oidc.fetchUserInfo(config, opaque, 'admin')).toEqual({ sub: 'admin', name: 'admin', role: 'admin' })
  })

  test('with a client of another make', async () => {
    const insecure = { [oauth.allowInsecureRequests]: true }
    const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), insecure))
    const client: oauth.Client = { client_id: 'app' }
    const redirect = 'http://127.0.0.1:7777/cb'
    const verifier = oauth.generateRandomCodeVerifier()
    const url = new URL(as.authorization_endpoint as string)
    url.search = new URLSearchParams({ client_id: 'app', response_type: 'code', redirect_uri: redirect, scope: 'read', resource, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }).toString()
    const params = oauth.validateAuthResponse(as, client, (await authorize(url)) as URL, oauth.expectNoState)
    // RFC 9207: the answer says who gives it, against mix-up.
    expect(params.get('iss')).toBe(issuer)
    const grant = async () => await oauth.processAuthorizationCodeResponse(as, client, await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), params, redirect, verifier, insecure))
    const { access_token: token, refresh_token: refresh } = await grant()
    expect(decodeJwt(token)).toMatchObject({ aud: resource, client_id: 'app', sub: 'admin', scope: 'read' })
    const renewed = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, oauth.None(), refresh as string, insecure))
    expect(renewed.refresh_token).not.toBe(refresh)
    const secretly = oauth.ClientSecretBasic(secrets['web'] as string)
    const own = await oauth.processClientCredentialsResponse(as, { client_id: 'web' }, await oauth.clientCredentialsGrantRequest(as, { client_id: 'web' }, secretly, { scope: 'write' }, insecure))
    expect(own.scope).toBe('write')
  })

  test('is told in her language when the password is wrong, and may say no', async () => {
    const config = await discover('web')
    const start = async () => oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid', ui_locales: 'zh-TW', state: 's', code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256' })
    const browser = createBrowser()
    const first = await browser((await browser((await start()).href)).headers.get('location') as string)
    expect([first.headers.get('x-frame-options'), first.headers.get('content-security-policy')]).toEqual(['DENY', expect.stringContaining("default-src 'none'")])
    expect(await first.text()).toContain('登入')
    const failed = await browser(first.url, { name: 'admin', password: 'wrong', act: 'go' })
    expect([failed.status, await failed.text()]).toEqual([403, expect.stringContaining('使用者名稱或密碼不正確')])
    const back = await browser((await browser(first.url, { act: 'cancel' })).headers.get('location') as string)
    expect(new URL(back.headers.get('location') as string).searchParams.get('error')).toBe('access_denied')
    // Somebody else's browser has not the cookie.
    const stranger = await createBrowser()(first.url)
    expect([stranger.status, stranger.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8'])
  })

  test('a device gets its tokens once a person has typed its code and agreed', async () => {
    const config = await discover('app', oidc.None())
    const device = await oidc.initiateDeviceAuthorization(config, { scope: 'read', resource })
    const browser = createBrowser()
    const xsrf = (text: string) => /name="xsrf" value="([^"]+)"/.exec(text)?.[1] as string
    const asked = await (await browser('/device')).text()
    const wrong = await (await browser('/device', { xsrf: xsrf(asked), user_code: 'AAAA-AAAA' })).text()
    expect(wrong).toContain('not known')
    const confirm = await (await browser('/device', { xsrf: xsrf(wrong), user_code: device.user_code })).text()
    expect(confirm).toContain(device.user_code)
    let reply = await browser('/device', { xsrf: xsrf(confirm), user_code: device.user_code, confirm: 'yes' })
    for (let step = 0; step < 8 && !(await reply.clone().text()).includes('You can close this page'); step++) {
      const to = reply.headers.get('location')
      const text = await reply.clone().text()
      reply = to === null ? await browser(reply.url, text.includes('name="password"') ? { name: 'admin', password: 'correct horse', act: 'go' } : { act: 'go' }) : await browser(to)
    }
    const tokens = await oidc.pollDeviceAuthorizationGrant(config, { ...device, interval: 0.01 })
    expect(decodeJwt(tokens.access_token)).toMatchObject({ aud: resource, client_id: 'app', sub: 'admin', scope: 'read' })
  })
})

describe('a thief', () => {
  test('gets no code sent to a redirect URI that differs by one character', async () => {
    const config = await discover('web')
    for (const wrong of [`${callback}/`, `${callback}?`, 'https://shop.example/callbac', 'http://shop.example/callback', 'https://shop.example:443/callback', 'http://127.0.0.1:81/here', 'https://SHOP.example/callback']) {
      const url = oidc.buildAuthorizationUrl(config, { redirect_uri: wrong, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' })
      const reply = await createBrowser()(url.href)
      expect([wrong, reply.status, reply.headers.get('location')]).toEqual([wrong, 400, null])
    }
  })

  test('cannot do without PKCE, nor weaken it', async () => {
    const config = await discover('web')
    const ask = async (more: Record<string, string>) => {
      const home = (await authorize(oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid', ...more }))) as URL
      return home.searchParams.get('error') ?? new URLSearchParams(home.hash.slice(1)).get('error')
    }
    expect(await ask({})).toBe('invalid_request')
    expect(await ask({ code_challenge: 'x'.repeat(43) })).toBe('invalid_request')
    expect(await ask({ code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' })).toBe('invalid_request')
    expect(await ask({ response_type: 'token', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' })).toBe('unsupported_response_type')
    const { home, checks } = await signIn(config)
    expect(await codeOf(oidc.authorizationCodeGrant(config, home, { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }))).toBe('invalid_grant')
  })

  test('cannot use another client’s code, and a code used twice ends what came of it', async () => {
    const config = await discover('web')
    const { home, checks } = await signIn(config)
    expect(await codeOf(oidc.genericGrantRequest(await discover('app', oidc.None()), 'authorization_code', { code: home.searchParams.get('code') as string, redirect_uri: callback, code_verifier: checks.pkceCodeVerifier }))).toBe('invalid_grant')
    const tokens = await oidc.authorizationCodeGrant(config, home, checks)
    expect(await oidc.tokenIntrospection(config, tokens.refresh_token as string)).toMatchObject({ active: true })
    expect(await codeOf(oidc.authorizationCodeGrant(config, home, checks))).toBe('invalid_grant')
    expect(await oidc.tokenIntrospection(config, tokens.refresh_token as string)).toEqual({ active: false })
    expect(await codeOf(oidc.refreshTokenGrant(config, tokens.refresh_token as string))).toBe('invalid_grant')
  })

  test('who uses a refresh token a second time ends the whole line of them', async () => {
    const config = await discover('web')
    const { home, checks } = await signIn(config)
    const { refresh_token: first = '' } = await oidc.authorizationCodeGrant(config, home, checks)
    const { refresh_token: second = '' } = await oidc.refreshTokenGrant(config, first)
    expect(second).not.toBe(first)
    expect(await codeOf(oidc.refreshTokenGrant(config, first))).toBe('invalid_grant')
    expect(await codeOf(oidc.refreshTokenGrant(config, second))).toBe('invalid_grant')
  })

  test('of two who use a refresh token at once, at most one gets anything', async () => {
    const config = await discover('web')
    const { home, checks } = await signIn(config)
    const { refresh_token: token = '' } = await oidc.authorizationCodeGrant(config, home, checks)
    const got = await Promise.all(Array.from({ length: 8 }, () => codeOf(oidc.refreshTokenGrant(config, token))))
    expect(got.filter((code) => code === 'none').length).toBeLessThanOrEqual(1)
    expect(got.filter((code) => code !== 'none' && code !== 'invalid_grant')).toEqual([])
  })

  test('who asks about somebody else’s refresh token learns nothing', async () => {
    const config = await discover('web')
    const { home, checks } = await signIn(config)
    const { refresh_token: token = '' } = await oidc.authorizationCodeGrant(config, home, checks)
    expect(await oidc.tokenIntrospection(await discover('plain'), token)).toEqual({ active: false })
  })

  test('who reads the store finds no token and no key in it', async () => {
    const config = await discover('web')
    const { home, checks } = await signIn(config)
    const { refresh_token: token = '' } = await oidc.authorizationCodeGrant(config, home, checks)
    let text = ''
    for await (const line of control.exportStore()) text += line
    expect(text).toContain('RefreshToken')
    expect(text).not.toContain(token)
    expect(text).not.toMatch(/"(kty|primes|dp)"/)
  })
})

describe('a person’s roles', () => {
  let pages: Server
  let base: string
  beforeAll(async () => {
    const { consumers, users } = control
    await users.create({ name: 'seller', role: 'subscriber', password: 'correct horse' }, 'admin')
    await users.create({ name: 'onlooker', role: 'viewer', password: 'correct horse' }, 'admin')
    await consumers.members.create({ organisation: 'shop', user: 'seller', role: 'publisher' }, admin)
    await consumers.applications.create({ id: 'console', name: 'Console', organisation: 'shop', oauth: { grants: ['authorization_code', 'refresh_token', 'client_credentials'], redirectUris: [callback], scopes: ['records.read', 'applications.write', 'audit.read', 'pay', 'refund'] } }, admin)
    secrets['console'] = (await consumers.credentials.create({ application: 'console', kind: 'basic', name: 'console' }, admin)).secret as string
    await consumers.apis.create({ id: 'money', name: 'Money', organisation: 'shop', flow: 'money', scopes: { pay: { description: 'pay for you' }, refund: { roles: ['publisher', 'admin'] } } }, admin)
    const portal = createPortal({ control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.9', editorPath: '/editor/', gatewayUrls: () => [], samples: [] })
    pages = createServer((request, response) => void portal.handle(request, response))
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
  })
  afterAll(() => {
    pages?.close()
    pages?.closeAllConnections()
  })
  const tokensFor = async (name: string, scope: string, resource: string) => {
    const config = await discover('console')
    const { home, checks } = await signIn(config, { scope, resource }, createBrowser(), name)
    return await oidc.authorizationCodeGrant(config, home, checks)
  }
  const ask = (path: string, token: string, method = 'GET', body?: object) =>
    fetch(`${base}/api/v1/${path}`, { method, headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) }, ...(body ? { body: JSON.stringify(body) } : {}) })

  test('bound what a token for the admin API is good for, at the authorization server and at the API', async () => {
    const wanted = 'records.read applications.write audit.read records.apply'
    const { access_token: admins } = await tokensFor('admin', wanted, 'urn:sluice:admin')
    expect(decodeJwt(admins)).toMatchObject({ aud: 'urn:sluice:admin', sub: 'admin', scope: 'records.read applications.write audit.read' })
    const { access_token: sellers, refresh_token: refresh } = await tokensFor('seller', wanted, 'urn:sluice:admin')
    expect(decodeJwt(sellers)['scope']).toBe('records.read applications.write')
    const { access_token: looks } = await tokensFor('onlooker', wanted, 'urn:sluice:admin')
    expect(decodeJwt(looks)['scope']).toBe('records.read')

    expect((await ask('applications', admins)).status).toBe(200)
    expect((await ask('audit', admins)).status).toBe(200)
    expect((await ask('audit', sellers)).status).toBe(403)
    // The person may, the token may not.
    const refused = await ask('plans', admins, 'POST', { name: 'Made by token' })
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([403, 'Bearer error="insufficient_scope"'])
    expect((await ask('applications', sellers, 'POST', { id: 'by-token', name: 'By token', organisation: 'shop' })).status).toBe(201)
    expect((await ask('applications', looks, 'POST', { name: 'No', organisation: 'shop' })).status).toBe(403)
    // What knows nothing of scopes is closed to it.
    for (const path of ['flows', 'gateways', 'releases']) expect([path, (await ask(path, admins)).status]).toEqual([path, 403])
    expect((await fetch(`${base}/users`, { headers: { authorization: `Bearer ${admins}` }, redirect: 'manual' })).status).toBe(303)

    // A role that is gone takes the scope from the next token, and is asked for at each call with those that are there.
    await control.consumers.members.retire('shop:seller', undefined, admin)
    expect((await ask('applications', sellers, 'POST', { name: 'Later', organisation: 'shop' })).status).toBe(403)
    expect((await (await ask('applications', sellers)).json() as { items: unknown[] }).items).toEqual([])
    expect(decodeJwt((await oidc.refreshTokenGrant(await discover('console'), refresh as string)).access_token)['scope']).toBeUndefined()
  })

  test('open the admin API to no other token: of another audience, of a program, opaque, changed or taken back', async () => {
    const config = await discover('console')
    expect(await codeOf(oidc.clientCredentialsGrant(config, { scope: 'records.read', resource: 'urn:sluice:admin' }))).toBe('invalid_target')
    const { access_token: api } = await oidc.clientCredentialsGrant(config, { scope: 'records.read', resource: 'urn:sluice:api:money' })
    const { access_token: good } = await tokensFor('admin', 'records.read', 'urn:sluice:admin')
    const [head, body, signature] = good.split('.') as [string, string, string]
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(good), sub: 'admin', scope: 'records.apply' })).toString('base64url')
    for (const token of [api, `${head}.${forged}.${signature}`, `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${body}.`, 'a.b.c']) expect((await ask('applications', token)).status).toBe(401)
    expect((await ask('applications', good)).status).toBe(200)
    await oidc.tokenRevocation(config, good)
    await expect.poll(async () => (await ask('applications', good)).status, { timeout: 10_000 }).toBe(401)
    // A client that nobody gave a right gets none.
    const { home } = await signIn(await discover('web'), { scope: 'records.read', resource: 'urn:sluice:admin' }).catch(() => ({ home: new URL('https://x/?error=thrown') }))
    expect(home.searchParams.get('error')).toBe('invalid_target')
  })

  test('open nothing any more by an application that was switched off, or that may have less by now', async () => {
    const { consumers } = control
    const { access_token: token } = await tokensFor('admin', 'records.read audit.read', 'urn:sluice:admin')
    expect((await ask('audit', token)).status).toBe(200)
    const { oauth, version } = await consumers.applications.get('console', admin)
    const less = await consumers.applications.patch('console', { oauth: { ...oauth!, scopes: ['records.read'] } }, version, admin)
    expect([(await ask('audit', token)).status, (await ask('applications', token)).status]).toEqual([403, 200])
    const off = await consumers.applications.patch('console', { oauth: oauth!, active: false }, less.version, admin)
    expect((await ask('applications', token)).status).toBe(401)
    await consumers.applications.patch('console', { active: true }, off.version, admin)
    expect((await ask('audit', token)).status).toBe(200)
  })

  test('are not what a program of another organisation gives itself', async () => {
    const { consumers } = control
    await consumers.organisations.create({ id: 'stranger', name: 'Stranger' }, admin)
    await consumers.applications.create({ id: 'grabber', name: 'Grabber', organisation: 'stranger', oauth: { grants: ['client_credentials'], scopes: ['pay', 'refund'] } }, admin)
    secrets['grabber'] = (await consumers.credentials.create({ application: 'grabber', kind: 'basic', name: 'grabber' }, admin)).secret as string
    const { access_token: token } = await oidc.clientCredentialsGrant(await discover('grabber'), { scope: 'pay refund', resource: 'urn:sluice:api:money' })
    expect(decodeJwt(token)).toMatchObject({ aud: 'money', scope: 'pay' })
  })

  test('end tokens where they change, and nowhere else: who runs one organisation ends none for another', async () => {
    const { consumers } = control
    const { access_token: there } = await tokensFor('onlooker', 'pay', 'urn:sluice:api:money')
    const { access_token: pages } = await tokensFor('onlooker', 'records.read', 'urn:sluice:admin')
    const isEnded = async (mark: string) => {
      await expect.poll(() => consumers.snapshot().revoked?.map(({ id }) => id), { timeout: 10_000 }).toContain(mark)
      const ended = createRevoked()
      ended.revoke(consumers.snapshot().revoked ?? [], Date.now())
      return ended.isRevoked(toMarks(decodeJwt(there), issuer))
    }
    await consumers.organisations.create({ id: 'meddler', name: 'Meddler' }, admin)
    for (const organisation of ['meddler', 'shop']) {
      await consumers.members.create({ organisation, user: 'onlooker', role: 'viewer' }, admin)
      await consumers.members.patch(`${organisation}:onlooker`, { role: 'auditor' }, undefined, admin)
      expect([organisation, await isEnded(`member:${organisation}:onlooker`)]).toEqual([organisation, organisation === 'shop'])
    }
    expect((await ask('applications', pages)).status).toBe(200)
  })

  test('give a scope that an API keeps for roles to those who have one, and to programs of its organisation', async () => {
    const { access_token: onlookers } = await tokensFor('onlooker', 'pay refund', 'urn:sluice:api:money')
    expect(decodeJwt(onlookers)).toMatchObject({ aud: 'money', scope: 'pay' })
    const { access_token: admins } = await tokensFor('admin', 'pay refund', 'urn:sluice:api:money')
    expect(decodeJwt(admins)['scope']).toBe('pay refund')
    expect((await oidc.clientCredentialsGrant(await discover('console'), { scope: 'pay refund', resource: 'urn:sluice:api:money' })).scope).toBe('pay refund')
  })
})

describe('one address', () => {
  test('cannot fill the store with sign-ins that it begins and never ends', async () => {
    const url = `${issuer}/auth?${new URLSearchParams({ client_id: 'web', response_type: 'code', redirect_uri: callback, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' }).toString()}`
    const statuses = new Set<number>()
    for (let round = 0; round < 40; round++) for (const { status } of await Promise.all(Array.from({ length: 10 }, () => fetch(url, { redirect: 'manual' })))) statuses.add(status)
    expect([...statuses].toSorted((a, b) => a - b)).toEqual([303, 429])
    // One more may begin every 200 ms: of ten at once that a busy machine is late with, some are refused.
    const pages = await Promise.all(Array.from({ length: 10 }, async () => {
      const page = await fetch(url, { redirect: 'manual', headers: { accept: 'text/html', 'accept-language': 'zh-TW' } })
      return [page.status, await page.text()]
    }))
    expect(pages.find(([status]) => status === 429)).toEqual([429, expect.stringContaining('嘗試次數過多')])
  }, 30_000)

  test('cannot try the codes of devices one after the other', async () => {
    const browser = createBrowser()
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(await (await browser('/device')).text())?.[1] as string
    const statuses: number[] = []
    while (statuses.length < 100 && statuses.at(-1) !== 429) statuses.push((await browser('/device', { xsrf, user_code: 'AAAA-AAAA' })).status)
    expect([statuses.at(-1), new Set(statuses.slice(0, 50)).has(429)]).toEqual([429, false])
  })

  test('has so many requests looked at together that each may cost the check of a secret, and goes on when they have ended', async () => {
    const guess = () => fetch(`${issuer}/token`, { method: 'POST', headers: { authorization: `Basic ${btoa('web:wrong')}` }, body: new URLSearchParams({ grant_type: 'client_credentials' }) })
    const held = Array.from({ length: 16 }, () => {
      const one = request(`${issuer}/token`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '100' } })
      one.on('error', () => {}).flushHeaders()
      return one
    })
    await expect.poll(async () => (await guess()).status, { timeout: 5000 }).toBe(429)
    const refused = await guess()
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([429, '1', { error: 'slow_down' }])
    for (const one of held) one.on('response', (answer) => answer.resume()).end('x'.repeat(100))
    await expect.poll(async () => (await guess()).status, { timeout: 5000 }).toBe(401)
  })
})

describe('the password grant', () => {
  const ask = async (id: string, more: Record<string, string> = {}) =>
    await oidc.genericGrantRequest(await discover(id), 'password', { username: 'admin', password: 'correct horse', scope: 'read write records.apply', ...more })
  beforeAll(async () => {
    const { consumers } = control
    await consumers.applications.create({ id: 'old', name: 'Old', organisation: 'shop', oauth: { grants: ['refresh_token'], legacyPassword: true, scopes: ['read'], resources: [resource] } }, admin)
    secrets['old'] = (await consumers.credentials.create({ application: 'old', kind: 'basic', name: 'old' }, admin)).secret as string
  })

  test('is for clients whose record says so, gives what they may have, and is written down', async () => {
    const tokens = await ask('old')
    expect(decodeJwt(tokens.access_token)).toMatchObject({ aud: resource, client_id: 'old', sub: 'admin', scope: 'read' })
    expect((await call('/token', tokens.access_token)).status).toBe(200)
    const renewed = await oidc.refreshTokenGrant(await discover('old'), tokens.refresh_token as string)
    expect(renewed.scope).toBe('read')
    const { items } = await control.consumers.audit.list({ action: 'oauth.password_grant' }, admin)
    expect(items[0]).toMatchObject({ user: 'admin', from: '127.0.0.1', detail: { client: 'old' } })
    expect(await codeOf(ask('web'))).toBe('invalid_request')
    await oidc.tokenRevocation(await discover('old'), renewed.refresh_token as string)
    await expect.poll(async () => (await call('/token', tokens.access_token)).status, { timeout: 10_000 }).toBe(401)
  })

  test('slows down whoever guesses, and is given to no client that keeps no secret', async () => {
    expect(await codeOf(ask('old', { password: 'wrong' }))).toBe('invalid_grant')
    expect(await codeOf(ask('old', { username: 'nobody' }))).toBe('invalid_grant')
    expect(await codeOf(ask('old', { resource: 'https://other.example.org' }))).toBe('invalid_target')
    const made = control.consumers.applications.create({ name: 'Bad', organisation: 'shop', oauth: { grants: ['device_code'], public: true, legacyPassword: true } }, admin)
    await expect(made).rejects.toMatchObject({ problems: [{ pointer: '/oauth/legacyPassword' }] })
  })
})

describe('a token that is taken back', () => {
  /** Gateways hear of it within a second; a test waits as long as it is allowed to. */
  const refused = async (token: string, where = gateway) =>
    await expect.poll(async () => {
      const reply = await fetch(`${where.url}/token`, { headers: { authorization: `Bearer ${token}` } })
      return [reply.status, ((await reply.json()) as { code?: string }).code]
    }, { timeout: 10_000 }).toEqual([401, 'auth.revoked'])

  test('is refused by gateways although it was let in before, and the client’s other tokens are not', async () => {
    const config = await discover('web')
    const [one, other] = [await oidc.clientCredentialsGrant(config, { scope: 'read' }), await oidc.clientCredentialsGrant(config, { scope: 'read' })]
    expect((await call('/token', one.access_token)).status).toBe(200)
    // Whose it is not takes nothing back.
    await oidc.tokenRevocation(await discover('plain'), one.access_token)
    await oidc.tokenRevocation(config, one.access_token)
    await refused(one.access_token)
    expect((await call('/token', other.access_token)).status).toBe(200)
    const { jti } = decodeJwt(other.access_token)
    expect(control.consumers.snapshot().revoked?.map(({ id }) => id)).not.toContain(`jti:${jti}`)
  })

  test('takes what is no token of ours as already ended', async () => {
    const config = await discover('web')
    const { access_token: token } = await oidc.clientCredentialsGrant(config, { scope: 'read' })
    const [head, body] = token.split('.')
    for (const wrong of [`${head}.${body}.AAAA`, 'nothing', 'a.b.c']) await oidc.tokenRevocation(config, wrong)
    expect(await codeOf(oidc.tokenRevocation(await discover('web', oidc.ClientSecretBasic('wrong')), token))).toBe('invalid_client')
    expect((await call('/token', token)).status).toBe(200)
  })

  test('takes with it all access tokens when it is a refresh token, also when it was used twice', async () => {
    const config = await discover('web')
    for (const how of ['revoked', 'used twice'] as const) {
      const { home, checks } = await signIn(config)
      const first = await oidc.authorizationCodeGrant(config, home, checks)
      const second = await oidc.refreshTokenGrant(config, first.refresh_token as string)
      expect((await call('/token', second.access_token)).status).toBe(200)
      if (how === 'revoked') await oidc.tokenRevocation(config, second.refresh_token as string)
      else expect(await codeOf(oidc.refreshTokenGrant(config, first.refresh_token as string))).toBe('invalid_grant')
      await refused(first.access_token)
      await refused(second.access_token)
    }
  })

  test('of somebody who was disabled ends too, and so does what would renew it', async () => {
    await control.users.create({ name: 'leaver', role: 'viewer', password: 'correct horse' }, 'admin')
    const config = await discover('web')
    const { home, checks } = await signIn(config, {}, createBrowser(), 'leaver')
    const tokens = await oidc.authorizationCodeGrant(config, home, checks)
    expect((await call('/token', tokens.access_token)).status).toBe(200)
    await control.users.setDisabled('leaver', true, 'admin')
    await control.users.setDisabled('leaver', false, 'admin')
    await refused(tokens.access_token)
    expect(await codeOf(oidc.refreshTokenGrant(config, tokens.refresh_token as string))).toBe('invalid_grant')
  })

  test('stays refused after control and gateway started again, and is forgotten when it would have ended', async () => {
    const config = await discover('web')
    const { access_token: token } = await oidc.clientCredentialsGrant(config, { scope: 'read' })
    await oidc.tokenRevocation(config, token)
    await refused(token)
    const snapshot = control.consumers.snapshot()
    const mark = `jti:${decodeJwt(token).jti}`
    expect(snapshot.revoked).toContainEqual(expect.objectContaining({ issuer, id: mark }))
    gateway.gateway.clients.replace(JSON.parse(JSON.stringify(snapshot)) as typeof snapshot)
    await refused(token)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_400_000 })
    await authority.artifacts.removeExpired()
    gateway.gateway.clients.apply({ version: gateway.gateway.clients.version, revoked: [] })
    let text = ''
    for await (const line of control.exportStore()) text += line
    expect(text).not.toContain(mark)
  })

  test('by the thousand ends all that the client has', async () => {
    const { revocations } = authority
    for (let index = 0; index < 1005; index++) await revocations.token({ id: `many-${index}`, client: 'plain', endsAtMs: Date.now() + 60_000 })
    await expect.poll(() => control.consumers.snapshot().revoked?.filter(({ id }) => id.startsWith('jti:many-')).length, { timeout: 10_000 }).toBe(1000)
    await expect.poll(() => control.consumers.snapshot().revoked?.map(({ id }) => id), { timeout: 10_000 }).toContain('client:plain')
  })
})

describe('the server', () => {
  test('lets nobody frame what it answers, also pages that send themselves on', async () => {
    for (const path of ['/device?user_code=AAAA-AAAA', '/session/end', '/device', '/nothing', '/.well-known/openid-configuration', '/interaction/none']) {
      const { headers } = await fetch(issuer + path, { headers: { accept: 'text/html' } })
      expect([path, headers.get('x-frame-options'), headers.get('x-content-type-options'), headers.get('referrer-policy')]).toEqual([path, 'DENY', 'nosniff', 'no-referrer'])
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    }
  })

  test('knows its grants and keys again after a restart', async () => {
    const config = await discover('web')
    const { home, checks } = await signIn(config)
    const { refresh_token: token = '', access_token: before } = await oidc.authorizationCodeGrant(config, home, checks)
    await server.close()
    await authority.close()
    await openServer()
    // Connections to the old one are still in the client's pool.
    await expect.poll(() => fetch(`${issuer}/jwks`).then(({ status }) => status, () => 0)).toBe(200)
    const { access_token: after } = await oidc.refreshTokenGrant(config, token)
    expect(decodeProtectedHeader(after).kid).toBe(decodeProtectedHeader(before).kid)
  })

  test('publishes the next key before it signs with it, and the last one for as long as its tokens last', async () => {
    const config = await discover('web')
    const published = async () => ((await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string; d?: string }[] }).keys
    const signer = async () => decodeProtectedHeader((await oidc.clientCredentialsGrant(config, { scope: 'read' })).access_token).kid
    const at = async (days: number) => {
      vi.setSystemTime(start + days * 86_400_000)
      await server.refresh()
    }
    const start = Date.now()
    const [old] = (await published()).map(({ kid }) => kid)
    vi.useFakeTimers({ toFake: ['Date'], now: start })
    await at(31)
    const both = await published()
    expect([both.length, await signer(), both.every(({ d }) => d === undefined)]).toEqual([2, old, true])
    await at(32.1)
    const next = both.map(({ kid }) => kid).find((kid) => kid !== old)
    expect([(await published()).length, await signer()]).toEqual([2, next])
    await at(34.1)
    expect((await published()).map(({ kid }) => kid)).toEqual([next])
  })

  test('two of them on one store sign with the same keys', async () => {
    const other = createAuthServer({ authority, host: '127.0.0.1', port: 0, issuer, accessTokenMs: 300_000, clock: systemClock, log: silentLog })
    const { url } = await other.listen()
    try {
      const keys = async (at: string) => await (await fetch(`${at}/jwks`)).json()
      expect(await keys(url)).toEqual(await keys(issuer))
    } finally {
      await other.close()
    }
  })
})

describe('the record of an application', () => {
  test('is refused with redirect URIs that are neither https nor of this machine, or that go nowhere', async () => {
    const grants = ['authorization_code'] as const
    const problemsOf = async (client: object) =>
      await control.consumers.applications.create({ name: 'Bad', organisation: 'shop', oauth: client as never }, admin).then(() => [], (thrown: { problems: readonly { pointer?: string }[] }) => thrown.problems.map(({ pointer }) => pointer))
    for (const uri of ['http://shop.example/cb', 'https://shop.example/cb#x', 'javascript:alert(1)', 'myapp:/cb', 'https://me:pw@shop.example/', ' https://shop.example/', 'http://127.0.0.1.evil.example/']) {
      expect([uri, await problemsOf({ grants, redirectUris: [uri] })]).toEqual([uri, ['/oauth/redirectUris/0']])
    }
    expect(await problemsOf({ grants })).toEqual(['/oauth/redirectUris'])
    expect(await problemsOf({ grants: ['password'] })).toEqual(['/oauth/grants/0'])
    expect(await problemsOf({ grants: ['client_credentials'], public: true })).toEqual(['/oauth/public'])
    expect(await problemsOf({ grants: ['client_credentials'], resources: ['urn:sluice:api:orders'] })).toEqual(['/oauth/resources/0'])
    expect(await problemsOf({ grants: ['client_credentials'], scopes: ['two words'] })).toEqual(['/oauth/scopes/0'])
  })
})
