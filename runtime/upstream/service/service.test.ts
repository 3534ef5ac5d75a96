import type { LookupAddress } from 'node:dns'
import { Readable } from 'node:stream'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type FakeClock, fakeClock } from '../../../test/kit/fake-clock.ts'
import { fakeRun, type RunOptions } from '../../../test/kit/fake-run.ts'
import { type Behaviour, type FaultKind, type FaultyUpstream, makeTlsFiles, startFaultyUpstream } from '../../../test/kit/faulty-upstream.ts'
import { ByteStream } from '../../core/http/byte-stream.ts'
import type { Clock } from '../../core/time/clock.ts'
import { fault } from '../../core/fault.ts'
import type { UpstreamReply, UpstreamRequest } from '../../core/upstream/upstream.ts'
import type { CallOptions, ServiceSpec, TargetsPolicy, TryPolicy, UpstreamService } from '../../core/upstream/upstream-service.ts'
import { parseEgressAllow } from '../egress-policy.ts'
import { createUpstream, type UpstreamOptions } from '../upstream.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function start(...behaviours: Behaviour[]): Promise<FaultyUpstream> {
  const server = await startFaultyUpstream()
  closers.push(() => server.close())
  if (behaviours.length > 0) server.behave(...behaviours)
  return server
}

const noTries: TryPolicy = { tryTimeoutMs: 0, retries: 0, retryOn: { connect: true, broken: true, timeout: true, statuses: new Set([502, 503, 504]) }, backoffMs: 0, backoffMaxMs: 0, hedgeMs: 0 }
const targets = (urls: readonly string[], extra: Partial<TargetsPolicy> = {}): TargetsPolicy => ({
  targets: urls.map((url) => ({ url, weight: 1 })), balance: 'round-robin', ejection: { after: 0, baseMs: 1000, maxMs: 10_000, maxShare: 0.5 }, slowStartMs: 0, http2: false, ...extra,
})
const spec = (extra: Partial<ServiceSpec> & { try?: Partial<TryPolicy> } = {}): ServiceSpec => {
  const { try: own, ...rest } = extra
  return { name: 'weather', tries: { ...noTries, ...own }, retryShare: 1, ...rest }
}
const ask = (url: string, extra: Partial<UpstreamRequest> = {}): UpstreamRequest => ({ method: 'GET', url, timeoutMs: 5_000, responseLimitBytes: 1_000_000, redirects: 0, ...extra })

/** A service with time held by the test. What sockets do takes real time, so that time passes only when they are idle. */
function open(given: ServiceSpec, options: Partial<UpstreamOptions> = {}) {
  const clock = (options.clock as FakeClock | undefined) ?? fakeClock()
  const told: string[] = []
  const upstream = createUpstream({
    egress: parseEgressAllow(['127.0.0.0/8', 'localhost']), clock, connectTimeoutMs: 2_000, random: () => 1,
    observer: { ended: (_name, outcome) => void told.push(outcome), retried: () => void told.push('retry'), hedged: () => void told.push('hedge'), ejected: () => void told.push('ejected') },
    ...options,
  })
  closers.push(() => upstream.close())
  const service = upstream.open(given)
  const call = async (request: UpstreamRequest, run: RunOptions | ReturnType<typeof fakeRun> = {}, key?: string): Promise<UpstreamReply | { code: string; facts: Record<string, unknown> }> => {
    const on = 'reply' in run ? run : fakeRun({ deadline: clock.now() + 60_000, ...run })
    try {
      return await service.request(request, on, key === undefined ? {} : { key })
    } catch (error) {
      return error as { code: string; facts: Record<string, unknown> }
    }
  }
  return { service, call, clock, told, upstream }
}

/** Lets the network do what it does, until something holds. */
async function until(holds: () => boolean): Promise<void> {
  for (let at = 0; at < 2_000 && !holds(); at += 1) await new Promise((resolve) => setTimeout(resolve, 2))
  expect(holds()).toBe(true)
}

const outcomeOf = (result: UpstreamReply | { code: string }) => ('code' in result ? result.code : result.status)

/** What each fault is without any help, whether its request may have been done, and whether a retry mends it. */
const faults: Readonly<Record<FaultKind, { readonly alone: string | number; readonly retried: boolean }>> = {
  'slow headers': { alone: 'upstream.timeout', retried: true },
  'slow body': { alone: 'upstream.timeout', retried: true },
  reset: { alone: 'upstream.eof', retried: true },
  'half-close': { alone: 'upstream.eof', retried: true },
  'too short': { alone: 'upstream.eof', retried: true },
  'too long': { alone: 200, retried: false },
  garbage: { alone: 'upstream.body', retried: true },
  'gzip bomb': { alone: 'upstream.too_large', retried: false },
  'redirect to metadata': { alone: 'egress.denied', retried: false },
  'status 500': { alone: 500, retried: false },
  'status 503': { alone: 503, retried: true },
}
const slow = new Set<FaultKind>(['slow headers', 'slow body'])
const table = Object.entries(faults).map(([kind, facts]) => [kind as FaultKind, facts] as const)

