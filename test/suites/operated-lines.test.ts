import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Queue } from '../../control/contract.ts'
import { createQueues } from '../../control/queues/open-queues.ts'
import { toAccess } from '../../control/consumers/rights.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { freePort } from '../kit/free-port.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

/** Two gateways on one Redis, whose flows share one slot of a host and call each other. */
describe.skipIf(!needs('redis-server'))('lines that gateways share, operated', { timeout: 30_000 }, () => {
  let redis: TestRedis
  let gateways: TestGateway[]
  const by = { name: 'olga', role: 'operator', from: 'test' } as const
  const queues = createQueues({
    audit: { add: async () => {} }, access: async (who) => toAccess(who, []),
    command: (command) => Promise.all(gateways.map(async ({ gateway }, at) => ({ gateway: `g${at}`, result: JSON.parse(JSON.stringify(await gateway.deployer.command(command))) as unknown }))),
  })
  const call = (at: number, path: string) => fetch(`${gateways[at]?.url}${path}`)
  const waiting = async () => (await queues.get('host', by)).waiting.join('')

  beforeAll(async () => {
    redis = await startRedis()
    const ports = [await freePort(), await freePort()]
    const nodes = estate(
      flow('loop').httpIn('GET', '/loop').node('priority queue', { resource: 'host', priority: '5', priorityType: 'num', maxWaitMs: 20_000 }, 2).node('http request', { method: 'GET', url: `http://127.0.0.1:${ports[1]}/end?p=5` }).fn('msg.headers = {}; return msg').httpResponse(),
      flow('end').httpIn('GET', '/end').node('priority queue', { resource: 'host', priority: 'req.query.p', priorityType: 'msg', maxWaitMs: 20_000 }, 2).fn("msg.payload = 'end'; return msg").httpResponse(),
      flow('five').httpIn('GET', '/five').node('priority queue', { resource: 'host', priority: '5', priorityType: 'num', maxWaitMs: 20_000 }, 2).fn("msg.payload = 'five'; return msg").httpResponse(),
    )
    const resource = { id: 'host', type: 'resource', name: 'host', slots: 1, scope: 'cluster', order: 'strict', ageing: 0, maxDepth: 100 }
    gateways = await Promise.all(ports.map((port) => startGateway({ nodes: [resource, ...nodes] as never, settings: { SLUICE_REDIS_URL: redis.url, SLUICE_GATEWAY_PORT: String(port), SLUICE_EGRESS_ALLOW: ports.map((one) => `127.0.0.1:${one}`).join() } })))
  })
  afterAll(async () => {
    await Promise.all((gateways ?? []).map((gateway) => gateway.close()))
    await redis?.stop()
  })

  test('a flow that waits for itself by way of another gateway is told soon', async () => {
    const answer = await call(0, '/loop')
    // What the flow in between got for an error becomes the message; the status is the one of the call.
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([508, 'queue.self'])
    expect(await (await call(1, '/five')).text()).toBe('five')
  })

  test('are paused for all gateways, moved, resumed and drained', async () => {
    expect((await queues.act('host', { act: 'pause' }, by)).paused).toBe(true)
    const done: string[] = []
    const nine = call(1, '/end?p=9').then(() => void done.push('nine'))
    await expect.poll(waiting).toBe('0000000001')
    const five = call(0, '/five').then(() => void done.push('five'))
    await expect.poll(waiting).toBe('0000010001')
    const moved: Queue = await queues.act('host', { act: 'move', from: 9, to: 0 }, by)
    expect(moved.waiting.join('')).toBe('1000010000')
    expect((await queues.act('host', { act: 'resume' }, by)).paused).toBe(false)
    await Promise.all([nine, five])
    expect(done).toHaveLength(2)
    await queues.act('host', { act: 'pause' }, by)
    const gone = [call(0, '/five'), call(1, '/five')]
    await expect.poll(waiting).toBe('0000020000')
    await queues.act('host', { act: 'drain' }, by)
    expect((await Promise.all(gone)).map(({ status }) => status)).toEqual([503, 503])
    await queues.act('host', { act: 'resume' }, by)
    expect(await (await call(0, '/five')).text()).toBe('five')
  })
})
