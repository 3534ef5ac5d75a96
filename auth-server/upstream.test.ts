import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Provider } from 'oidc-provider'
import * as oidc from 'openid-client'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Actor } from '../control/contract.ts'
import { openAuthority } from '../control/oauth/open-authority.ts'
import type { Authority } from '../control/oauth-contract.ts'
import { openControl, type OpenControl } from '../control/open-control.ts'
import { findFreePort } from '../runtime/cli/start/port.ts'
import { toRule } from '../runtime/cli/upstream-provider.ts'
import { systemClock } from '../runtime/core/time/clock.ts'
import { silentLog } from '../runtime/core/log.ts'
import { createRelyingParty } from '../runtime/openid/relying-party.ts'
import { createEgressFetch } from '../runtime/upstream/egress-fetch.ts'
import { createCookieBrowser, type CookieBrowser, type Page } from '../test/kit/cookie-browser.ts'
import { createAuthServer, type AuthServer } from './auth-server.ts'
import { toRole, type Upstream } from './upstream.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-upstream-'))
const admin: Actor = { name: 'admin', role: 'admin', from: '127.0.0.1' }
const callback = 'https://shop.example/callback'
const cost = { n: 1024 }
/** What the other provider says of people. */
const people: Record<string, Record<string, unknown>> = {}
let control: OpenControl
let authority: Authority
let server: AuthServer | undefined
let issuer: string
let port: number
let other: Server
let otherIssuer: string
let secret: string
const closers: (() => Promise<void>)[] = []

beforeAll(async () => {
  port = await findFreePort('127.0.0.1')
  issuer = `http://127.0.0.1:${port}`
  control = await openControl({ dataDir, definitions: [], log: silentLog, clock: systemClock, adminPassword: 'correct horse', passwordCost: cost, tokenIssuer: issuer })
  await control.consumers.organisations.create({ id: 'shop', name: 'Shop' }, admin)
  await control.consumers.applications.create({ id: 'web', name: 'Web', organisation: 'shop', oauth: { grants: ['authorization_code'], redirectUris: [callback] } }, admin)
  secret = (await control.consumers.credentials.create({ application: 'web', kind: 'basic', name: 'web' }, admin)).secret as string
  // Another host than ours: browsers keep cookies by host, whatever the port.
  other = createServer()
  await new Promise<void>((resolve) => other.listen(0, 'localhost', resolve))
  otherIssuer = `http://localhost:${(other.address() as AddressInfo).port}`
  const provider = new Provider(otherIssuer, {
    clients: [{ client_id: 'sluice', client_secret: 'a secret between the two of them', redirect_uris: [`${issuer}/upstream/callback`] }],
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'groups'], profile: ['preferred_username', 'name'], email: ['email'] },
    findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
    cookies: { keys: ['of the other one'] },
  })
  other.on('request', provider.callback())
}, 30_000)
afterEach(async () => {
  await server?.close()
  await authority?.close()
  for (const close of closers.splice(0)) await close()
})
afterAll(async () => {
  other?.close()
  other?.closeAllConnections()
  await control?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

async function start({ create = true, roles = ['groups:sluice-admins=admin', 'groups:staff=viewer'], allow = [new URL(otherIssuer).host] }: { create?: boolean; roles?: string[]; allow?: string[] } = {}) {
  const { fetch, close } = createEgressFetch({ allow, clock: systemClock, log: silentLog })
  closers.push(close)
  const party = createRelyingParty({ issuer: otherIssuer, clientId: 'sluice', clientSecret: 'a secret between the two of them', scope: 'openid profile email', clock: systemClock, fetch, insecure: true })
  const upstream: Upstream = { ...party, issuer: otherIssuer, name: 'Harbour ID', roles: roles.map(toRule), create }
  authority = await openAuthority({ dataDir, clock: systemClock, log: silentLog, passwordCost: cost })
  server = createAuthServer({ authority, host: '127.0.0.1', port, accessTokenMs: 300_000, clock: systemClock, log: silentLog, upstream })
  await server.listen()
  await expect.poll(() => fetch2(`${issuer}/healthz`)).toBe(200)
}
const fetch2 = (url: string) => fetch(url).then(({ status }) => status, () => 0)

/** The page on which people sign in to go on to the client. */
async function ask(browser: CookieBrowser): Promise<{ page: Page; checks: { pkceCodeVerifier: string; expectedState: string }; config: oidc.Configuration }> {
  const config = await oidc.discovery(new URL(issuer), 'web', undefined, oidc.ClientSecretBasic(secret), { execute: [oidc.allowInsecureRequests] })
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const expectedState = oidc.randomState()
  const url = oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid', state: expectedState, code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256' })
  return { page: await browser.open(url.href), checks: { pkceCodeVerifier, expectedState }, config }
}