/** Runs calls to their end: whoever waits for a slow one is let wait as long as it takes. */
async function settle<T>(promise: Promise<T>, clock: FakeClock, server: FaultyUpstream, kind: FaultKind): Promise<T> {
  let done = false
  const settled = promise.finally(() => (done = true))
  settled.catch(() => {})
  if (slow.has(kind)) {
    for (let at = 0; at < 400 && !done; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 3))
      if (!done && server.open > 0) await clock.advance(100)
    }
  }
  return await settled
}

describe.each(table)('an upstream with %s', (kind, { alone, retried }) => {
  const redirects = kind === 'redirect to metadata' ? 5 : 0
  const request = (url: string, extra: Partial<UpstreamRequest> = {}) => ask(url, { timeoutMs: 1_000, redirects, ...extra })

  it('is named for what it is', async () => {
    const server = await start(kind)
    const { call, clock } = open(spec())
    // A connection that was kept is tried once more by itself (RFC 9110 §9.2.2), so that all of them go wrong here.
    expect(outcomeOf(await settle(call(request(server.url)), clock, server, kind))).toBe(alone)
  })

  it('is tried again when that is safe and helps', async () => {
    const server = await start(kind, kind, 'well')
    const { call, clock, told } = open(spec({ try: { retries: 2, tryTimeoutMs: 300 } }))
    const reply = await settle(call(request(server.url, { timeoutMs: 5_000 })), clock, server, kind)
    expect(outcomeOf(reply)).toBe(retried ? 200 : alone)
    expect(told.includes('retry')).toBe(retried && told.length > 1)
  })

  it('gets nothing twice that is not safe to repeat', async () => {
    const server = await start(kind)
    const { call, clock } = open(spec({ try: { retries: 3, tryTimeoutMs: 200 } }))
    expect(outcomeOf(await settle(call(request(server.url, { method: 'POST', body: 'pay' })), clock, server, kind))).toBe(alone)
    expect(server.seen).toHaveLength(1)
  })

  it('gets it again under an idempotency key', async () => {
    const server = await start(kind, 'well')
    const { call, clock } = open(spec({ try: { retries: 1, tryTimeoutMs: 200 } }))
    const reply = await settle(call(request(server.url, { method: 'POST', body: 'pay', headers: { 'Idempotency-Key': '"1"' }, timeoutMs: 5_000 })), clock, server, kind)
    expect(outcomeOf(reply)).toBe(retried ? 200 : alone)
    expect(server.seen).toHaveLength(retried ? 2 : 1)
  })

  it('opens the breaker when it is the server’s fault, and is then left alone', async () => {
    const server = await start(kind)
    const { call, clock, service } = open(spec({ breaker: { windowMs: 60_000, minCalls: 3, errorShare: 0.5, slowMs: 0, slowShare: 1, openMs: 10_000, probes: 1 } }))
    for (let at = 0; at < 3; at += 1) await settle(call(request(server.url, { method: 'POST' })), clock, server, kind)
    const isServersFault = alone !== 200 && !['egress.denied', 'upstream.too_large'].includes(String(alone))
    expect(service.facts().breaker).toBe(isServersFault ? 'open' : 'closed')
    if (!isServersFault) return
    const before = server.seen.length
    expect(await call(request(server.url))).toMatchObject({ code: 'upstream.breaker', status: 503, headers: { 'Retry-After': expect.stringMatching(/^\d+$/) } })
    expect(server.seen).toHaveLength(before)
    server.behave('well')
    await clock.advance(10_000)
    expect(outcomeOf(await call(request(server.url)))).toBe(200)
    expect(service.facts().breaker).toBe('closed')
  })

  it('is left out while another server is well', async () => {
    const [bad, good] = [await start(kind), await start()]
    const { call, clock, service, told } = open(spec({ targets: targets([bad.url, good.url], { ejection: { after: 2, baseMs: 60_000, maxMs: 60_000, maxShare: 0.5 } }) }))
    for (let at = 0; at < 8; at += 1) await settle(call(request('http://upstream/x', { method: 'POST' })), clock, bad, kind)
    const isServersFault = alone !== 200 && !['egress.denied', 'upstream.too_large'].includes(String(alone))
    expect(service.facts().instances.map(({ state }) => state)).toEqual([isServersFault ? 'ejected' : 'up', 'up'])
    expect(bad.seen).toHaveLength(isServersFault ? 2 : 4)
    expect(told.includes('ejected')).toBe(isServersFault)
  })

  it('holds its place for no longer than its call', async () => {
    const server = await start(kind, 'well')
    const { call, clock, service } = open(spec({ bulkhead: { limit: 1, maxWaitMs: 60_000, maxWaiting: 5 } }))
    const first = call(request(server.url, { method: 'POST' }))
    const second = call(request(server.url, { timeoutMs: 30_000 }))
    await settle(first, clock, server, kind)
    expect(outcomeOf(await second)).toBe(200)
    expect(service.facts()).toMatchObject({ inFlight: 0, waiting: 0 })
  })

  it('never keeps a caller past its deadline, whatever is tried', async () => {
    const server = await start(kind)
    const { call, clock } = open(spec({ try: { retries: 10, tryTimeoutMs: 100, backoffMs: 40, backoffMaxMs: 500, hedgeMs: 30 } }))
    const begun = clock.now()
    let done = false
    void call(request(server.url, { timeoutMs: 60_000 }), { deadline: begun + 300 }).finally(() => (done = true))
    while (!done) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      if (!done) await clock.advance(10)
    }
    expect(clock.now() - begun).toBeLessThanOrEqual(300)
  })

  it('is left at once when the caller goes', async () => {
    const server = await start(kind)
    const { call, service, clock } = open(spec({ try: { retries: 5, backoffMs: 1_000, backoffMaxMs: 1_000 }, bulkhead: { limit: 5, maxWaitMs: 100, maxWaiting: 5 } }))
    const run = fakeRun({ deadline: clock.now() + 60_000 })
    const result = call(request(server.url, { timeoutMs: 30_000 }), run)
    await until(() => server.seen.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    run.abort()
    const outcome = outcomeOf(await result)
    expect([alone, 'client.closed']).toContain(outcome)
    if (retried) expect(outcome).toBe('client.closed')
    expect(service.facts()).toMatchObject({ inFlight: 0, waiting: 0 })
    await until(() => server.open === 0)
  })
})

