import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode, type NodeTestOptions, type Sent } from '../../test/kit/node-tester.ts'
import { createClients } from '../../runtime/clients/clients.ts'
import type { Application, Plan } from '../../runtime/core/access/clients.ts'
import { fault, type Fault } from '../../runtime/core/fault.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { ChargeOutcome, OnLoss, State } from '../../runtime/core/state/state.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { resetQuota } from '../reset-quota/reset-quota.ts'
import { quota } from './quota.ts'

const row = (limit: number | string, more: object = {}) => ({ limit: String(limit), limitType: 'num', every: 1, unit: 'hour', algorithm: 'fixed', zone: '', per: 'all', ...more })
const hourly = (limit: number, more: object = {}) => ({ windows: [row(limit)], ...more })
const startMs = Date.UTC(2024, 0, 1)

type Tested = Awaited<ReturnType<typeof testNode>>

/** Calls a node in a run of its own: the port it left by, or the code of its fault. */
async function call(node: Tested, message: object = {}, run = fakeRun()): Promise<string> {
  try {
    return (await node.send(message, run)).map(({ port }) => port).join()
  } catch (error) {
    return (error as { code: string }).code
  }
}

async function calls(node: Tested, count: number, message: object = {}): Promise<number> {
  let passed = 0
  for (let i = 0; i < count; i += 1) if ((await call(node, message)) === 'ok') passed += 1
  return passed
}

/** How much of the first window is used, as the flow sees it. */
function usedIn([sent]: readonly Sent[]): number | undefined {
  return (sent?.message.quota as { limits: { used: number }[] } | undefined)?.limits[0]?.used
}

