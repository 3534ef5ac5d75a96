import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { Body, resolve } from '../core/http/body.ts'
import { response } from '../core/message.ts'
import type { SentTo } from '../core/step.ts'
import type { Fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import { faultOf, openBench } from './test-bench.ts'

describe('what a function returns and sends', () => {
  it('one message, lists for outputs, lists of messages, and null', async () => {
    const bench = openBench()
    const cases: [string, number[], unknown[]][] = [
      [`return msg`, [0], [1]],
      [`return { payload: 2 }`, [0], [2]],
      [`return [null, msg]`, [1], [1]],
      [`return [[{ payload: 'a' }, { payload: 'b' }], { payload: 'c' }]`, [0, 0, 1], ['a', 'b', 'c']],
      [`return null`, [], []],
      [`node.send([msg, { payload: 3 }]); return { payload: 4 }`, [0, 0, 1], [1, 4, 3]],
      [`return [msg, msg, msg]`, [0, 1], [1, 1]],
    ]
    for (const [code, ports, payloads] of cases) {
      const sent = await (await bench.script(code, { outputs: 2 })).call({ payload: 1 })
      expect(sent.map((one) => one.port), code).toEqual(ports)
      expect(sent.map((one) => one.message.payload), code).toEqual(payloads)
    }
  })

  it('keeps fields it was not shown, the request and the response, and the message id', async () => {
    const bench = openBench()
    const req = Object.freeze({ method: 'GET', url: '/x', headers: { a: 'b' } })
    const message = { _msgid: 'id1', payload: 1, other: new Map([[1, 2]]), req, res: response }
    for (const code of [`msg.payload = 2; return msg`, `return Object.assign({}, msg, { payload: 2 })`, `const { payload } = msg; msg.payload = payload + 1; return msg`]) {
      const [one] = await (await bench.script(code)).call(message)
      expect(one?.message, code).toEqual({ ...message, payload: 2 })
      expect(one?.message['req']).toBe(req)
      expect(one?.message['res']).toBe(response)
    }
    const [fresh] = await (await bench.script(`return { payload: msg.req.headers.a, req: msg.req, res: msg.res }`)).call(message)
    expect(fresh?.message).toEqual({ _msgid: 'id1', payload: 'b', req, res: response })
  })

  it('sees deletions, additions and changes deep inside', async () => {
    const bench = openBench()
    const fn = await bench.script(`delete msg.topic; msg.added = 1; msg.payload.a.push(msg.payload.b); return msg`)
    const [one] = await fn.call({ topic: 't', payload: { a: [1], b: 2 }, kept: true })
    expect(one?.message).toEqual({ payload: { a: [1, 2], b: 2 }, added: 1, kept: true })
  })

  it('never changes the message it was given', async () => {
    const bench = openBench()
    const message = Object.freeze({ payload: Object.freeze({ a: 1 }) })
    const fn = await bench.script(`msg.payload.a = 2; msg.x = 1; return msg`)
    expect(await fn.payload(message)).toEqual({ a: 2 })
    expect(message).toEqual({ payload: { a: 1 } })
  })

  it('keeps an untouched body the same body, and gives text back unparsed', async () => {
    const bench = openBench()
    const body = Body.ofJsonBytes(Buffer.from('{"a": 1}'))
    const same = await bench.script(`if (msg.payload.a > 0) msg.topic = 'yes'; return msg`)
    const { message } = (await same.step({ payload: body }, fakeRun())) as SentTo
    expect(message.payload).toBe(body)
    expect(message['topic']).toBe('yes')
    expect(body.parsed).toBe(false)
  })

  it('a function answers the same on the serving thread, where many contexts share the code around it, as beside it', async () => {
    const bench = openBench()
    const codes = [
      'return msg', 'return null', 'return', 'return [msg]', 'return [[msg, { payload: 1 }]]', 'return { payload: { a: [1, msg.topic] } }',
      'msg.topic = msg.topic + "!"\nreturn msg', 'msg.payload = msg.topic\nreturn msg', 'msg.payload = null\nreturn msg', 'msg.payload = undefined\nreturn msg',
      'delete msg.topic\nreturn msg', 'delete msg.payload\nreturn msg', 'msg.count++\nreturn msg', 'msg.made = { at: new Date(0), big: 1n }\nreturn msg',
      'msg.payload = { a: NaN, b: -0, c: [undefined] }\nreturn msg', 'msg.list.push(msg.count)\nreturn msg', 'msg.topic = "same"\nmsg.payload = { topic: msg.topic }\nreturn msg',
      'msg.payload = Buffer.from(msg.topic)\nreturn msg', 'if (msg.count > 1) throw new Error("too many")\nreturn msg', 'msg.payload = { get x() { return 1 } }\nreturn msg',
      'msg.payload = { toJSON() { return 5 } }\nreturn msg', 'return { ...msg, payload: msg.count }', 'msg.payload = msg.req.method\nreturn msg', 'msg.payload.deep = 1\nreturn msg', 'null.x\nreturn msg',
    ]
    for (const code of codes) {
      const beside = await bench.script(code)
      const serving = await bench.script(code)
      const message = () => ({ topic: 'same', count: 2, list: [1], payload: { a: 1 }, req: { method: 'GET' } }) as Message
      const outcome = (call: Promise<unknown>) => call.then((sent) => ({ sent }), (thrown: Fault) => ({ code: thrown.code, message: thrown.message }))
      for (let i = 0; i < 40; i++) await outcome(serving.call({ topic: '', count: 0, list: [], payload: {}, req: { method: 'GET' } } as Message))
      expect(await outcome(serving.call(message())), code).toEqual(await outcome(beside.call(message())))
    }
  })

  it('no object of the context that runs a batch reaches a function, whatever it does with what it is given', async () => {
    const bench = openBench()
    // What a stack shows of the frames below, also from a getter that is read while the answer is written.
    const fn = await bench.script(`
      const kept = (Array.prototype.kept ??= [])
      Error.prepareStackTrace = (_, sites) => { for (const site of sites) kept.push(site.getThis(), site.getFunction()); return '' }
      const look = () => String(new Error('x').stack).length
      look()
      const foreign = kept.filter((one) => one !== null && (typeof one === 'object' || typeof one === 'function') && !(one instanceof Object))
      const all = kept.length
      msg.payload = { foreign: foreign.length, all, get later() { return look() } }
      return msg`)
    await fn.warm({ payload: 1 })
    const answer = (await fn.payload({ payload: 1 })) as { foreign: number; all: number }
    expect(answer.all).toBeGreaterThan(0)
    expect(answer.foreign).toBe(0)
  })

  it('a field that the code only assigns need not go in, and stays as it was where it is not assigned', async () => {
    const bench = openBench()
    const fn = await bench.script(`if (msg.topic === 'set') msg.payload = { made: true }\nif (msg.topic === 'cut') delete msg.extra\nreturn msg`)
    const payload = Body.ofJsonBytes(Buffer.from('{"a":1}'))
    const send = async (topic: string) => ((await fn.step({ topic, payload, extra: 1 }, fakeRun())) as SentTo).message
    expect(await send('leave')).toEqual({ topic: 'leave', payload, extra: 1 })
    expect((await send('leave')).payload).toBe(payload)
    expect(await send('cut')).toEqual({ topic: 'cut', payload })
    expect(resolve((await send('set')).payload)).toEqual({ made: true })
    const never = await bench.script(`if (msg.topic === 'set') msg.payload = undefined\nreturn msg`)
    expect(await never.call({ topic: 'set', payload: 1 })).toEqual([{ port: 0, message: { topic: 'set', payload: undefined } }])
    expect(await never.payload({ topic: 'other', payload: 1 })).toBe(1)
  })

  it('a body that is not JSON is the caller’s fault, and cannot add fields', async () => {
    const bench = openBench()
    for (const code of [`msg.payload.x; return msg`, `return Object.keys(msg)`, `return { payload: [msg.payload, msg.topic] }`, `await 1; return msg.payload`]) {
      const fn = await bench.script(code)
      for (const text of ['{"a":', '1,"topic":"evil"', '1}{', '\u0001', '['.repeat(1000) + ']'.repeat(1000)]) {
        const fault = await faultOf(fn.call({ payload: Body.ofJsonBytes(Buffer.from(text)), topic: 'good' }))
        expect([fault.code, fault.status], code).toEqual(['body.malformed', 400])
      }
    }
  })

  it('a value that is no message is reported, functions cannot travel', async () => {
    const bench = openBench()
    await (await bench.script(`return 'text'`)).call()
    expect(bench.logs).toContainEqual(['error', 'Function tried to send a message of type string'])
    const fault = await faultOf((await bench.script(`return { payload: { f() {} } }`)).call())
    expect(fault.code).toBe('script.output')
    expect(fault.message).toContain('payload.f')
  })
})

describe('values that cross', () => {
  const cyclic: Record<string, unknown> = { name: 'c' }
  cyclic['self'] = cyclic
  const shared = { s: 1 }
  const values: [string, unknown][] = [
    ['JSON', { a: [1, 'x', null, true, { b: 'ü 松山區 🙂' }], '': 0 }],
    ['bytes', { b: Buffer.from([0, 1, 254, 255]), empty: Buffer.alloc(0) }],
    ['a date', { d: new Date(1234) }],
    ['maps and sets', { m: new Map<unknown, unknown>([['k', new Set([1, 2])]]) }],
    ['undefined', { u: undefined, list: [undefined, 1] }],
    ['numbers JSON lacks', [NaN, Infinity, -Infinity, -0]],
    ['a big integer', { n: 12345678901234567890n }],
    ['a cycle', cyclic],
    ['shared references', [shared, shared]],
    ['an own __proto__', JSON.parse('{"__proto__": {"polluted": true}}')],
    ['text', 'plain'],
    ['null', null],
  ]
  it.each(values)('%s goes in and comes out the same, on every path', async (_name, value) => {
    const bench = openBench()
    for (const code of [
      `msg.payload = msg.payload; return msg`,
      `return { payload: msg.payload }`,
      `const all = Object.assign({}, msg); return all`,
      `await null; return { payload: msg.payload }`,
    ]) {
      const fn = await bench.script(code)
      expect(await fn.payload({ payload: value }), code).toEqual(value)
    }
    const warm = await bench.script(`return { payload: msg.payload }`)
    await warm.warm()
    expect(await warm.payload({ payload: value })).toEqual(value)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('the function API', () => {
  it('node: id, name, outputs, log, status, error, done', async () => {
    const bench = openBench()
    const fn = await bench.script(
      `node.log('l'); node.warn({ a: 1 }); node.debug('d'); node.status({ fill: 'red', shape: 'dot', text: 'x' }); console.log('c', 1)
       node.error('bad', msg); node.error('only logged'); node.done()
       return { payload: [node.id, node.name, node.outputCount] }`,
      { id: 'f1', outputs: 3 },
    )
    expect(await fn.payload({ payload: 5 })).toEqual(['f1', 'the f1', 3])
    expect(bench.logs).toEqual([['info', 'l'], ['warn', '{"a":1}'], ['debug', 'd'], ['info', 'c 1'], ['error', 'only logged']])
    expect(bench.statuses).toEqual([{ fill: 'red', shape: 'dot', text: 'x' }])
    expect(bench.errors.map(({ fault, message }) => [fault.code, fault.message, message.payload])).toEqual([['script.error', 'bad', 5]])
  })

  it('context, flow, global and run: get, set, keys, paths, callbacks and increment', async () => {
    const bench = openBench()
    const run = fakeRun()
    const fn = await bench.script(`
      flow.set('a.b', { c: [1, Buffer.from('x')] })
      global.set(['g', 'h'], [1, 2])
      context.set('n', 1)
      run.set('mine', 'r')
      let called
      flow.get('a.b.c[0]', (error, value) => { called = value })
      return { payload: [flow.get('a').b.c[1].toString(), global.get(['g', 'h']), context.keys(), flow.increment('count', 2), flow.increment('count'), run.get('mine'), called, context.flow.get('count'), flow.get('none')] }
    `)
    expect(await fn.payload({}, run)).toEqual(['x', [1, 2], ['n'], 2, 3, 'r', 1, 3, undefined])
    expect(bench.contexts.flow.get('count')).toBe(3)
    expect(run.context.get('mine')).toBe('r')
  })

  it('increments from many callers at once lose none', async () => {
    const bench = openBench()
    const fn = await bench.script(`flow.increment('n'); return msg`)
    await Promise.all(Array.from({ length: 100 }, () => fn.call()))
    await Promise.all(Array.from({ length: 100 }, () => fn.call()))
    expect(bench.contexts.flow.get('n')).toBe(200)
  })

  it('the run scope of two callers at once is never mixed', async () => {
    const bench = openBench()
    const fn = await bench.script(`run.set('id', msg.payload); return { payload: run.get('id') }`)
    await fn.warm()
    const runs = Array.from({ length: 20 }, () => fakeRun())
    expect(await Promise.all(runs.map((run, i) => fn.payload({ payload: i }, run)))).toEqual(runs.map((_, i) => i))
    expect(runs.map((run) => run.context.get('id'))).toEqual(runs.map((_, i) => i))
  })

  it('env, RED.util and the web’s names', async () => {
    const bench = openBench()
    const fn = await bench.script(
      `
      const url = new URL('/p?x=1#h', 'https://user@example.org:8443')
      url.searchParams.set('y', 'é &')
      url.pathname = '/q r'
      const m = { a: { b: [{ c: 1 }] } }
      RED.util.setMessageProperty(m, 'a.b[0].d', 2, true)
      return { payload: {
        env: [env.get('KEY'), env.get('NONE')],
        url: [url.href, url.host, [...new URLSearchParams('a=1&b=%20+')].join(';')],
        text: new TextDecoder().decode(new TextEncoder().encode('松 🙂')),
        base64: [btoa('hi'), atob('aGk='), Buffer.from('松').toString('hex'), Buffer.concat([Buffer.from('a'), Buffer.from('YQ==', 'base64')]).toString()],
        clone: structuredClone({ d: new Date(5), m: new Map([[1, 2]]) }),
        util: [RED.util.getMessageProperty(m, 'msg.a.b[0].d'), RED.util.generateId().length, RED.util.compareObjects(m, RED.util.cloneMessage(m)), RED.util.ensureString({ a: 1 }), RED.util.ensureBuffer('x').length, RED.util.evaluateNodeProperty('5', 'num'), RED.util.normalisePropertyExpression('a["b"][0]').length],
        gone: [typeof WebAssembly, typeof SharedArrayBuffer, typeof Atomics, typeof require, typeof process, typeof fetch],
      } }`,
      { env: { KEY: 'value' } },
    )
    expect(await fn.payload()).toEqual({
      env: ['value', undefined],
      url: ['https://user@example.org:8443/q%20r?x=1&y=%C3%A9+%26#h', 'example.org:8443', 'a,1;b,  '],
      text: '松 🙂',
      base64: ['aGk=', 'hi', 'e69dbe', 'aa'],
      clone: { d: new Date(5), m: new Map([[1, 2]]) },
      util: [2, 16, true, '{"a":1}', 1, 5, 3],
      gone: ['undefined', 'undefined', 'undefined', 'undefined', 'undefined', 'undefined'],
    })
  })

  it('errors carry the line the user typed and what was thrown', async () => {
    const bench = openBench()
    const thrown = async (code: string) => (await faultOf((await bench.script(code)).call({ payload: 1 }))) as { code: string; facts: object }
    expect(await thrown(`const a = 1\nnope()`)).toMatchObject({ code: 'script.error', facts: { message: 'ReferenceError: nope is not defined', line: 2 } })
    expect(await thrown(`await null\n\nthrow new Error('late')`)).toMatchObject({ facts: { message: 'late', line: 3 } })
    expect(await thrown(`throw 'text'`)).toMatchObject({ facts: { message: 'text' } })
    expect(await thrown(`throw { reason: 1 }`)).toMatchObject({ facts: { message: '{"reason":1}' } })
    expect(await thrown(`const f = () => f(); f()`)).toMatchObject({ code: 'script.error' })
  })

  it('code that does not compile is refused with its line, also when it tries to leave its function', async () => {
    const bench = openBench()
    for (const [code, line] of [['return msg\n  }', 2], ['let a = ;', 1], ['})(); (function () {', 1], ['\n\nconst msg = 1', 3]] as const) {
      const fault = await faultOf(bench.script(code))
      expect(fault.code, code).toBe('script.syntax')
      expect(fault.facts['line'], code).toBe(line)
    }
    expect((await faultOf(bench.script('return msg', { initialize: 'let x = (' }))).code).toBe('script.syntax')
  })
})

describe('functions that go on after they returned', () => {
  it('await, timers and node.send; the end comes when all timers have fired or were cleared', async () => {
    const bench = openBench()
    const fn = await bench.script(`
      node.send({ payload: 'first' })
      await new Promise((resolve) => setTimeout(resolve, 5))
      node.send({ payload: 'second' })
      setTimeout(() => node.send({ payload: 'last' }), 15)
      const never = setTimeout(() => node.send({ payload: 'never' }), 20)
      clearTimeout(never)
      let n = 0
      const tick = setInterval(() => { node.send({ payload: 'tick' }); if (++n === 2) clearInterval(tick) }, 2)
      return { payload: 'returned' }
    `)
    const payloads = (await fn.call()).map((one) => one.message.payload)
    expect(payloads.slice(0, 3)).toEqual(['first', 'second', 'returned'])
    expect(payloads.filter((p) => p === 'tick')).toHaveLength(2)
    expect(payloads).toContain('last')
    expect(payloads).not.toContain('never')
  })

  it('a plain async function gives one answer, many at once each their own', async () => {
    const bench = openBench()
    const fn = await bench.script(`const p = msg.payload; await new Promise((r) => setTimeout(r, 3 - p % 3)); return { payload: p }`)
    expect(await Promise.all(Array.from({ length: 12 }, (_, i) => fn.payload({ payload: i })))).toEqual(Array.from({ length: 12 }, (_, i) => i))
  })

  it('an aborted run ends the call and its timers', async () => {
    const bench = openBench()
    const run = fakeRun()
    const fn = await bench.script(`setInterval(() => flow.increment('ticks'), 1); return msg`)
    const call = faultOf(fn.call({}, run))
    await new Promise((resolve) => setTimeout(resolve, 30))
    run.abort()
    expect((await call).code).toBe('client.closed')
    await new Promise((resolve) => setTimeout(resolve, 10))
    const ticks = bench.contexts.flow.get('ticks')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(bench.contexts.flow.get('ticks')).toBe(ticks)
  })

  it('On Start runs once before the first message, On Stop and close handlers at the end', async () => {
    const bench = openBench()
    const fn = await bench.script(`node.on('close', () => flow.set('closed', true)); return { payload: globalThis.started }`, {
      initialize: `await new Promise((r) => setTimeout(r, 5)); globalThis.started = flow.increment('starts'); node.send({ payload: 'hello' })`,
      finalize: `flow.set('stopped', node.id); node.status({ text: 'bye' })`,
      id: 'life',
    })
    expect(await Promise.all([fn.payload(), fn.payload()])).toEqual([1, 1])
    expect(bench.emitted.map(([port, message]) => [port, message.payload instanceof Body ? message.payload.value() : message.payload])).toEqual([[0, 'hello']])
    await fn.close()
    expect([bench.contexts.flow.get('closed'), bench.contexts.flow.get('stopped')]).toEqual([true, 'life'])
    expect(bench.statuses).toContainEqual({ text: 'bye' })
  })

  it('On Start that fails is logged and answers every message with its error', async () => {
    const bench = openBench()
    const fn = await bench.script(`return msg`, { initialize: `throw new Error('no start')` })
    expect((await faultOf(fn.call())).message).toContain('no start')
    expect(bench.logs.some(([level, text]) => level === 'error' && text.includes('no start'))).toBe(true)
  })
})
