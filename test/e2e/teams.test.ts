import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { AdminClient } from '../kit/admin-client.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { startProduct, type Product } from './product.ts'
import { closeDialog, openDialog, pressDeploy, untilEditorStands } from './editor.ts'

declare const RED: any
/** The page's own. */
declare const document: { querySelector(selector: string): unknown; querySelectorAll(selector: string): Iterable<{ readonly textContent: string | null }> }

const env = (value: string) => [{ name: 'SLUICE_ORGANISATION', value, type: 'str' }]
/** As somebody drew it in the editor: groups are measured anew at every load, config nodes come in another order. */
const drawn: readonly EditorNode[] = [
  { id: 'f6f2187d00000001', type: 'tab', label: 'Accounts', disabled: false, info: '', env: env('bank') },
  { id: 'f6f2187d00000002', type: 'tab', label: 'Orders', env: env('shop') },
  { id: 'a1', type: 'group', z: 'f6f2187d00000001', name: 'Ledger', style: { label: true }, nodes: ['a2', 'a3'], x: 94, y: 59, w: 400, h: 90 },
  { id: 'a2', type: 'http in', z: 'f6f2187d00000001', g: 'a1', name: 'balance', url: '/bank/balance', method: 'get', x: 190, y: 100, wires: [['a3']] },
  { id: 'a3', type: 'http response', z: 'f6f2187d00000001', g: 'a1', x: 390, y: 100, wires: [] },
  { id: 'o1', type: 'http in', z: 'f6f2187d00000002', name: 'orders', url: '/shop/orders', method: 'get', x: 190, y: 160, wires: [['o2']] },
  { id: 'o2', type: 'http response', z: 'f6f2187d00000002', x: 390, y: 160, wires: [] },
]

