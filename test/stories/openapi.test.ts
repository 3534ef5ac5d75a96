import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openControl, type OpenControl } from '../../control/open-control.ts'
import { definitions } from '../../nodes/index.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-openapi-'))
const admin = { name: 'admin', role: 'admin', from: 'test' } as const
const openapi = readFileSync(new URL('../../control/publish/fixtures/library.yaml', import.meta.url), 'utf8')
const asked: string[] = []
let upstream: Server
let control: OpenControl
let gateway: TestGateway

beforeAll(async () => {
  upstream = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{"title":"asked"}'))
  })
  await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  control = await openControl({ dataDir: folder, definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  await control.consumers.organisations.create({ id: 'town', name: 'Town' }, admin)
  const common = { organisation: 'town', openapi, auth: false, lifecycle: 'PROTOTYPED' } as const
  await control.publishing.register({ apis: [{ ...common, id: 'mocked', path: '/mocked', mock: true }, { ...common, id: 'served', path: '/served', upstream: url }] }, admin)
  const { nodes } = await control.flows.current()
  gateway = await startGateway({ nodes: nodes as never, settings: { SLUICE_EGRESS_ALLOW: new URL(url).host } })
})
afterAll(async () => {
  await gateway?.close()
  await control?.close()
  upstream?.close()
  rmSync(folder, { recursive: true, force: true })
})

const send = async (path: string, method = 'GET', body?: unknown, type = 'application/json') => {
  const answer = await fetch(gateway.url + path, { method, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': type } }) })
  const text = await answer.text()
  return { status: answer.status, type: answer.headers.get('content-type'), body: text === '' ? undefined : (JSON.parse(text) as any) }
}

test('an API that has no service yet answers examples to requests that fit, and says where others do not', async () => {
  expect(await send('/mocked/books?page=2')).toMatchObject({ status: 200, body: [{ title: 'text' }] })
  expect(await send('/mocked/books/7')).toMatchObject({ status: 200 })
  expect((await send('/mocked/books/7', 'DELETE')).status).toBe(204)
  const wrong = await send('/mocked/books?page=0')
  expect(wrong).toMatchObject({ status: 400, type: expect.stringContaining('application/problem+json') as string, body: { code: 'request.invalid', errors: [{ in: 'query', pointer: '/page', keyword: 'minimum', message: 'must be at least 1' }] } })
})

test('a service is asked only what fits its document, and gets the bytes as they came', async () => {
  asked.length = 0
  expect(await send('/served/books', 'POST', { sequel: { title: 1 } })).toMatchObject({ status: 400, body: { errors: [{ in: 'body', pointer: '/title', message: 'is required' }, { in: 'body', pointer: '/sequel/title', message: 'must be string' }] } })
  expect(await send('/served/books', 'POST', 'title', 'text/plain')).toMatchObject({ status: 415, body: { code: 'body.unsupported' } })
  expect(await send('/served/books', 'POST', '{')).toMatchObject({ status: 400, body: { code: 'body.malformed' } })
  expect((await send('/served/books', 'POST')).status).toBe(400)
  expect(asked).toEqual([])
  expect(await send('/served/books', 'POST', { title: 'One' })).toMatchObject({ status: 200, body: { title: 'asked' } })
  expect(await send('/served/books/a%20b/covers/small.gif')).toMatchObject({ status: 400, body: { errors: [{ in: 'path', pointer: '/format', message: 'must be one of "png", "jpg"' }] } })
  expect(asked).toHaveLength(1)
})

test('its own document names every status that the gateway gives', async () => {
  const { document } = (await control.descriptions.reference('mocked', admin, { servers: [gateway.url] })) as { document: any }
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item as Record<string, any>)) {
      const answer = await fetch(gateway.url + path.replaceAll(/\{[^}]*\}/g, 'x'), { method: method.toUpperCase() })
      expect(Object.keys(operation.responses), `${method} ${path} ${answer.status}`).toContain(String(answer.status))
      await answer.arrayBuffer()
    }
  }
})
