import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AdminClient } from '../kit/admin-client.ts'
import { flow } from '../kit/flow-builder.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture } from './browser.ts'
import { untilEditorStands } from './editor.ts'
import { startProduct, type Product } from './product.ts'

declare const RED: any

describe.skipIf(!needs('chromium'))('somebody who watches a flow', () => {
  let product: Product
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const shot = (name: string) => picture(page, `watch-${name}`)

  /** Takes an upload, and answers in lines, of which the last comes when the test says so. */
  const held: ServerResponse[] = []
  const upstream = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).write('{"line":"first"}\n')
      held.push(response)
    })
  })

  async function open(locale: string): Promise<Page> {
    const opened = await openPage(browser, { complaints, expected: /status of 4\d\d/, viewport: { width: 1500, height: 900 }, locale })
    await opened.goto(`${product.control}editor/`)
    await opened.fill('input[name=name]', 'admin')
    await opened.fill('input[name=password]', product.password)
    await opened.keyboard.press('Enter')
    await untilEditorStands(opened)
    await opened.locator('.red-ui-tab', { hasText: 'Taipei today' }).click()
    await opened.evaluate(() => RED.actions.invoke('core:zoom-fit'))
    return opened
  }

  beforeAll(async () => {
    // A busy machine must not cut the scripts short: what is recorded here is to be the same every time.
    product = await startProduct({ SLUICE_SCRIPT_TIMEOUT_MS: '5000', SLUICE_EGRESS_ALLOW: '127.0.0.0/8' })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const streams = flow('streams').httpIn('POST', '/streams', { streamBody: true }).node('pass through', { url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/` }, 0).as('pass').nodes()
    const admin = await AdminClient.signIn(product.control, 'admin', product.password)
    const { flows, rev } = await admin.flows()
    await admin.deploy([...flows, ...streams], rev)
    browser = await openBrowser()
    page = await open('en-US')
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
    upstream.closeAllConnections()
    upstream.close()
  })

  test('has a request recorded and sees its way on the canvas, with the message at each wire', async () => {
    await page.evaluate(() => RED.actions.invoke('sluice:show-watch'))
    await page.fill('#sluice-watch-next', '1')
    await page.click('.sluice-watch-start')
    await page.getByText('Waiting for 1 requests').first().waitFor()
    const reply = await fetch(`${product.gateway}/taipei/today?district=${encodeURIComponent('松山區')}`, { headers: { authorization: 'Bearer very-secret-token' } })
    expect(reply.status).toBe(200)
    await page.waitForSelector('.sluice-steps li')
    expect(await page.locator('.sluice-steps li').count()).toBeGreaterThan(8)
    await page.waitForSelector('.sluice-wire-mark')
    await shot('en')
    expect(await page.locator('.sluice-shown').innerText()).not.toContain('very-secret-token')
    expect(await page.locator('.sluice-wire-taken').count()).toBeGreaterThan(8)
    await page.locator('.sluice-wire-mark').first().click()
    expect(await page.locator('.sluice-shown h4').innerText()).toContain('On the wire from')
  })

  test('steps through it with the keyboard, and hears where she is', async () => {
    await page.locator('.sluice-run').focus()
    await page.keyboard.press('Home')
    expect(await page.locator('.sluice-live').first().innerText()).toMatch(/^Step 1 of \d+: /)
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await page.locator('.sluice-live').first().innerText()).toMatch(/^Step 3 of \d+: /)
    expect(await page.locator('.sluice-steps [aria-current="step"]').count()).toBe(1)
    await page.waitForSelector('.red-ui-flow-node-group.sluice-now')
    await page.keyboard.press('ArrowLeft')
    expect(await page.locator('.sluice-live').first().innerText()).toMatch(/^Step 2 of \d+: /)
  })

  test('replays it against the draft', async () => {
    await page.click('.sluice-replay')
    await page.waitForSelector('.sluice-replayed .sluice-passed, .sluice-replayed .sluice-failed')
    await shot('replay')
    expect(await page.locator('.sluice-replayed').innerText()).toContain('The draft')
  })

  test('saves it as a case, which runs in the sidebar of tests and shows what it covers', async () => {
    await page.fill('.sluice-case-name', 'Songshan today')
    await page.click('.sluice-save-case')
    await page.waitForSelector('.sluice-case-ok, .sluice-case-bad')
    await shot('case')
    expect(await page.locator('.sluice-cases li').first().innerText()).toContain('Songshan today')
    // Something in the answer that is different each time: here a city, beside the minutes that may have passed.
    await page.getByRole('button', { name: 'Edit: Songshan today' }).click()
    const area = page.locator('.sluice-case-editor textarea')
    const edited = JSON.parse(await area.inputValue()) as { expect: { json: { city: string } } }
    edited.expect.json.city = 'elsewhere'
    await area.fill(JSON.stringify(edited))
    await page.locator('.sluice-case-editor button', { hasText: 'Save' }).click()
    // Saving draws the list anew: a press just before that runs what is not there any more.
    const differs = page.locator('.sluice-leave-out')
    for (let press = 0; press < 5 && !(await differs.isVisible()); press += 1) {
      await page.getByRole('button', { name: 'Run: Songshan today' }).click()
      await differs.waitFor({ timeout: 5_000 }).catch(() => {})
    }
    await differs.click()
    await page.waitForSelector('.sluice-case-ok')
    await page.click('.sluice-show-coverage')
    await page.waitForSelector('.sluice-wire-taken')
    await shot('coverage')
    expect(await page.locator('.sluice-coverage').innerText()).toMatch(/\d+ of \d+ wires covered/)
  })

  test('sees the lines of a stream while they come, how it ended, and bytes that are no text as such', async () => {
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.evaluate(() => RED.actions.invoke('sluice:show-watch'))
    await page.getByRole('button', { name: 'Close', exact: true }).click()
    await page.locator('.red-ui-tab', { hasText: 'streams' }).click()
    await page.fill('#sluice-watch-next', '1')
    await page.click('.sluice-watch-start')
    await page.getByText('Waiting for 1 requests').first().waitFor()
    const reply = await fetch(`${product.gateway}/streams`, { method: 'POST', headers: { 'content-type': 'image/png' }, body: Buffer.from('89504e470d0a1a0affd8', 'hex') })
    await page.waitForSelector('.sluice-steps li')
    await page.locator('.sluice-run').focus()
    const shown = page.locator('.sluice-shown')
    expect(await shown.locator('.sluice-bytes').innerText()).toContain('89 50 4e 47')
    await page.keyboard.press('End')
    await shown.getByText('still coming').first().waitFor()
    expect(await shown.innerText()).toMatch(/first[\s\S]*Sent with it, as a stream[\s\S]*image\/png, 10 bytes/)
    held[0]!.end('{"line":"last"}\n')
    expect(await reply.text()).toContain('last')
    await shown.getByText('whole after').first().waitFor()
    await shown.getByText('"line":"last"').first().waitFor()
    await shown.locator('.sluice-bytes').scrollIntoViewIfNeeded()
    await shot('streams-en')
    await page.setViewportSize({ width: 390, height: 844 })
    await shot('streams-en-narrow')
    await page.setViewportSize({ width: 1500, height: 900 })
    await page.fill('.sluice-case-name', 'A picture')
    await page.click('.sluice-save-case')
    await page.waitForSelector('.sluice-case-ok')
    await page.getByRole('button', { name: 'Edit: A picture' }).click()
    const area = page.locator('.sluice-case-editor textarea')
    await area.fill((await area.inputValue()).replace(/("asked": \{\s*"base64": ")[^"]*/, '$1if8A'))
    await page.locator('.sluice-case-editor button', { hasText: 'Save' }).click()
    const differs = page.locator('.sluice-leave-out')
    for (let press = 0; press < 5 && !(await differs.isVisible()); press += 1) {
      await page.getByRole('button', { name: 'Run: A picture' }).click()
      await differs.waitFor({ timeout: 5_000 }).catch(() => {})
    }
    expect(await page.locator('.sluice-cases').innerText()).toMatch(/called POST \S+ with: expected 3 bytes, got 10 bytes that differ/)
    await differs.click()
    await page.waitForSelector('.sluice-case-ok')
    expect(await page.locator('.sluice-leave-out').count()).toBe(0)
  })

  test('reads all of it in Traditional Chinese', async () => {
    page = await open('zh-TW')
    await page.evaluate(() => RED.actions.invoke('sluice:show-watch'))
    await page.locator('.sluice-runs button').first().click()
    await page.waitForSelector('.sluice-steps li')
    await page.locator('.sluice-run').focus()
    await page.keyboard.press('ArrowRight')
    await shot('zh')
    expect(await page.locator('.sluice-live').first().innerText()).toMatch(/^第 2 步，共 \d+ 步：/)
    await page.evaluate(() => RED.actions.invoke('sluice:show-tests'))
    await page.locator('.sluice-run-all').click()
    await page.waitForSelector('.sluice-case-ok, .sluice-case-bad')
    await shot('zh-tests')
    await page.evaluate(() => RED.actions.invoke('sluice:show-watch'))
    await page.locator('.red-ui-tab', { hasText: 'streams' }).click()
    await page.locator('.sluice-runs button', { hasText: '/streams' }).click()
    await page.getByText('第 1 步，共 2 步').first().waitFor()
    await page.locator('.sluice-run').focus()
    await page.keyboard.press('End')
    await page.getByText('以串流送出的本文').first().waitFor()
    await page.locator('.sluice-bytes').scrollIntoViewIfNeeded()
    expect(await page.locator('.sluice-shown').innerText()).toMatch(/後完整結束[\s\S]*image\/png，10 位元組/)
    await page.setViewportSize({ width: 1280, height: 900 })
    await shot('streams-zh')
    await page.setViewportSize({ width: 390, height: 844 })
    await shot('streams-zh-narrow')
    expect(complaints).toEqual([])
  })
})
