import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { startProduct, type Product } from './product.ts'
import { addOrganisation } from './organisations.ts'

const document = readFileSync(new URL('../../control/publish/fixtures/library.yaml', import.meta.url), 'utf8')

describe.skipIf(!needs('chromium'))('somebody who has an OpenAPI document and no service yet, with a browser', () => {
  let product: Product
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const shot = (name: string, of: Page = page) => picture(of, name, { fullPage: true })
  const open = (path: string) => page.goto(new URL(path, product.control).href)

  beforeAll(async () => {
    product = await startProduct()
    browser = await openBrowser()
    page = await openPage(browser, { complaints, expected: /status of 4\d\d/, viewport: { width: 1280, height: 900 } })
    await signIn(page, product.control, product.password)
    await addOrganisation(page, 'Town')
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  test('has an API that answers its examples, says where a request does not fit, and describes itself to everybody', async () => {
    await open('/register-api?from=openapi')
    await page.getByLabel('OpenAPI document', { exact: true }).fill(document)
    await page.getByLabel('Answer examples').check()
    await page.getByLabel('Id', { exact: true }).fill('library')
    await page.getByLabel('Callers show an API key').uncheck()
    await page.getByLabel('State afterwards').selectOption('PROTOTYPED')
    await page.getByRole('button', { name: 'Look at what would happen' }).click()
    await page.getByRole('heading', { name: 'What would happen' }).waitFor()
    await shot('90-openapi-preview')
    await page.getByRole('button', { name: 'Register', exact: true }).click()
    await page.waitForSelector('.notice.good')

    await expect.poll(async () => (await fetch(`${product.gateway}/v2/books`)).status, { timeout: 10_000 }).toBe(200)
    const wrong = await fetch(`${product.gateway}/v2/books?page=0`)
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: 'request.invalid', errors: [{ in: 'query', pointer: '/page' }] }])

    await open('/apis/library')
    await page.getByRole('link', { name: 'Open the reference' }).click()
    await page.getByRole('heading', { name: 'Town library' }).waitFor()
    await page.getByRole('link', { name: '/v2/books/{book_id} ' }).first().click()
    await shot('91-reference')

    const stranger = await openPage(browser, { complaints, locale: 'zh-TW' })
    await stranger.goto(new URL('/apis/library/reference', product.control).href)
    await stranger.getByRole('heading', { name: '操作', exact: true }).waitFor()
    await stranger.getByText('發生錯誤時').first().click()
    await shot('92-reference-zh', stranger)
    await stranger.close()
    expect(complaints).toEqual([])
  })

  test('opens the node that checks, and finds the operation in it', async () => {
    await open('/editor/')
    await page.waitForFunction(() => (globalThis as any).RED?.nodes?.filterNodes({ type: 'validate' }).length > 0)
    await page.evaluate(() => {
      const { RED } = globalThis as any
      const [node] = RED.nodes.filterNodes({ type: 'validate' })
      RED.workspaces.show(node.z)
      RED.editor.edit(node)
    })
    await page.getByText('Unknown query parameters').waitFor()
    await page.getByText('listBooks').first().waitFor()
    await shot('93-validate-form')
    expect(await page.getByText('Path parameters', { exact: true }).isVisible()).toBe(false)
    expect(complaints).toEqual([])
  })
})
