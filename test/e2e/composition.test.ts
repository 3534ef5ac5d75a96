import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { closeDialog, openDialog, openEditor } from './editor.ts'
import { startProduct, type Product } from './product.ts'

// What stands in the page.
declare const RED: any

/** The parallel node of the sample, and what stands behind it. */
const [parallel, forecast, bikes, weather, merge] = ['5a0c00050004', '5a0c00050005', '5a0c00050006', '5a0c00050007', '5a0c00050012'] as const

describe.skipIf(!needs('chromium'))('composing in the editor', () => {
  let product: Product
  let browser: Browser
  const complaints: string[] = []

  beforeAll(async () => {
    product = await startProduct()
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  async function open(locale: string): Promise<Page> {
    const page = await openPage(browser, { complaints, locale, viewport: { width: 1280, height: 1000 } })
    await signIn(page, product.control, product.password)
    await openEditor(page, product.control, '5a0c0005')
    return page
  }

  const said = (page: Page) => page.evaluate((id) => RED.nodes.createExportableNodeSet([RED.nodes.node(id)])[0] as { branches: { name: string }[]; outputs: number; wires: string[][] }, parallel)

  test('branches are rows, an output each, and wires stay with their rows', async () => {
    const page = await open('en-US')
    await picture(page, '60-composition-canvas')
    await openDialog(page, parallel)
    await picture(page, '61-parallel-en')
    await closeDialog(page)
    expect(await page.evaluate(() => RED.nodes.dirty())).toBe(false)

    await openDialog(page, parallel)
    // Without the second branch, and with a new one behind the others.
    await page.locator('#dialog-form .red-ui-editableList-item-remove').nth(1).click()
    await page.locator('#dialog-form .red-ui-editableList-addButton').first().click()
    await page.locator('#dialog-form .sluice-cells').last().locator('input[type=text]').first().fill('extra')
    await picture(page, '63-parallel-edited')
    await closeDialog(page)
    const after = await said(page)
    expect(after.branches.map(({ name }) => name)).toEqual(['forecast', 'weather', 'extra'])
    expect(after).toMatchObject({ outputs: 4, wires: [[forecast], [weather], [], [merge]] })
    expect(JSON.stringify(after)).not.toContain(bikes)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('a Chinese reader is asked in Chinese', async () => {
    const page = await open('zh-TW')
    await openDialog(page, parallel)
    await picture(page, '62-parallel-zh')
    const labels = await page.locator('#dialog-form .sluice-row > label:visible, #dialog-form .sluice-title:visible').allTextContents()
    expect(labels).toContain('分支')
    expect(labels.filter((text) => !/[\u4e00-\u9fff]/.test(text))).toEqual([])
    await page.context().close()
  })
})
