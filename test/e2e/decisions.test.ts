import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { needs } from '../kit/tools.ts'
import { admin, openWhole, type Whole } from '../kit/whole-product.ts'

describe.skipIf(!needs('chromium'))('somebody who asks why a call was refused, with a browser', () => {
  let whole: Whole
  let browser: Browser
  let page: Page
  let decision: string
  const complaints: string[] = []
  const shot = (name: string) => picture(page, name, { fullPage: true })
  const open = (path: string) => page.goto(whole.controlUrl + path)

  beforeAll(async () => {
    whole = await openWhole()
    const { consumers } = whole.control
    await whole.deploy(estate(flow('orders').httpIn('GET', '/orders/:id').node('auth', { methods: [{ kind: 'basic' }, { kind: 'key header', name: 'x-api-key' }] }, 2).fn('return msg').httpResponse()))
    await consumers.organisations.create({ id: 'north', name: 'North' }, admin)
    await consumers.apis.create({ id: 'orders', name: 'Orders', organisation: 'north', flow: 'orders', visibility: 'public' }, admin)
    await consumers.apis.move('orders', 'PUBLISHED', undefined, admin)
    const day = ((new Date().getUTCDay() + 2) % 7) + 1
    await consumers.applications.create({ id: 'shop', name: 'Web shop', organisation: 'north', rules: { cidrs: ['127.0.0.0/8'], validFrom: '2026-01-01T00:00:00Z', hours: { zone: 'Asia/Taipei', windows: [{ days: [day], from: '08:00', to: '17:00' }] } } }, admin)
    const { secret } = await consumers.credentials.create({ application: 'shop', kind: 'key' }, admin)
    await whole.inStep()
    const refused = await fetch(`${whole.url}/orders/7`, { headers: { 'x-api-key': secret as string } })
    decision = ((await refused.json()) as { decision: string }).decision
    await fetch(`${whole.url}/orders/8`)
    browser = await openBrowser()
    page = await openPage(browser, { complaints, expected: /status of 4\d\d/ })
    await signIn(page, whole.controlUrl, 'open sesame')
  })
  afterAll(async () => {
    await browser?.close()
    await whole?.close()
  })

  test('goes from the application to its refused calls, and to the reason of one', async () => {
    await open('/applications/shop')
    await page.getByRole('link', { name: 'Refused calls' }).last().click()
    await expect.poll(async () => (await page.reload(), await page.getByRole('row').count()), { timeout: 10_000 }).toBe(2)
    await shot('50-refused-calls')
    await page.getByRole('link', { name: decision }).click()
    await page.getByRole('heading', { name: 'Why was this call refused?' }).waitFor()
    expect(await page.locator('ol.decision li').count()).toBe(6)
    expect(await page.locator('ol.decision li.decided').innerText()).toMatch(/Service hours[\s\S]*opens again/)
    await shot('51-why-refused')
    expect(complaints).toEqual([])
  })

  test('finds one by its id, and reads it in the other language and on a narrow screen', async () => {
    await open('/decisions')
    expect(await page.getByRole('row').count()).toBe(3)
    await page.getByLabel('Decision').fill(decision)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: '繁體中文' }).click()
    await page.getByRole('heading', { name: '這個呼叫為什麼被拒絕？' }).waitFor()
    await shot('52-why-refused-zh')
    await page.setViewportSize({ width: 390, height: 800 })
    await shot('53-why-refused-narrow')
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
    await page.setViewportSize({ width: 1280, height: 820 })
    await open('/decisions')
    await shot('54-refused-calls-zh')
    expect(complaints).toEqual([])
  })
})
