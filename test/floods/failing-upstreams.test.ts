import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type Behaviour, type FaultyUpstream, startFaultyUpstream } from '../kit/faulty-upstream.ts'
import { fetchMetrics } from '../kit/fetch-metrics.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

/** Flow JSON of one tab with a route that calls an upstream by name. */
function flow(targets: readonly string[], { upstream = {}, callout = {}, tab = {}, wired = ['ok'] }: { upstream?: object; callout?: object; tab?: object; wired?: readonly string[] } = {}) {
  const out = (port: string) => (wired.includes(port) ? [`reply-${port}`] : [])
  return [
    { id: 'weather', type: 'upstream', name: 'weather', targets: targets.map((url) => ({ url, weight: 1 })), ...upstream },
    { id: 'tab', type: 'tab', label: 'API', ...tab },
    { id: 'in', type: 'http in', z: 'tab', url: '/now/*', method: 'get', wires: [['call']] },
    { id: 'post', type: 'http in', z: 'tab', url: '/now/*', method: 'post', wires: [['call']] },
    { id: 'call', type: 'service callout', z: 'tab', upstream: 'weather', url: '/v1/{{+req.params["*"]}}', bodyFrom: 'none', ...callout, wires: [out('ok'), out('error'), out('timeout')] },
    { id: 'reply-ok', type: 'http response', z: 'tab', wires: [] },
    { id: 'reply-error', type: 'respond', z: 'tab', status: '299', statusType: 'num', body: 'error.code', bodyType: 'msg', wires: [] },
    { id: 'reply-timeout', type: 'respond', z: 'tab', status: '298', statusType: 'num', body: 'error.code', bodyType: 'msg', wires: [] },
  ] as never
}

const settings = { SLUICE_EGRESS_ALLOW: '127.0.0.0/8' }

async function started(behaviours: readonly Behaviour[][]): Promise<{ servers: FaultyUpstream[]; stop: () => Promise<void> }> {
  const servers = await Promise.all(behaviours.map(() => startFaultyUpstream()))
  for (const [at, list] of behaviours.entries()) servers[at]?.behave(...list)
  return { servers, stop: async () => void (await Promise.all(servers.map((server) => server.close()))) }
}

const get = async (gateway: TestGateway, path = '/now/x', init: RequestInit = {}) => {
  const response = await fetch(`${gateway.url}${path}`, init)
  return { status: response.status, text: await response.text(), headers: response.headers }
}

