import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../../test/kit/gateway.ts'
import { startRedis, type TestRedis } from '../../test/kit/redis.ts'
import { needs } from '../../test/kit/tools.ts'
import { rightsByRole, toAccess } from '../consumers/rights.ts'
import type { Actor, CachePurge, Role } from '../contract.ts'
import { createCaches } from './open-caches.ts'

const nodes = estate(
  flow('bikes').httpIn('GET', '/bikes/:id').node('response cache', { keptFor: 'everyone', tags: [{ value: 'bikes', valueType: 'str' }], keepOverDeploys: true, cache: 'answers' }, 2).fn("msg.payload = String(Math.random()); return msg").httpResponse(),
  flow('shops').httpIn('GET', '/shops/:id').node('cache get', { key: [{ value: 'shops', valueType: 'str' }, { value: 'req.params.id', valueType: 'msg' }], keptFor: 'everyone', reach: 'organisation' }, 2).httpResponse(),
) as never
const as = (role: Role): Actor => ({ name: role, role, from: 'test' })
const audited: unknown[] = []
let gateways: TestGateway[] = []
let redis: TestRedis | undefined
let lost = new Set<string>()

const caches = createCaches({
  audit: { add: async (...entry) => void audited.push(entry.slice(1)) },
  access: async (by) => toAccess(by, by.role === 'subscriber' ? [{ organisation: 'shop', role: 'operator' }] : []),
  now: () => Date.now(),
  gateways: () => [...gateways.map((_, at) => ({ id: `g${at + 1}`, name: `Gateway ${at + 1}`, connected: !lost.has(`g${at + 1}`), lastSeenAt: new Date().toISOString() })), { id: 'old', name: 'Long gone', connected: false, lastSeenAt: '2020-01-01T00:00:00Z' }],
  command: async (command) => (await Promise.all(gateways.map(async ({ gateway }, at) => ({ gateway: `g${at + 1}`, result: JSON.parse(JSON.stringify((await gateway.deployer.command(command)) ?? null)) })))).filter(({ gateway }) => !lost.has(gateway)),
})
const purge = (what: CachePurge) => caches.purge(what, as('operator'))
const get = async (at: number, path: string) => {
  const answer = await fetch(`${gateways[at]?.url}${path}`)
  return `${answer.headers.get('x-cache')} ${await answer.text()}`
}
const kinds = async (at: number, ...paths: string[]) => (await Promise.all(paths.map((path) => get(at, path)))).map((text) => text.split(' ', 1)[0])

afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()))
  await redis?.stop()
})

describe('operators and caches, with memory', () => {
  beforeAll(async () => {
    gateways = [await startGateway({ nodes }), await startGateway({ nodes })]
  })
  const warm = async () => {
    for (const at of [0, 1]) await kinds(at, '/bikes/1', '/bikes/2?a=1')
  }

  test('see which caches flows use, and how much is in them', async () => {
    await warm()
    expect(await caches.list(as('admin'))).toEqual([
      { reach: 'flow', owner: 'bikes', cache: 'answers', label: 'bikes', gateways: [{ gateway: 'g1', store: 'memory', entries: 2 }, { gateway: 'g2', store: 'memory', entries: 2 }] },
      { reach: 'organisation', owner: '', cache: 'default', gateways: [{ gateway: 'g1', store: 'memory', entries: 0 }, { gateway: 'g2', store: 'memory', entries: 0 }] },
    ])
  })

  test('purge by tag, by key and all, on all gateways, and get to know how many entries went where; it is written down', async () => {
    await warm()
    expect(await purge({ flow: 'bikes', key: '/bikes/2*' })).toEqual({
      entries: 2, complete: true, caches: [{ reach: 'flow', owner: 'bikes', cache: 'answers', label: 'bikes' }],
      gateways: [{ gateway: 'g1', name: 'Gateway 1', store: 'memory', entries: 1 }, { gateway: 'g2', name: 'Gateway 2', store: 'memory', entries: 1 }],
    })
    expect(await kinds(1, '/bikes/1', '/bikes/2?a=1')).toEqual(['HIT', 'MISS'])
    expect(await purge({ tags: ['bikes'] })).toMatchObject({ entries: 3 })
    expect(await kinds(0, '/bikes/1', '/bikes/2?a=1')).toEqual(['MISS', 'MISS'])
    expect(await purge({ cache: 'answers', all: true })).toMatchObject({ entries: 2 })
    expect(audited.at(-1)).toEqual(['cache.purge', { all: true, caches: ['f:bikes/answers'], entries: 2, gateways: ['g1', 'g2'] }, undefined, { subject: 'caches' }])
  })

  test('hear of a gateway that was not told, and not of one that has been gone for long', async () => {
    lost = new Set(['g2'])
    const purged = await purge({ tags: ['bikes'] })
    lost = new Set()
    expect([purged.complete, purged.gateways.map(({ name, error }) => [name, error])]).toEqual([false, [['Gateway 1', undefined], ['Gateway 2', 'It is not connected.']]])
  })

  test('may nothing of it without the right everywhere; a cache that nobody uses is 404, half a request 422', async () => {
    for (const role of Object.keys(rightsByRole) as Role[]) {
      const tried = await caches.purge({ all: true }, as(role)).then(() => true, (error: { status: number }) => error.status)
      expect([role, tried]).toEqual([role, role === 'admin' || role === 'operator' ? true : 403])
    }
    for (const where of [{ flow: 'nowhere' }, { cache: 'none' }, { organisation: 'else' }]) await expect(purge({ ...where, all: true })).rejects.toMatchObject({ code: 'record.none', status: 404 })
    for (const what of [{}, { tags: ['a'], all: true as const }, { key: 'a', tags: ['b'] }]) await expect(purge(what)).rejects.toMatchObject({ code: 'record.invalid', status: 422 })
    await expect(gateways[0]?.gateway.deployer.command({ do: 'caches.purge', caches: [{ owner: 'x' }] as never, what: { all: true } })).rejects.toThrow()
  })
})

describe.runIf(needs('redis-server'))('operators and caches, with Redis', () => {
  test('purge for all gateways at once, and each entry is counted once', async () => {
    await Promise.all(gateways.map((gateway) => gateway.close()))
    redis = await startRedis()
    const settings = { SLUICE_CACHE_REDIS_URL: redis.url, SLUICE_CACHE_KEY: Buffer.alloc(32, 7).toString('base64') }
    gateways = [await startGateway({ nodes, settings }), await startGateway({ nodes, settings })]
    await expect.poll(() => kinds(0, '/bikes/1')).toEqual(['HIT'])
    await kinds(1, '/bikes/2')
    const purged = await purge({ key: '/bikes/*' })
    expect([purged.entries, purged.gateways.map(({ store }) => store)]).toEqual([2, ['redis', 'redis']])
    expect(await kinds(0, '/bikes/1')).toEqual(['MISS'])
    expect((await purge({ tags: ['bikes'] })).entries).toBe(1)
    expect(await kinds(1, '/bikes/1', '/bikes/2')).toEqual(['MISS', 'MISS'])
  })
})
