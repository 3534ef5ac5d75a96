import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { estate, flow, type FlowBuilder } from '../../test/kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../../test/kit/gateway.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import type { JobFacts } from '../../runtime/core/jobs/jobs.ts'
import { asyncNode } from './async.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Heard {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** A service that notes what it is sent and answers as `answer` says. */
async function service(answer: (heard: Heard, count: number) => number = () => 200): Promise<{ readonly url: string; readonly heard: Heard[] }> {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => (text += part.toString()))
    request.on('end', () => {
      const one = { path: request.url ?? '', headers: request.headers, text }
      heard.push(one)
      response.writeHead(answer(one, heard.length), { 'content-type': 'application/json' }).end('{"ok":true}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard }
}

async function gateway(...flows: FlowBuilder[]): Promise<TestGateway> {
  const started = await startGateway({ nodes: estate(...flows), settings: { SLUICE_EGRESS_ALLOW: '127.0.0.1' } })
  closers.push(started.close)
  return started
}

const quick = { backoffMs: 10, backoffMostMs: 50, statusPath: '/jobs' }
const work = (config: object = {}) => flow('orders').httpIn('POST', '/orders').node('async', { ...quick, ...config })
const jobs = (tab: FlowBuilder) => tab.httpIn('ALL', '/jobs/*').node('job status', {}, 0)

async function order(url: string, body: unknown = { n: 1 }): Promise<{ readonly status: number; readonly headers: Headers; readonly body: { id: string; state: string; status: string; result: string } }> {
  const reply = await fetch(`${url}/orders`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  return { status: reply.status, headers: reply.headers, body: await reply.json() as never }
}

async function ended(url: string, path: string): Promise<Record<string, unknown>> {
  let found: Record<string, unknown> = {}
  await expect.poll(async () => {
    found = await (await fetch(`${url}${path}`)).json() as Record<string, unknown>
    return found['state']
  }, { timeout: 15_000, interval: 20 }).not.toMatch(/pending|running/)
  return found
}

describe('async', { timeout: 30_000 }, () => {
  it('answers 202 with where to ask, does what stands behind it, and gives what that answered', async () => {
    const { url } = await gateway(jobs(work().change({ t: 'set', p: 'payload', pt: 'msg', to: '{"sum": payload.n + 1, "attempt": job.attempt, "path": req.path}', tot: 'jsonata' }).httpResponse(201, { 'x-made': 'later' })))
    const accepted = await order(url)
    expect([accepted.status, accepted.headers.get('location'), accepted.headers.get('retry-after'), accepted.body.state]).toEqual([202, `/jobs/${accepted.body.id}`, '2', 'pending'])
    expect(await ended(url, accepted.body.status)).toMatchObject({ id: accepted.body.id, state: 'done', result: `/jobs/${accepted.body.id}/result`, attempts: 5 })
    const result = await fetch(`${url}${accepted.body.result}`)
    expect([result.status, result.headers.get('x-made'), await result.json()]).toEqual([201, 'later', { sum: 2, attempt: 1, path: '/orders' }])
  })

  it('answers inline what is done in time, and 202 what is not', async () => {
    const inline = await gateway(jobs(work({ inlineMs: 10_000 }).httpResponse(200)))
    const reply = await fetch(`${inline.url}/orders`, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } })
    expect([reply.status, reply.headers.has('location'), await reply.json()]).toEqual([200, false, { a: 1 }])
    const slow = await gateway(jobs(work({ inlineMs: 50 }).delay(1000).httpResponse(200)))
    const accepted = await order(slow.url)
    expect(accepted.status).toBe(202)
    await ended(slow.url, accepted.body.status)
  })

  it('is done without an answer as well: then there is no result', async () => {
    const backend = await service()
    const { url } = await gateway(jobs(work().node('service callout', { method: 'POST', url: `${backend.url}/done` }, 2)))
    const accepted = await order(url)
    expect(await ended(url, accepted.body.status)).toMatchObject({ state: 'done' })
    expect([(await fetch(`${url}${accepted.body.result}`)).status, backend.heard.length]).toEqual([204, 1])
  })

  it('tries again what failed, under the same idempotency key, one for each call', async () => {
    const backend = await service((_, count) => (count <= 3 ? 503 : 200))
    const { url } = await gateway(jobs(work({ attempts: 6 }).node('service callout', { method: 'POST', url: `${backend.url}/a`, expectedStatus: '200' }, 2).node('service callout', { method: 'POST', url: `${backend.url}/b` }, 2).httpResponse(200)))
    const accepted = await order(url)
    expect(await ended(url, accepted.body.status)).toMatchObject({ state: 'done', attempt: 3 })
    const keysOf = (path: string) => backend.heard.filter((one) => one.path === path).map(({ headers }) => headers['idempotency-key'])
    expect([keysOf('/a').length, new Set(keysOf('/a')).size, keysOf('/b').length]).toEqual([4, 1, 1])
    expect(keysOf('/a')[0]).not.toBe(keysOf('/b')[0])
    expect(keysOf('/a')[0]).not.toContain(accepted.body.id.slice(13))
  })

  it('gives up in the end, says so without the details, and has the last answer', async () => {
    const { url, gateway: one } = await gateway(jobs(work({ attempts: 2 }).change({ t: 'set', p: 'payload', pt: 'msg', to: 'no room', tot: 'str' }).httpResponse(503)))
    const accepted = await order(url)
    expect(await ended(url, accepted.body.status)).toMatchObject({ state: 'failed', attempt: 2, reason: { code: 'job.status' } })
    expect([(await fetch(`${url}${accepted.body.result}`)).status]).toEqual([503])
    await expect.poll(async () => await one.metrics.text(), { timeout: 10_000 }).toMatch(/sluice_jobs_dead 1/)
  })

  it('does not try again what is the caller’s fault', async () => {
    const { url } = await gateway(jobs(work().fn('throw Object.assign(new Error("bad"), {})').httpResponse(200)), flow('other').httpIn('GET', '/x').httpResponse())
    const accepted = await order(url)
    expect((await ended(url, accepted.body.status))['state']).toBe('failed')
  })

  it('is cancelled by DELETE, also while it is under way', async () => {
    const backend = await service()
    const { url } = await gateway(jobs(work().delay(60_000).node('service callout', { method: 'POST', url: backend.url }, 2).httpResponse()))
    const accepted = await order(url)
    await expect.poll(async () => ((await (await fetch(`${url}${accepted.body.status}`)).json()) as { state: string }).state, { timeout: 5000 }).toBe('running')
    const cancelled = await fetch(`${url}${accepted.body.status}`, { method: 'DELETE' })
    expect([cancelled.status, ((await cancelled.json()) as { state: string }).state]).toEqual([200, 'cancelled'])
    expect([(await fetch(`${url}${accepted.body.result}`)).status, backend.heard.length]).toEqual([410, 0])
  })

  it('shows how far it is', async () => {
    const { url } = await gateway(jobs(work().node('job progress', { percent: '40', percentType: 'num', text: 'payload.n', textType: 'msg' }).delay(60_000).httpResponse()))
    const accepted = await order(url, { n: 'counting' })
    await expect.poll(async () => ((await (await fetch(`${url}${accepted.body.status}`)).json()) as { progress?: unknown }).progress, { timeout: 5000 }).toEqual({ percent: 40, text: 'counting' })
    await fetch(`${url}${accepted.body.status}`, { method: 'DELETE' })
  })

  it('says nothing of jobs that are not there, and does nothing else at their path', async () => {
    const { url } = await gateway(jobs(work().httpResponse()))
    const { body } = await order(url)
    for (const path of ['/jobs/x', '/jobs/', `/jobs/${body.id}x`, `/jobs/${body.id}/else`]) expect((await fetch(`${url}${path}`)).status).toBe(404)
    const wrong = await fetch(`${url}/jobs/${body.id}`, { method: 'POST' })
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, DELETE'])
  })

  it('keeps a sandbox caller in the sandbox, however much later the work is done', async () => {
    const backend = await service()
    const tab = flow('orders').httpIn('POST', '/orders').change({ t: 'set', p: 'client', pt: 'msg', to: '{"id":"a","application":"a","environment":"sandbox"}', tot: 'json' })
      .node('async', { ...quick, attempts: 1 }).change({ t: 'delete', p: 'client', pt: 'msg' }).node('service callout', { method: 'POST', url: backend.url }, 2).httpResponse()
      .httpIn('ALL', '/jobs/*').change({ t: 'set', p: 'client', pt: 'msg', to: '{"id":"a","application":"a","environment":"sandbox"}', tot: 'json' }).node('job status', {}, 0)
    const { url } = await gateway(tab)
    const accepted = await order(url)
    expect(await ended(url, accepted.body.status)).toMatchObject({ state: 'failed', reason: { code: 'sandbox.none' } })
    expect(backend.heard).toEqual([])
  })

  it('refuses a message that is too large, with 413', async () => {
    const { url } = await gateway(jobs(work().httpResponse()))
    const reply = await fetch(`${url}/orders`, { method: 'POST', body: JSON.stringify('x'.repeat(300_000)), headers: { 'content-type': 'application/json' } })
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([413, 'job.too_large'])
  })

  it('tells whoever the flow names of the end, signed, until it is taken', async () => {
    const partner = await service((_, count) => (count === 1 ? 500 : 204))
    const nodes = estate(jobs(work({ callback: 'payload.tell', callbackType: 'msg' }).httpResponse()))
    const started = await startGateway({ nodes, settings: { SLUICE_EGRESS_ALLOW: '127.0.0.1' }, credentials: { 'orders.2': { callbackSecret: 'between us' } } })
    closers.push(started.close)
    const accepted = await order(started.url, { tell: `${partner.url}/hook` })
    await expect.poll(() => partner.heard.length, { timeout: 10_000 }).toBe(2)
    const { headers, text } = partner.heard[1]!
    expect(JSON.parse(text)).toEqual({ id: accepted.body.id, state: 'done', endedAt: expect.any(String), status: 200, result: { tell: `${partner.url}/hook` } })
    expect(headers['webhook-id']).toBe(partner.heard[0]!.headers['webhook-id'])
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', 'between us').update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${text}`).digest('base64')}`)
  })

  it('tries a callback eight times more; one that nobody takes is a dead letter, and goes out again when it is replayed', async () => {
    let status = 410 // nobody wants it: no further try
    const partner = await service(() => status)
    const { url, gateway: one } = await gateway(jobs(work({ callback: `${partner.url}/hook` }).httpResponse()))
    const accepted = await order(url)
    const callbacks = async () => ((await one.deployer.command({ do: 'jobs.list', query: { limit: 10 } })) as JobFacts[]).filter(({ part }) => part === 'callback')
    await expect.poll(callbacks, { timeout: 10_000 }).toMatchObject([{ state: 'failed', attempts: 9, reason: { code: 'job.callback' } }])
    expect(await ended(url, accepted.body.status)).toMatchObject({ state: 'done' })
    status = 204
    await one.deployer.command({ do: 'jobs.act', id: (await callbacks())[0]!.id, act: 'retry' })
    await expect.poll(callbacks, { timeout: 10_000 }).toMatchObject([{ state: 'done' }])
    expect(new Set(partner.heard.map(({ headers, text }) => `${String(headers['webhook-id'])} ${text}`)).size).toBe(1)
  })

  it('refuses a callback to an address that callouts may not reach, at deploy and with the node named', async () => {
    const started = await startGateway()
    closers.push(started.close)
    for (const callback of ['http://169.254.169.254/x', 'http://127.0.0.1:9/x', 'http://localhost/x']) {
      const result = await started.deploy(estate(jobs(work({ callback }).httpResponse())))
      expect(result).toMatchObject({ ok: false, problems: [{ node: 'orders.2', property: 'callback', message: expect.stringContaining('egress policy') }] })
    }
    expect(checkNode(asyncNode, { callback: 'ftp://x' })).toMatchObject([{ code: 'async.callback' }])
    expect(checkNode(asyncNode, { priority: '12', priorityType: 'num' })).toMatchObject([{ code: 'queue.priority' }])
    expect(checkNode(asyncNode, { resource: 'gone' })).toMatchObject([{ code: 'config.missing' }])
    expect(checkNode(asyncNode, { statusPath: '/jobs/:id' })).toMatchObject([{ code: 'async.path' }])
    expect(checkNode(asyncNode, { atOnce: 0 })).toMatchObject([{ code: 'config.invalid', property: 'atOnce' }])
  })

  it('waits with all work at a resource that is paused, goes on when it is resumed, and loses none of it by a stop', async () => {
    const { url, heard } = await service()
    const folder = mkdtempSync(join(tmpdir(), 'sluice-async-'))
    closers.push(async () => rmSync(folder, { recursive: true, force: true }))
    const to = (id: string) => flow(id).httpIn('POST', `/${id}`).node('async', { ...quick, resource: 'host' }).node('http request', { method: 'GET', url: `${url}/${id}` }).httpResponse()
    const nodes = [{ id: 'host', type: 'resource', name: 'host', slots: 1, scope: 'gateway' }, ...estate(to('orders'), to('bills'))] as never
    const open = async () => {
      const started = await startGateway({ nodes, settings: { SLUICE_EGRESS_ALLOW: '127.0.0.1' }, folder })
      closers.push(started.close)
      return started
    }
    const act = (started: TestGateway, act_: 'pause' | 'resume') => started.gateway.deployer.command({ do: 'lines.act', line: 'host', act: { act: act_ } })
    const first = await open()
    expect(await act(first, 'pause')).toBe(true)
    for (const id of ['orders', 'orders', 'bills']) expect((await fetch(`${first.url}/${id}`, { method: 'POST' })).status).toBe(202)
    const waiting = async (started: TestGateway) => ((await started.gateway.deployer.command({ do: 'lines.list' })) as { waiting: number[] }[])[0]?.waiting.reduce((sum, count) => sum + count, 0)
    await expect.poll(() => waiting(first), { timeout: 10_000 }).toBe(3)
    expect(heard).toEqual([])
    await closers.pop()?.()
    const second = await open()
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(3) // a pause of a line in memory ends with its gateway
    expect(await act(second, 'pause')).toBe(true)
    await fetch(`${second.url}/bills`, { method: 'POST' })
    await expect.poll(() => waiting(second), { timeout: 10_000 }).toBe(1)
    expect(heard).toHaveLength(3)
    expect(await act(second, 'resume')).toBe(true)
    await expect.poll(() => heard.map(({ path }) => path), { timeout: 10_000 }).toEqual([...heard.slice(0, 3).map(({ path }) => path), '/bills'])
  })

  it('goes on with what it accepted when the flow changes, on the new revision when the old is gone', async () => {
    const version = (name: string) => estate(jobs(work({ atOnce: 1 }).delay(150).change({ t: 'set', p: 'payload', pt: 'msg', to: name, tot: 'str' }).httpResponse()))
    const started = await startGateway({ nodes: version('one') })
    closers.push(started.close)
    const accepted = await Promise.all(Array.from({ length: 6 }, () => order(started.url)))
    const states = async () => await Promise.all(accepted.map(async ({ body }) => ((await (await fetch(`${started.url}${body.status}`)).json()) as { state: string }).state))
    await expect.poll(states, { timeout: 15_000, interval: 10 }).toContain('running')
    expect((await started.deploy(version('two'))).ok).toBe(true)
    const answers: string[] = []
    for (const { body } of accepted) {
      expect(await ended(started.url, body.status)).toMatchObject({ state: 'done', attempt: 0 })
      answers.push(await (await fetch(`${started.url}${body.result}`)).text())
    }
    expect(new Set(answers)).toEqual(new Set(['one', 'two']))
  })
})
