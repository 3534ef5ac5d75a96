import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAuthority } from '../control/oauth/open-authority.ts'
import type { Authority } from '../control/oauth-contract.ts'
import { openControl, type OpenControl } from '../control/open-control.ts'
import { createPortal, type Portal } from '../portal/portal.ts'
import type { SignInElsewhere } from '../portal/sign-in-elsewhere.ts'
import { findFreePort } from '../runtime/cli/start/port.ts'
import { systemClock } from '../runtime/core/time/clock.ts'
import { silentLog } from '../runtime/core/log.ts'
import { createRelyingParty } from '../runtime/openid/relying-party.ts'
import { createCookieBrowser, type CookieBrowser } from '../test/kit/cookie-browser.ts'
import { createAuthServer, type AuthServer } from './auth-server.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-pages-sign-in-'))
const password = 'correct horse'
let control: OpenControl
let authority: Authority
let server: AuthServer
let pages: Server
let portal: Portal
let issuer: string
let base: string

const createPages = (passwords: boolean) => {
  const { id, secret } = control.pagesClient
  const party = createRelyingParty({ issuer, clientId: id, clientSecret: secret, scope: 'openid', clock: systemClock, insecure: true })
  const elsewhere: SignInElsewhere = { ...party, passwords, origins: [base] }
  return createPortal({ control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.9', editorPath: '/editor/', gatewayUrls: () => [], samples: [], elsewhere, upstream: { issuer: 'https://login.example.org', name: 'Example login' } })
}

beforeAll(async () => {
  const port = await findFreePort('127.0.0.1')
  issuer = `http://127.0.0.1:${port}`
  control = await openControl({ dataDir, definitions: [], log: silentLog, clock: systemClock, adminPassword: password, passwordCost: { n: 1024 }, tokenIssuer: issuer })
  await control.users.create({ name: 'ann', role: 'viewer', password }, 'admin')
  pages = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
  authority = await openAuthority({ dataDir, clock: systemClock, log: silentLog, passwordCost: { n: 1024 }, pagesOrigins: [base] })
  server = createAuthServer({ authority, host: '127.0.0.1', port, accessTokenMs: 300_000, clock: systemClock, log: silentLog })
  await server.listen()
  portal = createPages(true)
}, 30_000)
afterAll(async () => {
  pages?.close()
  pages?.closeAllConnections()
  await server?.close()
  await authority?.close()
  await control?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

async function signIn(browser: CookieBrowser, name = 'ann', next = '/releases') {
  const asked = await browser.open(`${base}/sign-in/openid?next=${encodeURIComponent(next)}`)
  expect(new URL(asked.url).origin).toBe(issuer)
  return await browser.submit(asked, { name, password, act: 'go' })
}

test('somebody signs in at the authorization server, is not asked to allow it, and comes back to where she was going with a session', async () => {
  const browser = createCookieBrowser()
  expect((await browser.open(`${base}/sign-in?next=/releases`)).text).toContain('/sign-in/openid?next=%2Freleases')
  const home = await signIn(browser)
  expect([home.url, home.status]).toEqual([`${base}/releases`, 200])
  expect(home.text).toContain('ann')
  // Her role is the one of the record, whatever page she opens.
  expect((await browser.open(`${base}/users`)).status).toBe(403)
})

test('signing out ends both sessions; staying signed in there is a choice', async () => {
  const browser = createCookieBrowser()
  await signIn(browser)
  const asked = await browser.submit({ url: `${base}/releases`, status: 200, text: '<main><form action="/sign-out">', trail: [] }, {})
  expect([new URL(asked.url).origin, asked.text.includes('name="logout"')]).toEqual([issuer, true])
  expect((await browser.open(`${base}/releases`)).url).toContain('/sign-in')
  const out = await browser.submit(asked, { logout: 'yes' })
  expect(out.url).toContain(`${base}/sign-in`)
  const again = await browser.open(`${base}/sign-in/openid`)
  expect(again.text).toContain('name="password"')
})

test('what comes back without having left, twice, from elsewhere or changed signs nobody in', async () => {
  const left = async () => {
    const browser = createCookieBrowser()
    const asked = await browser.open(`${base}/sign-in/openid?next=/`)
    let reply = await browser.step(asked.url, { name: 'ann', password, act: 'go' })
    for (;;) {
      const to = new URL(reply.headers.get('location') as string, issuer)
      if (to.origin === base) return { browser, back: to }
      reply = await browser.step(to.href)
    }
  }
  const sessionOf = (browser: CookieBrowser) => browser.cookies().includes('sluice')
  const { browser, back } = await left()
  // Somebody else's browser, which never left.
  const stranger = createCookieBrowser()
  expect([(await stranger.open(back.href)).status, sessionOf(stranger)]).toEqual([403, false])
  // A browser that left for another sign-in: the state is not its own.
  const other = createCookieBrowser()
  await other.open(`${base}/sign-in/openid`)
  expect([(await other.open(back.href)).status, sessionOf(other)]).toEqual([403, false])
  for (const [name, value] of [['state', 'x'], ['iss', 'https://evil.example'], ['code', 'x']] as const) {
    const one = await left()
    one.back.searchParams.set(name, value)
    expect([name, (await one.browser.open(one.back.href)).status, sessionOf(one.browser)]).toEqual([name, 403, false])
  }
  expect([(await browser.open(back.href)).url, sessionOf(browser)]).toEqual([`${base}/`, true])
  browser.forget('sluice')
  expect([(await browser.open(back.href)).status, sessionOf(browser)]).toEqual([403, false])
})

test('signing out everywhere ends every session, here and there, by oneself and by an administrator', async () => {
  const [one, two, boss] = [createCookieBrowser(), createCookieBrowser(), createCookieBrowser()]
  for (const browser of [one, two]) await signIn(browser)
  await signIn(boss, 'admin')
  expect((await one.step(`${base}/account/sign-out`, {})).headers.get('location')).toBe('/sign-in')
  expect((await two.open(`${base}/releases`)).url).toContain('/sign-in')
  expect((await two.open(`${base}/sign-in/openid`)).text).toContain('name="password"')
  await signIn(two)
  expect((await boss.step(`${base}/users/ann/sign-out`, {})).status).toBe(303)
  expect((await two.open(`${base}/releases`)).url).toContain('/sign-in')
  expect((await boss.open(`${base}/users`)).status).toBe(200)
})

test('an administrator links a user to another provider, and nobody else does', async () => {
  const [boss, ann] = [createCookieBrowser(), createCookieBrowser()]
  await signIn(boss, 'admin')
  await signIn(ann)
  expect((await boss.open(`${base}/users`)).text).toContain('https://login.example.org')
  expect((await ann.step(`${base}/users/link`, { name: 'ann', subject: 'x' })).status).toBe(403)
  expect((await boss.step(`${base}/users/link`, { name: 'ann', subject: ' 1234 ' })).status).toBe(303)
  expect(await authority.people.signInFrom({ issuer: 'https://login.example.org', subject: '1234', names: [], create: false }, '192.0.2.1')).toMatchObject({ name: 'ann', role: 'viewer' })
  expect((await boss.step(`${base}/users/link`, { name: 'admin', subject: '1234' })).status).toBe(409)
  await boss.step(`${base}/users/link`, { name: 'ann', subject: '' })
  await expect(authority.people.signInFrom({ issuer: 'https://login.example.org', subject: '1234', names: ['ann'], create: false }, '192.0.2.1')).rejects.toMatchObject({ code: 'signin.unknown' })
})

test('where to go afterwards is a page of this site', async () => {
  for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example']) {
    expect((await signIn(createCookieBrowser(), 'ann', next)).url).toBe(`${base}/`)
  }
})

test('who says no, and who is disabled meanwhile, is told and not let in', async () => {
  const browser = createCookieBrowser()
  const asked = await browser.open(`${base}/sign-in/openid`)
  const back = await browser.submit(asked, { act: 'cancel' })
  expect([back.status, back.text]).toEqual([403, expect.stringContaining('You did not sign in')])
  await control.users.create({ name: 'gone', role: 'viewer', password }, 'admin')
  await control.users.setDisabled('gone', true, 'admin')
  expect((await signIn(createCookieBrowser(), 'gone')).text).toContain('wrong')
})

test('with passwords taken elsewhere only, the pages take none; with the authorization server down they say so, and passwords still work by setting', async () => {
  portal = createPages(false)
  const only = createCookieBrowser()
  const page = await only.open(`${base}/sign-in`)
  expect([page.text.includes('type="password"'), page.text.includes('/sign-in/openid')]).toEqual([false, true])
  expect((await only.step(`${base}/sign-in`, { name: 'ann', password })).status).toBe(403)
  expect((await signIn(only)).status).toBe(200)

  await server.close()
  portal = createPages(true)
  const browser = createCookieBrowser()
  const down = await browser.open(`${base}/sign-in/openid`)
  expect([down.status, down.text]).toEqual([403, expect.stringContaining('does not answer')])
  expect((await browser.step(`${base}/sign-in`, { name: 'ann', password, next: '/releases' })).headers.get('location')).toBe('/releases')
})

test('the secret of the pages is in no record, no export and no page, and a wrong one gets nothing', async () => {
  const { id, secret } = control.pagesClient
  let text = ''
  for await (const line of control.exportStore()) text += line
  expect(text).not.toContain(secret)
  const client = await authority.clients.get(id)
  expect([client?.own, await authority.clients.checkSecret(secret, client?.verifier ?? ''), await authority.clients.checkSecret(`${secret}x`, client?.verifier ?? '')]).toEqual([true, true, false])
  expect(JSON.stringify(client)).not.toContain(secret)
})
