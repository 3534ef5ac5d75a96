import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../../test/kit/fake-clock.ts'
import { retryAfterMs } from '../../core/http/retry-after.ts'
import type { Balance, BreakerPolicy, EjectionPolicy } from '../../core/upstream/upstream-service.ts'
import { backoffMs } from './backoff.ts'
import { type Candidate, pick, warmth } from './balancer.ts'
import { Breaker, type Permit } from './breaker.ts'
import { Bulkhead } from './bulkhead.ts'
import { isEjected, type Judged, judge, usable } from './ejection.ts'
import { noteHealth } from './health-check.ts'
import { RetryBudget } from './retry-budget.ts'

const candidate = (id: string, weight = 1, inFlight = 0, sinceMs = -Infinity): Candidate => ({ id, weight, inFlight, sinceMs, turn: 0 })
const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 })

describe('balancing', () => {
  it('always gives one that is there, and none when there is none', () => {
    fc.assert(fc.property(weights, fc.constantFrom<Balance>('round-robin', 'least-connections', 'hash'), fc.option(fc.string(), { nil: undefined }), (given, balance, key) => {
      const all = given.map((weight, at) => candidate(`i${at}`, weight))
      expect(all).toContain(pick(all, balance, key, 0, 1000))
      expect(pick([], balance, key, 0, 1000)).toBeUndefined()
    }))
  })

  it('by turn gives each exactly its weight of the calls', () => {
    fc.assert(fc.property(weights, (given) => {
      const all = given.map((weight, at) => candidate(`i${at}`, weight))
      const total = given.reduce((sum, weight) => sum + weight, 0)
      const counts = new Map<string, number>()
      for (let call = 0; call < total * 3; call += 1) {
        const { id } = pick(all, 'round-robin', undefined, 0, 0) as Candidate
        counts.set(id, (counts.get(id) ?? 0) + 1)
      }
      expect(all.map(({ id }) => counts.get(id))).toEqual(given.map((weight) => weight * 3))
    }))
  })

  it('by connections goes to the least busy for its weight', () => {
    expect(pick([candidate('a', 1, 4), candidate('b', 1, 3), candidate('c', 10, 9)], 'least-connections', undefined, 0, 0)?.id).toBe('c')
  })

  it('by hash sends a key to the same instance, and only keys of one that goes move', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 10 }), fc.array(fc.string(), { minLength: 1, maxLength: 50 }), fc.nat(), (size, keys, gone) => {
      const all = Array.from({ length: size }, (_, at) => candidate(`http://10.0.0.${at}`))
      const lost = all[gone % size] as Candidate
      for (const key of keys) {
        const chosen = pick(all, 'hash', key, 0, 0)
        expect(pick(all.toReversed(), 'hash', key, 5, 0)).toBe(chosen)
        const after = pick(all.filter((one) => one !== lost), 'hash', key, 0, 0)
        if (chosen !== lost) expect(after).toBe(chosen)
      }
    }))
  })

  it('by hash spreads keys by weight', () => {
    const all = [candidate('a', 1), candidate('b', 3)]
    const hits = Array.from({ length: 4000 }, (_, at) => pick(all, 'hash', `key-${at}`, 0, 0)).filter((one) => one?.id === 'b').length
    expect(hits).toBeGreaterThan(2800)
    expect(hits).toBeLessThan(3200)
  })

  it('an instance that just came gets its share little by little', () => {
    expect([0, 500, 1000, 5000].map((now) => warmth(0, now, 1000))).toEqual([0.1, 0.5, 1, 1])
    const all = [candidate('old'), candidate('new', 1, 0, 0)]
    const hits = Array.from({ length: 110 }, () => pick(all, 'round-robin', undefined, 0, 1000)).filter((one) => one?.id === 'new').length
    expect(hits).toBe(10)
  })
})

