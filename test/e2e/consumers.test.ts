import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AdminClient } from '../kit/admin-client.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { startProduct, type Product } from './product.ts'

/** An API that asks who calls, and counts by the caller's plan. */
const flow = [
  { id: 'kept', type: 'tab', label: 'Kept orders' },
  { id: 'k1', type: 'http in', z: 'kept', url: '/kept/orders', method: 'get', x: 120, y: 100, wires: [['k2']] },
  { id: 'k2', type: 'auth', z: 'kept', methods: [{ kind: 'key header', name: 'x-api-key' }], x: 300, y: 100, wires: [['k3'], []] },
  { id: 'k3', type: 'quota', z: 'kept', source: 'plan', x: 460, y: 100, wires: [['k4'], []] },
  { id: 'k4', type: 'function', z: 'kept', func: 'msg.payload = { caller: msg.client.application, plan: msg.client.plan }\nreturn msg', x: 620, y: 100, wires: [['k5']] },
  { id: 'k5', type: 'http response', z: 'kept', x: 780, y: 100, wires: [] },
]

describe.skipIf(!needs('chromium'))('somebody who keeps consumers, with a browser', () => {
  let product: Product
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const shot = (name: string) => picture(page, name, { fullPage: true })
  const open = (path: string) => page.goto(new URL(path, product.control).href)
  const call = (key?: string) => fetch(`${product.gateway}/kept/orders`, { headers: key === undefined ? {} : { 'x-api-key': key } })
  /** Gateways hear of a change within a second; a test waits as long as it is allowed to. */
  const answers = async (key: string, status: number): Promise<void> => {
    await expect.poll(async () => (await call(key)).status, { timeout: 10_000 }).toBe(status)
  }
  const secret = () => page.locator('.secret-box .secret code').innerText()

  beforeAll(async () => {
    product = await startProduct()
    const admin = await AdminClient.signIn(product.control, 'admin', product.password)
    const { flows, rev } = await admin.flows()
    await admin.deploy([...flows, ...flow], rev)
    browser = await openBrowser()
    page = await openPage(browser, { complaints, expected: /status of 4\d\d/ })
    await signIn(page, product.control, product.password)
    await page.getByRole('link', { name: 'Consumers' }).waitFor()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  let first: string, second: string

  test('makes an organisation and an application; a wrong network is pointed out beside its field', async () => {
    await page.getByRole('link', { name: 'Consumers' }).click()
    await page.getByRole('link', { name: 'Organisations' }).click()
    await page.getByRole('link', { name: 'Add an organisation' }).click()
    await page.getByLabel('Name').fill('North Harbour')
    await page.keyboard.press('Enter') // saves, although other buttons stand before the one that says so
    await page.waitForSelector('.notice.good')
    await page.getByRole('navigation', { name: 'Records of consumers' }).getByRole('link', { name: 'Applications' }).click()
    await shot('20-applications-none')
    await page.getByRole('link', { name: 'Add an application' }).click()
    await page.getByLabel('Name', { exact: true }).fill('Web shop')
    await page.getByLabel('Networks that may call').fill('127.0.0.0/8\n10.0.0.300')
    await page.getByLabel('Time zone').fill('Asia/Taipei')
    for (const day of ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']) await page.getByLabel(day, { exact: true }).check()
    await page.locator('#f-rules-hours-windows-0-from').fill('00:00')
    await page.locator('#f-rules-hours-windows-0-to').fill('00:00')
    await page.getByLabel('Attributes').fill('region = north')
    await page.getByRole('button', { name: 'Save' }).last().click()
    await page.waitForSelector('.notice.bad')
    await shot('21-application-wrong')
    expect(await page.locator('#f-rules-cidrs-error').innerText()).toContain('10.0.0.300')
    await page.getByRole('alert').getByRole('link').click()
    expect(await page.evaluate('document.activeElement?.id')).toBe('f-rules-cidrs')
    await page.getByLabel('Networks that may call').fill('127.0.0.0/8\n::1')
    await page.getByRole('button', { name: 'Save' }).last().click()
    await page.waitForSelector('.notice.good')
    await shot('22-application')
  })

  test('makes a plan with two windows, adding a third row that stays empty', async () => {
    await page.getByRole('navigation', { name: 'Records of consumers' }).getByRole('link', { name: 'Plans' }).click()
    await page.getByRole('link', { name: 'Add a plan' }).click()
    await page.getByLabel('Name', { exact: true }).fill('Gold')
    const window = (number: number) => page.getByRole('group', { name: `Quota ${number}`, exact: true })
    await window(1).getByLabel('Calls').fill('1000')
    await window(1).getByLabel('Window').selectOption('calendar')
    await window(1).getByLabel('Time zone').fill('Asia/Taipei')
    await window(2).getByLabel('Calls').fill('100')
    await window(2).getByLabel('every').fill('5')
    await window(2).getByLabel('Unit').selectOption('minute')
    await page.getByRole('button', { name: 'One more window' }).click()
    await window(3).waitFor()
    expect(await window(1).getByLabel('Calls').inputValue()).toBe('1000')
    await page.getByLabel('Calls per second').fill('50')
    await page.getByLabel('Burst').fill('50')
    await shot('23-plan-form')
    await page.getByRole('button', { name: 'Save' }).last().click()
    await page.waitForSelector('.notice.good')
    await shot('24-plan')
    expect(await page.locator('.facts').innerText()).toContain('1000')
  })

  test('makes the flow an API and publishes it; until then nobody is let in', async () => {
    await page.getByRole('navigation', { name: 'Records of consumers' }).getByRole('link', { name: 'APIs' }).click()
    await page.getByRole('link', { name: 'Add an API' }).click()
    await page.getByLabel('Name', { exact: true }).fill('Orders')
    await page.getByLabel('Flow').selectOption('kept')
    await page.getByLabel('Tags').fill('orders, harbour')
    await shot('25-api-form')
    await page.getByRole('button', { name: 'Save' }).last().click()
    await page.waitForSelector('.notice.good')
    await shot('26-api-created')
    expect(await page.getByRole('link', { name: 'Open the flow in the editor' }).getAttribute('href')).toBe('/editor/#flow/kept')
    await page.getByRole('button', { name: 'Publish' }).click()
    await page.getByText('Served to its subscribers.').waitFor()
    expect(await page.getByRole('button', { name: 'Open as a prototype' }).count()).toBe(0)
    expect((await call()).status).toBe(401)
  })

  test('subscribes the application, approves it, and issues a key that is shown once', async () => {
    await open('applications')
    await page.getByRole('link', { name: 'Web shop' }).click()
    await page.getByRole('button', { name: 'Subscribe' }).click()
    await page.waitForSelector('.notice.good')
    if (await page.getByText('waits for approval').count()) {
      await open('subscriptions')
      await shot('27-subscriptions')
      await page.getByRole('button', { name: /^Approve/ }).click()
      await open('applications/web-shop')
    }
    await page.getByText('approved').waitFor()
    await page.getByRole('button', { name: 'Issue an API key' }).click()
    await page.getByText('The new secret').waitFor()
    first = await secret()
    await shot('28-key-issued')
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: 'Copy' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(first)
    await answers(first, 200)
    const answer = await call(first)
    expect(await answer.json()).toEqual({ caller: 'web-shop', plan: 'gold' })
    expect(answer.headers.get('ratelimit-policy')).toBeTruthy()
    await open('applications/web-shop')
    expect(await page.content()).not.toContain(first.split('.')[1])
  })

  test('rotates the key in Traditional Chinese: both work, and the revoked one works no more', async () => {
    await page.getByRole('button', { name: '繁體中文' }).click()
    await page.getByRole('heading', { name: '認證資料', exact: true }).waitFor()
    await shot('29-application-zh')
    await page.getByRole('link', { name: /^輪替/ }).click()
    await shot('30-rotate-zh')
    await page.getByRole('button', { name: '輪替' }).click()
    await page.getByText('新的密鑰').waitFor()
    second = await secret()
    await shot('31-rotated-zh')
    expect(second).not.toBe(first)
    await answers(second, 200)
    expect((await call(first)).status).toBe(200)
    await page.getByRole('link', { name: `撤銷: ${first.split('.')[0]}` }).click()
    await page.getByRole('button', { name: '撤銷' }).click()
    await page.waitForSelector('.notice.good')
    await answers(first, 401)
    expect((await call(second)).status).toBe(200)
    await page.getByRole('button', { name: '暫停', exact: true }).click()
    await page.waitForSelector('.notice.good')
    await answers(second, 403)
    await page.getByRole('button', { name: '恢復' }).click()
    await answers(second, 200)
  })

  test('a second window saved first is told kindly, and nothing typed is lost', async () => {
    await open('plans/gold/edit')
    const other = await page.context().newPage()
    await other.goto(new URL('plans/gold/edit', product.control).href)
    await other.getByLabel('同時處理數').fill('8')
    await other.getByRole('button', { name: '儲存' }).last().click()
    await other.waitForSelector('.notice.good')
    await other.close()
    await page.getByLabel('同時處理數').fill('4')
    await page.getByRole('button', { name: '儲存' }).last().click()
    await page.getByText('其他人已先修改').waitFor()
    await shot('32-stale-zh')
    await page.getByRole('button', { name: '儲存' }).last().click()
    await page.waitForSelector('.notice.good')
    expect(await page.locator('.facts').innerText()).toContain('同時處理數: 4')
  })

  test('reads in the audit log who did what, and that it is whole', async () => {
    await open('audit')
    await page.getByRole('button', { name: '驗證雜湊鏈' }).click()
    await page.waitForSelector('.notice.good')
    await page.locator('details summary').first().click()
    await shot('33-audit-zh')
    expect(await page.content()).not.toContain(second.split('.')[1])
    for (const [name, path] of [['34-apis-zh', 'apis'], ['35-api-zh', 'apis/orders'], ['36-plans-zh', 'plans'], ['37-applications-zh', 'applications'], ['38-application-form-zh', 'applications/web-shop/edit'], ['39-organisation-zh', 'organisations/north-harbour']] as const) {
      await open(path)
      await shot(name)
    }
    await page.getByRole('button', { name: 'English' }).click()
    await page.setViewportSize({ width: 420, height: 860 })
    await open('applications/web-shop')
    await shot('40-application-narrow')
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  })

  test('nothing went wrong inside the pages, and nothing broke their security policy', () => {
    expect(complaints).toEqual([])
  })
})
