import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../../test/kit/gateway.ts'
import { rightsByRole, toAccess } from '../consumers/rights.ts'
import type { Actor, Role } from '../contract.ts'
import { createAcceptedWork } from './open-accepted-work.ts'

const nodes = estate(flow('orders').httpIn('POST', '/orders').node('async', { attempts: 1 }).switch('payload.n', { t: 'eq', v: '1', vt: 'num' }, { t: 'else' }).branches((one) => one.port(0).delay(60_000).httpResponse(), (one) => one.port(1).httpResponse(503)))
const as = (role: Role): Actor => ({ name: role, role, from: 'test' })
const audited: unknown[] = []
let gateway: TestGateway
const work = createAcceptedWork({
  audit: { add: async (...entry) => void audited.push(entry.slice(1)) },
  access: async (by) => toAccess(by, []),
  command: async (command) => [{ gateway: 'away', error: 'no answer' }, ...(await Promise.all(['g1', 'g2'].map(async (name) => ({ gateway: name, result: JSON.parse(JSON.stringify((await gateway.gateway.deployer.command(command)) ?? null)) }))))],
})
beforeAll(async () => {
  gateway = await startGateway({ nodes })
})
afterAll(() => gateway.close())

async function accept(n: number): Promise<string> {
  const reply = await fetch(`${gateway.url}/orders`, { method: 'POST', body: JSON.stringify({ n }), headers: { 'content-type': 'application/json' } })
  return ((await reply.json()) as { id: string }).id
}

describe('accepted work for operators', { timeout: 20_000 }, () => {
  test('is listed, each job once, by how it stands, without what it was given', async () => {
    const [running, dead] = [await accept(1), await accept(2)]
    await expect.poll(async () => (await work.get(dead, as('operator'))).state).toBe('failed')
    await expect.poll(async () => (await work.get(running, as('operator'))).state).toBe('running')
    expect((await work.list({ limit: 50 }, as('admin'))).map(({ id }) => id).toSorted()).toEqual([running, dead].toSorted())
    expect(await work.list({ limit: 50, state: 'failed', flow: 'orders' }, as('admin'))).toEqual([expect.objectContaining({ id: dead, gateway: 'g1', reason: { code: 'job.status', message: expect.any(String) } })])
    expect(await work.list({ limit: 50, flow: 'other' }, as('admin'))).toEqual([])
    expect(JSON.stringify(await work.list({ limit: 50 }, as('admin')))).not.toMatch(/"body"|"result"|payload/)
  })

  test('is cancelled, and dead letters are tried again; both are written down without the id that opens a job', async () => {
    const [running] = await work.list({ limit: 1, state: 'running' }, as('operator'))
    const [dead] = await work.list({ limit: 1, state: 'failed' }, as('operator'))
    expect((await work.act(running!.id, 'cancel', as('operator'))).state).toBe('cancelled')
    expect(['pending', 'running', 'failed']).toContain((await work.act(dead!.id, 'retry', as('operator'))).state)
    expect(audited.map((entry) => (entry as string[])[0])).toEqual(['job.cancel', 'job.retry'])
    expect(JSON.stringify(audited)).not.toContain(running!.id)
  })

  test('of one flow is paused and resumed on all gateways, moved before other work, and shown with how much of it there is; all is written down', async () => {
    expect(await work.actOnFlow('orders', 'pause', as('operator'))).toMatchObject({ flow: 'orders', paused: true, gateways: [{ gateway: 'g1', shared: false, paused: true }, { gateway: 'g2' }] })
    const waiting = await accept(2)
    expect(await work.move(waiting, 0, as('operator'))).toMatchObject({ id: waiting, state: 'pending', priority: 0 })
    expect((await work.get(waiting, as('operator'))).state).toBe('pending')
    expect(await work.flows(as('operator'))).toEqual([expect.objectContaining({ flow: 'orders', paused: true, pending: 2 })]) // both gateways are the same one here
    expect(await work.actOnFlow('orders', 'resume', as('admin'))).toMatchObject({ flow: 'orders', paused: false })
    await expect.poll(async () => (await work.get(waiting, as('operator'))).state).toBe('failed')
    expect(audited.slice(-3).map((entry) => (entry as unknown[]).slice(0, 2))).toEqual([['job.pause', { flow: 'orders', gateways: ['g1', 'g2'] }], ['job.move', { flow: 'orders', node: 'orders.2', to: 0, state: 'pending' }], ['job.resume', { flow: 'orders', gateways: ['g1', 'g2'] }]])
    await expect(work.actOnFlow('none', 'pause', as('admin'))).rejects.toMatchObject({ code: 'record.none', status: 404 })
  })

  test('that gateways share is counted once, what each has of its own adds up, and a gateway that did not pause is named', async () => {
    const report = (shared: boolean, paused: boolean) => ({ shared, flows: [{ flow: 'f', paused, pending: 3, running: 1, dead: 0 }, { flow: 'no report' }] })
    let answers: readonly { gateway: string; result?: unknown; error?: string }[] = [{ gateway: 'a', result: report(true, false) }, { gateway: 'b', result: report(true, false) }, { gateway: 'c', result: report(false, true) }, { gateway: 'old', result: 'no report' }]
    const all = createAcceptedWork({ audit: { add: async () => {} }, access: async (by) => toAccess(by, []), command: async ({ do: what }) => (what === 'jobs.flows' ? answers : answers.map(({ gateway }) => (gateway === 'b' ? { gateway, error: 'no answer in time' } : { gateway }))) })
    expect(await all.flows(as('admin'))).toMatchObject([{ flow: 'f', paused: true, pending: 6, running: 2, dead: 0, gateways: [{ gateway: 'a' }, { gateway: 'b' }, { gateway: 'c' }] }])
    await expect(all.actOnFlow('f', 'resume', as('admin'))).rejects.toMatchObject({ code: 'gateway.refused', status: 502, message: expect.stringContaining('Not done on b: no answer in time') })
    answers = [{ gateway: 'a', error: 'gone' }]
    await expect(all.flows(as('admin'))).rejects.toMatchObject({ status: 502 })
  })

  test('is for operators and administrators of the whole estate only', async () => {
    for (const role of Object.keys(rightsByRole) as Role[]) {
      if (role === 'admin' || role === 'operator') continue
      for (const tried of [work.list({ limit: 1 }, as(role)), work.get('a', as(role)), work.act('a', 'cancel', as(role)), work.flows(as(role)), work.actOnFlow('orders', 'pause', as(role))]) await expect(tried).rejects.toMatchObject({ status: 403 })
    }
  })

  test('that nobody has cannot be acted on', async () => {
    await expect(work.act('abcdefghijkl.none', 'retry', as('admin'))).rejects.toMatchObject({ status: 502 })
    const all = createAcceptedWork({ audit: { add: async () => {} }, access: async (by) => toAccess(by, []), command: async () => [{ gateway: 'g1', result: null }] })
    await expect(all.get('abcdefghijkl.none', as('admin'))).rejects.toMatchObject({ code: 'record.none', status: 404 })
  })
})