const text = async (body: ByteStream) => Buffer.concat(await body.take().toArray()).toString()

describe('a slow upstream', () => {
  it.each(['slow headers', 'slow body'] as const)('is hedged: a second try beside one with %s wins, and the loser is broken off', async (kind) => {
    const server = await start(kind, 'well')
    const { call, clock, told } = open(spec({ try: { hedgeMs: 100 } }))
    const result = call(ask(server.url))
    await until(() => server.seen.length === 1)
    await clock.advance(100)
    expect(await result).toMatchObject({ status: 200, attempts: 2 })
    expect(told).toEqual(['hedge', 'ok'])
    await until(() => server.seen[0]?.aborted === true)
  })

  it('is not hedged when that is not safe, nor when the budget is spent', async () => {
    const server = await start('slow headers')
    const unsafe = open(spec({ try: { hedgeMs: 100 } }))
    const spent = open(spec({ try: { hedgeMs: 100 }, retryShare: 0 }))
    const results = [unsafe.call(ask(server.url, { method: 'POST' })), spent.call(ask(server.url))]
    await until(() => server.seen.length === 2)
    for (const { clock } of [unsafe, spent]) await clock.advance(1_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(server.seen).toHaveLength(2)
    server.release()
    expect((await Promise.all(results)).map(outcomeOf)).toEqual([200, 200])
  })

  it('opens the breaker although it answers', async () => {
    const server = await start('slow headers')
    const { call, clock, service } = open(spec({ breaker: { windowMs: 60_000, minCalls: 2, errorShare: 1, slowMs: 200, slowShare: 1, openMs: 10_000, probes: 1 } }))
    for (let at = 1; at <= 2; at += 1) {
      const result = call(ask(server.url))
      await until(() => server.seen.length === at)
      await clock.advance(300)
      server.release()
      expect(outcomeOf(await result)).toBe(200)
    }
    expect(service.facts().breaker).toBe('open')
  })

  it('is not blamed for callers who were in a hurry', async () => {
    const [server, other] = [await start('slow headers'), await start('slow headers')]
    const { call, clock, service } = open(spec({
      targets: targets([server.url, other.url], { ejection: { after: 1, baseMs: 60_000, maxMs: 60_000, maxShare: 0.5 } }),
      breaker: { windowMs: 60_000, minCalls: 1, errorShare: 0.1, slowMs: 0, slowShare: 1, openMs: 10_000, probes: 1 },
    }))
    const result = call(ask('http://upstream/'), { deadline: clock.now() + 50 })
    await until(() => server.seen.length + other.seen.length === 1)
    await clock.advance(50)
    expect(outcomeOf(await result)).toBe('upstream.timeout')
    expect(service.facts()).toMatchObject({ breaker: 'closed', instances: [{ state: 'up' }, { state: 'up' }] })
  })
})

describe('retries', () => {
  it('go to another server, and wait as long as Retry-After asks', async () => {
    const busy = await startFaultyUpstream({ retryAfter: 2 })
    closers.push(() => busy.close())
    busy.behave('status 503')
    const good = await start()
    const { call, clock } = open(spec({ targets: targets([busy.url, good.url]), try: { retries: 1 } }))
    const result = call(ask('http://upstream/'))
    await until(() => busy.seen.length === 1)
    await clock.advance(1_900)
    expect(good.seen).toHaveLength(0)
    await clock.advance(200)
    expect(await result).toMatchObject({ status: 200, attempts: 2 })
    expect(good.seen).toHaveLength(1)
  })

  it('are not begun when they would end too late: the answer there is leaves at once', async () => {
    const busy = await startFaultyUpstream({ retryAfter: 30 })
    closers.push(() => busy.close())
    busy.behave('status 503')
    const { call } = open(spec({ try: { retries: 3 } }))
    expect(outcomeOf(await call(ask(busy.url)))).toBe(503)
    expect(busy.seen).toHaveLength(1)
  })

  it('of a call of which nothing was sent are safe, whatever its method', async () => {
    const gone = await start()
    const good = await start()
    await gone.close()
    const { call } = open(spec({ targets: targets([gone.url, good.url]), try: { retries: 1 } }))
    for (let at = 0; at < 3; at += 1) expect(outcomeOf(await call(ask('http://upstream/', { method: 'POST', body: 'pay' })))).toBe(200)
    expect(good.seen.map(({ body }) => body)).toEqual(['pay', 'pay', 'pay'])
  })

  it('stay a part of all calls when everything fails', async () => {
    const server = await start('status 503')
    const { call, told } = open(spec({ retryShare: 0.1, try: { retries: 3 } }))
    for (let at = 0; at < 100; at += 1) await call(ask(server.url))
    expect(told.filter((word) => word === 'retry').length).toBeLessThanOrEqual(20)
    expect(server.seen.length).toBeLessThanOrEqual(120)
  })
})

describe('instances', () => {
  it('share the calls by weight, and a key keeps its own', async () => {
    const [a, b] = [await start(), await start()]
    const byWeight = open(spec({ targets: { ...targets([]), targets: [{ url: a.url, weight: 3 }, { url: `${b.url}/base/`, weight: 1 }] } }))
    for (let at = 0; at < 8; at += 1) await byWeight.call(ask('http://upstream/v1?x=1'))
    expect([a.seen.length, b.seen.length]).toEqual([6, 2])
    expect(b.seen[0]?.path).toBe('/base/v1?x=1')
    const byKey = open(spec({ targets: targets([a.url, b.url], { balance: 'hash' }) }))
    const answered: number[] = []
    for (let at = 0; at < 6; at += 1) {
      const before = a.seen.length
      await byKey.call(ask('http://upstream/'), {}, 'the same')
      answered.push(a.seen.length - before)
    }
    expect(new Set(answered).size).toBe(1)
  })

  it('that their health check finds down get no calls, and come back; when all seem down all are called', async () => {
    const [a, b] = [await start('status 500'), await start()]
    const check = { path: '/healthz', intervalMs: 1_000, timeoutMs: 500, statuses: new Set([200]), downAfter: 2, upAfter: 1 }
    const { call, clock, service } = open(spec({ targets: targets([a.url, b.url], { check }) }))
    const states = () => service.facts().instances.map(({ state }) => state).join()
    const pass = async (wanted: string) => {
      for (let at = 0; at < 100 && states() !== wanted; at += 1) {
        await clock.advance(1_000)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      expect(states()).toBe(wanted)
    }
    await pass('down,up')
    expect(a.seen.every(({ path }) => path === '/healthz')).toBe(true)
    for (let at = 0; at < 4; at += 1) expect(outcomeOf(await call(ask('http://upstream/x')))).toBe(200)
    a.behave('well')
    await pass('up,up')
    a.behave('status 500')
    b.behave('status 500')
    await pass('down,down')
    const before = a.seen.length + b.seen.length
    expect(outcomeOf(await call(ask('http://upstream/x')))).toBe(500)
    expect(a.seen.length + b.seen.length).toBe(before + 1)
  })

  it('follow the addresses of a name when DNS says that the old ones have run out', async () => {
    const server = await start()
    let answer: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }]
    let lookups = 0
    const { call, clock, service } = open(spec({ targets: targets([`http://api.test:${server.port}`]) }), {
      egress: parseEgressAllow(['127.0.0.0/8', 'api.test']),
      lookup: (_host, _options, done) => {
        lookups += 1
        done(null, answer)
      },
      ttlOf: () => Promise.resolve(20_000),
    })
    const ids = () => service.facts().instances.map(({ id }) => id.slice(id.indexOf('@') + 1))
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe(200)
    answer = [{ address: '127.0.0.1', family: 4 }, { address: '127.0.0.2', family: 4 }, { address: '::1', family: 6 }]
    await clock.advance(19_000)
    await call(ask('http://upstream/'))
    expect([lookups, ids()]).toEqual([1, ['127.0.0.1']])
    await clock.advance(1_000)
    await call(ask('http://upstream/'))
    await until(() => ids().length === 2)
    expect([lookups, ids()]).toEqual([2, ['127.0.0.1', '127.0.0.2']])
    answer = [{ address: '127.0.0.1', family: 4 }]
    await clock.advance(20_000)
    await call(ask('http://upstream/'))
    await until(() => ids().length === 1)
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe(200)
    expect(server.connections).toBeGreaterThanOrEqual(1)
  })

  it('of a name that cannot be looked up again stay; one that never could is a fault', async () => {
    const server = await start()
    let failing = false
    const lookup: UpstreamOptions['lookup'] = (_host, _options, done) => {
      if (failing) done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), [])
      else done(null, [{ address: '127.0.0.1', family: 4 }])
    }
    const parts = { egress: parseEgressAllow(['127.0.0.0/8', 'api.test']), lookup, ttlOf: () => Promise.reject(new Error('unknown')) }
    const { call, clock } = open(spec({ targets: targets([`http://api.test:${server.port}`]) }), parts)
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe(200)
    failing = true
    await clock.advance(40_000)
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe(200)
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe(200)
    expect(outcomeOf(await open(spec({ targets: targets([`http://api.test:${server.port}`]) }), parts).call(ask('http://upstream/')))).toBe('upstream.dns')
  })

  it('at addresses that the egress policy refuses are not called, whatever their name said before', async () => {
    let address = '127.0.0.1'
    const server = await start()
    const { call, clock } = open(spec({ targets: targets([`http://api.test:${server.port}`]) }), {
      egress: parseEgressAllow(['127.0.0.1']), lookup: (_host, _options, done) => done(null, [{ address, family: 4 }]), ttlOf: () => Promise.resolve(1_000),
    })
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe(200)
    address = '169.254.169.254'
    await clock.advance(2_000)
    await call(ask('http://upstream/'))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe('egress.denied')
  })

  it('keep what is known of them when a deploy changes the upstream, and calls under way end', async () => {
    const [a, b, c] = [await start('slow headers'), await start('status 500'), await start()]
    const ejection = { after: 1, baseMs: 60_000, maxMs: 60_000, maxShare: 0.7 }
    const { call, service } = open(spec({ targets: targets([a.url, b.url], { ejection }) }))
    const running = call(ask('http://upstream/'))
    await until(() => a.seen.length === 1)
    await call(ask('http://upstream/'))
    expect(service.facts().instances.map(({ state }) => state)).toEqual(['up', 'ejected'])
    service.configure(spec({ targets: targets([b.url, c.url], { ejection }) }))
    expect(service.facts().instances).toMatchObject([{ id: b.url, state: 'ejected' }, { id: c.url, state: 'up' }])
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe(200)
    a.release()
    expect(outcomeOf(await running)).toBe(200)
  })
})

