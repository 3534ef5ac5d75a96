import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import * as oidc from 'openid-client'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFreePort } from '../../runtime/cli/start/port.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, picture } from './browser.ts'
import { startProduct, type Product } from './product.ts'

const callback = 'http://127.0.0.1:9/callback'

describe.skipIf(!needs('chromium'))('somebody who signs in at the authorization server, with a browser', () => {
  let product: Product
  let issuer: string
  let browser: Browser
  let other: Server
  let secret: string
  const complaints: string[] = []

  /** A person of her own: nothing that somebody else did is in her browser. */
  async function open(locale: string): Promise<Page> {
    const page = await (await browser.newContext({ viewport: { width: 1100, height: 760 }, locale })).newPage()
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (line) => {
      // The page of the other provider is not ours to mend.
      if (line.type() === 'error' && !new URL(page.url()).hostname.includes('localhost') && !/status of 4\d\d/.test(line.text())) complaints.push(line.text())
    })
    return page
  }
  const shot = (page: Page, name: string) => picture(page, name, { fullPage: true })

  beforeAll(async () => {
    const authPort = await findFreePort('127.0.0.1')
    issuer = `http://127.0.0.1:${authPort}`
    other = createServer()
    await new Promise<void>((resolve) => other.listen(0, 'localhost', resolve))
    const otherIssuer = `http://localhost:${(other.address() as AddressInfo).port}`
    const provider = new Provider(otherIssuer, {
      clients: [{ client_id: 'sluice', client_secret: 'between the two of them', redirect_uris: [`${issuer}/upstream/callback`] }],
      conformIdTokenClaims: false,
      claims: { openid: ['sub', 'groups'], profile: ['preferred_username'] },
      findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, preferred_username: 'mei', groups: ['staff'] }) }),
      cookies: { keys: ['of the other one'] },
    })
    other.on('request', provider.callback())
    product = await startProduct({
      SLUICE_AUTH: 'on', SLUICE_AUTH_PORT: String(authPort), SLUICE_SAMPLES: 'off', SLUICE_EGRESS_ALLOW: new URL(otherIssuer).host,
      SLUICE_UPSTREAM_OIDC_ISSUER: otherIssuer, SLUICE_UPSTREAM_OIDC_CLIENT_ID: 'sluice', SLUICE_UPSTREAM_OIDC_CLIENT_SECRET: 'between the two of them',
      SLUICE_UPSTREAM_OIDC_NAME: 'Harbour ID', SLUICE_UPSTREAM_OIDC_ROLES: 'groups:staff=viewer', SLUICE_UPSTREAM_OIDC_CREATE: 'on',
    })
    const api = async (path: string, body: object, token?: string) => {
      const answer = await fetch(new URL(`api/v1/${path}`, product.control), { method: 'POST', headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) }, body: JSON.stringify(body) })
      expect([path, answer.status]).toEqual([path, 201])
      return (await answer.json()) as { readonly token: string; readonly secret: string }
    }
    const { token } = await api('token', { name: 'admin', password: product.password })
    await api('organisations', { id: 'shop', name: 'Shop' }, token)
    await api('apis', { id: 'money', name: 'Money', organisation: 'shop', flow: 'money', scopes: { refund: { description: 'pay money back in your name', roles: ['admin'] } } }, token)
    await api('applications', { id: 'web', name: 'Web shop', organisation: 'shop', oauth: { grants: ['authorization_code', 'refresh_token', 'device_code'], redirectUris: [callback], scopes: ['records.read', 'refund'] } }, token)
    secret = (await api('credentials', { application: 'web', kind: 'basic', name: 'web' }, token)).secret
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
    other?.close()
    other?.closeAllConnections()
  })

  test('goes from the pages to it and comes back signed in, into the editor too; signing out ends both', async () => {
    const page = await open('en-US')
    await page.goto(new URL('sign-in?next=%2Freleases', product.control).href)
    await shot(page, '80-sign-in')
    await page.getByRole('link', { name: 'Sign in with the authorization server' }).click()
    await page.waitForURL((url) => url.origin === issuer)
    await page.getByLabel('User name').fill('admin')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('alert').waitFor()
    await shot(page, '81-sign-in-there')
    await page.getByLabel('Password').fill(product.password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.waitForURL(new URL('releases', product.control).href)
    await page.getByRole('link', { name: 'Users' }).waitFor()
    await page.goto(new URL('editor/', product.control).href)
    await page.locator('#red-ui-header-button-deploy').waitFor()
    await page.goto(new URL('releases', product.control).href)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL((url) => url.origin === issuer)
    await shot(page, '82-sign-out-there')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL((url) => url.pathname === '/sign-in')
    await page.goto(new URL('releases', product.control).href)
    expect(new URL(page.url()).pathname).toBe('/sign-in')
  })

  test('comes by another provider, in Chinese, and has the role that it says', async () => {
    const page = await open('zh-TW')
    await page.goto(new URL('sign-in', product.control).href)
    await shot(page, '83-sign-in-zh')
    await page.getByRole('link', { name: '以授權伺服器登入' }).click()
    await page.waitForURL((url) => url.origin === issuer)
    await shot(page, '84-sign-in-there-zh')
    await page.getByRole('button', { name: '以 Harbour ID 登入' }).click()
    await page.locator('input[name=login]').fill('person-7')
    await page.locator('input[name=password]').fill('any')
    await page.locator('button[type=submit]').click()
    await page.locator('button[type=submit]').click()
    await page.waitForURL((url) => url.href === new URL('/', product.control).href)
    await page.getByRole('link', { name: 'mei' }).waitFor()
    expect(await page.getByRole('link', { name: '使用者' }).count()).toBe(0)
  })

  test('is shown what an application asks for, in both languages, and may say no', async () => {
    const config = await oidc.discovery(new URL(issuer), 'web', undefined, oidc.ClientSecretBasic(secret), { execute: [oidc.allowInsecureRequests] })
    for (const [locale, name, allow, cancel] of [['en-US', 'en', 'Allow', 'Cancel'], ['zh-TW', 'zh', '允許', '取消']] as const) {
      const page = await open(locale)
      const url = oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid offline_access refund', prompt: 'consent', resource: 'urn:sluice:api:money', state: 's', code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256' })
      await page.goto(url.href)
      await page.locator('input[name=name]').fill('admin')
      await page.locator('input[name=password]').fill(product.password)
      await page.locator('button[value=go]').click()
      await page.getByRole('button', { name: allow }).waitFor()
      expect(await page.locator('main').innerText()).toContain('pay money back in your name (refund) — Money')
      await shot(page, `85-consent-${name}`)
      const home = page.waitForRequest((request) => request.url().startsWith(callback))
      await page.getByRole('button', { name: cancel }).click().catch(() => {})
      expect(new URL((await home).url()).searchParams.get('error')).toBe('access_denied')
    }
  })

  test('connects a device by its code, in both languages', async () => {
    const config = await oidc.discovery(new URL(issuer), 'web', undefined, oidc.ClientSecretBasic(secret), { execute: [oidc.allowInsecureRequests] })
    for (const [locale, name, go, allow, done] of [['en-US', 'en', 'Continue', 'Allow', 'The device is connected'], ['zh-TW', 'zh', '繼續', '允許', '裝置已連接']] as const) {
      const device = await oidc.initiateDeviceAuthorization(config, { scope: 'records.read', resource: 'urn:sluice:admin' })
      const page = await open(locale)
      await page.goto(device.verification_uri)
      await shot(page, `86-device-${name}`)
      await page.locator('input[name=user_code]').fill(device.user_code)
      await page.getByRole('button', { name: go }).click()
      await page.getByText(device.user_code).waitFor()
      await shot(page, `87-device-confirm-${name}`)
      await page.getByRole('button', { name: go }).click()
      await page.locator('input[name=name]').fill('admin')
      await page.locator('input[name=password]').fill(product.password)
      await page.locator('button[value=go]').click()
      await page.getByRole('button', { name: allow }).click()
      await page.getByText(done).waitFor()
      await shot(page, `88-device-done-${name}`)
      const { access_token: token } = await oidc.pollDeviceAuthorizationGrant(config, { ...device, interval: 0.1 })
      const asked = await fetch(new URL('api/v1/applications', product.control), { headers: { authorization: `Bearer ${token}` } })
      expect(asked.status).toBe(200)
    }
  })

  test('meets no error of the browser on the way', () => {
    expect(complaints).toEqual([])
  })
})
