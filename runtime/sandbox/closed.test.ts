import { describe, expect, it } from 'vitest'
import type { Fault } from '../core/fault.ts'
import { response, type Message } from '../core/message.ts'
import { analyse } from './analyse.ts'
import { openBench } from './test-bench.ts'

/** What makes a function keep its own context, and changes nothing else about it. */
const apart = (code: string): string => `${code}\nReflect`

const closed: readonly string[] = [
  'return msg',
  'msg.payload = { hello: msg.payload.name, n: msg.payload.list.length }\nreturn msg',
  'let s = 0\nfor (const n of msg.payload.list) s += n\nmsg.payload = { s }\nreturn msg',
  'msg.payload = msg.payload.list.map((n) => n * 2).filter(Boolean).map(String)\nreturn msg',
  'const { name, ...rest } = msg.payload\nmsg.payload = Object.entries(rest).map(([key, value]) => ({ key, value }))\nreturn msg',
  'msg.payload = JSON.parse(JSON.stringify(msg.payload))\nreturn msg',
  'const seen = new Map()\nfor (const n of msg.payload.list) seen.set(n, (seen.get(n) ?? 0) + 1)\nmsg.payload = Object.fromEntries(seen)\nreturn msg',
  'function twice(n) { return n > 9 ? n : twice(n * 2) }\nmsg.payload = msg.payload.list.map(twice)\nreturn msg',
  'outer: for (let i = 0; i < 3; i++) { if (i === 1) continue outer; break outer }\nmsg.payload = undefined\nreturn msg',
  'const error = new TypeError("no such station")\nerror.name = "NotFound"\nerror.message += "!"\nthrow error',
  'try { null.x } catch (error) { msg.payload = [error instanceof TypeError, error.name] }\nreturn msg',
  'msg.payload = new Date(0).toISOString() + Math.max(...msg.payload.list) + Number.isInteger(1) + parseInt("7", 10)\nreturn msg',
  'class Point { x = 1; static of() { return new Point() } }\nmsg.payload = Point.of().x\nreturn msg',
  'msg.payload = [..."a1b2".matchAll(/[a-z](\\d)/g)].map((found) => found[1])\nreturn msg',
  'function* count() { yield 1; yield 2 }\nmsg.payload = [...count()]\nreturn msg',
  'msg.payload = { list: [] }\nmsg.payload.list[0] = 1\nmsg.payload.list.length = 3\nmsg.payload["given name"] = "x"\nreturn msg',
  '({ a: msg.payload, b: [msg.topic] } = { a: 1, b: [2] })\nreturn msg',
  'switch (msg.payload.name) { case "x": { const answer = 1; msg.payload = answer; break } default: msg.payload = 2 }\nreturn msg',
  'msg.payload = { toString() { return "t" }, valueOf: () => 1 }\nmsg.payload = `${msg.payload}` + (msg.payload + 1)\nreturn msg',
  'return { payload: { valueOf: 1, toString: 2, hasOwnProperty: 3 }, toString: 4 }',
  'msg.payload = msg.payload.list.toSorted((a, b) => b - a).at(-1).toFixed(2).padStart(6, "0")\nreturn msg',
  'return [[msg, { payload: 1 }]]',
  'msg.payload = 1n\nreturn msg',
  'msg.payload = [new Date(1), /x/g, new Map([[1, { a: 1 }]]), NaN]\nreturn msg',
  'throw { shape: "odd" }',
]

const open: readonly string[] = [
  'count = (msg.count ?? 0) + 1\nreturn msg', // keeps a global
  'if (msg.x) { let count = 0 }\ncount = 1\nreturn msg', // the name ends with its block
  'switch (kept = 1) { case 1: let kept }\nreturn msg',
  'const f = (a = (kept = 1)) => { var kept; return a }\nmsg.payload = f()\nreturn msg', // a default does not see the body
  '{ function late() { return 1 } }\nmsg.payload = late()\nreturn msg',
  'Math.tried = 1\nreturn msg', 'Math.max.tried = 1\nreturn msg', '[Number.tried] = [1]\nreturn msg', 'for (JSON.parse of [1]) break\nreturn msg', 'delete Math.max\nreturn msg',
  'undefined = 1\nreturn msg', '({ a: NaN } = { a: 1 })\nreturn msg', 'const E = Error\nE.stackTraceLimit = 50\nreturn msg',
  'Array.prototype.last = 1\nreturn msg', 'msg.payload["constructor"].x = 1\nreturn msg', 'const { prototype } = String\nprototype.x = 1\nreturn msg', 'Object.getPrototypeOf([]).x = 1\nreturn msg',
  'msg.payload = { __proto__: [] }\nreturn msg', 'msg.payload.__proto__.x = 1\nreturn msg', 'const f = function () { return f.caller }\nmsg.payload = f()\nreturn msg',
  'msg.payload.toString = () => "mine"\nreturn msg', 'msg.payload[msg.key] = 1\nreturn msg', 'msg.payload.map = 1\nreturn msg', '[msg.payload.valueOf] = [1]\nreturn msg', 'msg.payload.filter++\nreturn msg',
  'Object.assign(msg.payload, { a: 1 })\nreturn msg', 'msg.payload = new Proxy({}, {})\nreturn msg', 'msg.payload = Reflect.ownKeys(msg.payload)\nreturn msg', 'msg.payload = Intl\nreturn msg',
  'msg.payload = Buffer.from("x")\nreturn msg', 'msg.payload = structuredClone(msg.payload)\nreturn msg', 'msg.payload = typeof flows\nreturn msg', 'msg.payload = function () { return new.target }()\nreturn msg',
  'msg.payload = env.get("X")\nreturn msg', 'msg.payload = arguments.length\nreturn msg', 'msg.payload = (function () { return this })()\nreturn msg', 'msg.payload = { get() { return super.toString() } }.get()\nreturn msg',
]

