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
  'const found = []\nconst re = /[a-z](\\d)/g\nlet one\nwhile ((one = re.exec("a1b2"))) found.push(one[1], re.lastIndex)\nmsg.payload = [found, "a,b".split(","), "a,b".replace(",", (found) => found + ";"), /^x/i.test("X")]\nreturn msg',
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
  'const error = new Error()\nerror.message = "m"\nerror.name ??= "n"\nconst keys = []\nfor (const key in error) keys.push(key)\nmsg.payload = [JSON.stringify(error), keys, { ...error }, "name" in error, `${error}`]\nreturn msg',
  'const error = new RangeError("q", { cause: new TypeError("c") })\nerror.name = "Own"\nerror.code = 7\n;[error.message] = ["other"]\nmsg.payload = { error, stack: error.stack }\nreturn msg',
  'try { JSON.parse("{") } catch (error) { error.message = `bad: ${error.message}`; delete error.name; throw error }',
  'const deeper = (n) => deeper(n + 1) + 1\ntry { deeper(0) } catch ({ name, message }) { msg.payload = [name, message] }\nreturn msg',
  '"use strict"\ntry { "x".y = 1 } catch (error) { msg.payload = error.message }\nreturn msg',
  'const f = (a, ...b) => b.length\nf.count = 1\nf.count++\nf.name = "x"\nmsg.payload = [f.count, f.name, f.length, f.apply(null, [1, 2]), Math.max.apply(null, [1, 2])]\nreturn msg',
  'class A { #x = 1; static name = "n"; static { A.t = 3 } get x() { return 1 } set x(v) {} toString() { return "A!" } static has(o) { return #x in o } }\nconst a = new A()\na.x = 5\na.y = 6\nmsg.payload = [A.name, A.t, `${a}`, JSON.stringify(a), A.has(a), A.has({})]\nreturn msg',
  'const tag = (texts, ...values) => [texts.raw[0], values, texts.length]\nmsg.payload = [tag`a\\u0041${1}b`, String.raw`\\n`]\nreturn msg',
  'const table = Object.freeze({ a: [1], b: Object.freeze([2]) })\ntable.a = 2\nmsg.payload = table\nreturn msg',
  'const [first, ...others] = [0, ...msg.payload.list, 9]\nothers[0] = first\n;[msg.topic, msg.kept] = [msg.kept, msg.topic]\nmsg.payload = { others, again: others }\nreturn msg',
  'const one = { list: [, 1, , undefined, -0] }\none.self = one\nmsg.payload = new Map([["a", new Set([one, new Date(NaN)])]])\nreturn msg',
  'const o = { toJSON: () => "j", valueOf: () => 2 }\nmsg.payload = JSON.stringify({ o }, (key, value) => value, 1) + o * 2\nreturn msg',
  'msg.payload = { get a() { throw new Error("read") } }\nreturn msg',
  'msg.payload = Object.groupBy(msg.payload.list, (n) => n > 1 ? "toString" : "__proto__")\nreturn msg',
  'msg.payload = Object.fromEntries([["toString", 1], ["__proto__", { a: 1 }], ["constructor", 3]])\nreturn msg',
  'msg.payload = msg.special\nmsg.pairs = Object.entries(msg.special)\nreturn msg',
  'msg.req.method = "other"\nmsg.req = { method: "mine" }\nreturn msg',
  'const b = msg.bytes\nb[0] = 65\nb.write("zz", 1)\nmsg.payload = [b.toString("hex"), b.slice(1, 3), b.map((x) => x + 1), [...b], JSON.stringify(b), b.readInt16LE(0), b.equals(b), b.buffer.slice(0, 2)]\nreturn msg',
  'try { msg.bytes.writeInt8(300, 0) } catch (error) { error.code = 5; error.name = "N"; msg.payload = [`${error}`, error.name, error.message, Object.keys(error), error instanceof RangeError] }\nreturn msg',
  'msg.bytes.readInt8(99)\nreturn msg',
  'using nothing = null\nconst walk = (n) => (n === null || typeof n !== "object" ? n : Array.isArray(n) ? n.map(walk) : Object.fromEntries(Object.entries(n).map(([k, v]) => [k, walk(v)])))\nmsg.payload = walk(msg.payload)\nreturn msg',
  'function* count() { try { msg.got = yield 1 } finally { msg.done = true } }\nconst it = count()\nmsg.payload = [it.next(), it.next(5), [].values().map((n) => n).toArray()]\nreturn msg',
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
  'const most = Math.max\nmost.left = 1\nreturn msg', 'const list = []\nlist.push(Number)\nlist[0].left = 1\nreturn msg', 'msg.payload = Object.isFrozen([].map)\nreturn msg', 'Math.PI = 3\nreturn msg',
  'const error = Object.freeze(new Error("x"))\nerror.name = "y"\nreturn msg', 'msg.payload.list.map(Object.freeze)\nreturn msg', // what is assigned to frozen errors is not just lost
  'const text = new String("x")\ntext.trim = 1\nmsg.payload = text.trim\nreturn msg', 'msg.bytes.write = 1\nreturn msg',
  'msg.payload = Math.random()\nreturn msg', // its numbers tell the next
  'msg.payload = "a1".replace(/\\d/, "")\nreturn msg', 'const comma = /,/\nmsg.payload = "a,b".split(comma)\nreturn msg', 'msg.payload = [..."a1".matchAll(/a/g)]\nreturn msg', // slow where patterns are frozen
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
    const outcome = (call: Promise<unknown>) => call.then((sent) => ({ sent }), (thrown: Fault) => ({ code: thrown.code, facts: thrown.facts, message: thrown.message }))
    for (const code of closed) {
      const shared = await bench.script(code)
      const own = await bench.script(apart(code))
      expect([analyse(apart(code)).closed, analyse(apart(code)).plain]).toEqual([false, true])
      const messages = (): Message[] => [
        { topic: 'same', payload: { name: 'x', list: [3, 1, 2] }, req: { method: 'GET' } } as Message,
        { topic: 't', payload: { name: 'y', list: [10, new Date(0), Buffer.from('bytes')] }, kept: new Map([[1, 2]]), bytes: Buffer.from('more bytes') },
        { payload: { list: [1, 2] }, ...(JSON.parse('{ "special": { "__proto__": 1, "constructor": 2 }, "toString": 3, "constructor": 4, "__proto__": 5 }') as Message) },
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
    const keys = { a: 'constructor', b: 'prototype', c: '__proto__', d: 'caller', e: 'lastMatch', f: '$_', g: 'matchAll' }
    const attempts = [
      'msg.payload = []\nmsg.payload[msg.a][msg.b].push(1)\nreturn msg', // a list's prototype is a list itself
      'const at = [][msg.a][msg.b]\nat.left = 1\nreturn msg',
      'const at = {}[msg.c]\nat.left = 1\nreturn msg',
      'const at = (() => {})[msg.c]\nat.left = 1\nreturn msg',
      'const at = msg.bytes[msg.c]\nat.left = 1\nreturn msg',
      'const at = msg.res[msg.c]\nat.left = 1\nreturn msg',
      'const at = [].values()[msg.c]\nat.left = 1\nreturn msg',
      'const at = ""[msg.g](/x/g)[msg.c]\nat.left = 1\nreturn msg',
      'function* g() {}\nconst at = g()[msg.c][msg.c]\nat.left = 1\nreturn msg',
      'const inner = function () { return inner[msg.d] }\nconst at = inner()\nif (at) at.left = 1\nreturn msg',
      'const at = (() => {})[msg.a]("return this")()\nat.left = 1\nreturn msg',
      'function* g() {}\nconst at = g[msg.a]("return this")\nat.left = 1\nreturn msg',
    ]
    for (const code of attempts) expect(analyse(code).closed, code).toBe(true)
    const look = `const found = []
      for (const one of [[], {}, () => {}, msg.bytes, msg.res, [].values(), ""[msg.g](/x/g), /x/, new Error("x"), new Map()]) {
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

  it('get at nothing together that is not frozen, at no global object, and at nothing that makes code of text', async () => {
    const bench = openBench()
    const code = `const object = ({})[msg.a]
      const caught = (wrong) => { try { return wrong() } catch (error) { return error } }
      const made = () => {
        const bytes = msg.bytes.slice()
        const names = object.getOwnPropertyNames(object.getPrototypeOf(bytes))
        const arguments_ = [[], [99], [1, 99], ["x"], [0n, ""], [1n, 99], [{}], [300, 0]]
        const traced = {}
        Error("")[msg.a].captureStackTrace(traced)
        return [
          [], {}, () => 1, function () {}, class {}, function* () {}, (function* () {})(), (texts => texts)\`x\`, /x/, new Date(0), new Map(), new Set(), new WeakMap(), new WeakSet(),
          "text", 1, true, 1n, [].values(), new Map().values(), new Set().values(), "x"[msg.g](/x/g), [].values().map((x) => x), object.getOwnPropertySymbols([][msg.c])[0], [][msg.a].fromAsync([]),
          bytes, msg.res, traced, new Error(""), caught(() => null.x), caught(() => JSON.parse("{")), caught(() => decodeURI("%")), caught(() => made.x.y),
          caught(() => bytes.slice(0, 1).readBigInt64LE()),
          ...names.flatMap((name) => arguments_.map((given) => caught(() => bytes[name](...given)))),
        ]
      }
      const reach = (roots) => {
        const found = new Set(roots)
        for (const one of found) {
          if (one === undefined || one === null) continue
          found.add(object.getPrototypeOf(one))
          for (const name of [...object.getOwnPropertyNames(one), ...object.getOwnPropertySymbols(one)]) {
            const { value, get, set } = object.getOwnPropertyDescriptor(one, name)
            found.add(value).add(get).add(set)
          }
        }
        return found
      }
      const once = reach(made())
      const both = [...reach(made())].filter((one) => once.has(one))
      const shown = (one) => caught(() => typeof one + " " + one.name + " " + one)
      const says = (one) => typeof one === "function" && ["Function", "GeneratorFunction", "AsyncFunction", "AsyncGeneratorFunction", "eval"].includes(one.name)
      msg.payload = {
        count: both.length,
        open: both.filter((one) => !object.isFrozen(one)).map(shown),
        global: both.filter((one) => one && typeof one === "object" && object.hasOwn(one, "globalThis")).length,
        makers: both.filter(says).map(shown),
      }
      return msg`
    expect(analyse(code).closed).toBe(true)
    const script = await bench.script(code, { timeoutMs: 5000 })
    const { count, ...rest } = (await script.payload({ a: 'constructor', c: '__proto__', g: 'matchAll', bytes: Buffer.from('some bytes'), res: response })) as { count: number }
    expect(rest).toEqual({ open: [], global: 0, makers: [] })
    expect(count).toBeGreaterThan(500)
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
