import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openControl, type OpenControl } from '../../../control/open-control.ts'
import { definitions } from '../../../nodes/index.ts'
import { systemClock } from '../../../runtime/core/time/clock.ts'
import { silentLog } from '../../../runtime/core/log.ts'
import { createPortal } from '../../portal.ts'

let folder: string
let control: OpenControl
let server: Server
let base: string
const root = { name: 'admin', role: 'admin', from: '' } as const

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-reference-'))
  control = await openControl({ dataDir: folder, definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  const portal = createPortal({ control, definitions, notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.7', editorPath: '/editor/', gatewayUrls: () => ['https://gateway.example/'], samples: [] })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await control.consumers.organisations.create({ id: 'town', name: 'Town' }, root)
  const openapi = (await readFile(new URL('../../../control/publish/fixtures/library.yaml', import.meta.url), 'utf8')).replace('Books of a town library, and who has them.', 'Books <script>alert(1)</script> and *who* has them.')
  await control.publishing.register({ id: 'library', organisation: 'town', openapi, version: 'v2', lifecycle: 'PUBLISHED', visibility: 'public' }, root)
  await control.publishing.register({ id: 'inside', organisation: 'town', url: 'https://inside.example/x', path: '/inside', lifecycle: 'PUBLISHED' }, root)
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await control.close()
  await rm(folder, { recursive: true, force: true })
})

const get = (path: string, headers: Record<string, string> = {}) => fetch(base + path, { redirect: 'manual', headers: { 'accept-language': 'en', ...headers } })
const signIn = async () => (await fetch(`${base}/sign-in`, { method: 'POST', redirect: 'manual', headers: { origin: base }, body: new URLSearchParams({ name: 'admin', password: 'open sesame' }) })).headers.get('set-cookie')!.split(';')[0]!

test('everybody reads the reference of a public API, in his language, with what each operation takes and answers', async () => {
  const english = await (await get('/apis/library/reference')).text()
  for (const text of ['Town library', 'v2', 'https://gateway.example', 'GET', '/v2/books/{book_id}', 'Lists books.', 'X-Branch', 'x-api-key', 'request.invalid', 'href="#schema-Book"', 'id="schema-Book"', 'curl -X POST', '<em>who</em>']) expect(english).toContain(text)
  expect(english).not.toContain('<script>alert')
  const chinese = await (await get('/apis/library/reference', { 'accept-language': 'zh-TW' })).text()
  for (const text of ['身分驗證', '參數', '必填', '發生錯誤時']) expect(chinese).toContain(text)
})

test('the document is there for programs, without a sign-in where the API is public', async () => {
  const answer = await get('/api/v1/apis/library/openapi.json')
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ openapi: '3.1.0', info: { title: 'Town library' }, paths: { '/v2/books': { get: { operationId: 'listBooks' } } } })
})

test('what is not public asks who wants to read it, and says nothing of what there is', async () => {
  for (const id of ['inside', 'nowhere']) {
    const page = await get(`/apis/${id}/reference`)
    expect([page.status, page.headers.get('location')]).toEqual([303, `/sign-in?next=${encodeURIComponent(`/apis/${id}/reference`)}`])
    expect((await get(`/api/v1/apis/${id}/openapi.json`)).status).toBe(404)
  }
  const cookie = await signIn()
  expect(await (await get('/apis/inside/reference', { cookie })).text()).toContain('/inside')
  expect((await get('/apis/nowhere/reference', { cookie })).status).toBe(404)
  const record = await (await get('/apis/inside', { cookie })).text()
  expect(record).toContain('href="/apis/inside/reference"')
})
