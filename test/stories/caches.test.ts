import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

let calls = 0
let delayMs = 0
const server = createServer((_req, res) => {
  calls += 1
  const answer = `secret ${calls}`
  setTimeout(() => res.writeHead(200, { 'content-type': 'text/plain' }).end(answer), delayMs)
})
const nodes = (upstream: number, config: object = {}) => {
  const drawn = flow('f').httpIn('GET', '/x').node('response cache', { ...config, tags: [{ value: 'stock', valueType: 'str' }] }, 2).node('service callout', { method: 'GET', url: `http://127.0.0.1:${upstream}/` }, 2).node('respond', {}, 0)
  return drawn.httpIn('POST', '/purge').node('cache invalidate', { by: 'tag', tags: [{ value: 'stock', valueType: 'str' }] }).node('respond', {}, 0).nodes()
}

describe.skipIf(!needs('redis-server'))('gateways with one Redis for caches', () => {
  let redis: TestRedis
  let gateways: TestGateway[] = []
  let upstream = 0
  const settings = (more: Record<string, string> = {}) => ({ SLUICE_EGRESS_ALLOW: `127.0.0.1:${upstream}`, SLUICE_CACHE_REDIS_URL: redis.url, SLUICE_CACHE_KEY: '7'.repeat(64), ...more })

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    upstream = (server.address() as AddressInfo).port
    redis = await startRedis()
    gateways = await Promise.all([0, 1].map(() => startGateway({ nodes: nodes(upstream, { sealed: true, revalidateSeconds: 5 }), settings: settings() })))
  })
  afterAll(async () => {
    for (const gateway of gateways) await gateway.close()
    await redis?.stop()
    server.closeAllConnections()
    server.close()
  })
  const ask = async (at: number, headers: Record<string, string> = {}) => {
    const response = await fetch(`${gateways[at]?.url}/x`, { headers })
    return [await response.text(), response.headers.get('x-cache')]
  }

  it('what one kept the other gives; what one purged is gone for both; nothing of it can be read in Redis', async () => {
    expect(await ask(0)).toEqual(['secret 1', 'MISS'])
    await expect.poll(() => ask(1)).toEqual(['secret 1', 'HIT'])
    expect(await ask(0, { authorization: 'Bearer other' })).toEqual(['secret 2', 'MISS'])
    let lies = ''
    for (const key of await redis.client.keys('*')) lies += key + ((await redis.client.type(key)) === 'hash' ? JSON.stringify(await redis.client.hgetall(key)) : '')
    expect(lies).toMatch(/sluice:cs:/)
    expect(lies).not.toMatch(/secret|127\.0\.0\.1|stock/)
    expect((await fetch(`${gateways[1]?.url}/purge`, { method: 'POST' })).status).toBe(200)
    expect(await ask(0)).toEqual(['secret 3', 'MISS'])
    expect((await ask(1, { authorization: 'Bearer other' }))[1]).toBe('MISS')
  })

  it('a thousand at once at one of them make one call', async () => {
    await fetch(`${gateways[0]?.url}/purge`, { method: 'POST' })
    delayMs = 200
    const before = calls
    const answers = new Set((await Promise.all(Array.from({ length: 1000 }, () => ask(0)))).map(([text]) => text))
    delayMs = 0
    expect([answers.size, calls - before]).toEqual([1, 1])
  })

  it('without Redis flows go on, and who purges is told that nobody knows', async () => {
    await redis.kill()
    await expect.poll(async () => (await ask(0))[1], { timeout: 5_000 }).toBe('MISS')
    expect((await ask(0))[0]).toMatch(/secret/)
    const purge = await fetch(`${gateways[0]?.url}/purge`, { method: 'POST' })
    expect([purge.status, ((await purge.json()) as { code: string }).code]).toEqual([503, 'state.unavailable'])
  })

  it('a cache that must not lie in clear refuses the deploy where no key is set', async () => {
    const { SLUICE_CACHE_KEY: _, ...bare } = settings()
    await expect(startGateway({ nodes: nodes(upstream, { sealed: true }), settings: bare })).rejects.toThrow(/SLUICE_CACHE_KEY/)
  })
})

it('callers who are asked who they are only behind the cache find nothing in it', async () => {
  const drawn = flow('f').httpIn('GET', '/x').node('response cache', { keptFor: 'everyone' }, 2).node('auth', { basic: true, apiKey: true }, 2).fn('msg.payload = "secret"; return msg').httpResponse()
  await using gateway = await startGateway({ nodes: drawn.nodes() })
  const answer = await fetch(`${gateway.url}/x`)
  expect([answer.status, (await fetch(`${gateway.url}/x`)).headers.get('x-cache')]).toEqual([401, 'MISS'])
})