describe('the bulkhead', () => {
  it('refuses who would be too many, and who waited too long; who leaves makes room', async () => {
    const server = await start('slow headers')
    const { call, clock, service } = open(spec({ bulkhead: { limit: 1, maxWaitMs: 200, maxWaiting: 2 } }))
    const first = call(ask(server.url))
    const leaver = fakeRun({ deadline: clock.now() + 60_000 })
    const [left, late] = [call(ask(server.url), leaver), call(ask(server.url))]
    expect(outcomeOf(await call(ask(server.url)))).toBe('upstream.bulkhead')
    leaver.abort()
    expect(outcomeOf(await left)).toBe('client.closed')
    expect(service.facts().waiting).toBe(1)
    await clock.advance(200)
    expect(outcomeOf(await late)).toBe('upstream.bulkhead')
    await until(() => server.seen.length === 1)
    server.release()
    expect(outcomeOf(await first)).toBe(200)
    expect(service.facts()).toMatchObject({ inFlight: 0, waiting: 0 })
  })
})

describe('TLS', () => {
  let files: ReturnType<typeof makeTlsFiles>
  beforeAll(() => {
    files = makeTlsFiles()
  })
  const secure = async (pair: 'right' | 'wrong') => {
    const server = await startFaultyUpstream({ tls: files[pair] })
    closers.push(() => server.close())
    return server
  }

  it('with the wrong name is refused and tells no secret; another server is tried', async () => {
    const [wrong, right] = [await secure('wrong'), await secure('right')]
    const tls = { ca: files.ca, servername: 'localhost' }
    const { call } = open(spec({ targets: targets([wrong.url], { tls }) }))
    const secret = { in: 'header', name: 'X-Key', value: 'secret' } as const
    expect(outcomeOf(await call(ask('http://upstream/', { secret })))).toBe('upstream.tls')
    expect(wrong.seen).toHaveLength(0)
    const both = open(spec({ targets: targets([wrong.url, right.url], { tls }), try: { retries: 1 } }))
    expect(outcomeOf(await both.call(ask('http://upstream/', { method: 'POST', secret })))).toBe(200)
    expect(right.seen[0]?.headers['x-key']).toBe('secret')
  })

  it('is verified by the name of the profile when the upstream is an address', async () => {
    const right = await secure('right')
    expect(outcomeOf(await open(spec({ targets: targets([right.url], { tls: { ca: files.ca } }) })).call(ask('http://upstream/')))).toBe('upstream.tls')
    expect(outcomeOf(await open(spec({ targets: targets([right.url], { tls: { ca: files.ca, servername: 'localhost' } }) })).call(ask('http://upstream/')))).toBe(200)
  })

  it('speaks HTTP/1.1 to a server that offers no other, although HTTP/2 is wanted', async () => {
    const server = await secure('right')
    const { call } = open(spec({ targets: targets([server.url], { http2: true, tls: { ca: files.ca, servername: 'localhost' } }) }))
    const replies = await Promise.all(Array.from({ length: 5 }, () => call(ask('http://upstream/'))))
    expect(replies.map(outcomeOf)).toEqual([200, 200, 200, 200, 200])
  })

  it('is swapped without a call lost: what runs ends as it began', async () => {
    const server = await secure('right')
    server.behave('slow headers')
    const good = { ca: files.ca, servername: 'localhost' }
    const { call, service } = open(spec({ targets: targets([server.url], { tls: good }) }))
    const running = call(ask('http://upstream/'))
    await until(() => server.seen.length === 1)
    service.configure(spec({ targets: targets([server.url], { tls: { ...good, minVersion: 'TLSv1.3' } }) }))
    server.behave('well')
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe(200)
    server.release()
    expect(outcomeOf(await running)).toBe(200)
    service.configure(spec({ targets: targets([server.url], { tls: { servername: 'localhost' } }) }))
    expect(outcomeOf(await call(ask('http://upstream/')))).toBe('upstream.tls')
  })
})

