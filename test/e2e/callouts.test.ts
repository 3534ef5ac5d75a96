import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AdminClient } from '../kit/admin-client.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { closeDialog, openDialog, openEditor, untilDialogRests, untilDialogStands } from './editor.ts'
import { startProduct, type Product } from './product.ts'

// What stands in the page.
declare const RED: any
declare const document: any

const nodes = [
  { id: 'looks', type: 'tab', label: 'Looks' },
  { id: 'ups', type: 'upstream', name: 'weather', targets: [{ url: 'https://a.example', weight: 3 }, { url: 'https://b.example', weight: 1 }], breaker: true, maxConcurrent: 20, auth: 'creds' },
  { id: 'creds', type: 'callout auth', name: 'partner', kind: 'oauth', tokenUrl: 'https://auth.example/token', clientId: 'gateway' },
  { id: 'bare', type: 'service callout', z: 'looks', x: 300, y: 80, url: 'https://api.example/x', wires: [[], []] },
  { id: 'named', type: 'service callout', z: 'looks', x: 300, y: 160, upstream: 'ups', url: '/v1/{{payload.id}}', wires: [[], [], []] },
  { id: 'own', type: 'service callout', z: 'looks', x: 300, y: 240, url: 'https://api.example/x', resilience: 'own', retries: 2, breaker: true, maxConcurrent: 5, mock: 'on', transparent: true, wires: [[], [], []] },
  { id: 'stock', type: 'http request', z: 'looks', x: 300, y: 320, method: 'GET', ret: 'obj', url: '/x', wires: [[]] },
]

/** What a dialog shows: titles of its rows, and what somebody would stumble over. Runs in the page. */
function lookAt({ selector, chinese }: { selector: string; chinese: boolean }): { titles: string[]; faults: string[] } {
  const dialog = document.querySelector(selector)
  const seen = (element: any) => element.offsetParent !== null
  const faults: string[] = []
  const plain = /^(API|POST|PUT|PATCH|DELETE|GET|HEAD|OPTIONS|TLS|HTTP\/2|Basic|[\d\s.:+]*)$/
  for (const one of [...dialog.querySelectorAll('label, .sluice-title, .sluice-hint, .sluice-caption')].filter(seen)) {
    const text = (one.textContent ?? '').trim()
    if (chinese ? !/[\u4e00-\u9fff]/.test(text) && !plain.test(text) : /[\u4e00-\u9fff]/.test(text)) faults.push(`not in this language: ${text}`)
    if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0) faults.push(`cut off: ${text}`)
  }
  return { titles: [...dialog.querySelectorAll('.sluice-row > label, .sluice-row > .sluice-title')].filter(seen).map((one: any) => one.textContent ?? ''), faults }
}

describe.skipIf(!needs('chromium'))('the dialogs of callouts', () => {
  let product: Product
  let browser: Browser
  beforeAll(async () => {
    product = await startProduct()
    browser = await openBrowser()
    const admin = await AdminClient.signIn(product.control, 'admin', product.password)
    const { flows, rev } = await admin.flows()
    await admin.deploy([...flows, ...nodes.filter(({ id }) => id !== 'creds' && id !== 'ups'), { ...nodes[1], auth: '' }] as never, rev)
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  async function look(page: Page, selector: string, name: string, chinese: boolean): Promise<readonly string[]> {
    await untilDialogRests(page)
    const { titles, faults } = await page.evaluate(lookAt, { selector, chinese })
    expect(faults, name).toEqual([])
    await picture(page, `90-${name}`)
    return titles
  }

  test.each([['en-US', false], ['zh-TW', true]] as const)('in %s ask for what means something, and are wholly in that language', async (locale, chinese) => {
    const page = await openPage(browser, { viewport: { width: 1280, height: 1000 }, locale })
    await signIn(page, product.control, product.password)
    await openEditor(page, product.control)
    const shown: Record<string, readonly string[]> = {}
    for (const id of ['bare', 'named', 'own']) {
      await openDialog(page, id)
      shown[id] = await look(page, '#dialog-form', `callout-${id}-${locale}`, chinese)
      await closeDialog(page, '#node-dialog-cancel')
    }
    for (const [type, id] of [['upstream', 'ups'], ['callout auth', '_ADD_']] as const) {
      await page.evaluate(([kind, node]) => RED.editor.editConfig('', kind, node), [type, id])
      await untilDialogStands(page, '#node-config-dialog-ok')
      shown[type] = await look(page, '#node-config-dialog-edit-form', `${type.replace(' ', '-')}-${locale}`, chinese)
      await closeDialog(page, '#node-config-dialog-cancel')
    }
    // A stock node says nothing of an upstream until one is chosen, and keeps the one that was.
    const upstreamOf = () => page.evaluate(() => RED.nodes.node('stock').upstream)
    for (const [choice, expected] of [[undefined, undefined], ['ups', 'ups'], [undefined, 'ups']] as const) {
      await openDialog(page, 'stock')
      await page.evaluate(() => void (document.querySelector('.sluice-more').open = true))
      if (choice !== undefined) await page.selectOption('#node-input-upstream', choice)
      await picture(page, `90-http-request-${locale}`)
      await closeDialog(page)
      expect(await upstreamOf()).toBe(expected)
    }
    const [retries, breaker, window, tls, mock] = chinese ? ['重試次數', '斷路器', '觀察期間（毫秒）', 'TLS', '模擬本文'] : ['Retries', 'Circuit breaker', 'Window', 'TLS', 'Mock body']
    expect(shown['bare']).not.toEqual(expect.arrayContaining([retries]))
    expect(shown['bare']).toContain(tls)
    expect(shown['named']).not.toContain(tls)
    expect(shown['own']).toEqual(expect.arrayContaining([retries, breaker, window, mock]))
    expect(shown['upstream']).toEqual(expect.arrayContaining([retries, breaker, window]))
    await page.context().close()
  }, 120_000)
})
