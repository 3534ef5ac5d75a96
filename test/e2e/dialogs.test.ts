import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AdminClient } from '../kit/admin-client.ts'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { closeDialog, openDialog, openEditor, untilDialogRests, untilDialogStands } from './editor.ts'
import { startProduct, type Product } from './product.ts'

// What stands in the page, where `lookAt` runs.
declare const RED: any
declare const document: any
declare const getComputedStyle: any

const types = ['auth', 'quota', 'spike arrest', 'concurrency limit', 'reset quota', 'access control', 'session', 'idempotency', 'tokenize'] as const
/** Properties that bring up what is hidden as long as it means nothing. */
const full: Readonly<Record<(typeof types)[number], object>> = {
  auth: {
    methods: ['key header', 'key query', 'basic', 'jwt', 'introspection', 'signature', 'sign code', 'certificate'].map((kind) => ({ kind, name: kind.startsWith('key') ? 'x-key' : '' })),
    issuers: [{ issuer: 'https://id.example', audience: 'api', algorithms: 'RS256', jwksUrl: '', jwks: '' }],
    introspection: { url: 'https://id.example/introspect' }, signedHeaders: ['x-branch'], scopes: ['read'],
  },
  quota: { windows: [{ limit: 10, limitType: 'num', every: 1, unit: 'month', algorithm: 'calendar', zone: 'Asia/Taipei', per: 'key' }], key: [{ value: 'req.headers.tenant', valueType: 'msg' }], quota: 'q' },
  'spike arrest': { mode: 'delay', per: 'key', key: [{ value: 'req.headers.tenant', valueType: 'msg' }] },
  'concurrency limit': { limit: 5, per: 'key', key: [{ value: 'tenant', valueType: 'msg' }] },
  'reset quota': { quota: 'q', per: 'application', who: 'shop', whoType: 'str' },
  'access control': { allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.9.0.0/16'] },
  session: { operation: 'create', carrier: 'cookie', closeUrl: 'https://bank.example/{{session.data.id}}', cap: 3 },
  idempotency: { keyFrom: 'fields', fields: ['payload.account', 'payload.orderId'], inFlight: 'wait' },
  tokenize: { domain: 'citizens', fields: [{ by: 'path', path: '$.people[*].id', mode: 'shape same', keepLast: 4, domain: 'cards', ttlS: 3600 }, { by: 'label', path: 'pid', mode: 'deterministic' }], subject: 'payload.customerId' },
}

/** What a dialog shows that somebody would stumble over. Runs in the page. */
function lookAt(chinese: boolean): { readonly faults: string[]; readonly shown: string[] } {
  const dialog = document.querySelector('#dialog-form')
  const faults: string[] = []
  const seen = (element: any) => element.offsetParent !== null
  const texts = [...dialog.querySelectorAll('label, .sluice-title, .sluice-hint, option, .sluice-caption, .red-ui-button')].filter((one) => one.tagName === 'OPTION' || seen(one))
  const plain = /^(API|Cookie|POST|PUT|DELETE|GET|[\d\s.:+]*)$/
  for (const one of texts) {
    const text = (one.textContent ?? '').trim()
    if (chinese ? !/[\u4e00-\u9fff]/.test(text) && !plain.test(text) : /[\u4e00-\u9fff]/.test(text)) faults.push(`not in this language: ${text}`)
    if (!one.matches('.sluice-hint') && /[a-z][A-Z]/.test(text) && !/RateLimit|SameSite|SignCode/.test(text)) faults.push(`the name of a property: ${text}`)
    if (one.tagName !== 'OPTION' && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 && getComputedStyle(one).overflow !== 'visible') faults.push(`cut off: ${text}`)
  }
  const frame = (document.querySelector('#dialog-form')?.closest('.red-ui-tray-body') ?? dialog)
  if (frame.scrollWidth > frame.clientWidth + 1) faults.push(`wider than its dialog by ${frame.scrollWidth - frame.clientWidth}`)
  const { right } = frame.getBoundingClientRect()
  for (const input of [...dialog.querySelectorAll('input, select, textarea, button, a[href]')].filter(seen)) {
    if (input.getBoundingClientRect().right > right + 1) faults.push(`beyond the edge: ${input.outerHTML.slice(0, 120)}`)
    if (input.type === 'hidden' || input.getAttribute('aria-hidden') === 'true') continue
    const labelled = (input.getAttribute('aria-labelledby') ?? '').split(' ').map((id: string) => document.getElementById(id)?.textContent ?? '').join('')
    const name = input.getAttribute('aria-label') || labelled || [...(input.labels ?? [])].map((label: any) => label.textContent).join('') || (input.tagName === 'BUTTON' || input.tagName === 'A' ? input.textContent : '') || ''
    if (name.trim() === '') faults.push(`without a name: ${input.outerHTML.slice(0, 160)}`)
  }
  const shown = [...dialog.querySelectorAll('.sluice-row > label, .sluice-row > .sluice-title')].filter(seen).map((one) => one.textContent ?? '')
  return { faults, shown }
}

describe.skipIf(!needs('chromium'))('the dialogs of the nodes that protect', () => {
  let product: Product
  let browser: Browser
  const editors = new Map<string, Page>()

  beforeAll(async () => {
    product = await startProduct()
    browser = await openBrowser()
    const admin = await AdminClient.signIn(product.control, 'admin', product.password)
    const { flows, rev } = await admin.flows()
    const make = (name: string, given: (type: (typeof types)[number]) => object) => types.map((type, i) => ({
      id: `${name}${i}`, type, z: 'looks', x: name === 'bare' ? 300 : 600, y: 80 + i * 60, wires: type === 'reset quota' || type === 'tokenize' ? [[]] : [[], []], ...given(type),
    }))
    // One of each kind that says nothing but what it must, and one that says much.
    const nodes = [...make('bare', (type) => (type === 'reset quota' ? { quota: 'q' } : {})), ...make('full', (type) => full[type])]
    await admin.deploy([...flows, { id: 'looks', type: 'tab', label: 'Looks' }, ...nodes, { id: 'later', type: 'async', z: 'looks', x: 900, y: 80, wires: [[]] }] as never, rev)
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  /** The editor in a language, loaded once: with nothing changed in it when a dialog has only been looked at. */
  async function editorIn(locale: 'en-US' | 'zh-TW'): Promise<Page> {
    const open = editors.get(locale)
    if (open) return open
    const page = await openPage(browser, { viewport: { width: 1280, height: 1000 }, locale })
    await signIn(page, product.control, product.password)
    await openEditor(page, product.control, 'looks')
    editors.set(locale, page)
    return page
  }

  test.each([['en-US', 'en', false], ['zh-TW', 'zh', true]] as const)('in %s nothing is untranslated, cut off or without a name, and Done on an unchanged node changes nothing', async (locale, tag, chinese) => {
    const page = await editorIn(locale)
    const said = (id: string) => page.evaluate((node) => JSON.stringify(RED.nodes.createExportableNodeSet([RED.nodes.node(node)])), id)
    const faults: Record<string, readonly string[]> = {}
    const rows: Record<string, readonly string[]> = {}
    for (const name of ['bare', 'full']) {
      for (const [i, type] of types.entries()) {
        const id = `${name}${i}`
        const before = await said(id)
        await openDialog(page, id) // the focus moves in when it stands
        await untilDialogRests(page)
        const found = await page.evaluate(lookAt, chinese)
        await picture(page, `50-${type.replace(' ', '-')}-${name}-${tag}`)
        rows[id] = found.shown
        const all = [...found.faults]
        await closeDialog(page)
        if ((await said(id)) !== before) all.push(`changed: ${before} → ${await said(id)}`)
        if (await page.evaluate((node) => RED.nodes.node(node).changed === true, id)) all.push('marked as changed')
        if (all.length > 0) faults[`${type} (${name})`] = all
      }
    }
    expect(faults).toEqual({})
    expect(await page.evaluate(() => RED.nodes.dirty())).toBe(false)
    // What means nothing is not asked for; what means something is.
    const count = (id: string) => rows[id]?.length ?? 0
    for (const [i, type] of types.entries()) if (type !== 'tokenize' && type !== 'access control') expect(count(`full${i}`), type).toBeGreaterThan(count(`bare${i}`))
  }, 180_000)

  test('a choice brings up what belongs to it, by the keyboard alone', async () => {
    const page = await editorIn('en-US')
    await openDialog(page, 'bare0')
    const titles = () => page.evaluate(lookAt, false).then(({ shown }) => shown)
    expect(await titles()).not.toContain('Token issuers')
    await page.focus('#dialog-form .sluice-cells select')
    await page.keyboard.type('jwt')
    await expect.poll(titles).toContain('Token issuers')
    expect(await titles()).not.toContain('Introspection')
    await page.waitForTimeout(1500) // what was typed before is not part of the next word any more
    await page.keyboard.type('introspection')
    await expect.poll(titles).toEqual(expect.arrayContaining(['Introspection', 'Client id for introspection', 'Client secret for introspection']))
    await closeDialog(page, '#node-dialog-cancel')
  }, 120_000)

  test('a node that names no config node stays as it was at Done, whether there are any to pick or none', async () => {
    const page = await editorIn('en-US')
    const said = () => page.evaluate(() => JSON.stringify(RED.nodes.createExportableNodeSet([RED.nodes.node('later')])))
    const done = async () => {
      await openDialog(page, 'later')
      await closeDialog(page)
    }
    const before = await said()
    await done()
    expect(await said()).toBe(before)
    await page.evaluate(() => RED.nodes.import([{ id: 'pick', type: 'resource', name: 'host', slots: 1 }]))
    await done()
    expect([await said(), await page.evaluate(() => RED.nodes.node('later').changed === true)]).toEqual([before, false])
    // What is picked is taken, and can be given up again.
    for (const picked of ['pick', '_ADD_']) {
      await openDialog(page, 'later')
      await page.selectOption('#node-input-resource', picked)
      await closeDialog(page)
      expect(await page.evaluate(() => RED.nodes.node('later').resource)).toBe(picked === 'pick' ? 'pick' : '')
    }
  }, 120_000)

  test('a resource has one name, and keeps what was typed into it', async () => {
    const page = await editorIn('zh-TW')
    await page.evaluate(() => RED.editor.editConfig('', 'resource', '_ADD_', undefined))
    await untilDialogStands(page, '#node-config-dialog-ok')
    expect(await page.locator('#node-config-dialog-edit-form').getByLabel('名稱', { exact: true }).count()).toBe(1)
    await page.locator('#node-config-dialog-edit-form').getByLabel('名稱', { exact: true }).fill('core-host')
    await closeDialog(page, '#node-config-dialog-ok')
    const named: string[] = await page.evaluate(() => {
      const names: string[] = []
      RED.nodes.eachConfig((node: { type: string; name: string }) => { if (node.type === 'resource') names.push(node.name) })
      return names
    })
    expect(named).toEqual(['core-host'])
  }, 120_000)
})