describe('an answer that passes while it comes', () => {
  const stream = (extra: object = {}) => ({ method: 'GET', url: 'http://upstream/', timeoutMs: 1_000, idleMs: 500, ...extra })

  it('comes by the TLS profile, from another server when one is wrong, with what proves who calls', async () => {
    const files = makeTlsFiles()
    const [wrong, right] = [await startFaultyUpstream({ tls: files.wrong }), await startFaultyUpstream({ tls: files.right })]
    closers.push(() => wrong.close(), () => right.close())
    const { service, told } = open(spec({ targets: targets([wrong.url, right.url], { tls: { ca: files.ca, servername: 'localhost' } }), try: { retries: 1 } }))
    const reply = await service.openStream?.(stream({ method: 'POST', body: Buffer.from('{}'), secret: { in: 'query', name: 'key', value: 'k' } }), fakeRun())
    expect([reply?.status, reply?.url, reply?.attempts, await text(reply?.body as ByteStream)]).toEqual([200, `${right.url}/`, 2, '{"from":"upstream"}'])
    expect([right.seen[0]?.path, told]).toEqual(['/?key=k', ['retry', 'ok']])
  })

  it('is asked for again while nothing of it came, and no more when something did; what breaks off counts', async () => {
    const server = await start('reset', 'reset', 'status 503', 'too short')
    const { service, told } = open(spec({ targets: targets([server.url]), try: { retries: 5 }, breaker: { windowMs: 60_000, minCalls: 4, errorShare: 0.5, slowMs: 0, slowShare: 1, openMs: 60_000, probes: 1 } }))
    const reply = await service.openStream?.(stream(), fakeRun())
    await expect(text(reply?.body as ByteStream)).rejects.toMatchObject({ code: 'upstream.eof' })
    expect([server.seen.length, told, service.facts()]).toEqual([4, ['retry', 'retry', 'eof'], expect.objectContaining({ inFlight: 0, breaker: 'open', instances: [expect.objectContaining({ inFlight: 0 })] })])
    await expect(service.openStream?.(stream(), fakeRun())).rejects.toMatchObject({ code: 'upstream.breaker' })
  })

  it('is under way until it is read or let go of, and ends with its caller before it began', async () => {
    const server = await start('well', 'slow headers')
    const { service, told } = open(spec({ targets: targets([server.url]), bulkhead: { limit: 1, maxWaitMs: 0, maxWaiting: 0 } }))
    const reply = await service.openStream?.(stream(), fakeRun())
    reply?.body.discard()
    await until(() => service.facts().inFlight === 0)
    const run = fakeRun()
    const waiting = service.openStream?.(stream(), run)
    await until(() => server.seen.length === 2)
    run.abort(fault('client.closed'))
    await expect(waiting).rejects.toMatchObject({ code: 'client.closed' })
    expect([service.facts().inFlight, told.at(-1)]).toEqual([0, 'aborted'])
  })

  it('sends a body that passes once no second time', async () => {
    const server = await start('status 503', 'well')
    const { service } = open(spec({ targets: targets([server.url]), try: { retries: 3 } }))
    const reply = await service.openStream?.(stream({ method: 'PUT', body: new ByteStream(Readable.from([Buffer.from('x')]), undefined, 1) }), fakeRun())
    expect([reply?.status, server.seen.length]).toEqual([503, 1])
    reply?.body.discard()
  })
})