/** Signs in at the other provider, up to the URL that leads back. */
async function signInThere(browser: CookieBrowser, page: Page, name: string): Promise<URL> {
  let reply = await browser.step(page.url, { act: 'upstream' })
  let here = page.url
  for (let step = 0; step < 12; step++) {
    const to = reply.headers.get('location')
    if (to !== null) {
      here = new URL(to, here).href
      if (here.startsWith(`${issuer}/upstream/callback`)) return new URL(here)
      reply = await browser.step(here)
      continue
    }
    const text = await reply.text()
    const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1] as string
    const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1] as string
    here = new URL(action, here).href
    reply = await browser.step(here, prompt === 'login' ? { prompt, login: name, password: 'any' } : { prompt })
  }
  throw new Error('it never came back')
}

/** Who the client is told that it is, or the page that it ends on. */
async function who(name: string): Promise<string | Page> {
  const browser = createCookieBrowser()
  const { page, checks, config } = await ask(browser)
  const back = await signInThere(browser, page, name)
  let page2: { status: number; url: string; text: string; location: string | null } = { status: 0, url: back.href, text: '', location: back.href }
  for (let step = 0; step < 8; step++) {
    const to: string | null = page2.location
    if (to === null) {
      if (page2.status !== 200 || page2.text.includes('name="password"')) return { ...page2, trail: [] }
      const reply = await browser.step(page2.url, { act: 'go' })
      page2 = { status: reply.status, url: page2.url, text: await reply.text(), location: reply.headers.get('location') }
      continue
    }
    const url: string = new URL(to, issuer).href
    if (url.startsWith(callback)) return (await oidc.authorizationCodeGrant(config, new URL(url), checks)).claims()?.sub as string
    const reply = await browser.step(url)
    page2 = { status: reply.status, url, text: await reply.text(), location: reply.headers.get('location') }
  }
  throw new Error('it never ended')
}

describe('somebody who signs in at the other provider', () => {
  test('becomes a user with the role that its claims give, and is the same one next time, whatever she is called then', async () => {
    await start()
    people['subject-1'] = { preferred_username: 'Mei Lin', groups: ['staff', 'choir'] }
    expect(await who('subject-1')).toBe('mei-lin')
    expect(await control.users.get('mei-lin')).toMatchObject({ role: 'viewer', linked: true })
    people['subject-1'] = { preferred_username: 'somebody-else', groups: ['sluice-admins'] }
    expect(await who('subject-1')).toBe('mei-lin')
    expect((await control.users.get('mei-lin'))?.role).toBe('admin')
    // No role any more: no way in, and the last one stays until somebody changes it.
    people['subject-1'] = { groups: [] }
    expect(await who('subject-1')).toMatchObject({ status: 403, text: expect.stringContaining('no role') })
    expect((await control.consumers.audit.list({ user: 'mei-lin', action: 'user.create' }, admin)).items[0]?.detail).toMatchObject({ role: 'viewer', issuer: otherIssuer })
  })

  test('takes over no user of the same name, nor one of another subject', async () => {
    await start()
    await control.users.create({ name: 'bo', role: 'publisher' }, 'admin')
    people['subject-bo'] = { preferred_username: 'bo', email: 'bo@harbour.example', groups: ['staff'] }
    const name = (await who('subject-bo')) as string
    expect(name).toMatch(/^bo-[0-9a-f]{6}$/)
    expect([(await control.users.get('bo'))?.role, (await control.users.get(name))?.role]).toEqual(['publisher', 'viewer'])
    for (const reserved of ['admin', 'Admin', 'start']) {
      people['subject-a'] = { preferred_username: reserved, groups: ['staff'] }
      expect(await who(`subject-a`)).not.toBe('admin')
    }
    people['subject-bo2'] = { preferred_username: 'bo', groups: ['staff'] }
    expect(await who('subject-bo2')).not.toBe(name)
  })

  test('without a role is refused, and so is whoever is not linked where no users are made', async () => {
    await start()
    people['nobody'] = { preferred_username: 'nobody', groups: ['choir'] }
    expect(await who('nobody')).toMatchObject({ status: 403, text: expect.stringContaining('Harbour ID') })
    expect(await control.users.get('nobody')).toBeUndefined()
    await server?.close()
    await authority.close()
    await start({ create: false })
    people['staff-2'] = { preferred_username: 'staff-2', groups: ['staff'] }
    expect(await who('staff-2')).toMatchObject({ status: 403 })
    expect(await control.users.get('staff-2')).toBeUndefined()
    // Linked by an administrator she is who she is here, with the role that she has here.
    await control.users.create({ name: 'linked', role: 'operator' }, 'admin')
    await control.users.link('linked', { issuer: otherIssuer, subject: 'staff-2' }, 'admin')
    await expect(control.users.link('admin', { issuer: otherIssuer, subject: 'staff-2' }, 'admin')).rejects.toMatchObject({ code: 'user.linked' })
    people['staff-2'] = { groups: ['sluice-admins'] }
    expect(await who('staff-2')).toBe('linked')
    expect((await control.users.get('linked'))?.role).toBe('operator')
    await control.users.link('linked', undefined, 'admin')
    expect(await who('staff-2')).toMatchObject({ status: 403 })
  })

  test('who is disabled here is refused', async () => {
    await start()
    people['off'] = { preferred_username: 'off', groups: ['staff'] }
    expect(await who('off')).toBe('off')
    await control.users.setDisabled('off', true, 'admin')
    expect(await who('off')).toMatchObject({ status: 403, text: expect.stringContaining('disabled') })
  })
})

