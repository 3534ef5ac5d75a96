import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture } from './browser.ts'
import { startProduct, type Product } from './product.ts'
import { closeDialog, openDialog, openEditor, pressDeploy, untilEditorStands } from './editor.ts'

// The editor's own global; the story uses what a hand would: palette, canvas, dialogs, buttons.
declare const RED: any
declare const monaco: { editor: { getModelMarkers(filter: object): readonly { readonly severity: number }[] } }

describe.skipIf(!needs('chromium'))('a person with a browser', () => {
  let product: Product
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const shot = (name: string) => picture(page, name)

  beforeAll(async () => {
    product = await startProduct()
    browser = await openBrowser()
    page = await open()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  // Monaco is disturbed when its dialog closes while it still colours the text; the stock editor has it as well.
  const open = (options: BrowserContextOptions = {}) => openPage(browser, { complaints, expected: /status of 4\d\d|^TextModelPart is disposed/, viewport: { width: 1360, height: 860 }, ...options })

  /** Drags a node out of the palette and gives the id of what was dropped. */
  async function drag(type: string, x: number, y: number): Promise<string> {
    const before = await page.evaluate(() => RED.nodes.filterNodes({}).map((node: { id: string }) => node.id) as string[])
    const source = page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`)
    await source.scrollIntoViewIfNeeded()
    await source.dragTo(page.locator('#red-ui-workspace-chart'), { targetPosition: { x, y }, force: true })
    const after = await page.evaluate(() => RED.nodes.filterNodes({}).map((node: { id: string }) => node.id) as string[])
    const made = after.filter((id) => !before.includes(id))
    expect(made, `one ${type} on the canvas`).toHaveLength(1)
    return made[0]!
  }

  async function wire(from: string, to: string): Promise<void> {
    const output = page.locator(`[id="${from}"] .red-ui-flow-port-output .red-ui-flow-port`).first()
    await output.dragTo(page.locator(`[id="${to}"] .red-ui-flow-port-input .red-ui-flow-port`).first(), { force: true })
    expect(await page.evaluate(([a, b]) => RED.nodes.filterLinks({ source: { id: a }, target: { id: b } }).length as number, [from, to])).toBe(1)
  }

  /** Opens a node's dialog, lets `fill` work in it, presses Done. */
  async function edit(id: string, fill: () => Promise<void>): Promise<void> {
    await openDialog(page, id)
    await fill()
    await closeDialog(page)
  }

  async function typeCode(text: string, faulty = false): Promise<void> {
    await page.click('#node-input-func-editor .view-lines')
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText(text)
    await untilChecked(faulty)
  }

  /** Monaco checks a text in a worker, and what it last found goes with Done: on a busy machine that is about the text before. */
  async function untilChecked(faulty: boolean): Promise<void> {
    await page.waitForFunction((wanted) => monaco.editor.getModelMarkers({}).some((marker) => marker.severity === 8) === wanted, faulty)
  }

  const deploy = () => pressDeploy(page)

  let httpIn: string, script: string, response: string

  test('signs in once and finds the editor with our palette', async () => {
    await page.goto(`${product.control}editor/`)
    await shot('01-sign-in')
    await page.fill('input[name=name]', 'admin')
    await page.fill('input[name=password]', product.password)
    await page.keyboard.press('Enter')
    await untilEditorStands(page)
    await shot('02-editor')
    expect(await page.locator('.red-ui-palette-node[data-palette-type="exec"]').count()).toBe(0)
    expect(await page.locator('#red-ui-palette-container-callout .red-ui-palette-header').innerText()).toContain('callout')
  })

  test('opens the sample that puts three services together', async () => {
    await page.setViewportSize({ width: 1600, height: 560 })
    await page.locator('.red-ui-tab', { hasText: 'Taipei today' }).click()
    await page.mouse.move(700, 400) // off the tab, whose tooltip goes
    await page.evaluate(() => RED.actions.invoke('core:zoom-fit'))
    expect(await page.locator('.red-ui-flow-node').count()).toBeGreaterThan(15)
    await shot('02-taipei') // the README shows a copy of it
    await page.evaluate(() => RED.actions.invoke('core:zoom-reset'))
    await page.setViewportSize({ width: 1360, height: 860 })
    await page.locator('.red-ui-tab', { hasText: 'Hello' }).click()
  })

  test('draws an API, deploys it and calls it', async () => {
    await page.evaluate(() => RED.actions.invoke('core:add-flow'))
    httpIn = await drag('http in', 140, 140)
    script = await drag('function', 360, 140)
    response = await drag('http response', 580, 140)
    await wire(httpIn, script)
    await wire(script, response)
    await edit(httpIn, () => page.fill('#node-input-url', '/story'))
    await edit(script, () => typeCode("msg.payload = { version: 1 }\nreturn msg"))
    await shot('03-drawn')
    const answer = await deploy()
    expect(answer).toMatchObject({ status: 200, body: { rev: expect.any(String), behind: [] } })
    await shot('04-deployed')
    expect(await (await fetch(`${product.gateway}/story`)).json()).toEqual({ version: 1 })
    expect(await page.getByText('have been updated').count()).toBe(0)
  })

  test('breaks it: the deploy is refused, the node is painted with the sentence, the live version stays', async () => {
    await edit(script, () => typeCode('msg.payload = {\nreturn msg', true))
    const answer = await deploy()
    expect(answer).toMatchObject({ status: 422, body: { problems: expect.arrayContaining([expect.objectContaining({ node: script, severity: 'error' })]) } })
    await page.waitForSelector('.sluice-problems')
    await shot('05-refused')
    expect(await page.getByText('Successfully deployed').count()).toBe(0)
    const notice = (await page.locator('.red-ui-notification').boundingBox())!
    const node = (await page.locator(`[id="${script}"]`).boundingBox())!
    expect(node.y + node.height, 'the notice leaves the node to be seen').toBeLessThan(notice.y)
    const { message } = (answer.body.problems as { node?: string; message: string }[]).find((one) => one.node === script)!
    expect(await page.locator('.sluice-problems').innerText()).toContain(message)
    const painted = await page.evaluate((id) => {
      const node = RED.nodes.node(id)
      return { valid: node.valid as boolean, errors: node.validationErrors as string[], fill: node.status.fill as string }
    }, script)
    expect(painted).toMatchObject({ valid: false, fill: 'red' })
    expect(painted.errors.join()).toContain(message)
    expect(await (await fetch(`${product.gateway}/story`)).json()).toEqual({ version: 1 })
  })

  test('mends it and deploys the next version; the marks go', async () => {
    await page.locator('.red-ui-notification button').last().click()
    await page.waitForSelector('.sluice-problems', { state: 'detached' })
    await shot('05-painted')
    await edit(script, async () => {
      await untilChecked(true) // else what it finds in the old text may come after the new one
      await typeCode("msg.payload = { version: 2 }\nreturn msg")
    })
    expect(await deploy()).toMatchObject({ status: 200 })
    expect(await (await fetch(`${product.gateway}/story`)).json()).toEqual({ version: 2 })
    // The page learns of the answer a moment after the network does.
    await expect.poll(() => page.evaluate((id) => RED.nodes.node(id).valid as boolean, script)).toBe(true)
    expect(await page.evaluate((id) => RED.nodes.node(id).status?.fill as string, script)).not.toBe('red')
    await shot('06-mended')
  })

  test('says below the stock form which pages may call the API, and what it takes', async () => {
    const more = page.locator('.sluice-more')
    await edit(httpIn, async () => {
      expect(await more.getAttribute('open')).toBeNull()
      await more.locator('summary').click()
      await page.selectOption('#node-input-method', 'post')
      await page.fill('#node-input-sluice-accepts', 'application/json')
      await page.fill('#node-input-sluice-bodyLimitBytes', '100')
      await page.fill('#node-input-sluice-cors-origins', 'https://app.example.org http://localhost:3000')
      await page.check('#node-input-sluice-cors-credentials')
      await shot('06-more')
    })
    expect(await deploy()).toMatchObject({ status: 200 })
    const url = `${product.gateway}/story`
    const origin = 'https://app.example.org'
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-credentials')]).toEqual([204, origin, 'true'])
    const json = { 'content-type': 'application/json', origin }
    expect((await fetch(url, { method: 'POST', headers: json, body: '{}' })).headers.get('access-control-allow-origin')).toBe(origin)
    expect((await fetch(url, { method: 'POST', headers: json, body: JSON.stringify('x'.repeat(100)) })).status).toBe(413)
    expect((await fetch(url, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })).status).toBe(415)

    // What was said stands in the form again; what is emptied is gone from the node.
    await edit(httpIn, async () => {
      expect(await more.getAttribute('open')).not.toBeNull()
      expect(await page.inputValue('#node-input-sluice-cors-origins')).toBe('https://app.example.org, http://localhost:3000')
      for (const field of ['accepts', 'bodyLimitBytes', 'cors-origins']) await page.fill(`#node-input-sluice-${field}`, '')
      await page.selectOption('#node-input-method', 'all')
    })
    const node = await page.evaluate((id) => JSON.parse(JSON.stringify(RED.nodes.convertNode(RED.nodes.node(id)))) as object, httpIn)
    for (const name of ['host', 'cors', 'accepts', 'bodyLimitBytes', 'timeoutMs']) expect(node).not.toHaveProperty(name)
    expect(await deploy()).toMatchObject({ status: 200 })
    expect((await fetch(url, { method: 'PUT' })).status).toBe(200)
    await edit(httpIn, async () => {
      expect(await page.inputValue('#node-input-method')).toBe('all')
      await page.selectOption('#node-input-method', 'get')
    })
    expect(await deploy()).toMatchObject({ status: 200 })
  })

  test('presses the button of an inject node: the debug line, the status and the context arrive', async () => {
    const inject = await drag('inject', 140, 300)
    const worker = await drag('function', 360, 300)
    const debug = await drag('debug', 580, 300)
    await wire(inject, worker)
    await wire(worker, debug)
    await edit(worker, () => typeCode('node.status({ fill: "green", shape: "dot", text: "seen" })\nflow.set("count", 7)\nmsg.payload = "pressed"\nreturn msg'))
    expect(await deploy()).toMatchObject({ status: 200 })
    await page.evaluate(() => RED.sidebar.show('debug'))
    await page.locator(`[id="${inject}"] .red-ui-flow-node-button-button`).click()
    await page.waitForSelector('.red-ui-debug-msg')
    expect(await page.locator('.red-ui-debug-msg').first().innerText()).toContain('pressed')
    await expect.poll(() => page.evaluate((id) => RED.nodes.node(id).status?.text as string, worker)).toBe('seen')
    await page.evaluate(() => RED.sidebar.show('context'))
    for (const refresh of await page.locator('button:has(.fa-refresh):visible, a:has(.fa-refresh):visible').all()) await refresh.click()
    await page.waitForSelector('.red-ui-debug-msg-object-key, .red-ui-sidebar-context-property', { timeout: 5000 })
    expect(await page.getByText('count', { exact: true }).count()).toBe(1)
    await shot('06-inject')
  })

  test('two people deploy: the second is asked, merges, and both changes live', async () => {
    const mine = page
    const tab = await mine.evaluate((id) => RED.nodes.node(id).z as string, script)
    const other = await open({ storageState: await mine.context().storageState() })
    await openEditor(other, product.control, tab)
    page = other
    const theirs = await drag('comment', 300, 460)
    expect(await deploy()).toMatchObject({ status: 200 })
    page = mine
    const ours = await drag('comment', 600, 460)
    expect(await deploy()).toMatchObject({ status: 409, body: { code: 'version_mismatch' } })
    await shot('06-merge')
    await page.click('#red-ui-deploy-dialog-confirm-deploy-merge')
    await page.waitForFunction((id) => RED.nodes.node(id), theirs)
    expect(await deploy()).toMatchObject({ status: 200 })
    const flows = (await (await page.request.get(`${product.control}editor/flows`, { headers: { 'node-red-api-version': 'v2' } })).json()) as { flows: { id: string }[] }
    expect(flows.flows.map((one) => one.id)).toEqual(expect.arrayContaining([theirs, ours]))
    await other.context().close()
  })

  test('opens the form of a node of ours, in both languages', async () => {
    const callout = await drag('service callout', 360, 300)
    await openDialog(page, callout)
    await shot('07-form')
    expect(await page.locator('.sluice-form label').allInnerTexts()).toContain('URL')
    await closeDialog(page, '#node-dialog-cancel')
    await page.evaluate((id) => {
      RED.nodes.remove(id)
      RED.nodes.dirty(false)
    }, callout)
  })

  test('looks at what changed and rolls back on the page; the earlier version answers again', async () => {
    await page.goto(`${product.control}releases`)
    await shot('08-releases')
    // The samples are the oldest release, the first version of the story the next.
    const rows = page.locator('tbody tr')
    const first = rows.nth((await rows.count()) - 2)
    await first.locator('th a').click()
    await page.goto(page.url())
    await page.getByText('Roll back to this release').first().click()
    await page.waitForSelector('svg.canvas')
    await shot('09-rollback')
    await page.click('button.primary')
    await page.waitForSelector('.notice.good')
    expect(await (await fetch(`${product.gateway}/story`)).json()).toEqual({ version: 1 })
    for (const [name, path] of [['10-start', ''], ['11-gateways', 'gateways'], ['12-users', 'users'], ['13-docs', 'docs'], ['14-node-page', 'docs/nodes/respond']] as const) {
      await page.goto(product.control + path)
      await shot(name)
    }
  })

  test('reads everything in Traditional Chinese', async () => {
    await page.goto(product.control)
    await page.getByRole('button', { name: '繁體中文' }).click()
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-TW')
    await shot('15-start-zh')
    page = await open({ locale: 'zh-TW', storageState: await page.context().storageState() })
    await openEditor(page, product.control)
    expect(await page.locator('#red-ui-palette-container-callout .red-ui-palette-header').innerText()).toContain('呼叫外部服務')
    const callout = await drag('service callout', 360, 300)
    await openDialog(page, callout)
    expect(await page.locator('.sluice-form label').allInnerTexts()).toContain('網址')
    await shot('16-editor-zh')
    await closeDialog(page, '#node-dialog-cancel')
    // The callout has no URL.
    expect(await deploy()).toMatchObject({ status: 422 })
    await page.waitForSelector('.sluice-problems')
    await shot('17-refused-zh')
    expect(await page.locator('.sluice-problems').innerText()).toContain('尚未設定網址')
  })

  test('nothing went wrong inside the pages, and nothing broke their security policy', () => {
    expect(complaints).toEqual([])
  })
})
