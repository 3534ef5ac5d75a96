import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture } from './browser.ts'
import { startProduct, type Product } from './product.ts'
import { closeDialog, openDialog, pressDeploy, untilDialogRests, untilEditorStands } from './editor.ts'

declare const RED: any
declare const document: any

const weather = [{ station: '大安', lat: 25.0263, lon: 121.5436, temp: '26.96' }, { station: '信義', lat: 25.0378, lon: 121.5645, temp: '28.04' }]
const bikes = [
  { sno: '1', sna: 'YouBike2.0_捷運市政府站', sbi: 12, lat: 25.0408, lng: 121.5654, mday: '2026-11-22 14:30:00' },
  { sno: '2', sna: 'YouBike2.0_大安森林公園', sbi: 3, lat: 25.0334, lng: 121.5357, mday: '2026-11-22 14:30:00' },
  { sno: '3', sna: 'YouBike2.0_故障站', sbi: 0, lat: 25.03, lng: 121.55, mday: '2026-11-22 14:30:00' },
]

/** What a dialog shows that somebody would stumble over. Runs in the page. */
function lookAt(chinese: boolean): string[] {
  const dialog = document.querySelector('.sluice-map')
  const faults: string[] = []
  const seen = (element: any) => element.offsetParent !== null
  for (const one of [...dialog.querySelectorAll('label, button, option, .sm-caption, .sluice-hint, .sm-heading, strong, .sm-category, [role=option]')].filter((one) => one.tagName === 'OPTION' ? one.parentElement.tagName !== 'DATALIST' : seen(one))) {
    const text = (one.textContent ?? '').trim()
    if (text === '' || /^(UTC|JSONata|mm|cm|m|km|.{1,4}|民國.*|[\d/]+)$/.test(text)) continue
    if (chinese !== /[\u4e00-\u9fff]/.test(text)) faults.push(`not in this language: ${text}`)
  }
  const frame = dialog.closest('.red-ui-tray-body')
  if (frame.scrollWidth > frame.clientWidth + 1) faults.push(`wider than its dialog by ${frame.scrollWidth - frame.clientWidth}`)
  for (const input of [...dialog.querySelectorAll('input, select, textarea, button')].filter(seen)) {
    if (input.getBoundingClientRect().right > frame.getBoundingClientRect().right + 1) faults.push(`beyond the edge: ${input.outerHTML.slice(0, 120)}`)
    const name = input.getAttribute('aria-label') || [...(input.labels ?? [])].map((label: any) => label.textContent).join('') || (input.tagName === 'BUTTON' ? input.textContent : '')
    if (!name?.trim()) faults.push(`without a name: ${input.outerHTML.slice(0, 160)}`)
  }
  return faults
}