describe.skipIf(!needs('chromium'))('somebody who draws for one organisation, with a browser', () => {
  let product: Product
  let browser: Browser
  let admin: AdminClient
  let token: string
  const passwords = new Map<string, string>()
  const editors = new Map<string, Page>()
  const complaints: string[] = []

  async function post(path: string, body: URLSearchParams | Record<string, unknown>): Promise<string> {
    const form = body instanceof URLSearchParams
    const answer = await fetch(new URL(path, product.control), {
      method: 'POST', headers: { authorization: `Bearer ${token}`, ...(form ? {} : { 'content-type': 'application/json' }) }, body: form ? body : JSON.stringify(body),
    })
    expect(answer.status).toBeLessThan(400)
    return await answer.text()
  }

  beforeAll(async () => {
    product = await startProduct()
    admin = await AdminClient.signIn(product.control, 'admin', product.password)
    const signedIn = await fetch(new URL('api/v1/token', product.control), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'admin', password: product.password }) })
    token = ((await signedIn.json()) as { token: string }).token
    const { flows, rev } = await admin.flows()
    await admin.deploy([...flows, ...drawn], rev)
    for (const id of ['shop', 'bank']) await post('api/v1/organisations', { id, name: id })
    for (const [name, role] of [['sue', 'subscriber'], ['vic', 'viewer']] as const) {
      passwords.set(name, /<pre class="secret"><code>([^<]+)/.exec(await post('users', new URLSearchParams({ name, role })))![1]!)
      await post('api/v1/members', { organisation: 'shop', user: name, role: 'creator' })
    }
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  /** Signs in on the page and opens the editor through the menu; who has done so goes on in that editor. */
  async function editorOf(name: 'sue' | 'vic', locale = 'en-US'): Promise<Page> {
    const open = editors.get(`${name} ${locale}`)
    if (open) return open
    const page = await openPage(browser, { complaints, expected: /status of 4\d\d/, viewport: { width: 1360, height: 860 }, locale })
    editors.set(`${name} ${locale}`, page)
    await signIn(page, product.control, passwords.get(name)!, name)
    await page.click('nav a[href="/editor/"]')
    await untilEditorStands(page)
    // The stock editor's greeting stands before the canvas.
    await page.keyboard.press('Escape')
    return page
  }

  /** Gives a node another name, as a hand would in its dialog. */
  async function rename(page: Page, id: string, name: string): Promise<void> {
    await page.evaluate((node) => RED.view.reveal(node), id)
    await openDialog(page, id)
    await page.fill('#node-input-name', name)
    await closeDialog(page)
  }

  const tabsOf = (page: Page) => page.evaluate(() => [...document.querySelectorAll('#red-ui-workspace-tabs .red-ui-tab-label')].map((tab) => tab.textContent?.trim()))

  test('opens the editor from her pages, sees her flows and none of the others, and deploys a change; nothing of theirs is lost', async () => {
    const page = await editorOf('sue')
    const tabs = await tabsOf(page)
    expect(tabs).toContain('Orders')
    expect(tabs).not.toContain('Accounts')
    const before = (await admin.flows()).flows
    await rename(page, 'o1', 'orders of today')
    expect(await pressDeploy(page)).toMatchObject({ status: 200 })
    const after = (await admin.flows()).flows
    const bank = (flows: readonly EditorNode[]) => flows.filter((node) => node.id === 'f6f2187d00000001' || node.z === 'f6f2187d00000001')
    expect(bank(after)).toEqual(bank(before))
    expect(after.find(({ id }) => id === 'o1')?.name).toBe('orders of today')
  })

  test('a new tab of hers belongs to her organisation, and the next deploy knows it', async () => {
    const page = await editorOf('sue')
    const id = (await page.evaluate(() => (RED.actions.invoke('core:add-flow'), RED.workspaces.active()))) as string
    expect(await pressDeploy(page)).toMatchObject({ status: 200, body: { given: { [id]: 'shop' } } })
    expect(await page.evaluate((flow) => RED.nodes.workspace(flow).env as unknown, id)).toEqual(env('shop'))
    await rename(page, 'o1', 'orders of tomorrow')
    expect(await pressDeploy(page)).toMatchObject({ status: 200 })
    expect((await admin.flows()).flows.find((node) => node.id === id)?.env).toEqual(env('shop'))
    await page.context().close()
  })

  test('who looks at everything deploys his own changes, though the editor writes all flows again', async () => {
    const page = await editorOf('vic')
    expect(await tabsOf(page)).toContain('Accounts')
    const before = (await admin.flows()).flows
    await rename(page, 'o1', 'orders by vic')
    const { status, body } = await pressDeploy(page)
    expect([status, body.problems]).toEqual([200, undefined])
    expect((await admin.flows()).flows.filter((node) => node.z === 'f6f2187d00000001')).toEqual(before.filter((node) => node.z === 'f6f2187d00000001'))
  })

  test('a change to another organisation’s flow is refused: tab and node wear the mark, the sentence says whose it is', async () => {
    for (const [locale, language, sentence] of [['en-US', 'en', 'belongs to the organisation bank'], ['zh-TW', 'zh', '不屬於您的組織']] as const) {
      const page = await editorOf('vic', locale)
      await rename(page, 'a2', 'balance of mine')
      expect(await pressDeploy(page)).toMatchObject({ status: 403, body: { code: 'deploy.not_yours' } })
      await expect.poll(() => page.locator('.sluice-notice').innerText()).toContain(sentence)
      expect(await page.locator('.sluice-tab-refused').innerText()).toContain('Accounts')
      expect(await page.locator('.sluice-notice .sluice-error a').innerText()).toContain('balance of mine')
      expect(await page.locator('[id="a2"] .red-ui-flow-node-status-label, [id="a2"] .red-ui-flow-node-status-group').first().isVisible()).toBe(true)
      await picture(page, `70-not-yours-${language}`)
      // Taken back, it deploys, and the marks go.
      await rename(page, 'a2', 'balance')
      await rename(page, 'o1', `orders ${language}`)
      expect(await pressDeploy(page)).toMatchObject({ status: 200 })
      expect(await page.locator('.sluice-tab-refused').count()).toBe(0)
      await page.context().close()
    }
  })

  test('the audit log tells on its page who deployed what from where, and that its end is known beside the database', async () => {
    const page = await openPage(browser, { complaints, locale: 'zh-TW' })
    await signIn(page, product.control, product.password)
    await page.goto(new URL('audit?action=release.deploy&user=vic', product.control).href)
    await page.click('details summary')
    expect(await page.locator('main').innerText()).toContain('f6f2187d00000002')
    await page.click('form[action="/audit/verify"] button')
    expect(await page.locator('.notice.good').innerText()).toMatch(/\d/)
    await picture(page, '71-audit-anchored-zh', { fullPage: true })
  })

  test('nothing went wrong inside the pages', () => expect(complaints).toEqual([]))
})
