import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AdminClient } from '../kit/admin-client.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { startProduct, type Product } from './product.ts'

/** Calls to a host that takes two at once. */
const flow = [
  { id: 'host', type: 'resource', name: 'core-banking', slots: 2, scope: 'gateway' },
  { id: 'q', type: 'tab', label: 'Queued' },
  { id: 'q1', type: 'http in', z: 'q', url: '/queued', method: 'get', x: 120, y: 100, wires: [['q2']] },
  { id: 'q2', type: 'priority queue', z: 'q', resource: 'host', priority: 'req.query.p', priorityType: 'msg', maxWaitMs: 60000, x: 300, y: 100, wires: [['q3'], []] },
  { id: 'q3', type: 'http response', z: 'q', x: 460, y: 100, wires: [] },
]

describe.skipIf(!needs('chromium'))('an operator, with a browser', () => {
  let product: Product
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const waiting: Promise<number>[] = []
  const call = (priority: number) => void waiting.push(fetch(`${product.gateway}/queued?p=${priority}`).then(({ status }) => status))
  const depth = (priority: number) => page.locator('section.queue', { hasText: 'core-banking' }).locator('progress').nth(priority).getAttribute('value')

  beforeAll(async () => {
    product = await startProduct({ SLUICE_ADMISSION: 'fixed' })
    const admin = await AdminClient.signIn(product.control, 'admin', product.password)
    const { flows, rev } = await admin.flows()
    await admin.deploy([...flows, ...flow], rev)
    browser = await openBrowser()
    page = await openPage(browser, { complaints })
    await signIn(page, product.control, product.password)
    await page.getByRole('link', { name: 'Queues' }).click()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  test('sees who waits without a reload, moves them, and lets them go', async () => {
    const queue = page.locator('section.queue', { hasText: 'core-banking' })
    await queue.getByRole('button', { name: 'Pause' }).click()
    await queue.getByText('paused').waitFor()
    for (const priority of [0, 5, 5, 9, 9, 9, 9]) call(priority)
    await expect.poll(async () => [await depth(0), await depth(5), await depth(9)], { timeout: 10_000 }).toEqual(['1', '2', '4'])
    await picture(page, '80-queues', { fullPage: true })
    await page.getByRole('button', { name: '繁體中文' }).click()
    await page.getByRole('heading', { name: '佇列' }).waitFor()
    await picture(page, '81-queues-zh', { fullPage: true })
    await page.getByRole('button', { name: 'English' }).click()
    await page.getByLabel('Queue').selectOption('core-banking')
    await page.getByRole('button', { name: 'Move' }).click()
    await expect.poll(async () => [await depth(5), await depth(9)], { timeout: 10_000 }).toEqual(['6', '0'])
    await queue.getByRole('button', { name: 'Resume' }).click()
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => 200))
    expect(complaints).toEqual([])
  })

  test('empties a queue, and everybody in it is told', async () => {
    const queue = page.locator('section.queue', { hasText: 'core-banking' })
    await queue.getByRole('button', { name: 'Pause' }).click()
    waiting.length = 0
    call(9)
    await expect.poll(() => depth(9), { timeout: 10_000 }).toBe('1')
    await queue.getByRole('button', { name: 'Drain' }).click()
    expect(await Promise.all(waiting)).toEqual([503])
    await queue.getByRole('button', { name: 'Resume' }).click()
    await queue.getByText('running').waitFor()
  })
})
