import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openControl, type OpenControl } from '../../../control/open-control.ts'
import { systemClock } from '../../../runtime/core/time/clock.ts'
import { silentLog } from '../../../runtime/core/log.ts'
import { createPortal } from '../../portal.ts'

const root = { name: 'admin', role: 'admin', from: '' } as const
const folder = mkdtempSync(join(tmpdir(), 'sluice-connector-pages-'))
let answer: () => { status: number; body: unknown } = () => ({ status: 200, body: [] })
let control: OpenControl
let server: Server
let base: string
let headers: Record<string, string>

beforeAll(async () => {
  control = await openControl({
    dataDir: folder, definitions: [], log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 },
    partnerFetch: async () => ({ status: answer().status, headers: {}, body: Buffer.from(JSON.stringify(answer().body)) }),
  })
  const portal = createPortal({ control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.7', editorPath: '/editor/', gatewayUrls: () => [], samples: [] })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await control.consumers.organisations.create({ id: 'north', name: 'North' }, root)
  const signedIn = await fetch(`${base}/sign-in`, { method: 'POST', redirect: 'manual', headers: { origin: base }, body: new URLSearchParams({ name: 'admin', password: 'open sesame' }) })
  headers = { cookie: signedIn.headers.get('set-cookie')!.split(';')[0]!, origin: base, 'accept-language': 'en' }
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await control?.close()
  rmSync(folder, { recursive: true, force: true })
})

const read = async (path: string, language = 'en') => (await fetch(base + path, { headers: { ...headers, 'accept-language': language } })).text()
const post = async (path: string, fields: Record<string, string> = {}) => fetch(base + path, { method: 'POST', redirect: 'manual', headers, body: new URLSearchParams(fields) })
const fields = { name: 'CRM', organisation: 'north', id: 'crm', url: 'https://crm.example/', 'auth.kind': 'bearer', onMissing: 'suspend', maxDropPercent: '20', map: '{"list":"","id":"/id","name":"/name","credentials":[{"kind":"certificate","each":"/prints","fingerprint":"/sha256"}]}' }

test('a connector is made by a form; what is wrong with its map stands beside the map', async () => {
  const wrong = await post('/connectors', { ...fields, map: '{"list":' })
  expect(wrong.status).toBe(422)
  expect(await wrong.text()).toMatch(/id="f-map-error"/)
  const pointer = await post('/connectors', { ...fields, url: 'http://crm.example/' })
  expect(await pointer.text()).toMatch(/id="f-url-error">[^<]*https/)
  expect((await post('/connectors', fields)).headers.get('location')).toBe('/connectors/crm?said=recordSaved')
  expect(await control.consumers.connectors.get('crm', root)).toMatchObject({ active: false, maxDropShare: 0.2, map: { id: '/id' } })
})

test('its secret is set and never shown again', async () => {
  const text = await (await post('/connectors/crm/secret', { secret: 'top-secret-token' })).text()
  expect(text).toContain('A secret is set for this server.')
  expect(text).not.toContain('top-secret-token')
})

test('a preview shows what would be different and does nothing; a fetch does it', async () => {
  answer = () => ({ status: 200, body: [{ id: 'acme', name: 'Acme <b>', prints: [{ sha256: 'ab'.repeat(32) }] }] })
  const preview = await (await post('/connectors/crm/preview')).text()
  expect(preview).toContain('crm.acme')
  expect(control.consumers.snapshot().applications).toEqual([])
  await post('/connectors/crm/fetch')
  expect(control.consumers.snapshot().applications).toMatchObject([{ id: 'crm.acme', name: 'Acme <b>' }])
  const application = await read('/applications/crm.acme')
  expect(application).toContain('href="/connectors/crm"')
  expect(application).not.toContain('/applications/crm.acme/edit"')
  expect(application).not.toContain('/applications/crm.acme/active"')
  // What nobody may do here is not offered.
  expect(application).toContain('ab'.repeat(32))
  expect(application).toContain('Kept by: crm')
  expect(application).not.toMatch(/credentials\/[^"]*\/(active|revoke)"/)
})

test('what went wrong stands on its page, place by place, and what is held back can be worked in', async () => {
  await control.consumers.connectors.patch('crm', { active: true, everySeconds: 3600 }, undefined, root)
  answer = () => ({ status: 200, body: [{ name: 'nobody <script>' }] })
  await post('/connectors/crm/fetch')
  expect(await read('/connectors/crm')).toMatch(/<code>\/0\/id<\/code>/)
  expect(await read('/connectors/crm', 'zh-TW')).toMatch(/夥伴沒有識別碼。[^]*<code>\/0\/id<\/code><\/td><td>夥伴沒有識別碼。/)
  answer = () => ({ status: 500, body: '' })
  expect(await (await post('/connectors/crm/fetch')).text()).toContain('answered 500')
  expect(await read('/connectors/crm', 'zh-TW')).toContain('服務回應 500，預期為 200。')
  answer = () => ({ status: 200, body: [] })
  const held = await (await post('/connectors/crm/fetch')).text()
  expect(held).toContain('name="force"')
  await post('/connectors/crm/fetch', { force: 'yes' })
  expect(control.consumers.snapshot().applications).toMatchObject([{ active: false }])
})

test('its pages are there in both languages', async () => {
  for (const path of ['/connectors', '/connectors?new', '/connectors/crm', '/connectors/crm/edit']) {
    expect(await read(path, 'zh-TW')).toContain('連接器')
    const english = (await read(path)).replace('繁體中文', '')
    expect([path, /[\u4e00-\u9fff]/.exec(english)?.[0]]).toEqual([path, undefined])
    const ids = [...english.matchAll(/ id="([^"]+)"/g)].map((match) => match[1])
    expect([path, ids.filter((id, i) => ids.indexOf(id) !== i)]).toEqual([path, []])
  }
})