describe('which functions need no context of their own', () => {
  it.each(closed)('%s', (code) => expect(analyse(code).closed).toBe(true))
})

describe('which keep their own', () => {
  it.each(open)('%s', (code) => expect(analyse(code).closed).toBe(false))
})

describe('functions that share a context', () => {
  it('answer as they do in one of their own', async () => {
    const bench = openBench()
    const outcome = (call: Promise<unknown>) => call.then((sent) => ({ sent }), (thrown: Fault) => ({ code: thrown.code, message: thrown.message }))
    for (const code of closed) {
      const shared = await bench.script(code)
      const own = await bench.script(apart(code))
      expect([analyse(apart(code)).closed, analyse(apart(code)).plain]).toEqual([false, true])
      const messages = (): Message[] => [
        { topic: 'same', payload: { name: 'x', list: [3, 1, 2] }, req: { method: 'GET' } } as Message,
        { topic: 't', payload: { name: 'y', list: [10, new Date(0), Buffer.from('bytes')] }, kept: new Map([[1, 2]]) },
        { payload: null },
        {},
      ]
      for (let round = 0; round < 2; round++) {
        for (const [index, message] of messages().entries()) expect(await outcome(shared.call(message)), `${code} (${index})`).toEqual(await outcome(own.call(messages()[index])))
        if (round === 0) for (let i = 0; i < 40; i++) await Promise.all([outcome(shared.call(messages()[0])), outcome(own.call(messages()[0]))]) // on to the serving thread
      }
    }
  })

  it('leave nothing there that another could find, whatever they put together at run time', async () => {
    const bench = openBench()
    const keys = { a: 'constructor', b: 'prototype', c: '__proto__', d: 'caller', e: 'lastMatch', f: '$_' }
    const attempts = [
      'msg.payload = []\nmsg.payload[msg.a][msg.b].push(1)\nreturn msg', // a list's prototype is a list itself
      'const at = [][msg.a][msg.b]\nat.left = 1\nreturn msg',
      'const at = {}[msg.c]\nat.left = 1\nreturn msg',
      'const at = (() => {})[msg.c]\nat.left = 1\nreturn msg',
      'const at = msg.bytes[msg.c]\nat.left = 1\nreturn msg',
      'const at = msg.res[msg.c]\nat.left = 1\nreturn msg',
      'const at = [].values()[msg.c]\nat.left = 1\nreturn msg',
      'const at = "".matchAll(/x/g)[msg.c]\nat.left = 1\nreturn msg',
      'function* g() {}\nconst at = g()[msg.c][msg.c]\nat.left = 1\nreturn msg',
      'const inner = function () { return inner[msg.d] }\nconst at = inner()\nif (at) at.left = 1\nreturn msg',
      'const at = (() => {})[msg.a]("return this")()\nat.left = 1\nreturn msg',
      'function* g() {}\nconst at = g[msg.a]("return this")\nat.left = 1\nreturn msg',
    ]
    for (const code of attempts) expect(analyse(code).closed, code).toBe(true)
    const look = `const found = []
      for (const one of [[], {}, () => {}, msg.bytes, msg.res, [].values(), "".matchAll(/x/g), /x/, new Error("x"), new Map()]) {
        let at = one
        for (let depth = 0; at && depth < 5; depth++) { if (at.left) found.push(depth); at = at[msg.c] }
        const made = one[msg.a]
        for (const name of [msg.e, msg.f]) if (made && typeof made[name] === "string" && made !== undefined) found.push(made[name])
      }
      msg.payload = found
      return msg`
    expect(analyse(look).closed).toBe(true)
    const secret = await bench.script('msg.payload = /se(cr)et/.test("my secret")\nreturn msg')
    const looking = await bench.script(look)
    const message = (): Message => ({ ...keys, payload: {}, bytes: Buffer.from('x'), res: response })
    for (const code of attempts) {
      const attempt = await bench.script(code)
      await attempt.call(message()).catch(() => {})
      await secret.call(message())
      expect(await looking.payload(message()), code).toEqual([])
    }
  })

  it('are told apart by who said what, who failed where, and what each was given', async () => {
    const bench = openBench()
    const scripts = await Promise.all(Array.from({ length: 30 }, (_, i) => bench.script(`${'\n'.repeat(i)}if (msg.fail) throw new Error("of ${i}")\nmsg.payload = [${i}, msg.payload]\nreturn msg`)))
    for (let round = 0; round < 40; round++) expect(await Promise.all(scripts.map((script, i) => script.payload({ payload: i * round })))).toEqual(scripts.map((_, i) => [i, i * round]))
    const faults = await Promise.all(scripts.map((script) => script.call({ fail: true }).then(() => undefined, (fault: Fault) => fault)))
    expect(faults.map((fault) => [fault?.message.includes('of '), fault?.facts['line']])).toEqual(scripts.map((_, i) => [true, i + 1]))
  })

  it('go on when others of them are closed, and when one of them used up the memory', async () => {
    const bench = openBench()
    const good = await bench.script('msg.payload = msg.payload + 1\nreturn msg')
    const gone = await bench.script('return msg')
    const bomb = await bench.script('const list = []\nfor (;;) list.push(list.concat([1, 2, 3]))')
    expect(await good.payload({ payload: 1 })).toBe(2)
    await gone.call({})
    await gone.close()
    expect(await good.payload({ payload: 2 })).toBe(3)
    await expect(bomb.call({})).rejects.toMatchObject({ code: expect.stringMatching(/^script\.(memory|timeout)$/) as unknown })
    for (let i = 0; i < 40; i++) expect(await good.payload({ payload: i })).toBe(i + 1)
  })
})