describe('the circuit breaker', () => {
  const policy: BreakerPolicy = { windowMs: 10_000, minCalls: 10, errorShare: 0.5, slowMs: 100, slowShare: 0.8, openMs: 5_000, probes: 2 }
  const make = (extra: Partial<BreakerPolicy> = {}) => {
    let now = 0
    const breaker = new Breaker({ ...policy, ...extra }, () => now)
    const call = (verdict: 'good' | 'bad' | 'none' = 'bad', tookMs = 1) => breaker.enter()?.end(verdict, tookMs)
    const times = (count: number, verdict: 'good' | 'bad' | 'none' = 'bad', tookMs = 1) => {
      for (let at = 0; at < count; at += 1) call(verdict, tookMs)
    }
    return { breaker, call, times, pass: (ms: number) => (now += ms) }
  }

  it('says nothing before it has seen enough calls', () => {
    const { breaker, times } = make()
    times(9)
    expect(breaker.state).toBe('closed')
    times(1)
    expect(breaker.state).toBe('open')
    expect(breaker.enter()).toBeUndefined()
  })

  it('opens at its share of failures, not below', () => {
    const { breaker, times } = make()
    times(11, 'good')
    times(10)
    expect(breaker.state).toBe('closed')
    times(1)
    expect(breaker.state).toBe('open')
  })

  it('opens when too many are slow although they succeed, also those that were given up', () => {
    const { breaker, times } = make()
    times(2, 'good')
    times(4, 'good', 500)
    times(4, 'none', 500)
    expect(breaker.state).toBe('open')
  })

  it('forgets what is older than its window', () => {
    const { breaker, times, pass } = make()
    times(9)
    pass(11_000)
    times(9)
    expect(breaker.state).toBe('closed')
  })

  it('lets a few probes through after its time, closes when they go well and opens again when one does not', () => {
    const { breaker, times, pass } = make()
    times(10)
    pass(5_000)
    expect(breaker.state).toBe('half-open')
    const [first, second, third] = [breaker.enter(), breaker.enter(), breaker.enter()]
    expect(third).toBeUndefined()
    first?.end('good', 1)
    expect(breaker.state).toBe('half-open')
    second?.end('good', 1)
    expect(breaker.state).toBe('closed')
    times(10)
    pass(5_000)
    breaker.enter()?.end('bad', 1)
    expect(breaker.state).toBe('open')
    expect(breaker.openForMs).toBe(5_000)
  })

  it('gives a probe that was given up to somebody else', () => {
    const { breaker, times, pass } = make({ probes: 1 })
    times(10)
    pass(5_000)
    breaker.enter()?.end('none', 1)
    expect(breaker.enter()).toBeDefined()
  })

  it('whatever happens: open it lets nobody pass, half-open no more than its probes, and it never stays shut for ever', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('enter' as const) }),
      fc.record({ kind: fc.constant('end' as const), at: fc.nat(), verdict: fc.constantFrom('good' as const, 'bad' as const, 'none' as const), tookMs: fc.integer({ min: 0, max: 300 }) }),
      fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 6_000 }) }),
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const { breaker, pass } = make({ minCalls: 3 })
      let open: { permit: Permit; probe: boolean }[] = []
      for (const one of steps) {
        const before = breaker.state
        if (one.kind === 'pass') pass(one.ms)
        else if (one.kind === 'end') {
          const [ended] = open.splice(one.at % Math.max(1, open.length), 1)
          ended?.permit.end(one.verdict, one.tookMs)
        } else {
          const permit = breaker.enter()
          if (before === 'open') expect(permit).toBeUndefined()
          if (before === 'closed') expect(permit).toBeDefined()
          if (permit) open.push({ permit, probe: before === 'half-open' })
        }
        if (breaker.state !== 'half-open') open = open.map(({ permit }) => ({ permit, probe: false }))
        expect(open.filter(({ probe }) => probe).length).toBeLessThanOrEqual(policy.probes)
      }
      for (const { permit } of open) permit.end('none', 0)
      pass(5_000)
      expect(breaker.enter()).toBeDefined()
    }))
  })
})