describe('an API whose upstream fails', () => {
  it('answers from the other server, leaves the bad one out, and remembers that across a deploy', async () => {
    const { servers, stop } = await started([['status 500'], ['well']])
    const [bad, good] = servers as [FaultyUpstream, FaultyUpstream]
    await using gateway = await startGateway({ nodes: flow([bad.url, good.url], { upstream: { retries: 2, retryOn: 'connect, 500-599', backoffMs: 1, ejectAfter: 2, ejectMs: 600_000 } }), settings })
    try {
      for (let at = 0; at < 10; at += 1) expect((await get(gateway)).status).toBe(200)
      expect(bad.seen).toHaveLength(2)
      expect(good.seen[0]?.path).toBe('/v1/x')
      expect(await gateway.deploy(flow([bad.url, good.url], { upstream: { retries: 1, retryOn: 'connect, 500-599', backoffMs: 1, ejectAfter: 2, ejectMs: 600_000 }, callout: { timeoutMs: 5_000 } }))).toMatchObject({ ok: true })
      for (let at = 0; at < 6; at += 1) expect((await get(gateway)).status).toBe(200)
      expect(bad.seen).toHaveLength(2)
      const metrics = await fetchMetrics(gateway.opsUrl)
      expect(metrics).toContain('sluice_upstream_calls_total{upstream="weather",outcome="ok"} 16')
      expect(metrics).toContain('sluice_upstream_retries_total{upstream="weather"} 2')
      expect(metrics).toContain('sluice_upstream_ejections_total{upstream="weather"} 1')
      expect(metrics).toContain('sluice_upstream_servers{upstream="weather",state="ejected"} 1')
    } finally {
      await stop()
    }
  })

  it('calls the servers of the release that is live, also after a rollback while the other one still drains', async () => {
    const { servers, stop } = await started([['well'], ['slow headers']])
    const [right, wrong] = servers as [FaultyUpstream, FaultyUpstream]
    await using gateway = await startGateway({ nodes: flow([right.url]), settings })
    try {
      right.behave('slow headers', 'well')
      const first = get(gateway)
      await until(() => right.seen.length === 1)
      await gateway.deploy(flow([wrong.url]))
      const second = get(gateway)
      await until(() => wrong.seen.length === 1)
      await gateway.deploy(flow([right.url]))
      expect((await get(gateway)).status).toBe(200)
      expect([right.seen.length, wrong.seen.length]).toEqual([2, 1])
      for (const server of servers) server.release()
      expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200])
    } finally {
      await stop()
    }
  })

  it('tells timeouts from other faults by its ports; an old flow without that wire goes on as before', async () => {
    const { servers, stop } = await started([['slow headers', 'garbage', 'slow headers']])
    const { url } = servers[0] as FaultyUpstream
    const callout = { timeoutMs: 50, resilience: 'own', retries: 0 }
    await using gateway = await startGateway({ nodes: flow([url], { callout, wired: ['ok', 'error', 'timeout'] }), settings })
    try {
      expect(await get(gateway)).toMatchObject({ status: 298, text: 'upstream.timeout' })
      expect(await get(gateway)).toMatchObject({ status: 299, text: 'upstream.body' })
      await gateway.deploy(flow([url], { callout, wired: ['ok', 'error'] }))
      expect(await get(gateway)).toMatchObject({ status: 299, text: 'upstream.timeout' })
    } finally {
      await stop()
    }
  })

  it('opens its breaker, says when to come again, and shows it', async () => {
    const { servers, stop } = await started([['status 500']])
    const server = servers[0] as FaultyUpstream
    await using gateway = await startGateway({ nodes: flow([server.url], { upstream: { retries: 0, breaker: true, breakerMinCalls: 3, breakerOpenMs: 600_000 } }), settings })
    try {
      for (let at = 0; at < 3; at += 1) expect((await get(gateway)).status).toBe(502)
      const refused = await get(gateway)
      expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([503, true])
      expect(server.seen).toHaveLength(3)
      expect(await fetchMetrics(gateway.opsUrl)).toContain('sluice_upstream_breaker{upstream="weather"} 2')
    } finally {
      await stop()
    }
  })

  it('passes the client’s request and the upstream’s errors through as they are, without what is the gateway’s own', async () => {
    const { servers, stop } = await started([['status 500', 'well']])
    const server = servers[0] as FaultyUpstream
    await using gateway = await startGateway({ nodes: flow([server.url], { callout: { transparent: true, bodyFrom: 'auto', headers: [{ name: 'X-From', value: 'gateway', valueType: 'str' }] } }), settings })
    try {
      const failed = await get(gateway, '/now/a/b?x=1&y=%20', { headers: { Authorization: 'Bearer of-the-gateway', 'X-Own': '1', 'X-From': 'client', Range: 'bytes=0-1' } })
      expect(failed).toMatchObject({ status: 500, text: 'oops' })
      expect(failed.headers.get('content-type')).toBe('text/plain')
      expect(server.seen[0]).toMatchObject({ method: 'GET', path: '/v1/a/b?x=1&y=%20', headers: { 'x-own': '1', 'x-from': 'gateway', range: 'bytes=0-1' } })
      expect(server.seen[0]?.headers).not.toHaveProperty('authorization')
      expect((await get(gateway, '/now/x', { method: 'POST', body: '{ "as":"sent" }', headers: { 'Content-Type': 'application/json' } })).status).toBe(200)
      expect(server.seen[1]).toMatchObject({ method: 'POST', body: '{ "as":"sent" }', headers: { 'content-type': 'application/json' } })
    } finally {
      await stop()
    }
  })

  it('proves who calls with tokens that no message, log or answer shows, and fetches another when one is not taken', async () => {
    const tokens = await startFaultyUpstream({ answer: JSON.stringify({ access_token: 'token-of-the-gateway', token_type: 'bearer', expires_in: 600 }) })
    const { servers, stop } = await started([['well']])
    const server = servers[0] as FaultyUpstream
    const nodes = [
      ...(flow([server.url], { upstream: { auth: 'creds' } }) as unknown as object[]),
      { id: 'creds', type: 'callout auth', name: 'partner', kind: 'oauth', tokenUrl: `${tokens.url}/token`, clientId: 'me' },
    ] as never
    await using gateway = await startGateway({ nodes, settings, credentials: { creds: { clientSecret: 'keep-this-secret' } } })
    try {
      const answers = await Promise.all(Array.from({ length: 10 }, () => get(gateway)))
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
      expect(tokens.seen).toHaveLength(1)
      expect(server.seen.every(({ headers }) => headers['authorization'] === 'Bearer token-of-the-gateway')).toBe(true)
      expect(JSON.stringify([answers, gateway.lines(), gateway.events])).not.toMatch(/token-of-the-gateway|keep-this-secret/)
      // Another secret by a deploy of the credentials alone: the next call uses it.
      await gateway.deploy(nodes, { creds: { clientSecret: 'another-secret' } })
      await get(gateway)
      expect(tokens.seen.at(-1)?.headers['authorization']).toBe(`Basic ${Buffer.from('me:another-secret').toString('base64')}`)
    } finally {
      await Promise.all([stop(), tokens.close()])
    }
  })
})

