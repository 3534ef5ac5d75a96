import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AdminClient } from '../kit/admin-client.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { startProduct, type Product } from './product.ts'

/** Work that fails until its caller says otherwise, and work that takes long. */
const flow = [
  { id: 'j', type: 'tab', label: 'Orders' },
  { id: 'j1', type: 'http in', z: 'j', url: '/orders', method: 'post', x: 120, y: 100, wires: [['j2']] },
  { id: 'j2', type: 'async', z: 'j', name: 'ship', attempts: 1, x: 260, y: 100, wires: [['j3']] },
  { id: 'j3', type: 'switch', z: 'j', property: 'payload.slow', propertyType: 'msg', rules: [{ t: 'true' }, { t: 'else' }], checkall: 'false', outputs: 2, x: 400, y: 100, wires: [['j4'], ['j5']] },
  { id: 'j4', type: 'delay', z: 'j', pauseType: 'delay', timeout: '5', timeoutUnits: 'minutes', x: 540, y: 60, wires: [['j5']] },
  { id: 'j5', type: 'respond', z: 'j', status: '503', statusType: 'num', body: 'payload', bodyType: 'msg', x: 680, y: 100, wires: [] },
]

describe.skipIf(!needs('chromium'))('an operator, with a browser, at accepted work', () => {
  let product: Product
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const order = (body: object) => fetch(`${product.gateway}/orders`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

  beforeAll(async () => {
    product = await startProduct({})
    const admin = await AdminClient.signIn(product.control, 'admin', product.password)
    const { flows, rev } = await admin.flows()
    await admin.deploy([...flows, ...flow], rev)
    browser = await openBrowser()
    page = await openPage(browser, { complaints })
    await signIn(page, product.control, product.password)
    await page.getByRole('link', { name: 'Jobs' }).click()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  test('sees dead letters with their reason, tries them again, and cancels what is under way', async () => {
    expect((await order({ n: 1 })).status).toBe(202)
    await order({ n: 2 })
    await expect.poll(() => page.getByText('job.status').count(), { timeout: 15_000 }).toBe(2)
    await picture(page, '85-accepted-work', { fullPage: true })
    await page.getByRole('button', { name: 'Try again' }).first().click()
    await expect.poll(() => page.getByText('job.status').count(), { timeout: 15_000 }).toBe(2)
    await page.getByRole('button', { name: 'Pause: j' }).click()
    await page.getByText('paused', { exact: true }).waitFor()
    expect((await order({ n: 3 })).status).toBe(202)
    await page.getByRole('link', { name: 'Waiting' }).click()
    await expect.poll(() => page.getByRole('button', { name: 'Cancel' }).count(), { timeout: 10_000 }).toBe(1)
    await picture(page, '87-work-paused', { fullPage: true })
    await page.getByRole('button', { name: 'Do first' }).click()
    await expect.poll(() => page.getByRole('button', { name: 'Do first' }).count(), { timeout: 10_000 }).toBe(0)
    await page.getByRole('button', { name: 'Resume: j' }).click()
    await page.getByRole('link', { name: 'Dead letters' }).click()
    await expect.poll(() => page.getByText('job.status').count(), { timeout: 15_000 }).toBe(3)
    await order({ slow: true })
    await page.getByRole('link', { name: 'Under way' }).click()
    await page.getByRole('button', { name: 'Cancel' }).click({ timeout: 15_000 })
    await page.getByRole('link', { name: 'Cancelled' }).click()
    await expect.poll(() => page.locator('#jobs > .scroll tbody tr').count(), { timeout: 10_000 }).toBe(1)
    await page.getByRole('button', { name: '繁體中文' }).click()
    await page.getByRole('heading', { name: '工作', exact: true }).waitFor()
    await page.goto(new URL('jobs', product.control).href)
    await picture(page, '86-accepted-work-zh', { fullPage: true })
    expect(complaints).toEqual([])
  })
})
