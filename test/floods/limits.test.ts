import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

const row = (limit: number | string, more: object = {}) => ({ limit: String(limit), limitType: 'num', every: 1, unit: 'day', algorithm: 'fixed', zone: '', per: 'all', ...more })
const quota = (limit: number | string, more: object = {}) => ({ windows: [row(limit)], ...more })

const statuses = async (count: number, ask: () => Promise<Response>) => {
  const seen: number[] = []
  for (let i = 0; i < count; i += 1) seen.push((await ask()).status)
  return seen
}

describe('a limited API', () => {
  test('tells callers how they stand, and refuses them with a problem document that says when to come again', async () => {
    await using gateway = await startGateway({ nodes: flow('a').httpIn('GET', '/a').node('quota', quota(1, { quota: 'mine' }), 2).httpResponse().nodes() })
    const [first, second] = [await fetch(`${gateway.url}/a`), await fetch(`${gateway.url}/a`)]
    const told = ({ headers }: Response) => ({ policy: headers.get('ratelimit-policy'), state: headers.get('ratelimit'), again: headers.get('retry-after') })
    expect([first.status, told(first)]).toEqual([200, { policy: '"mine";q=1;w=86400', state: expect.stringMatching(/^"mine";r=0;t=\d+$/), again: null }])
    expect([second.status, second.headers.get('content-type')]).toEqual([429, 'application/problem+json; charset=utf-8'])
    expect(told(second)).toEqual({ policy: '"mine";q=1;w=86400', state: expect.stringMatching(/^"mine";r=0;t=\d+$/), again: expect.stringMatching(/^\d+$/) })
    expect(await second.json()).toMatchObject({ type: 'urn:sluice:fault:quota.exceeded', status: 429, limit: 1, window: 'day', retryAfter: Number(second.headers.get('retry-after')) })
  })

  test('may answer those refused by itself', async () => {
    const sorry = { status: '503', body: '{"sorry":error.code}', bodyType: 'jsonata' }
    await using gateway = await startGateway({ nodes: flow('a').httpIn('GET', '/a').node('quota', quota(0), 2).as('q').httpResponse().from('q', 1).node('respond', sorry, 0).nodes() })
    const reply = await fetch(`${gateway.url}/a`)
    expect([reply.status, await reply.json(), reply.headers.get('ratelimit')]).toEqual([503, { sorry: 'quota.exceeded' }, expect.stringContaining('r=0')])
  })

  test('takes a changed limit with its next deploy, for the next call, with the count kept', async () => {
    const nodes = (limit: number) => flow('a').httpIn('GET', '/a').node('quota', quota(limit), 2).httpResponse().nodes()
    await using gateway = await startGateway({ nodes: nodes(2) })
    const ask = () => fetch(`${gateway.url}/a`)
    expect(await statuses(3, ask)).toEqual([200, 200, 429])
    await gateway.deploy(nodes(3))
    expect(await statuses(2, ask)).toEqual([200, 429])
    await gateway.deploy(nodes(1))
    expect(await statuses(1, ask)).toEqual([429])
  })

  test('charges a call once though its flow passes two nodes of one counter, on two tabs', async () => {
    const again = flow('b').line().node('link in', { links: [] }).as('work').node('quota', quota(2, { quota: 'shared' }), 2).node('link out', { mode: 'return', links: [] }, 0)
    const first = flow('a').httpIn('GET', '/a').node('quota', quota(2, { quota: 'shared' }), 2).node('link call', { links: ['work'], linkType: 'static', timeout: '5' }).httpResponse()
    await using gateway = await startGateway({ nodes: estate(first, again) })
    expect(await statuses(3, () => fetch(`${gateway.url}/a`))).toEqual([200, 200, 429])
  })

  test('weighs calls by an expression', async () => {
    await using gateway = await startGateway({ nodes: flow('a').httpIn('GET', '/a').node('quota', quota(5, { weight: '$number(payload.items) * 2', weightType: 'jsonata' }), 2).httpResponse().nodes() })
    const ask = (items: string) => fetch(`${gateway.url}/a?items=${items}`).then(({ status }) => status)
    expect([await ask('2'), await ask('1'), await ask('0'), await ask('-1'), await ask('0.1')]).toEqual([200, 429, 200, 500, 500])
  })

  test('is corrected by another flow, which says so in the log', async () => {
    const limited = flow('a').httpIn('GET', '/a').node('quota', quota(1, { quota: 'mine' }), 2).httpResponse()
    const admin = flow('b').httpIn('GET', '/more').node('reset quota', { quota: 'mine', per: 'all', op: 'add', amount: 'payload.calls', amountType: 'msg', reason: 'a gift' }).httpResponse()
    await using gateway = await startGateway({ nodes: estate(limited, admin) })
    const ask = () => fetch(`${gateway.url}/a`)
    expect(await statuses(2, ask)).toEqual([200, 429])
    expect((await fetch(`${gateway.url}/more?calls=2`)).status).toBe(200)
    expect(await statuses(3, ask)).toEqual([200, 200, 429])
    expect(gateway.lines()).toContainEqual(expect.objectContaining({ audit: 'quota.adjusted', quota: 'mine', op: 'add', amount: 2, reason: 'a gift' }))
  })
})