describe('quota', () => {
  it('lets its limit pass in a window and as much again in the next', async () => {
    const node = await testNode(quota, hourly(3))
    expect(await calls(node, 5)).toBe(3)
    await node.clock.advance(3_600_000)
    expect(await calls(node, 5)).toBe(3)
  })

  it('charges all windows of all levels or none', async () => {
    const node = await testNode(quota, { windows: [row(10, { per: 'all' }), row(2, { per: 'ip' })] }, { wired: [] })
    const from = (ip: string) => call(node, {}, fakeRun({ request: { ip } }))
    const results: string[] = []
    for (const ip of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2']) results.push(await from(ip))
    expect(results).toEqual(['ok', 'ok', 'quota.exceeded', 'quota.exceeded', 'ok'])
    const [last] = await node.send({}, fakeRun({ request: { ip: '192.0.2.2' } }))
    expect(last?.message.quota).toMatchObject({ limits: [{ per: 'all', used: 4, remaining: 6 }, { per: 'ip', used: 2, remaining: 0 }] })
  })

  it('admits what a model of fixed windows admits, whatever calls come when', async () => {
    const call = fc.record({ afterMs: fc.nat(40_000), weight: fc.nat(4), who: fc.constantFrom('a', 'b') })
    await fc.assert(fc.asyncProperty(fc.array(call, { maxLength: 40 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 12 }), async (sequence, perMinute, perTen) => {
      const node = await testNode(quota, {
        windows: [row(perMinute, { unit: 'minute', per: 'key' }), row(perTen, { every: 10, unit: 'minute' })], key: [{ value: 'who' }], weight: 'weight', weightType: 'msg',
      })
      const counts = new Map<string, number>()
      for (const { afterMs, weight, who } of sequence) {
        await node.clock.advance(afterMs)
        const now = node.clock.now()
        const [minute, ten] = [`${who}${Math.floor(now / 60_000)}`, `all${Math.floor(now / 600_000)}`]
        const fits = weight === 0 || ((counts.get(minute) ?? 0) + weight <= perMinute && (counts.get(ten) ?? 0) + weight <= perTen)
        if (fits) for (const key of [minute, ten]) counts.set(key, (counts.get(key) ?? 0) + weight)
        expect((await node.send({ who, weight }))[0]?.port).toBe(fits ? 'ok' : 'refused')
      }
    }), { numRuns: 40 })
  })

  it('counts for real: on one, two, four or eight gateways with one state the limit is the limit', async () => {
    for (const gateways of [1, 2, 4, 8]) {
      const state = createMemoryState({ clock: fakeClock() })
      const nodes = await Promise.all(Array.from({ length: gateways }, () => testNode(quota, hourly(20), { state })))
      const passed = await Promise.all(nodes.map((node) => calls(node, 20)))
      expect(passed.reduce((sum, one) => sum + one)).toBe(20)
    }
  })

  it('does not double its limit when the clocks of gateways differ by five minutes', async () => {
    const state = createMemoryState({ clock: fakeClock() })
    for (const algorithm of ['fixed', 'calendar', 'rolling', 'flexi']) {
      const config = { quota: algorithm, windows: [row(4, { every: 5, unit: 'minute', algorithm })] }
      const nodes = await Promise.all([-300_000, 0, 300_000].map((skewMs) => testNode(quota, config, { state, clock: fakeClock(startMs + skewMs) })))
      let passed = 0
      for (let i = 0; i < 4; i += 1) for (const node of nodes) passed += await calls(node, 1)
      expect([algorithm, passed]).toEqual([algorithm, 4])
    }
  })

  it('takes a changed limit for the next call and keeps its count', async () => {
    const state = createMemoryState({ clock: fakeClock() })
    const before = await testNode(quota, hourly(5), { state })
    expect(await calls(before, 4)).toBe(4)
    expect(await calls(await testNode(quota, hourly(3), { state }), 2)).toBe(0)
    expect(await calls(await testNode(quota, hourly(6), { state }), 9)).toBe(2)
    const byMessage = await testNode(quota, { windows: [row('allowed', { limitType: 'msg' })] }, { state, node: { id: 'other' } })
    expect([await calls(byMessage, 3, { allowed: 2 }), await calls(byMessage, 3, { allowed: '4' })]).toEqual([2, 2])
  })

  it('counts real months and days of its time zone', async () => {
    const january31 = fakeClock(Date.UTC(2024, 0, 31, 15, 59, 59)) // 23:59:59 in Taipei
    const node = await testNode(quota, { windows: [row(1, { unit: 'month', algorithm: 'calendar', zone: 'Asia/Taipei' })] }, { clock: january31 })
    expect(await calls(node, 2)).toBe(1)
    await january31.advance(1000)
    expect(await calls(node, 2)).toBe(1)
    await january31.advance(29 * 86_400_000 - 1) // 2024 has a 29 February
    expect(await calls(node, 2)).toBe(0)
    await january31.advance(1)
    expect(await calls(node, 2)).toBe(1)

    const springForward = fakeClock(Date.UTC(2024, 2, 30, 23)) // midnight in Berlin; the day has 23 hours
    const daily = await testNode(quota, { windows: [row(1, { unit: 'day', algorithm: 'calendar', zone: 'Europe/Berlin' })] }, { clock: springForward })
    const run = fakeRun()
    await daily.send({}, run)
    expect(run.replyHeaders).toEqual({ 'RateLimit-Policy': '"quota";q=1;w=82800', RateLimit: '"quota";r=0;t=82800' })
    await springForward.advance(23 * 3_600_000 - 1)
    expect(await calls(daily, 1)).toBe(0)
    await springForward.advance(1)
    expect(await calls(daily, 1)).toBe(1)
  })

  it('looks back over a rolling window and begins a flexi window with the first call', async () => {
    const rolling = await testNode(quota, { windows: [row(2, { unit: 'minute', algorithm: 'rolling' })] })
    await rolling.clock.advance(50_000)
    expect(await calls(rolling, 3)).toBe(2)
    await rolling.clock.advance(30_000) // another minute on the clock, but not a minute ago
    expect(await calls(rolling, 1)).toBe(0)
    await rolling.clock.advance(32_000)
    expect(await calls(rolling, 3)).toBe(2)
    const flexi = await testNode(quota, { windows: [row(1, { unit: 'minute', algorithm: 'flexi' })] })
    await flexi.clock.advance(50_000)
    expect(await calls(flexi, 2)).toBe(1)
    await flexi.clock.advance(59_999)
    expect(await calls(flexi, 1)).toBe(0)
    await flexi.clock.advance(1)
    expect(await calls(flexi, 2)).toBe(1)
  })

  it('charges one run once for one counter, in whichever node, unless told otherwise', async () => {
    const shared = new Map<string, unknown>()
    const state = createMemoryState({ clock: fakeClock() })
    const config = { quota: 'orders', windows: [row(10)] }
    const [first, second, again] = await Promise.all([
      testNode(quota, config, { state, shared }), testNode(quota, config, { state, shared, node: { id: 'node-2' } }), testNode(quota, { ...config, again: true }, { state, shared, node: { id: 'node-3' } }),
    ])
    const run = fakeRun()
    const used = async (node: Tested, own = run) => usedIn(await node.send({}, own))
    expect([await used(first), await used(first), await used(second), await used(again), await used(again)]).toEqual([1, 1, 1, 2, 3])
    expect(await used(first, fakeRun())).toBe(4)
  })

  it('charges once also when branches of a run ask a distant store at the same time', async () => {
    const near = createMemoryState({ clock: fakeClock() })
    const far: State = { ...near, charge: async (charges, onLoss) => near.charge(charges, onLoss) }
    const node = await testNode(quota, hourly(1), { state: far })
    const run = fakeRun()
    expect((await Promise.all([node.send({}, run), node.send({}, run)])).map(([sent]) => sent?.port)).toEqual(['ok', 'ok'])
    expect(await call(node)).toBe('refused')
  })

  it('weighs calls; a weight of 0 passes always, a bad one has a fault of its own', async () => {
    const node = await testNode(quota, hourly(10, { weight: 'cost', weightType: 'msg' }), { wired: [] })
    expect(await Promise.all([4, '6', 1, 0, 11].map((cost) => call(node, { cost })))).toEqual(['ok', 'ok', 'quota.exceeded', 'ok', 'quota.exceeded'])
    for (const cost of [-1, 1.5, 'many', '', null, undefined, Number.NaN, 1e300, {}]) expect(await call(node, { cost })).toBe('limit.weight')
  })

  it('only counts, or only looks, when told so', async () => {
    const shared = new Map<string, unknown>()
    const state = createMemoryState({ clock: fakeClock() })
    const config = { quota: 'tokens', windows: [row(5)], weight: 'tokens', weightType: 'msg' }
    const look = await testNode(quota, { ...config, mode: 'peek', weight: '1', weightType: 'num' }, { state, shared })
    const count = await testNode(quota, { ...config, mode: 'count' }, { state, shared })
    expect(await calls(look, 9)).toBe(9)
    expect([await call(count, { tokens: 4 }), await call(look), await call(count, { tokens: 4 }), await call(look)]).toEqual(['ok', 'ok', 'ok', 'refused'])
  })

  it('tells the caller how they stand, and when to come again', async () => {
    const node = await testNode(quota, { quota: 'a "b"', windows: [row(2, { unit: 'minute' }), row(9)] }, { wired: [] })
    const run = fakeRun()
    await node.send({}, run)
    expect(run.replyHeaders).toEqual({
      'RateLimit-Policy': '"a \\"b\\" minute";q=2;w=60, "a \\"b\\" hour";q=9;w=3600',
      RateLimit: '"a \\"b\\" minute";r=1;t=60, "a \\"b\\" hour";r=8;t=3600',
    })
    await node.clock.advance(45_500)
    await call(node)
    const refused = fakeRun()
    await expect(node.send({}, refused)).rejects.toMatchObject({ code: 'quota.exceeded', status: 429, headers: { 'Retry-After': '15' }, facts: { limit: 2, window: 'minute', retryAfter: 15 } })
    expect(refused.replyHeaders).toMatchObject({ RateLimit: expect.stringContaining('r=0;t=15') as string, 'Retry-After': '15' })
    const silent = fakeRun()
    await (await testNode(quota, hourly(1, { headers: false }))).send({}, silent)
    expect(silent.replyHeaders).toEqual({})
  })

  it('lets its limit in all pass once, whatever time goes by, and promises no time, in no header, fact, message or decision', async () => {
    const lines: object[] = []
    const run = () => Object.assign(fakeRun(), { log: { ...silentLog, info: (facts: object) => void lines.push(facts) } })
    const state = createMemoryState({ clock: fakeClock() })
    const node = await testNode(quota, { windows: [row(3, { unit: 'total' })] }, { wired: [], state })
    const [sent] = await node.send({}, run())
    expect(sent?.message.quota).toEqual({ name: 'quota', allowed: true, weight: 1, limits: [{ kind: 'counter', per: 'all', window: 'total', allowed: true, limit: 3, used: 1, remaining: 2 }] })
    expect(await calls(node, 9)).toBe(2)
    await node.clock.advance(400 * 86_400_000)
    const refused = run()
    await expect(node.send({}, refused)).rejects.toMatchObject({ code: 'quota.exceeded', status: 429, headers: undefined, facts: { limit: 3, window: 'total' }, message: 'The limit of 3 calls in all is used up.' })
    expect(refused.replyHeaders).toEqual({ 'RateLimit-Policy': '"quota";q=3', RateLimit: '"quota";r=0' })
    const told = lines.at(-1) as { checks: object[] }
    expect(told).not.toHaveProperty('passesAtMs')
    expect(told.checks[0]).not.toHaveProperty('resetsAtMs')
    const more = await testNode(quota, { windows: [row(5, { unit: 'total' })] }, { state })
    expect(await calls(more, 9)).toBe(2)
  })

  it('names the time at which the last of the windows that refuse lets pass, and none when one never does', async () => {
    const after = async (...windows: object[]) => {
      const node = await testNode(quota, { windows }, { wired: [] })
      await node.send({}, fakeRun())
      return (await node.send({}, fakeRun()).then(() => { throw new Error('passed') }, (error: Fault) => error)).headers
    }
    expect(await after(row(1, { unit: 'minute' }), row(9))).toEqual({ 'Retry-After': '60' })
    expect(await after(row(1, { unit: 'minute' }), row(1))).toEqual({ 'Retry-After': '3600' })
    expect(await after(row(1, { unit: 'minute' }), row(1, { unit: 'total' }))).toBeUndefined()
    expect(await after(row(1, { unit: 'minute' }), row(2, { unit: 'total' }))).toEqual({ 'Retry-After': '60' })
    const look = async (more: object) => (await (await testNode(quota, { windows: [row(0, more)], mode: 'peek', weight: '0' }, { wired: [] })).send({}).catch((error: Fault) => error) as Fault).headers
    expect([await look({ unit: 'minute' }), await look({ unit: 'total' })]).toEqual([{ 'Retry-After': '60' }, undefined])
  })

  it('writes down under the id of the run what was looked at, and names no time where none would help', async () => {
    const lines: object[] = []
    const node = await testNode(quota, { windows: [row(9), row(2, { unit: 'minute', per: 'key' })], key: [{ value: 'token', valueType: 'msg' }], weight: '3' }, { wired: [] })
    const run = { ...fakeRun({ id: 'r7' }), log: { ...silentLog, info: (facts: object) => void lines.push(facts) } }
    const refused: Fault = await node.send({ token: 'secret-token' }, run).then(() => { throw new Error('passed') }, (error: Fault) => error)
    expect([refused.facts, refused.headers]).toEqual([{ limit: 2, window: 'minute', decision: 'r7' }, undefined])
    expect(lines).toMatchObject([{ decision: 'r7', code: 'quota.exceeded', checks: [{ check: 'counter', passed: true, limit: 9 }, { check: 'counter', passed: false, limit: 2, used: 0 }] }])
    expect(JSON.stringify(lines)).not.toContain('secret-token')
  })

  it('sends what it refuses to a port when that is wired, with the reason', async () => {
    const node = await testNode(quota, hourly(0))
    const [sent] = await node.send({ payload: 'x', error: 'before' })
    expect(sent).toMatchObject({ port: 'refused', message: { payload: 'x', _error: 'before', error: { code: 'quota.exceeded', status: 429 }, quota: { allowed: false } } })
  })

  it('counts by who calls, and says when nobody knows', async () => {
    const client = (application: string, environment = 'production') => ({ client: { application, environment } })
    const node = await testNode(quota, { windows: [row(1, { per: 'application' })] }, { wired: [] })
    expect([await call(node, client('a')), await call(node, client('a')), await call(node, client('b')), await call(node, client('a', 'sandbox'))]).toEqual(['ok', 'quota.exceeded', 'ok', 'ok'])
    const foreign = (id: string) => ({ client: { application: '', id, environment: 'production' } })
    expect([await call(node, foreign('x'.repeat(100_000))), await call(node, foreign('y')), await call(node, foreign('y'))]).toEqual(['ok', 'ok', 'quota.exceeded'])
    for (const message of [{}, { client: null }, { client: 'a' }]) expect(await call(node, message)).toBe('limit.no_client')
  })

  it('takes nothing from production when somebody tries things out, at whatever level, also when the message has lost its client', async () => {
    for (const per of ['all', 'api', 'resource', 'ip', 'key']) {
      const node = await testNode(quota, { windows: [row(1, { per })], key: [{ value: 'payload', valueType: 'msg' }] }, { wired: [] })
      const from = (environment: 'production' | 'sandbox') => call(node, { payload: 'k' }, fakeRun({ request: { ip: '192.0.2.1' }, environment }))
      expect([per, await from('sandbox'), await from('sandbox'), await from('production')]).toEqual([per, 'ok', 'quota.exceeded', 'ok'])
    }
  })

  it('counts by key; parts cannot be mixed up, and those without share one count', async () => {
    const key = [{ value: 'a', valueType: 'msg' }, { value: 'b', valueType: 'msg' }, { value: 'TENANT', valueType: 'env' }]
    const node = await testNode(quota, { windows: [row(1, { per: 'key' })], key }, { env: { TENANT: 't' } })
    expect([await call(node, { a: 'x/y', b: 'z' }), await call(node, { a: 'x', b: 'y/z' }), await call(node, { a: 'x', b: 'y/z' }), await call(node), await call(node, { a: null })]).toEqual(['ok', 'ok', 'refused', 'ok', 'refused'])
  })

  it('counts an IPv6 customer by network, however the address is written, and IPv4 in IPv6 as IPv4', async () => {
    const node = await testNode(quota, { windows: [row(1, { per: 'ip' })] })
    const from = (ip: string) => call(node, {}, fakeRun({ request: { ip } }))
    expect([await from('2001:db8::1'), await from('2001:0DB8:0:0:ffff::2'), await from('2001:db8:0:1::1'), await from('::ffff:192.0.2.1'), await from('192.0.2.1')]).toEqual(['ok', 'refused', 'ok', 'ok', 'refused'])
  })

  describe('gives back, if told so,', () => {
    const used = async (end: Parameters<ReturnType<typeof fakeRun>['end']>[0], refund = true) => {
      const node = await testNode(quota, hourly(1, { refund }))
      const run = fakeRun()
      await node.send({}, run)
      run.end(end)
      return (await call(node)) === 'ok' ? 'given back' : 'kept'
    }
    it('what a run was charged that came to nothing before a backend', async () => {
      expect(await used({ status: 400 })).toBe('given back')
      expect(await used({ fault: fault('client.closed') })).toBe('given back')
      expect(await used({ status: 503, fault: fault('upstream.connect') })).toBe('given back')
    })
    it('and nothing else', async () => {
      expect(await used({ status: 200 })).toBe('kept')
      expect(await used({ status: 502, backendReached: true })).toBe('kept')
      expect(await used({ status: 400 }, false)).toBe('kept')
    })
  })

  describe('while the shared store is away', () => {
    const lost = (onLoss: OnLoss): ChargeOutcome => ({
      allowed: onLoss !== 'closed', refusedBy: onLoss === 'closed' ? 0 : -1, delayMs: 0, degraded: onLoss,
      limits: [{ allowed: onLoss !== 'closed', limit: 5, used: 0, remaining: 5, resetsAtMs: startMs + 9000, retryAtMs: startMs }],
    })
    const state: State = { ...createMemoryState({ clock: fakeClock() }), healthy: false, charge: async (_charges, onLoss) => lost(onLoss) }
    it.each([['open', 'ok'], ['share', 'ok'], ['closed', 'state.unavailable']])('does as told (%s)', async (onLoss, result) => {
      const node = await testNode(quota, hourly(5, { onLoss }), { state, wired: [] })
      expect(await call(node)).toBe(result)
    })
    it('says so to the flow and promises the caller nothing it does not know', async () => {
      const run = fakeRun()
      const [sent] = await (await testNode(quota, hourly(5, { onLoss: 'open' }), { state })).send({}, run)
      expect([sent?.message.quota, run.replyHeaders]).toMatchObject([{ degraded: 'open' }, {}])
    })
  })

  it.each([
    [{ windows: [] }, 'quota.no_window'],
    [{ windows: [row(1), row(2)] }, 'quota.window_twice'],
    [{ windows: [row(1, { algorithm: 'calendar', zone: 'Mars/Base' })] }, 'quota.zone'],
    [{ windows: [row('many')] }, 'limit.number'],
    [{ windows: [row(-1)] }, 'limit.number'],
    [{ windows: [row(1, { unit: 'total' }), row(2, { unit: 'total', every: 2 })] }, 'quota.window_twice'],
    [{ windows: [row(1, { unit: 'total', every: 2 })] }, 'quota.total'],
    [{ windows: [row(1, { unit: 'total', algorithm: 'calendar', zone: 'Asia/Taipei' })] }, 'quota.total'],
    [{ windows: [row(1, { unit: 'total', per: 'ip' })] }, 'quota.total_kept'],
    [{ windows: [row(1, { per: 'key' })] }, 'limit.no_key'],
    [{ weight: '1.5' }, 'limit.number'],
    [{ source: 'plan', windows: [] }, 'quota.no_plan'],
  ])('is refused at deploy when it is drawn wrong (%j)', (config, code) => {
    expect(checkNode(quota, config).map((problem) => problem.code)).toContain(code)
  })
})

describe('quota by plan', () => {
  const bronze: Plan = { id: 'bronze', name: 'Bronze', priority: 5, quotas: [{ limit: 3, every: 1, unit: 'minute', algorithm: 'fixed' }, { limit: 5, every: 1, unit: 'month', algorithm: 'calendar', zone: 'Asia/Taipei' }] }
  const application: Application = { id: 'app', name: 'App', organisation: 'org', active: true, rules: {}, credentials: [], subscriptions: [{ api: 'flow-1', plan: 'bronze', state: 'approved' }] }
  const client = { client: { application: 'app', environment: 'production', plan: 'bronze' } }

  async function start(plan: Plan, config: object = { source: 'plan', windows: [] }, options: NodeTestOptions = {}) {
    const clients = createClients({ clock: fakeClock() })
    clients.replace({ version: 1, applications: [application], plans: [plan], apis: [] })
    const node = await testNode(quota, config, { clients, ...options })
    const change = (changed: Plan) => clients.apply({ version: 2, plans: { [changed.id]: changed } })
    return { node, change, clients }
  }

  it('holds all windows of the plan, and a changed plan for the next call with its counts', async () => {
    const { node, change } = await start(bronze)
    expect(await calls(node, 9, client)).toBe(3)
    await node.clock.advance(60_000)
    expect(await calls(node, 9, client)).toBe(2)
    change({ ...bronze, quotas: bronze.quotas.map((one) => ({ ...one, limit: one.limit + 1 })) })
    expect(await calls(node, 9, client)).toBe(1)
  })

  it('holds what the plan gives in all, for each application by itself, until the plan gives more', async () => {
    const trial: Plan = { ...bronze, quotas: [{ limit: 2, every: 1, unit: 'minute', algorithm: 'fixed' }, { limit: 3, every: 1, unit: 'total', algorithm: 'fixed' }] }
    const { node, change } = await start(trial)
    const other = { client: { ...client.client, application: 'other' } }
    expect([await calls(node, 9, client), await calls(node, 9, other)]).toEqual([2, 2])
    await node.clock.advance(60_000)
    expect(await calls(node, 9, client)).toBe(1)
    await node.clock.advance(400 * 86_400_000)
    expect(await calls(node, 9, client)).toBe(0)
    change({ ...trial, quotas: [{ ...trial.quotas[1]!, limit: 5 }] })
    expect([await calls(node, 9, client), await calls(node, 9, other)]).toEqual([2, 3])
  })

  it.each(['fixed', 'calendar', 'rolling', 'flexi'] as const)('lets nobody pass by a plan whose windows only a later release knows (%s)', async (algorithm) => {
    const { node } = await start({ ...bronze, quotas: [{ limit: 3, every: 1, unit: 'fortnight' as 'week', algorithm }] })
    await expect(node.send(client, fakeRun())).rejects.toThrow('fortnight')
  })

  it('holds rate and concurrency of the plan in the same step', async () => {
    const { node } = await start({ ...bronze, quotas: [{ ...bronze.quotas[0]!, limit: 10 }], rate: { perSecond: 1, burst: 3 }, concurrency: 2 }, undefined, { wired: [] })
    const runs = [fakeRun({ id: 'a' }), fakeRun({ id: 'b' }), fakeRun({ id: 'c' })] as const
    const results: string[] = []
    for (const run of runs) results.push(await call(node, client, run))
    runs[0].end()
    results.push(await call(node, client, fakeRun({ id: 'd' })), await call(node, client, fakeRun({ id: 'e' })))
    expect(results).toEqual(['ok', 'ok', 'concurrency.exceeded', 'ok', 'spike.exceeded'])
    runs[1].end()
    await node.clock.advance(1000)
    expect(usedIn(await node.send(client, fakeRun({ id: 'f' })))).toBe(4) // what was refused was not counted
  })

  it('holds drawn windows beside the plan, or in its place for callers without one', async () => {
    const both = await start(bronze, { source: 'both', windows: [row(1, { per: 'application' })] })
    expect(await calls(both.node, 3, client)).toBe(1)
    const fallback = await start(bronze, { source: 'plan', windows: [row(4, { per: 'application' })] })
    expect([await calls(fallback.node, 9, client), await calls(fallback.node, 9, { client: { application: 'x', environment: 'production' } })]).toEqual([3, 4])
  })

  it('refuses a caller without a plan when nothing is drawn for them', async () => {
    const { node } = await start(bronze, undefined, { wired: [] })
    expect(await call(node, { client: { application: 'x', plan: 'gone' } })).toBe('limit.no_plan')
    expect(await call(node)).toBe('limit.no_client')
  })

  it('is corrected for a subscription by name', async () => {
    const shared = new Map<string, unknown>()
    const state = createMemoryState({ clock: fakeClock() })
    const { node, clients } = await start(bronze, { quota: 'q', source: 'plan', windows: [] }, { shared, state })
    expect(await calls(node, 9, client)).toBe(3)
    const reset = await testNode(resetQuota, { quota: 'q', per: 'subscription', who: 'app/flow-1', whoType: 'str', op: 'zero' }, { shared, state, clients })
    await reset.send({})
    expect(await calls(node, 9, client)).toBe(3)
  })
})