describe('a WebSocket', () => {
  const handshake = (extra: object = {}) => ({ url: 'http://upstream/chat', headers: { 'sec-websocket-version': '13' }, timeoutMs: 1_000, idleMs: 60_000, ...extra })
  const openTunnel = async (service: UpstreamService, extra: object = {}, run = fakeRun(), options?: CallOptions) => {
    const reply = await (service as Required<UpstreamService>).openTunnel(handshake(extra), run, options)
    if (!('tunnel' in reply)) throw Object.assign(new Error('refused'), { code: 'refused', facts: { status: reply.status, said: await text(reply.body) } })
    const socket = reply.tunnel.take()
    closers.push(() => socket.destroy())
    const hears = (text: string) => new Promise<string>((resolve) => {
      socket.once('data', (heard: Buffer) => resolve(heard.toString()))
      socket.write(text)
    })
    return { ...reply, socket, hears }
  }
  const codeOf = (opening: Promise<unknown>) => opening.then(() => 'agreed', (error: { code?: string; facts?: { status?: number } }) => [error.code, ...(error.facts?.status === undefined ? [] : [error.facts.status])].join(' '))

  it('goes to the servers in turn, with their path, and to another one where the handshake fails or is answered 5xx', async () => {
    const [a, b, away] = [await start(), await start('status 503', 'well'), await start()]
    await away.close()
    const { service, told } = open(spec({ targets: targets([`${a.url}/base`, `${b.url}/base`, away.url]), try: { retries: 2 } }))
    const opened = [await openTunnel(service), await openTunnel(service), await openTunnel(service)]
    expect(opened.map(({ attempts, headers }) => [attempts ?? 1, headers['x-agreed'], headers['upgrade']])).toEqual([1, 3, 2].map((tries) => [tries, 'yes', undefined]))
    for (const { hears } of opened) expect(await hears('hello')).toBe('hello')
    expect([a.seen[0]?.path, told]).toEqual(['/base/chat', ['retry', 'retry', 'retry']])
  })

  it('counts handshakes for breaker and ejection: no connection and 5xx are bad, a refusal is not, and how it ends says nothing', async () => {
    const server = await start('status 500', 'status 500', 'well')
    const { service, clock } = open(spec({ targets: targets([server.url]), breaker: { windowMs: 60_000, minCalls: 2, errorShare: 0.6, slowMs: 0, slowShare: 1, openMs: 1_000, probes: 1 } }))
    expect(await codeOf(openTunnel(service))).toBe('refused 500')
    expect(await codeOf(openTunnel(service))).toBe('refused 500')
    expect(await codeOf(openTunnel(service))).toBe('upstream.breaker')
    await clock.advance(1_001)
    const { socket } = await openTunnel(service)
    expect(service.facts().breaker).toBe('closed')
    socket.destroy(new Error('reset'))
    await until(() => service.facts().inFlight === 0)
    server.behave('redirect to metadata')
    for (let n = 0; n < 4; n += 1) expect(await codeOf(openTunnel(service))).toBe('refused 302')
    expect(service.facts().breaker).toBe('closed')

    const [bad, good] = [await start('status 503'), await start()]
    const left = open(spec({ targets: targets([bad.url, good.url], { ejection: { after: 1, baseMs: 60_000, maxMs: 60_000, maxShare: 0.5 } }), try: { retries: 1 } }))
    for (let n = 0; n < 3; n += 1) await openTunnel(left.service)
    expect([left.service.facts().instances.map(({ state }) => state), bad.seen.length]).toEqual([['ejected', 'up'], 1])
  })

  it('is answered as any call by who refuses it, whose answer passes while it comes and holds its place until then', async () => {
    const server = await start('slow body')
    const { service, told } = open(spec({ targets: targets([server.url]), bulkhead: { limit: 1, maxWaitMs: 0, maxWaiting: 0 } }))
    const reply = await (service as Required<UpstreamService>).openTunnel(handshake(), fakeRun())
    if (!('body' in reply)) throw new Error('agreed')
    expect([reply.status, reply.headers['content-type'], service.facts().inFlight]).toEqual([200, 'application/json', 1])
    expect(await codeOf(openTunnel(service))).toBe('upstream.bulkhead')
    server.release()
    expect(JSON.parse(await text(reply.body))).toEqual({ from: 'upstream' })
    await until(() => service.facts().inFlight === 0)
    expect(told).toEqual(['bulkhead', 'ok'])
  })

  it('has its place among most at once, and counts for its server, until it is closed by either side, over deploys', async () => {
    const server = await start()
    const limited = { targets: targets([server.url]), bulkhead: { limit: 1, maxWaitMs: 0, maxWaiting: 0 } }
    const { service, told } = open(spec(limited))
    const one = await openTunnel(service)
    expect(service.facts()).toMatchObject({ inFlight: 1, instances: [{ inFlight: 1 }] })
    expect(await codeOf(openTunnel(service))).toBe('upstream.bulkhead')
    service.configure(spec({ ...limited, targets: targets([server.url], { http2: true }) }))
    expect(await one.hears('still here')).toBe('still here')
    expect(told).toEqual(['bulkhead'])
    one.socket.destroy()
    await until(() => service.facts().inFlight === 0)
    expect(told).toEqual(['bulkhead', 'ok'])
    const two = await openTunnel(service)
    two.socket.resume()
    service.close()
    expect(await two.hears('behind its upstream')).toBe('behind its upstream')
    await server.close()
    await until(() => service.facts().inFlight === 0)
  })

  it('speaks HTTP/1.1 by the TLS profile where calls speak HTTP/2, with what proves who calls and what is told', async () => {
    const files = makeTlsFiles()
    const server = await startFaultyUpstream({ tls: files.right })
    closers.push(() => server.close())
    const { service } = open(spec({ targets: targets([server.url], { tls: { ca: files.ca, servername: 'localhost' }, http2: true }) }))
    const { hears } = await openTunnel(service, { secret: { in: 'header', name: 'Authorization', value: 'Bearer t' }, tellBudget: true })
    expect(await hears('in secret')).toBe('in secret')
    expect(server.seen[0]?.headers).toMatchObject({ authorization: 'Bearer t', 'x-request-deadline': expect.any(String), upgrade: 'websocket' })
  })

  it('passes the egress policy like any call, is not hedged, and ends with its caller before it is agreed to', async () => {
    const server = await start('slow headers')
    const closed = open(spec({ targets: targets([server.url]) }), { egress: parseEgressAllow([]) })
    expect(await codeOf(openTunnel(closed.service))).toBe('egress.denied')
    const { service, clock, told } = open(spec({ targets: targets([server.url]), try: { hedgeMs: 10 } }))
    const run = fakeRun()
    const opening = codeOf(openTunnel(service, {}, run))
    await until(() => server.seen.length === 1)
    await clock.advance(50)
    run.abort(fault('client.closed'))
    expect([await opening, server.seen.length, told]).toEqual(['client.closed', 1, ['aborted']])
  })
})

