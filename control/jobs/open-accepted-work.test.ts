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

  test('is for operators and administrators of the whole estate only', async () => {
    for (const role of Object.keys(rightsByRole) as Role[]) {
      if (role === 'admin' || role === 'operator') continue
      for (const tried of [work.list({ limit: 1 }, as(role)), work.get('a', as(role)), work.act('a', 'cancel', as(role))]) await expect(tried).rejects.toMatchObject({ status: 403 })
    }
  })

  test('that nobody has cannot be acted on', async () => {
    await expect(work.act('abcdefghijkl.none', 'retry', as('admin'))).rejects.toMatchObject({ status: 502 })
    const all = createAcceptedWork({ audit: { add: async () => {} }, access: async (by) => toAccess(by, []), command: async () => [{ gateway: 'g1', result: null }] })
    await expect(all.get('abcdefghijkl.none', as('admin'))).rejects.toMatchObject({ code: 'record.none', status: 404 })
  })
})
