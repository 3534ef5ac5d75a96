import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { Body } from '../core/http/body.ts'
import { response } from '../core/message.ts'
import { createGuest } from './guest.ts'
import { bundleBuffer } from './guest/make-buffer.ts'
import { readGuestSource } from './guest-source.ts'
import { faultOf, openBench } from './test-bench.ts'

describe('nothing of the host is reachable', () => {
  it('constructor chains end in the guest', async () => {
    const bench = openBench()
    const roots = ['msg', 'node', 'node.send', 'flow.get', 'env.get', 'RED.util.cloneMessage', 'Buffer', 'console.log', 'URL', 'structuredClone', 'msg.res', 'msg.req', 'setTimeout', 'new Error()']
    for (const root of roots) {
      const fn = await bench.script(
        `const f = ${root}.constructor.constructor || ${root}.constructor
         const reach = (text) => { try { return String(f.constructor('return ' + text)()) } catch (e) { return 'none' } }
         return { payload: [reach('process'), reach('require'), reach('globalThis.process'), reach('import("fs")').slice(0, 16), reach('typeof ivm')] }`,
      )
      expect(await fn.payload({ req: { url: '/' }, res: response }), root).toEqual(['none', 'none', 'undefined', expect.stringMatching(/none|Promise/), 'undefined'])
    }
  })

  it('errors of host calls are the guest’s own and tell no path', async () => {
    const bench = openBench()
    const fn = await bench.script(`try { flow.get('a..b') } catch (e) { return { payload: [e instanceof Error, e.stack, String(e.constructor.constructor('return typeof process')())] } }`)
    const [own, stack, reached] = (await fn.payload()) as [boolean, string, string]
    expect([own, reached]).toEqual([true, 'undefined'])
    expect(stack).not.toMatch(/node_modules|file:|\.ts/)
  })

  it('pollution of prototypes stays in the one function', async () => {
    const bench = openBench()
    const bad = await bench.script(`Object.prototype.evil = 1; Array.prototype.map = null; JSON.parse = () => 'x'; JSON.stringify = () => 'y'; String.prototype.slice = () => ''; return { payload: { ok: 1 } }`)
    const good = await bench.script(`return { payload: [({}).evil, JSON.stringify([1].map((x) => x + 1))] }`)
    for (let i = 0; i < 30; i++) {
      await bad.call()
      expect(await good.payload()).toEqual([undefined, '[2]'])
    }
    expect(({} as Record<string, unknown>)['evil']).toBeUndefined()
  })

  it('a prototype key in a message changes no prototype', async () => {
    const bench = openBench()
    const fn = await bench.script(`const all = Object.assign({}, msg.payload); return { payload: [({}).p, Object.keys(msg.payload)] }`)
    expect(await fn.payload({ payload: Body.ofJsonBytes(Buffer.from('{"__proto__": {"p": 1}}')) })).toEqual([undefined, ['__proto__']])
  })
})