describe('the time of a request', () => {
  it('is over when it says, whatever is tried: callers get 504, and upstreams are told what is left', async () => {
    const { servers, stop } = await started([['slow headers']])
    const server = servers[0] as FaultyUpstream
    const upstream = { retries: 10, tryTimeoutMs: 60, backoffMs: 20, hedgeMs: 20 }
    await using gateway = await startGateway({ nodes: flow([server.url], { upstream }), settings: { ...settings, SLUICE_DEADLINE_MS: '300' } })
    try {
      const answers = await Promise.all(Array.from({ length: 5 }, () => get(gateway)))
      expect(answers.map(({ status }) => status)).toEqual([504, 504, 504, 504, 504])
      const told = server.seen.map(({ headers }) => Number(headers['x-request-deadline']))
      expect(told.every((left) => left >= 1 && left <= 300)).toBe(true)
      // No try began or was left open after the answer.
      const count = server.seen.length
      await until(() => server.open === 0)
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(server.seen).toHaveLength(count)
    } finally {
      await stop()
    }
  })

  it('is shortened by a caller only where callers are trusted', async () => {
    const { servers, stop } = await started([['slow headers']])
    const server = servers[0] as FaultyUpstream
    const ask = { headers: { 'X-Request-Deadline': '40' } }
    await using trusting = await startGateway({ nodes: flow([server.url]), settings: { ...settings, SLUICE_TRUST_REQUEST_DEADLINE: 'on' } })
    await using wary = await startGateway({ nodes: flow([server.url]), settings })
    try {
      expect((await get(trusting, '/now/x', ask)).status).toBe(504)
      expect(Number(server.seen.at(-1)?.headers['x-request-deadline'])).toBeLessThanOrEqual(40)
      const waiting = get(wary, '/now/x', ask)
      const before = server.seen.length
      await until(() => server.seen.length > before || server.open > 0)
      expect(Number(server.seen.at(-1)?.headers['x-request-deadline'])).toBeGreaterThan(1_000)
      await new Promise((resolve) => setTimeout(resolve, 60))
      server.release()
      expect((await waiting).status).toBe(200)
    } finally {
      await stop()
    }
  })

  it('ends for the upstream when the caller goes: of 2,000 callers who leave at random none leaves a request behind', async () => {
    const { servers, stop } = await started([['slow headers'], ['slow headers']])
    const upstream = { retries: 2, backoffMs: 5, hedgeMs: 30, retryPercent: 100 }
    await using gateway = await startGateway({ nodes: flow(servers.map(({ url }) => url), { upstream }), settings })
    try {
      /** What upstreams still hold some time after the last caller of a round went. */
      let left = 0
      for (let round = 0; round < 20; round += 1) {
        await Promise.all(Array.from({ length: 100 }, () => leaveAfter(gateway.port, Math.random() * 80)))
        await until(() => servers.every((server) => server.open === 0))
        left += servers.reduce((sum, server) => sum + server.open, 0)
      }
      expect(left).toBe(0)
      expect(servers.reduce((sum, server) => sum + server.seen.length, 0)).toBeGreaterThan(100)
      expect(servers.every((server) => server.seen.every(({ answered, aborted }) => aborted && !answered))).toBe(true)
      await until(() => gateway.gateway.deployer.inFlight === 0)
      expect(await fetchMetrics(gateway.opsUrl)).toContain('sluice_upstream_under_way{upstream="weather"} 0')
    } finally {
      await stop()
    }
  })
})

/** Asks, and closes the connection before there can be an answer. */
function leaveAfter(port: number, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET /now/x HTTP/1.1\r\nHost: api.test\r\n\r\n')
      setTimeout(() => socket.destroy(), ms)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
}

async function until(holds: () => boolean): Promise<void> {
  for (let at = 0; at < 1_000 && !holds(); at += 1) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(holds()).toBe(true)
}