describe('what callouts tell', () => {
  it('is the time left and the trace, only where it is meant to be told', async () => {
    const server = await start()
    const clock = fakeClock()
    const { call } = open(spec({ targets: targets([server.url]) }), { clock: clock as Clock })
    const came = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await call(ask('http://upstream/', { tellBudget: true }), { deadline: clock.now() + 1_234.5, request: { headers: { traceparent: came, tracestate: 'a=b' } } })
    expect(server.seen[0]?.headers).toMatchObject({ 'x-request-deadline': '1234', tracestate: 'a=b', traceparent: expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[\da-f]{16}-01$/) })
    await call(ask('http://upstream/', { tellBudget: true, timeoutMs: 200 }), { request: { headers: { traceparent: 'nonsense', tracestate: 'a=b' } } })
    expect(server.seen[1]?.headers).toMatchObject({ 'x-request-deadline': '200', traceparent: expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-00$/) })
    expect(server.seen[1]?.headers).not.toHaveProperty('tracestate')
    await call(ask('http://upstream/'))
    expect(Object.keys(server.seen[2]?.headers ?? {})).not.toEqual(expect.arrayContaining(['traceparent']))
    expect(server.seen[2]?.headers).not.toHaveProperty('x-request-deadline')
  })

  it('proves who calls to the upstream and to nobody it redirects to', async () => {
    const [a, b] = [await start(), await start()]
    const { upstream } = open(spec())
    const elsewhere = await startFaultyUpstream({ answer: '{}' })
    closers.push(() => elsewhere.close())
    const header = await upstream.request(ask(a.url, { secret: { in: 'header', name: 'X-Api-Key', value: 'k' }, headers: { 'x-api-key': 'of the flow' } }), fakeRun())
    expect(a.seen[0]?.headers['x-api-key']).toBe('k')
    const query = await upstream.request(ask(`${b.url}/x?a=1`, { secret: { in: 'query', name: 'key', value: 'a b&c' } }), fakeRun())
    expect(b.seen[0]?.path).toBe('/x?a=1&key=a%20b%26c')
    expect(query.url).toBe(`${b.url}/x?a=1`)
    expect(JSON.stringify([header, query])).not.toContain('a%20b')
  })
})