describe('ejection of instances', () => {
  const policy: EjectionPolicy = { after: 3, baseMs: 1_000, maxMs: 8_000, maxShare: 0.5 }
  const instance = (healthy = true): Judged => ({ failures: 0, ejections: 0, ejectedUntilMs: 0, healthy })

  it('leaves out one that failed so often in a row, and takes it back', () => {
    const all = [instance(), instance()]
    const [bad, good] = all as [Judged, Judged]
    judge(bad, all, false, policy, 0)
    judge(bad, all, true, policy, 0)
    expect([1, 2, 3].map(() => judge(bad, all, false, policy, 0))).toEqual([false, false, true])
    expect(usable(all, 0)).toEqual([good])
    expect(usable(all, 1_000)).toEqual(all)
  })

  it('stays away longer each time, up to a bound', () => {
    const all = [instance(), instance()]
    let now = 0
    const lengths = Array.from({ length: 6 }, () => {
      for (let at = 0; at < 3; at += 1) judge(all[0] as Judged, all, false, policy, now)
      const length = (all[0] as Judged).ejectedUntilMs - now
      now += length + 1
      return length
    })
    expect(lengths).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000])
  })

  it('never leaves out the last one, nor more than its share, whatever fails', () => {
    const event = fc.record({ at: fc.nat(), good: fc.boolean(), waitMs: fc.integer({ min: 0, max: 900 }) })
    fc.assert(fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), fc.array(event, { maxLength: 200 }), (healthy, events) => {
      const all = healthy.map((well) => instance(well))
      let now = 0
      for (const { at, good, waitMs } of events) {
        now += waitMs
        judge(all[at % all.length] as Judged, all, good, policy, now)
        expect(usable(all, now).length).toBeGreaterThan(0)
        expect(all.filter((one) => isEjected(one, now)).length).toBeLessThanOrEqual(Math.max(1, Math.floor(all.length / 2)))
        if (all.some((one) => one.healthy)) expect(usable(all, now).every((one) => one.healthy)).toBe(true)
        if (all.every((one) => one.healthy)) expect(usable(all, now).every((one) => !isEjected(one, now))).toBe(true)
      }
    }))
  })

  it('health checks need to agree before an instance goes or comes back', () => {
    const checked = { healthy: true, checksAlike: 0, sinceMs: 0, failures: 0, ejectedUntilMs: 0 }
    const rule = { downAfter: 2, upAfter: 3 }
    expect([false, true, false, false].map((well) => noteHealth(checked, well, rule, 5))).toEqual([false, false, false, true])
    expect(checked.healthy).toBe(false)
    expect([true, true, true].map((well) => noteHealth(checked, well, rule, 9))).toEqual([false, false, true])
    expect(checked).toMatchObject({ healthy: true, sinceMs: 9 })
  })
})

describe('retries', () => {
  it('take no more than their share of the calls, beyond a few that are always there', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.boolean(), { maxLength: 500 }), (percent, steps) => {
      const budget = new RetryBudget(percent / 100)
      let calls = 0
      let retries = 0
      for (const isCall of steps) {
        if (isCall) {
          budget.pay()
          calls += 1
        } else if (budget.take()) retries += 1
        expect(retries).toBeLessThanOrEqual(10 + (calls * percent) / 100 + 1e-6)
      }
    }))
    expect(new RetryBudget(0).take()).toBe(false)
  })

  it('pause between nothing and a bound that doubles', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 60_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (retry, base, max, random) => {
      const pause = backoffMs(retry, base, max, () => random)
      expect(pause).toBeGreaterThanOrEqual(0)
      expect(pause).toBeLessThanOrEqual(Math.min(max, base * 2 ** (retry - 1)))
    }))
    expect([1, 2, 3, 9].map((retry) => backoffMs(retry, 50, 1000, () => 1))).toEqual([50, 100, 200, 1000])
  })

  it('wait as long as Retry-After asks, in seconds or until a date', () => {
    const now = Date.UTC(2024, 0, 1)
    expect(['2', 'Mon, 01 Jan 2024 00:00:03 GMT', 'Sun, 31 Dec 2023 00:00:00 GMT', 'soon', '-1', '1e3', undefined].map((value) => retryAfterMs(value, now))).toEqual([2000, 3000, 0, undefined, undefined, undefined, undefined])
  })
})

describe('the bulkhead', () => {
  it('never has more under way than its limit, nor more waiting than may, and forgets nobody', async () => {
    const step = fc.oneof(fc.constant('come' as const), fc.constant('go' as const), fc.constant('wait' as const))
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = fakeClock()
      const bulkhead = new Bulkhead({ limit: 2, maxWaitMs: 100, maxWaiting: 3 }, clock)
      const inside: (() => void)[] = []
      let answered = 0
      let came = 0
      for (const one of steps) {
        if (one === 'come') {
          came += 1
          const leave = bulkhead.enter((admitted) => {
            answered += 1
            if (admitted) queueMicrotask(() => inside.push(leave))
          })
        } else if (one === 'go') inside.shift()?.()
        else await clock.advance(60)
        await Promise.resolve()
        expect(bulkhead.taken).toBeLessThanOrEqual(2)
        expect(bulkhead.waiting).toBeLessThanOrEqual(3)
      }
      await clock.advance(200)
      expect(answered).toBe(came)
      while (inside.length > 0) inside.shift()?.()
      expect([bulkhead.taken, bulkhead.waiting]).toEqual([0, 0])
    }), { numRuns: 50 })
  })
})
