import { createServer, get as httpGet, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { estate, flow, type FlowBuilder } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

/** Bytes that were taken of the endless answer, and whether its reader has gone. */
const endless = { written: 0, gone: false }
const line = (i: number) => `{"n":${i},"text":"${'x'.repeat(200)}"}\n`

/** What was asked of the upstream by name, and when it is let go on. */
const named = { asked: [] as string[], hold: undefined as ServerResponse | undefined }

const upstream = createServer((request, response) => {
  const url = new URL(request.url as string, 'http://upstream')
  if (url.pathname.startsWith('/base/')) return answerNamed(url.pathname.slice(6), request, response)
  response.setHeader('content-type', 'application/x-ndjson')
  if (url.pathname === '/endless') return pour(response)
  if (url.pathname === '/packed') return void response.setHeader('content-encoding', 'gzip').end('x')
  if (url.pathname === '/broken') return void response.write(line(0) + line(1), () => setTimeout(() => response.destroy(), 20))
  if (url.pathname === '/none') return void response.writeHead(404).end('no')
  const texts: Record<string, string> = {
    '/bad': `${line(1)}\n${line(2)}{"n":\n${line(4)}`,
    '/long': `${line(1)}"${'x'.repeat(3000)}"\n`,
    '/last': '{"n":1}\r\n{"n":2}',
    '/latin': '{"n":1}\n"',
  }
  if (url.pathname === '/seq') return void response.setHeader('content-type', 'application/json-seq').end('\x1e{"n":\n1}\n\x1e{"n":2}\n\x1e')
  if (url.pathname === '/many') return void response.end(Array.from({ length: 5000 }, (_, i) => line(i)).join(''))
  response.end(url.pathname === '/latin' ? Buffer.concat([Buffer.from('{"n":1}\n"'), Buffer.from([0xff]), Buffer.from('"\n')]) : texts[url.pathname])
}).listen(0, '127.0.0.1')

/** A service that fails before it answers, or in the midst of it. */
function answerNamed(what: string, request: IncomingMessage, response: ServerResponse): void {
  named.asked.push(`${what} ${request.headers.authorization ?? ''}`.trim())
  const tries = named.asked.filter((one) => one.startsWith(what)).length
  if (what === 'flaky' && tries === 1) return void response.writeHead(503).end()
  response.setHeader('content-type', 'application/x-ndjson')
  // All is well, it says, and is gone.
  if (what === 'flaky' && tries === 2) {
    response.flushHeaders()
    return void setTimeout(() => response.destroy(), 20)
  }
  if (what === 'half') return void response.write(line(0), () => setTimeout(() => response.destroy(), 20))
  if (what === 'held') {
    response.write(line(1))
    return void (named.hold = response)
  }
  response.end(line(1) + line(2))
}

function pour(response: ServerResponse): void {
  let i = 0
  endless.gone = false
  response.on('close', () => (endless.gone = true))
  const more = () => {
    while (!endless.gone && response.write(line(i++))) endless.written += 220
  }
  response.on('drain', more)
  more()
}

let gateway: TestGateway
const byName = (id: string, type: string, config: object) => flow(id).httpIn('GET', `/${id}/:what`)
  .node(type, { method: 'GET', upstream: 'ups', url: '/{{req.params.what}}', answerAs: 'stream', ...config }, type === 'service callout' ? 3 : 1)
  .node('for each', { results: 'stream' }, 2).as(`${id}-each`).node('end', {}, 0).from(`${id}-each`, 1).node('respond', {}, 0)
const service = (port: number) => ({ id: 'ups', type: 'upstream', name: 'lines', targets: [{ url: `http://127.0.0.1:${port}/base`, weight: 1 }], retries: 3, backoffMs: 1, retryPercent: 100, ejectAfter: 0, maxConcurrent: 1, placeWaitMs: 0 })
const from = (id: string, each: object = {}, tail?: (one: FlowBuilder) => FlowBuilder) => {
  const one = flow(id).httpIn('GET', `/${id}/:what`)
    .node('service callout', { method: 'GET', url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/{{req.params.what}}`, answerAs: 'stream' }, 3)
    .node('for each', { parallel: 3, ...each }, 2).as(`${id}-each`)
    .node('map', { rows: [{ to: 'm', from: 'payload.n', do: [{ function: 'add', with: [{ value: 1 }] }] }] }).node('end', {}, 0).from(`${id}-each`, 1)
  return (tail ?? ((last) => last.node('respond', {}, 0)))(one)
}

beforeAll(async () => {
  const { port } = upstream.address() as AddressInfo
  gateway = await startGateway({ nodes: [service(port) as never, ...estate(from('list', { maxItems: 100 }), from('stream', { results: 'stream', lineLimitBytes: 2000 }), from('collect', { results: 'stream', onError: 'collect' }), from('skip', { onError: 'skip' }), from('other', { results: 'stream' }, (last) => last.node('respond', { body: 'ok', bodyType: 'str' }, 0)), byName('named', 'service callout', {}), byName('stock', 'http request', { ret: 'txt', senderr: true }),
    flow('through').httpIn('GET', '/through/*').node('pass through', { upstream: 'ups', url: '/{{+req.params["*"]}}', sandboxUrl: '' }, 0))], settings: { SLUICE_EGRESS_ALLOW: `127.0.0.1:${port}` } })
})
afterAll(async () => {
  await gateway.close()
  upstream.closeAllConnections()
  upstream.close()
})

async function ask(path: string) {
  const answer = await fetch(`${gateway.url}${path}`)
  const text = await answer.text()
  return { status: answer.status, type: answer.headers.get('content-type'), text, json: () => JSON.parse(text) as any }
}
const problemOf = async (path: string) => {
  const { status, json } = await ask(path)
  return [status, json().code]
}

test('a stream of lines is gone through item by item, and answered line by line in its order', async () => {
  const { status, type, text } = await ask('/stream/many')
  expect([status, type]).toEqual([200, 'application/x-ndjson'])
  expect(text.trimEnd().split('\n').map((one) => JSON.parse(one).m)).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1))
  expect((await ask('/list/last')).json()).toEqual([{ m: 2 }, { m: 3 }])
  expect((await ask('/list/seq')).json()).toEqual([{ m: 2 }, { m: 3 }])
  expect((await ask('/list/many')).status).toBe(422)
})

test('a line that is no JSON is a fault that names the line, left out, or said in its place', async () => {
  expect(await problemOf('/list/bad')).toEqual([502, 'each.line'])
  await expect(ask('/stream/long')).rejects.toThrow()
  expect(await problemOf('/list/latin')).toEqual([502, 'each.line'])
  const skipped = await ask('/skip/bad')
  expect([skipped.status, skipped.json()]).toEqual([200, [{ m: 2 }, { m: 3 }, { m: 5 }]])
  const lines = (await ask('/collect/bad')).text.trimEnd().split('\n').map((one) => JSON.parse(one))
  expect(lines).toMatchObject([{ m: 2 }, { m: 3 }, { error: { index: 2, code: 'each.line', message: expect.stringContaining('Line 4') } }, { m: 5 }])
})

test('an upstream is read no faster than the caller reads, and let go of when the caller leaves', async () => {
  endless.written = 0
  const answer = await new Promise<IncomingMessage>((resolve, reject) => httpGet(`${gateway.url}/stream/endless`, resolve).on('error', reject))
  await new Promise((resolve) => answer.once('data', resolve))
  answer.pause()
  let before = -1
  await expect.poll(() => {
    const still = before === endless.written
    before = endless.written
    return still
  }, { interval: 300, timeout: 8000 }).toBe(true)
  // What lies in sockets between the two, which the system makes as large as it likes, and no more.
  expect(endless.written).toBeLessThan(128 * 1024 * 1024)
  answer.destroy()
  await expect.poll(() => endless.gone).toBe(true)
})

test('whoever answers with something else lets go of the stream; a broken one is no whole answer', async () => {
  expect((await ask('/other/endless')).text).toBe('ok')
  await expect.poll(() => endless.gone).toBe(true)
  await expect(ask('/stream/broken')).rejects.toThrow()
  expect((await ask('/list/broken')).status).toBe(502)
  expect((await ask('/list/none')).status).toBe(502)
  expect((await ask('/list/packed')).json()).toMatchObject({ code: 'upstream.body' })
})

test('by the name of an upstream a stream is asked for again until its first byte came, and never after', async () => {
  for (const id of ['named', 'stock', 'through']) {
    named.asked.length = 0
    const { status, text } = await ask(`/${id}/flaky`)
    expect([status, text, named.asked]).toEqual([200, line(1) + line(2), ['flaky', 'flaky', 'flaky']])
    await expect(ask(`/${id}/half`)).rejects.toThrow()
    expect(named.asked.filter((one) => one === 'half')).toHaveLength(1)
  }
})

test('a stream takes its place among those that may be under way until its last byte', async () => {
  const first = ask('/named/held')
  await expect.poll(() => named.hold).toBeDefined()
  expect(await problemOf('/stock/well')).toEqual([503, 'upstream.bulkhead'])
  named.hold?.end(line(2))
  expect((await first).text).toBe(line(1) + line(2))
  expect((await ask('/stock/well')).status).toBe(200)
})