describe('limits', () => {
  it('an endless loop ends, before and after an await, in a promise, a timer and a pattern', async () => {
    const bench = openBench({ timeoutMs: 40 })
    for (const code of [
      `for (;;);`,
      `await null; for (;;);`,
      `Promise.resolve().then(() => { for (;;); }); await new Promise(() => {})`,
      `setTimeout(() => { for (;;); }, 1); await new Promise(() => {})`,
      `while (true) new Array(1000).fill(1)`,
      `return { payload: /^(a+)+$/.test('a'.repeat(40) + '!') + /(?=x)^(a+)+$/.test('a'.repeat(40)) + /^(?:(a)|\\1b)*(a|a)*\\1*$/.test('a'.repeat(50) + '!') }`,
    ]) {
      const fn = await bench.script(code)
      // Where the threads that collect garbage get no processor, what fills the heap may meet that limit first.
      const codes = code.includes('new Array') ? ['script.timeout', 'script.memory'] : ['script.timeout']
      expect(codes, code).toContain((await faultOf(fn.call())).code)
    }
    expect(await (await bench.script(`return { payload: 'alive' }`)).payload()).toBe('alive')
  })

  it('a promise that never settles ends with the wall-clock limit', async () => {
    const bench = openBench()
    const fn = await bench.script(`await new Promise(() => {})`, { wallMs: 30 })
    expect((await faultOf(fn.call())).code).toBe('script.timeout')
    const short = await bench.script(`await new Promise(() => {})`)
    expect((await faultOf(short.call({}, fakeRun({ deadline: Date.now() + 30 })))).code).toBe('script.timeout')
  })

  it('a memory bomb ends its isolate, and everybody else goes on', async () => {
    const bench = openBench({ heapMb: 16, timeoutMs: 2000 })
    const good = await bench.script(`return { payload: msg.payload * 2 }`)
    await good.warm({ payload: 1 })
    const bomb = await bench.script(`const all = []; while (true) all.push(new Array(1000).fill(msg.payload))`)
    expect((await faultOf(bomb.call({ payload: 1 }))).code).toBe('script.memory')
    expect(await good.payload({ payload: 21 })).toBe(42)
    const fresh = await bench.script(`return { payload: 'fresh' }`)
    expect(await fresh.payload()).toBe('fresh')
  })

  it('a bomb inside a batch on the serving thread takes nobody along, and nothing runs twice', async () => {
    const bench = openBench({ heapMb: 16 })
    const bomb = await bench.script(`if (msg.payload === 'bomb') { let t = []; for (let i = 0; i < 20; i++) t.push(new Array(4e6).fill(i)) } flow.increment('bomb'); return msg`)
    const good = await bench.script(`flow.increment('good'); return { payload: msg.payload }`)
    await bomb.warm()
    await good.warm()
    bench.contexts.flow.set('good', 0)
    bench.contexts.flow.set('bomb', 0)
    const calls = Array.from({ length: 20 }, (_, i) => good.payload({ payload: i }))
    const bad = faultOf(bomb.call({ payload: 'bomb' }))
    const after = Array.from({ length: 20 }, (_, i) => good.payload({ payload: i }))
    expect(['script.memory', 'script.timeout']).toContain((await bad).code)
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(await Promise.all(after)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(bench.contexts.flow.get('good')).toBe(40)
    expect(bench.contexts.flow.get('bomb')).toBe(0)
  })

  it('the culprit of a batch is singled out; its neighbours finish exactly once', async () => {
    const bench = openBench()
    const functions = await Promise.all(Array.from({ length: 6 }, (_, i) => bench.script(`flow.increment('n${i}'); return { payload: msg.payload }`)))
    const culprit = await bench.script(`if (msg.payload === 'spin') for (;;); return msg`)
    for (const fn of [...functions, culprit]) await fn.warm()
    for (let i = 0; i < 6; i++) bench.contexts.flow.set(`n${i}`, 0)
    const calls = functions.flatMap((fn, i) => {
      const list = [fn.payload({ payload: i }), fn.payload({ payload: i })]
      if (i === 2) list.push(faultOf(culprit.call({ payload: 'spin' })).then((fault) => fault.code))
      return list
    })
    expect(await Promise.all(calls)).toEqual([0, 0, 1, 1, 2, 2, 'script.timeout', 3, 3, 4, 4, 5, 5])
    expect(functions.map((_, i) => bench.contexts.flow.get(`n${i}`))).toEqual([2, 2, 2, 2, 2, 2])
  })

  it('results leave a function in the order of arrival, also while it moves to the serving thread', async () => {
    const bench = openBench()
    const fn = await bench.script(`return msg`)
    const order: number[] = []
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      await new Promise((resolve) => setTimeout(resolve, Math.floor(i / 10)))
      await fn.call({ payload: i }).then(() => order.push(i))
    }))
    const tens = Array.from({ length: 20 }, (_, t) => order.filter((i) => Math.floor(i / 10) === t))
    for (const ten of tens) expect(ten).toEqual([...ten].sort((a, b) => a - b))
    expect(order).toHaveLength(200)
  })

  it('an isolate’s heap is limited as it was asked for, whatever the process’s own heap may take', () => {
    const guest = createGuest(readGuestSource(), 32)
    onTestFinished(() => guest.dispose())
    expect(guest.isolate.getHeapStatisticsSync().heap_size_limit).toBeLessThan(64 * 1024 * 1024)
  })

  it('three hits refuse a function for a while and show it red; others are untouched', async () => {
    const bench = openBench({ timeoutMs: 30 })
    const bad = await bench.script(`for (;;);`, { id: 'bad' })
    const before: string[] = []
    let refused = await faultOf(bad.call())
    // On a machine that has no time for the thread a hit may not count: more than three may be needed.
    for (; refused.code !== 'script.quarantined' && before.length < 30; refused = await faultOf(bad.call())) before.push(refused.code)
    expect(new Set(before)).toEqual(new Set(['script.timeout']))
    expect(before.length).toBeGreaterThanOrEqual(3)
    expect([refused.code, refused.status]).toEqual(['script.quarantined', 503])
    expect(refused.headers?.['retry-after']).toMatch(/^\d+$/)
    expect(bench.quarantines).toMatchObject([{ id: 'bad', times: 3, last: 'script.timeout' }])
    expect(bench.statuses).toMatchObject([{ fill: 'red' }])
    expect(await (await bench.script(`return { payload: 1 }`)).payload()).toBe(1)
    const mended = await bench.script(`return { payload: 'mended' }`, { id: 'bad' })
    expect(await mended.payload()).toBe('mended')
  })

  it('input beyond the limit is refused; a death on a large one is nobody’s fault', async () => {
    const bench = openBench({ heapMb: 8, timeoutMs: 3000 })
    const big = Body.ofJsonBytes(Buffer.from(`[${'[],'.repeat(1_700_000)}0]`))
    const other = await bench.script(`return { payload: 'other' }`)
    const slow = await bench.script(`await new Promise((r) => setTimeout(r, 20)); return { payload: 'slow' }`)
    const plain = await bench.script(`return { payload: msg.payload.length }`)
    expect((await faultOf(plain.call({ payload: big }))).code).toBe('script.input_too_large')
    const raised = await bench.script(`return { payload: msg.payload.length }`, { inputLimitBytes: 10_000_000 })
    const pending = slow.payload()
    for (let i = 0; i < 4; i++) expect((await faultOf(raised.call({ payload: big }))).code).toBe('script.memory')
    expect(await raised.payload({ payload: [1, 2] })).toBe(2)
    expect(await pending).toBe('slow')
    expect(await other.payload()).toBe('other')
    expect(bench.quarantines).toEqual([])
  })

  it('owners never share an isolate', async () => {
    const bench = openBench({ heapMb: 8, timeoutMs: 2000 })
    const a = await bench.script(`await new Promise((r) => setTimeout(r, 60)); return { payload: 'a' }`, { owner: 'a' })
    const b = await bench.script(`const all = []; while (true) all.push(new Array(1000).fill(1))`, { owner: 'b' })
    const pending = a.payload()
    expect((await faultOf(b.call())).code).toBe('script.memory')
    expect(await pending).toBe('a')
  })
})

it('the bundled Buffer is the one its script makes', async () => {
  expect(readFileSync(new URL('guest/buffer.generated.js', import.meta.url), 'utf8')).toBe(await bundleBuffer())
})