describe('what comes back', () => {
  test('is taken from the browser that left, once, with the state, issuer and code that belong together', async () => {
    await start()
    people['mallory'] = { preferred_username: 'mallory', groups: ['staff'] }
    const leave = async () => {
      const browser = createCookieBrowser()
      const { page } = await ask(browser)
      return { browser, page, back: await signInThere(browser, page, 'mallory') }
    }
    const first = await leave()
    // Led to another's answer: a browser that never left, and one that left for its own.
    const stranger = createCookieBrowser()
    expect((await stranger.open(first.back.href)).status).toBe(400)
    const own = await leave()
    expect((await own.browser.step(first.back.href)).status).toBe(400)
    for (const [name, value, status] of [['state', 'x', 400], ['state', '', 400], ['iss', 'https://evil.example', 403], ['code', 'x', 403]] as const) {
      const one = await leave()
      one.back.searchParams.set(name, value)
      const end = await one.browser.open(one.back.href)
      expect([name, end.status, end.text.includes('name="act" value="go"') && status === 403]).toEqual([name, status, status === 403])
    }
    expect((await first.browser.step(first.back.href)).status).toBe(303)
    expect((await first.browser.step(first.back.href)).status).toBe(400)
  })

  test('when she says no there, or it cannot be reached or must not be called, is a page from which passwords still work', async () => {
    await start()
    const browser = createCookieBrowser()
    const { page } = await ask(browser)
    expect(page.text).toContain('Sign in with Harbour ID')
    const left = await browser.step(page.url, { act: 'upstream' })
    const { searchParams } = new URL(left.headers.get('location') as string)
    expect([searchParams.get('code_challenge_method'), searchParams.get('nonce')?.length]).toEqual(['S256', 43])
    const denied = await browser.open(`${issuer}/upstream/callback?error=access_denied&state=${searchParams.get('state')}&iss=${encodeURIComponent(otherIssuer)}`)
    expect([denied.status, denied.text]).toEqual([403, expect.stringContaining('did not sign in at Harbour ID')])
    expect((await browser.step(denied.url, { name: 'admin', password: 'correct horse', act: 'go' })).status).toBe(303)
    await server?.close()
    await authority.close()
    await start({ allow: [] })
    const other = createCookieBrowser()
    const again = await ask(other)
    const away = await other.submit(again.page, { act: 'upstream' })
    expect([away.status, away.text]).toEqual([503, expect.stringContaining('does not answer')])
  })
})

test('a role comes from the first rule that fits, by a claim’s name or by its path', () => {
  const rules = ['https://harbour.example/roles:chief=admin', 'realm_access.roles:ops=operator', 'department:sales=viewer'].map(toRule)
  expect(toRole({ 'https://harbour.example/roles': ['chief'], department: 'sales' }, rules)).toBe('admin')
  expect(toRole({ realm_access: { roles: ['ops', 'x'] } }, rules)).toBe('operator')
  expect(toRole({ department: 'sales' }, rules)).toBe('viewer')
  for (const claims of [{}, { department: 'sales ' }, { department: ['Sales'] }, { realm_access: 'ops' }, { roles: ['chief'] }, JSON.parse('{"__proto__":{"department":"sales"}}') as object]) expect(toRole({ ...claims }, rules)).toBeUndefined()
})
