import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { startProduct, type Product } from './product.ts'
import { addOrganisation } from './organisations.ts'

/** A service as somebody has it already; says what it was asked. */
async function startUpstream(): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.writeHead(request.url?.includes('missing') ? 404 : 200, { 'content-type': 'application/json; charset=utf-8' })
      response.end(JSON.stringify({ asked: `${request.method} ${request.url}`, branch: request.headers['x-branch'], key: request.headers['x-api-key'] ?? null, body: Buffer.concat(chunks).toString('utf8') }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const toDocument = (url: string) => `openapi: 3.1.0
info: { title: Town library, version: 1.0.0 }
servers: [{ url: '${url}/v2' }]
paths:
  /books:
    get:
      summary: Lists books
      parameters:
        - { name: X-Branch, in: header, schema: { type: string } }
      responses: { '200': { description: Books } }
    post:
      operationId: addBook
      responses: { '201': { description: Added } }
  /books/{book-id}:
    get:
      operationId: getBook
      parameters:
        - { name: book-id, in: path, required: true, schema: { type: string } }
      responses: { '200': { description: One book } }
`

describe.skipIf(!needs('chromium'))('somebody who has a service, with a browser', () => {
  let product: Product
  let upstream: Awaited<ReturnType<typeof startUpstream>>
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const shot = (name: string) => picture(page, name, { fullPage: true })
  const open = (path: string) => page.goto(new URL(path, product.control).href)
  const call = (path: string, init?: RequestInit) => fetch(product.gateway + path, init)
  /** The admin API, in the name of the administrator. */
  async function signInToApi() {
    const post = async (path: string, body: unknown, token?: string): Promise<Record<string, unknown>> => {
      const answer = await fetch(new URL(`api/v1/${path}`, product.control), { method: 'POST', headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as Record<string, unknown>
    }
    const { token } = await post('token', { name: 'admin', password: product.password })
    return (path: string, body: unknown) => post(path, body, token as string)
  }
  const answers = async (path: string, status: number): Promise<void> => {
    await expect.poll(async () => (await call(path)).status, { timeout: 10_000 }).toBe(status)
  }

  beforeAll(async () => {
    upstream = await startUpstream()
    product = await startProduct({ SLUICE_EGRESS_ALLOW: '127.0.0.0/8' })
    browser = await openBrowser()
    page = await openPage(browser, { complaints, expected: /status of 4\d\d/, viewport: { width: 1280, height: 900 } })
    await signIn(page, product.control, product.password)
    await addOrganisation(page, 'Town')
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
    upstream?.server.close()
  })

  test('registers a URL: what would happen is shown first, and the gateway then calls the service', async () => {
    await page.getByRole('navigation', { name: 'Records of consumers' }).getByRole('link', { name: 'APIs' }).click()
    await page.getByRole('link', { name: 'Register an API' }).click()
    await shot('60-register-url')
    await page.getByLabel('Address of the service', { exact: true }).fill('nonsense')
    await page.getByLabel('Path for callers').fill('/orders/:id')
    await page.getByLabel('Id', { exact: true }).fill('orders')
    await page.getByLabel('Callers show an API key').uncheck()
    await page.getByLabel('State afterwards').selectOption('PROTOTYPED')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Look at what would happen' }).click()
    await page.waitForSelector('#f-url-error')
    await shot('61-register-url-wrong')
    await page.getByLabel('Address of the service', { exact: true }).fill(`${upstream.url}/v1/orders/{id}`)
    await page.getByRole('button', { name: 'Look at what would happen' }).click()
    await page.getByRole('heading', { name: 'What would happen' }).waitFor()
    await page.getByRole('cell', { name: '/v1/orders/{{req.params.id}}' }).waitFor()
    await shot('62-register-url-preview')
    expect((await call('/orders/7')).status).toBe(404)
    await page.getByRole('button', { name: 'Register', exact: true }).click()
    await page.waitForSelector('.notice.good')
    await shot('63-registered')
    await answers('/orders/7', 200)
    expect(await (await call('/orders/a%2Fb?page=2&q=a%20b')).json()).toMatchObject({ asked: 'GET /v1/orders/a%2Fb?page=2&q=a%20b' })
    expect((await call('/orders/missing')).status).toBe(404)
  })

  test('registers everything below a path', async () => {
    const admin = await signInToApi()
    await admin('apis/register', { id: 'below', organisation: 'town', url: `${upstream.url}/v3/*`, path: '/below/*', methods: ['GET', 'PUT'], auth: false, lifecycle: 'PROTOTYPED' })
    await answers('/below/a', 200)
    expect(await (await call('/below/a/b%20c/%C3%BC?x=1', { method: 'PUT', body: 'text', headers: { 'content-type': 'text/plain' } })).json()).toMatchObject({ asked: 'PUT /v3/a/b%20c/%C3%BC?x=1', body: 'text' })
    expect(await (await call('/below/a/%2e%2e/%2e%2e/secret')).text()).not.toContain('asked":"GET /secret')
  })

  test('stops and starts it on its record', async () => {
    await page.getByRole('link', { name: 'Open the record' }).click()
    await page.getByRole('button', { name: 'Publish' }).click()
    await page.waitForSelector('.notice.good')
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.waitForSelector('.notice.good')
    await answers('/orders/7', 503)
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor()
  })

  test('registers an OpenAPI document from a file, in Traditional Chinese; the service never sees the caller’s key', async () => {
    await page.getByRole('button', { name: '繁體中文' }).click()
    await page.getByRole('navigation', { name: '用戶端資料' }).waitFor()
    await open('register-api?from=openapi')
    await page.getByLabel('將檔案讀入下方欄位').setInputFiles({ name: 'library.yaml', mimeType: 'application/yaml', buffer: Buffer.from(toDocument(upstream.url).replace('/books:', '/books?all:')) })
    await expect.poll(() => page.locator('#f-openapi').inputValue()).toContain('Town library')
    await page.getByLabel('識別碼', { exact: true }).fill('library')
    await page.getByLabel('路徑前綴').fill('/library')
    await page.getByRole('button', { name: '預覽' }).click()
    await page.waitForSelector('#f-openapi-error')
    await shot('64-register-openapi-wrong-zh')
    expect(await page.locator('#f-openapi-error').innerText()).toContain('/paths/~1books?all')
    await page.locator('#f-openapi').fill(toDocument(upstream.url))
    await page.getByLabel('註冊後的狀態').selectOption('PROTOTYPED')
    await page.getByRole('button', { name: '預覽' }).click()
    await page.getByRole('heading', { name: '預覽結果' }).waitFor()
    await shot('65-register-openapi-preview-zh')
    await page.getByRole('button', { name: '註冊', exact: true }).click()
    await page.waitForSelector('.notice.good')
    await shot('66-registered-zh')
    await answers('/library/books', 401)
    const admin = await signInToApi()
    await admin('applications', { id: 'reader', name: 'Reader', organisation: 'town' })
    const { secret } = await admin('credentials', { application: 'reader', kind: 'key' })
    await expect.poll(async () => (await call('/library/books', { headers: { 'x-api-key': secret as string } })).status, { timeout: 10_000 }).toBe(200)
    const headers = { 'x-api-key': secret as string, 'x-branch': 'harbour', 'content-type': 'application/json' }
    expect(await (await call('/library/books?page=2', { headers })).json()).toMatchObject({ asked: 'GET /v2/books?page=2', branch: 'harbour', key: null })
    expect(await (await call('/library/books', { method: 'POST', headers, body: '{ "title": "Ä" }' })).json()).toMatchObject({ asked: 'POST /v2/books', body: '{ "title": "Ä" }' })
  })

  test('opens the flow in the editor, laid out to be read', async () => {
    await page.getByRole('link', { name: '在編輯器開啟流程' }).click()
    await page.locator('.red-ui-flow-node-label', { hasText: 'getBook' }).first().waitFor({ timeout: 30_000 })
    await shot('67-registered-flow')
    expect(await page.locator('.red-ui-flow-node').count()).toBeGreaterThanOrEqual(13)
  })

  test('nothing went wrong inside the pages, and nothing broke their security policy', () => {
    expect(complaints).toEqual([])
  })
})
