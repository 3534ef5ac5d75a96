import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import type { CpuTime } from './cpu-time.ts'
import { faultOf, openBench } from './test-bench.ts'

/** A machine that gives scripts no processor at all, whatever the clock says. */
const nothingGiven: CpuTime = { ofServing: () => 0, ofOthers: () => 0 }

/** What a function does with the clock: nothing that counts as computing where processor time is told otherwise. */
const waitFor = (ms: string): string => `{ const until = Date.now() + ${ms}; while (Date.now() < until); }`

describe('a call that the machine starved', () => {
  it('ends well although it keeps something, and what it changed counts once; its neighbours lose nothing', async () => {
    const bench = openBench({ cpu: nothingGiven, timeoutMs: 1000 })
    const fn = await bench.script(`
      flow.increment('count.all')
      flow.increment('by.' + msg.payload.name)
      if (msg.payload.name === 'c') flow.set('gone', undefined)
      global.set('of.' + msg.payload.name, true)
      context.increment('own')
      const calls = run.increment('calls')
      ${waitFor('msg.payload.ms')}
      return { payload: calls }`)
    const other = await bench.script(`return { payload: flow.increment('others') }`)
    await fn.warm({ payload: { name: 'warm', ms: 0 } })
    await other.warm()
    const { flow, node, global } = bench.contexts
    for (const [key, value] of Object.entries({ count: { all: 0 }, by: {}, gone: true, others: 0 })) flow.set(key, value)
    node.set('own', 0)
    const call = (name: string, ms: number) => fn.payload({ payload: { name, ms } }, fakeRun())
    const calls = [call('a', 0), other.payload(), call('b', 60), other.payload(), call('c', 60), other.payload(), call('d', 0)]
    const [a, , b, , c, , d] = await Promise.all(calls)
    expect([a, b, c, d]).toEqual([1, 1, 1, 1])
    expect([flow.get('count.all'), node.get('own'), flow.get('others'), flow.get('gone')]).toEqual([4, 4, 3, undefined])
    expect([flow.get('by'), global.get('of')]).toEqual([{ a: 1, b: 1, c: 1, d: 1 }, { warm: true, a: true, b: true, c: true, d: true }])
    expect(bench.quarantines).toEqual([])
  })

  it('has more time by the clock on a thread of its own, also after an await', async () => {
    const bench = openBench({ cpu: nothingGiven, timeoutMs: 250 })
    const kept = await bench.script(`flow.increment('kept'); ${waitFor('300')} return { payload: 'kept' }`)
    const later = await bench.script(`await null; flow.increment('later'); ${waitFor('300')} return { payload: 'later' }`)
    expect(await Promise.all([kept.payload(), later.payload()])).toEqual(['kept', 'later'])
    expect([bench.contexts.flow.get('kept'), bench.contexts.flow.get('later')]).toEqual([1, 1])
  })

  it('begins again when nobody can have noticed it', async () => {
    const bench = openBench({ cpu: nothingGiven, timeoutMs: 100 })
    const fn = await bench.script(`${waitFor('120')} return { payload: 'again' }`)
    expect(await fn.payload()).toBe('again')
  })

  it('is not held against its function or expression, however often', async () => {
    const bench = openBench({ cpu: nothingGiven, timeoutMs: 3 })
    const fn = await bench.script(`flow.increment('n'); if (msg.payload) for (;;); return { payload: 'well' }`)
    const expression = await bench.sandbox.jsonata('payload ? ($endless := function() { $endless() }; $endless()) : "well"', bench.expressionHost())
    for (const call of [(payload: boolean) => fn.payload({ payload }), async (payload: boolean) => expression({ payload }, fakeRun())]) {
      for (let i = 0; i < 3; i++) expect(await faultOf(call(true))).toMatchObject({ code: 'script.timeout', message: 'The machine was too busy to give the script its 3 ms.' })
      expect(await call(false)).toBe('well')
    }
    expect(bench.quarantines).toEqual([])
  })
})

describe('a call that computed longer than it may', () => {
  /** Each question for the environment costs a second of processor time. */
  const costly = () => {
    let spent = 0
    const cpu: CpuTime = { ofServing: () => spent, ofOthers: () => spent }
    return { cpu, env: new Proxy({}, { get: () => (spent += 1000) }) }
  }

  it('has hit its limit even when it ended before the clock cut it', async () => {
    const { cpu, env } = costly()
    const bench = openBench({ cpu, timeoutMs: 30 })
    const fn = await bench.script(`env.get('a' + msg.payload); ${waitFor('40')} return msg`, { env })
    for (let i = 0; i < 3; i++) expect((await faultOf(fn.call({ payload: i }))).code).toBe('script.timeout')
    expect((await faultOf(fn.call())).code).toBe('script.quarantined')
  })

  it('has hit it also when it answered before that was known', async () => {
    const { cpu, env } = costly()
    const bench = openBench({ cpu, timeoutMs: 30 })
    const fn = await bench.script(`await null; env.get('a' + msg.payload); ${waitFor('40')} return msg`, { env })
    for (let i = 0; i < 3; i++) await fn.call({ payload: i }).catch(() => {})
    expect((await faultOf(fn.call())).code).toBe('script.quarantined')
  })

  it('keeps what it changed, as its fault says that it was cut and not that it never was', async () => {
    const { cpu, env } = costly()
    const bench = openBench({ cpu, timeoutMs: 900 })
    const fn = await bench.script(`flow.increment('n'); if (msg.payload) { env.get(msg.payload); ${waitFor('60')} } return msg`, { env })
    await fn.warm()
    const before = Number(bench.contexts.flow.get('n'))
    expect((await faultOf(fn.call({ payload: 'spend' }))).code).toBe('script.timeout')
    expect(bench.contexts.flow.get('n')).toBe(before + 1)
  })
})