describe('what a run was charged', () => {
  let backend: Server
  let place: string
  beforeAll(async () => {
    backend = createServer((_request, response) => response.writeHead(500).end('broken'))
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
    place = `127.0.0.1:${(backend.address() as AddressInfo).port}`
  })
  afterAll(() => backend.close())

  test('is given back when it failed before a backend, and kept when a backend had worked for it', async () => {
    const refund = quota(1, { refund: true })
    const before = flow('a').httpIn('GET', '/before').node('quota', refund, 2).fn('throw new Error("bad input")').httpResponse()
    const refused = flow('b').httpIn('GET', '/refused').node('quota', refund, 2).node('respond', { status: '400' }, 0)
    const nobody = flow('c').httpIn('GET', '/nobody').node('quota', refund, 2).node('service callout', { url: 'http://127.0.0.1:1/' }, 2).httpResponse()
    const after = flow('d').httpIn('GET', '/after').node('quota', refund, 2).node('service callout', { url: `http://${place}/` }, 2).httpResponse()
    await using gateway = await startGateway({ nodes: estate(before, refused, nobody, after), settings: { SLUICE_EGRESS_ALLOW: '127.0.0.1' } })
    const ask = (path: string) => statuses(2, () => fetch(gateway.url + path))
    expect([await ask('/before'), await ask('/refused'), await ask('/nobody'), await ask('/after')]).toEqual([[500, 500], [400, 400], [502, 502], [502, 429]])
  })
})

describe('slots of a concurrency limit', () => {
  const limited = (path: string) => flow(path.slice(1)).httpIn('GET', path, { timeoutMs: 300 }).node('concurrency limit', { limit: '1' }, 2)

  test('come free on every way a run can end', async () => {
    const slow = limited('/slow').delay(5000).httpResponse()
    const failing = limited('/failing').fn('throw new Error("no")').httpResponse()
    const silent = limited('/silent').switch('never', { t: 'true' }).httpResponse()
    await using gateway = await startGateway({ nodes: estate(slow, failing, silent) })
    const ask = (path: string) => fetch(gateway.url + path).then(({ status }) => status)
    expect([await ask('/failing'), await ask('/failing'), await ask('/silent'), await ask('/silent')]).toEqual([500, 500, 500, 500])
    expect(await Promise.all([ask('/slow'), ask('/slow')]).then((both) => both.sort())).toEqual([429, 504]) // the deadline freed it
    const leaving = new AbortController()
    const left = fetch(`${gateway.url}/slow`, { signal: leaving.signal }).catch(() => 'left')
    await expect.poll(() => ask('/slow')).toBe(429)
    leaving.abort()
    await left
    await expect.poll(() => ask('/slow')).toBe(504) // let in, and held until its own deadline
  })

  test('refuse a flow that calls itself rather than lock it up', async () => {
    await using gateway = await startGateway({ settings: { SLUICE_EGRESS_ALLOW: '127.0.0.1' } })
    const nodes = flow('self').httpIn('GET', '/self').node('concurrency limit', { limit: '1' }, 2).node('service callout', { url: `${gateway.url}/self`, expectedStatus: '200-599' }, 2).node('respond', { body: '{"inner":statusCode}', bodyType: 'jsonata' }, 0).nodes()
    expect(await gateway.deploy(nodes)).toMatchObject({ ok: true })
    expect(await (await fetch(`${gateway.url}/self`)).json()).toEqual({ inner: 429 })
  })
})

describe('a spike arrest that delays', () => {
  test('lets calls pass one after the other, and forgets who leaves', async () => {
    await using gateway = await startGateway({ nodes: flow('a').httpIn('GET', '/a').node('spike arrest', { rate: '600', unit: 'minute', mode: 'delay', maxDelayMs: 350 }, 2).httpResponse().nodes() })
    const leaving = new AbortController()
    const ask = (signal?: AbortSignal) => fetch(`${gateway.url}/a`, signal ? { signal } : {}).then(({ status }) => status, () => 'left')
    const calls = [ask(), ask(), ask(), ask(leaving.signal), ask(), ask(), ask(), ask()]
    setTimeout(() => leaving.abort(), 20)
    const results = await Promise.all(calls)
    expect(results.filter((one) => one === 429).length).toBeGreaterThanOrEqual(2)
    expect(results.filter((one) => one === 200).length).toBeGreaterThanOrEqual(3)
  })
})

describe('access control behind proxies', () => {
  const nodes = flow('a').httpIn('GET', '/a').node('access control', { allow: ['198.51.100.7', '2001:db8::/32'] }, 2).httpResponse().nodes()
  const ask = async (gateway: TestGateway, forwarded: string, more: Record<string, string> = {}) => (await fetch(`${gateway.url}/a`, { headers: { 'x-forwarded-for': forwarded, ...more } })).status

  test('believes no header when no proxy is trusted', async () => {
    await using gateway = await startGateway({ nodes })
    expect([await ask(gateway, '198.51.100.7'), await ask(gateway, '198.51.100.7', { 'true-client-ip': '198.51.100.7', 'x-real-ip': '198.51.100.7', forwarded: 'for=198.51.100.7' })]).toEqual([403, 403])
  })

  test('believes one trusted proxy for what it saw itself, and nothing that the caller wrote before', async () => {
    await using gateway = await startGateway({ nodes, settings: { SLUICE_TRUSTED_PROXIES: '127.0.0.1' } })
    expect([await ask(gateway, '198.51.100.7'), await ask(gateway, '198.51.100.7, 203.0.113.9'), await ask(gateway, '203.0.113.9, 198.51.100.7'), await ask(gateway, '::ffff:198.51.100.7'), await ask(gateway, '2001:db8::5'), await ask(gateway, '198.51.100.7, 10.0.0.2')]).toEqual([200, 403, 200, 200, 200, 403])
  })

  test('goes back through two trusted proxies, and no further', async () => {
    await using gateway = await startGateway({ nodes, settings: { SLUICE_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.2' } })
    expect([await ask(gateway, '198.51.100.7, 10.0.0.2'), await ask(gateway, '198.51.100.7, 203.0.113.9, 10.0.0.2'), await ask(gateway, '198.51.100.7, 10.0.0.3')]).toEqual([200, 403, 403])
  })
})