describe.skipIf(!needs('chromium'))('an officer who never wrote code', () => {
  let product: Product
  let browser: Browser
  let page: Page
  let upstream: Server
  let source: string
  const complaints: string[] = []
  const shot = (name: string) => picture(page, name)

  beforeAll(async () => {
    upstream = createServer((request, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify(request.url === '/weather' ? weather : bikes)))
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    source = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    product = await startProduct({ SLUICE_EGRESS_ALLOW: '127.0.0.1' })
    browser = await openBrowser()
    page = await openEditor('en-US')
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
    upstream?.close()
  })

  async function openEditor(locale: string): Promise<Page> {
    const opened = await openPage(browser, { complaints, expected: /status of 4\d\d/, viewport: { width: 1440, height: 1000 }, locale })
    await opened.goto(`${product.control}editor/`)
    await opened.fill('input[name=name]', 'admin')
    await opened.fill('input[name=password]', product.password)
    await opened.keyboard.press('Enter')
    await untilEditorStands(opened)
    return opened
  }

  async function drag(type: string, x: number, y: number): Promise<string> {
    const ids = () => page.evaluate(() => RED.nodes.filterNodes({}).map((node: { id: string }) => node.id) as string[])
    const before = await ids()
    const palette = page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`)
    await palette.scrollIntoViewIfNeeded()
    await palette.dragTo(page.locator('#red-ui-workspace-chart'), { targetPosition: { x, y }, force: true })
    const made = (await ids()).filter((id) => !before.includes(id))
    expect(made).toHaveLength(1)
    return made[0]!
  }

  async function wire(from: string, to: string): Promise<void> {
    await page.locator(`[id="${from}"] .red-ui-flow-port-output .red-ui-flow-port`).first().dragTo(page.locator(`[id="${to}"] .red-ui-flow-port-input .red-ui-flow-port`).first(), { force: true })
  }

  const open = (id: string) => openDialog(page, id)
  const done = () => closeDialog(page)
  const deploy = () => pressDeploy(page)

  /** A row by its place, as the form counts. */
  const row = (place: string) => page.locator(`.sm-row[data-place="${place}"]`)
  const pick = (name: string) => page.locator(`.sm-tree [data-source="${name.replaceAll('"', '\\"')}"] > .sm-place`)

  /** Adds a function by the keyboard alone. */
  async function addFunction(place: string, search: string): Promise<void> {
    await row(place).locator(':scope > .sm-more .sm-add-function').focus()
    await page.keyboard.press('Enter')
    await page.keyboard.type(search)
    await page.keyboard.press('Enter')
  }

  const result = async () => JSON.parse(await page.locator('.sm-result').innerText()) as unknown

  let entry: string, first: string, kept: string, second: string, table: string, answer: string

  test('draws two callouts, two tables and an answer, and deploys them still empty', async () => {
    await page.evaluate(() => RED.actions.invoke('core:add-flow'))
    entry = await drag('http in', 100, 120)
    first = await drag('service callout', 280, 120)
    kept = await drag('map', 460, 120)
    second = await drag('service callout', 620, 220)
    table = await drag('map', 460, 300)
    answer = await drag('respond', 280, 300)
    for (const [from, to] of [[entry, first], [first, kept], [kept, second], [second, table], [table, answer]] as const) await wire(from, to)
    await open(entry)
    await page.fill('#node-input-url', '/bikes-today')
    await done()
    for (const [id, path] of [[first, '/weather'], [second, '/bikes']] as const) {
      await open(id)
      await page.getByLabel('URL', { exact: true }).fill(`${source}${path}`)
      await done()
    }
    const { status, body } = await deploy()
    expect([status, body.warnings?.filter((one: { code: string }) => one.code === 'map.rows')]).toMatchObject([200, [{}, {}]])
  })

  test('keeps the first answer under a name, picked from the last message that came', async () => {
    expect((await fetch(`${product.gateway}/bikes-today`)).status).toBe(200)
    await open(kept)
    await page.getByLabel('Result into').fill('weather')
    await page.click('.sm-last')
    await expect.poll(() => page.locator('.sm-status').innerText()).not.toBe('')
    await fetch(`${product.gateway}/bikes-today`)
    await pick('payload').waitFor({ timeout: 20_000 })
    await pick('payload').click({ position: { x: 40, y: 8 } })
    await row('0').locator('.sm-to').fill('.')
    await expect.poll(result).toEqual(weather)
    await shot('60-map-kept')
    await done()
  })

  test('makes the answer by the table: picked, filtered, joined with the nearest place, each result seen at once', async () => {
    await open(table)
    await page.locator('.sm-example').fill(JSON.stringify({ payload: bikes, weather }))
    await page.click('.sm-left > .sm-bar .sm-add')
    // A constant, by the keyboard.
    await page.keyboard.type('city')
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowDown')
    await expect.poll(() => row('0').locator('.sm-from').getAttribute('aria-label')).toBe('Constant of row 1')
    await row('0').locator('.sm-from').fill('臺北市')
    // A date of the second answer, by the calendar of the Republic.
    await pick('payload').locator('.sm-name').waitFor()
    await pick('payload[].mday').click()
    await row('1').locator('.sm-to').fill('date')
    await row('1').locator('.sm-from').fill('payload[0].mday')
    await addFunction('1', 'to the roc')
    await expect.poll(() => row('1').locator('.sm-value').innerText()).toBe('= "民國115年11月22日"')
    // The stations that have bikes, each with the nearest thermometer.
    await pick('payload').locator('.sm-name').click()
    await row('2').locator('.sm-to').fill('stations')
    await addFunction('2', 'filter')
    await row('2').getByLabel('Field', { exact: true }).fill('sbi')
    await row('2').getByLabel('Test', { exact: true }).selectOption({ label: 'is greater than' })
    await row('2').getByLabel('Value', { exact: true }).fill('0')
    await row('2').locator(':scope > .sm-more .sm-add-each').click()
    await row('2.each.0').locator('.sm-to').fill('name')
    await row('2.each.0').locator('.sm-from').fill('')
    await pick('item.sna').click()
    await addFunction('2.each.0', 'after')
    await row('2.each.0').getByLabel('Text', { exact: true }).fill('_')
    await pick('item.sbi').click()
    await row('2.each.1').locator('.sm-to').fill('bikes')
    await pick('item').locator('.sm-name').first().click()
    await row('2.each.2').locator('.sm-to').fill('$near')
    await addFunction('2.each.2', 'nearest')
    await row('2.each.2').getByLabel('Places', { exact: true }).fill('weather')
    await row('2.each.2').getByLabel('Longitude', { exact: true }).fill('lng')
    await row('2').locator(':scope > .sm-each > .sm-add').click()
    await row('2.each.3').locator('.sm-to').fill('temperatureC')
    await row('2.each.3').locator('.sm-from').fill('$near.temp')
    await addFunction('2.each.3', 'round')
    await row('2.each.3').getByLabel('Decimals', { exact: true }).fill('1')
    await expect.poll(result).toEqual({ city: '臺北市', date: '民國115年11月22日', stations: [{ name: '捷運市政府站', bikes: 12, temperatureC: 28 }, { name: '大安森林公園', bikes: 3, temperatureC: 27 }] })
    expect(await page.evaluate(lookAt, false)).toEqual([])
    await shot('61-map-table')
    await page.click('.sm-show-jsonata')
    expect(await page.locator('.sm-code').inputValue()).toContain('$nearest(')
    await row('1').locator(':scope > .sm-more .sm-add-function').click()
    await page.keyboard.type('unit')
    await shot('62-map-functions')
    await page.keyboard.press('Escape')
    expect(await page.locator('.sm-picker').count()).toBe(0)
    await done()
    expect(await deploy()).toMatchObject({ status: 200 })
    const answered = await fetch(`${product.gateway}/bikes-today`)
    expect([answered.status, await answered.json()]).toEqual([200, { city: '臺北市', date: '民國115年11月22日', stations: [{ name: '捷運市政府站', bikes: 12, temperatureC: 28 }, { name: '大安森林公園', bikes: 3, temperatureC: 27 }] }])
    const types = await page.evaluate((ids) => ids.map((id) => RED.nodes.node(id).type as string), [entry, first, kept, second, table, answer])
    expect(new Set(types)).toEqual(new Set(['http in', 'service callout', 'map', 'respond']))
  })

  test('an OpenAPI document gives an example, the tree goes by the keyboard, and an unchanged dialog changes nothing', async () => {
    const said = () => page.evaluate((id) => JSON.stringify(RED.nodes.createExportableNodeSet([RED.nodes.node(id)])), kept)
    const before = await said()
    await open(kept)
    await expect.poll(() => row('0').locator('.sm-to').inputValue()).toBe('.')
    await done()
    expect([await said(), await page.evaluate((id) => RED.nodes.node(id).changed === true, kept)]).toEqual([before, false])
    await open(kept)
    const schema = { type: 'object', properties: { records: { type: 'array', items: { type: 'object', properties: { town: { type: 'string', example: '大安區' }, degrees: { type: 'number' } } } } } }
    await page.locator('.sm-example').fill(JSON.stringify({ openapi: '3.1.0', paths: { '/now': { get: { responses: { 200: { content: { 'application/json': { schema } } } } } } } }))
    await page.locator('.sm-samples').selectOption({ label: 'GET /now' })
    await expect.poll(result).toEqual({ records: [{ town: '大安區', degrees: 1.5 }] })
    await page.locator('.sm-tree [data-source="payload"]').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    expect(await row('1').locator('.sm-from').inputValue()).toBe('payload.records[].town')
    await expect.poll(() => row('1').locator('.sm-value').innerText()).toBe('= ["大安區"]')
    await closeDialog(page, '#node-dialog-cancel')
    expect(await said()).toBe(before)
  })

  test('what cannot be is said at the row, and refuses the deploy with the node painted', async () => {
    await open(table)
    await row('1').locator('.sm-to').fill('city')
    await expect.poll(() => row('1').locator('.sm-problem').innerText()).toContain('made by a row above as well')
    await shot('63-map-problem')
    await done()
    const { status, body } = await deploy()
    expect([status, body.problems]).toMatchObject([422, expect.arrayContaining([expect.objectContaining({ code: 'map.duplicate', node: table })])])
    await page.waitForSelector('.sluice-problems')
    expect(await page.evaluate((id) => RED.nodes.node(id).status.fill as string, table)).toBe('red')
    await page.context().close()
  })

  test('the same in Traditional Chinese', async () => {
    page = await openEditor('zh-TW')
    await page.evaluate((id) => RED.workspaces.show(RED.nodes.node(id).z), table)
    await open(table)
    await page.locator('.sm-example').fill(JSON.stringify({ payload: bikes, weather }))
    await expect.poll(result).toMatchObject({ city: '臺北市' })
    await page.click('.sm-show-jsonata')
    await row('1').locator(':scope > .sm-more .sm-add-function').click()
    await page.keyboard.type('單位')
    await untilDialogRests(page)
    expect(await page.evaluate(lookAt, true)).toEqual([])
    await shot('64-map-zh')
    await page.keyboard.press('Escape')
    // Dark or narrow, it stays within its dialog.
    await page.setViewportSize({ width: 900, height: 900 })
    await shot('65-map-narrow')
    await page.click('#node-dialog-cancel')
    expect(complaints).toEqual([])
  })
})
