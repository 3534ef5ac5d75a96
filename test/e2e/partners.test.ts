import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AdminClient } from '../kit/admin-client.ts'
import { startPartnerService, type PartnerService } from '../kit/partner-service.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { closeDialog, openDialog, openEditor } from './editor.ts'
import { startProduct, type Product } from './product.ts'

// What stands in the page.
declare const RED: any

/** A service callout for each way to serve sandbox callers. */
const callouts = {
  refuse: {},
  url: { sandbox: 'url', sandboxUrl: 'https://sandbox.example/{{payload.id}}', sandboxHeaders: [{ name: 'Authorization', value: 'Bearer x', valueType: 'str' }] },
  mock: { sandbox: 'mock', sandboxStatus: 202, sandboxBody: '{"id": payload.id}', sandboxBodyType: 'jsonata', sandboxDelayMs: 300, sandboxHeaders: [{ name: 'X-Played', value: 'yes', valueType: 'str' }] },
}

describe.skipIf(!needs('chromium'))('partner records and the sandbox, with a browser', () => {
  let product: Product
  let service: PartnerService
  let browser: Browser
  const complaints: string[] = []

  beforeAll(async () => {
    service = await startPartnerService()
    product = await startProduct({ SLUICE_EGRESS_ALLOW: service.host })
    const admin = await AdminClient.signIn(product.control, 'admin', product.password)
    const { flows, rev } = await admin.flows()
    const nodes = Object.entries(callouts).map(([name, config], i) => ({ id: name, type: 'service callout', z: 'tries', name, url: 'https://api.example/{{payload.id}}', tls: '', sandboxTls: '', ...config, x: 300, y: 80 + i * 60, wires: [[], []] }))
    await admin.deploy([...flows, { id: 'tries', type: 'tab', label: 'Tries' }, ...nodes] as never, rev)
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
    await service?.stop().catch(() => {})
  })

  async function open(locale: string): Promise<Page> {
    const page = await openPage(browser, { complaints, expected: /status of 4\d\d/, viewport: { width: 1280, height: 1000 }, locale })
    await signIn(page, product.control, product.password)
    return page
  }

  test.each([['en-US', 'en', { url: ['Sandbox URL', 'Sandbox TLS'], mock: ['Mock body', 'Mock delay'] }], ['zh-TW', 'zh', { url: ['沙箱網址', '沙箱 TLS'], mock: ['模擬本文', '模擬延遲'] }]] as const)('in %s the dialog of a service callout asks for what its sandbox needs, and Done changes nothing', async (locale, tag, labels) => {
    const page = await open(locale)
    await openEditor(page, product.control, 'tries')
    const said = (id: string) => page.evaluate((node) => JSON.stringify(RED.nodes.createExportableNodeSet([RED.nodes.node(node)])), id)
    for (const name of Object.keys(callouts)) {
      const before = await said(name)
      await openDialog(page, name)
      const choice = page.locator('#dialog-form').getByLabel(tag === 'zh' ? '沙箱呼叫者' : 'Sandbox callers')
      await choice.scrollIntoViewIfNeeded()
      await picture(page, `60-callout-${name}-${tag}`)
      for (const [kind, label] of Object.entries<readonly string[]>(labels).flatMap(([one, list]) => list.map((text) => [one, text] as const))) {
        const shown = await page.locator('#dialog-form .sluice-row > label, #dialog-form .sluice-row > .sluice-title').filter({ hasText: label, visible: true }).count()
        expect([name, kind, shown > 0]).toEqual([name, kind, name === kind])
      }
      await page.locator('.red-ui-tray-body').evaluate((body) => void (body.scrollTop = body.scrollHeight))
      await picture(page, `61-callout-${name}-end-${tag}`)
      await closeDialog(page)
      expect(await said(name)).toBe(before)
    }
    await page.context().close()
  }, 120_000)

  test('a connector is made, previewed and fetched; what its service gets wrong stands on its page, in both languages', async () => {
    service.say([{ id: 'acme', name: 'Acme', active: true, branch: '042', certificates: [{ sha256: 'ab'.repeat(32) }] }])
    // In step is only who was asked with the secret: nothing is fetched any more when the service says something else.
    service.want('Bearer a token')
    const page = await open('en-US')
    await page.goto(new URL('organisations?new', product.control).href)
    await page.getByLabel('Name').fill('North')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.notice.good')
    await page.getByRole('link', { name: 'Connectors' }).click()
    await page.getByRole('link', { name: 'Add a connector' }).click()
    await page.getByLabel('Name', { exact: true }).fill('CRM')
    await page.getByLabel('Address').fill(service.url)
    await page.getByLabel('Seconds between fetches').fill('3600')
    await page.getByLabel('Method').selectOption('bearer')
    await picture(page, '62-connector-form', { fullPage: true })
    await page.getByRole('button', { name: 'Save' }).last().click()
    await page.waitForSelector('.notice.good')
    await page.locator('#f-secret').fill('a token')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('A secret is set for this server.').waitFor()
    await expect.poll(async () => { await page.reload(); return await page.getByText('in step').count() }, { timeout: 10_000 }).toBe(1)
    service.say([{ id: 'acme', name: 'Acme Inc.', active: true, branch: '043', certificates: [{ sha256: 'ab'.repeat(32) }] }, { id: 'beta', name: 'Beta' }])
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByText('Nothing was changed: this is a preview.').waitFor()
    await picture(page, '63-connector-preview', { fullPage: true })
    expect(await page.getByText('/rules/attributes/branch').count()).toBe(1)
    await page.getByRole('button', { name: 'Fetch now' }).click()
    await page.waitForSelector('.notice.good')
    await page.getByRole('link', { name: 'Its applications' }).click()
    expect(await page.getByRole('link', { name: 'Beta' }).count()).toBe(1)
    await page.getByRole('link', { name: 'Acme Inc.' }).click()
    await picture(page, '64-kept-application', { fullPage: true })
    expect(await page.getByRole('link', { name: 'Change', exact: true }).count()).toBe(0)
    service.say([{ id: 'acme', name: 'Acme', active: 'yes', certificates: [{ sha256: 'short' }] }])
    await page.goto(new URL('connectors/crm', product.control).href)
    await page.getByRole('button', { name: 'Fetch now' }).click()
    await page.waitForSelector('.notice.bad')
    expect(await page.getByText('/partners/0/certificates/0/sha256').count()).toBe(1)
    await page.getByRole('button', { name: '繁體中文' }).click()
    await page.getByText('回應無法使用').waitFor()
    await picture(page, '65-connector-zh', { fullPage: true })
    await page.context().close()
    expect(complaints).toEqual([])
  }, 120_000)
})
