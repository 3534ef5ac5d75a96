import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../../test/kit/gateway.ts'
import { rightsByRole, toAccess } from '../consumers/rights.ts'
import type { Actor, Role } from '../contract.ts'
import { createQueues } from './open-queues.ts'

const nodes = [
  { id: 'host', type: 'resource', name: 'host', slots: 1, scope: 'gateway' },
  ...estate(flow('a').httpIn('GET', '/a').node('priority queue', { resource: 'host', priority: 'req.query.p', priorityType: 'msg', maxWaitMs: 20_000 }, 2).node('delay', { pauseType: 'delay', timeout: '0.05', timeoutUnits: 'seconds' }).fn("msg.payload = 'done'; return msg").httpResponse()),
] as never
const as = (role: Role): Actor => ({ name: role, role, from: 'test' })
let gateways: TestGateway[]
const audited: unknown[] = []
const queues = createQueues({
  audit: { add: async (...entry) => void audited.push(entry.slice(1)) },
  access: async (by) => toAccess(by, by.role === 'subscriber' ? [{ organisation: 'shop', role: 'operator' }] : []),
  command: (command) => Promise.all(gateways.map(async ({ gateway }, at) => ({ gateway: `g${at + 1}`, result: JSON.parse(JSON.stringify(await gateway.deployer.command(command))) }))),
})
beforeAll(async () => {
  gateways = [await startGateway({ nodes, settings: { SLUICE_ADMISSION: 'fixed' } }), await startGateway({ nodes })]
})
afterAll(() => Promise.all(gateways.map((gateway) => gateway.close())))

const call = (at: number, priority: number) => fetch(`${gateways[at]?.url}/a?p=${priority}`)
const waitingOf = async (name: string) => (await queues.get(name, as('operator'))).waiting

describe('queues for operators', () => {
  test('are listed with what they are on each gateway', async () => {
    const list = await queues.list(as('admin'))
    expect(list.map(({ name, gateways: on, paused }) => [name, on.map(({ gateway, slots }) => `${gateway} ${slots}`), paused])).toEqual([['*gateway', ['g1 256'], false], ['host', ['g1 1', 'g2 1'], false]])
  })

  test('are paused on all gateways, say what somebody would wait, are moved, resumed and drained; all of it is written down', async () => {
    await (await call(0, 5)).text() // how long a slot is held is known from now on
    expect((await queues.act('host', { act: 'pause' }, as('operator'))).paused).toBe(true)
    const [nine, five] = [call(0, 9), call(0, 5)]
    await expect.poll(async () => (await waitingOf('host')).join()).toBe('0,0,0,0,0,1,0,0,0,1')
    const { expectedMs, gateways: [first, second] } = await queues.get('host', as('operator'))
    expect(expectedMs[9]).toBeGreaterThan(expectedMs[5] as number)
    expect([first?.waiting[9], second?.waiting[9]]).toEqual([1, 0])
    await queues.act('host', { act: 'move', from: 9, to: 0 }, as('operator'))
    expect((await waitingOf('host')).join()).toBe('1,0,0,0,0,1,0,0,0,0')
    expect((await queues.act('host', { act: 'resume' }, as('operator'))).paused).toBe(false)
    expect([(await nine).status, (await five).status]).toEqual([200, 200])
    await queues.act('host', { act: 'pause' }, as('operator'))
    const drained = call(1, 3)
    await expect.poll(async () => (await waitingOf('host'))[3]).toBe(1)
    await queues.act('host', { act: 'drain' }, as('operator'))
    expect([(await drained).status, (await (await drained).json() as { code: string }).code]).toEqual([503, 'queue.closed'])
    await queues.act('host', { act: 'resume' }, as('operator'))
    expect(audited.map((entry) => (entry as string[])[0])).toEqual(['queue.pause', 'queue.move', 'queue.resume', 'queue.pause', 'queue.drain', 'queue.resume'])
    expect(audited[1]).toEqual(['queue.move', { queue: 'host', from: 9, to: 0, gateways: ['g1', 'g2'] }, undefined, { subject: 'queues/host' }])
  })

  test('are for operators and administrators of the whole estate only', async () => {
    for (const role of Object.keys(rightsByRole) as Role[]) {
      const may = role === 'admin' || role === 'operator'
      const tried = await queues.list(as(role)).then(() => true, (error: { status: number }) => error.status)
      expect([role, tried]).toEqual([role, may ? true : 403])
      if (!may) await expect(queues.act('host', { act: 'drain' }, as(role))).rejects.toMatchObject({ status: 403 })
    }
  })

  test('that are not there are 404, and what is no act is refused by the gateway', async () => {
    await expect(queues.get('nowhere', as('admin'))).rejects.toMatchObject({ code: 'record.none', status: 404 })
    await expect(queues.act('nowhere', { act: 'drain' }, as('admin'))).rejects.toMatchObject({ status: 404 })
    await expect(gateways[0]?.gateway.deployer.command({ do: 'lines.act', line: 'host', act: { act: 'move', from: 17, to: 2 } as never })).rejects.toThrow()
  })
})
