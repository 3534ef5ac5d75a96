import fc from 'fast-check'
import jsonata from 'jsonata'
import mustache from 'mustache'
import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { Body } from '../core/http/body.ts'
import { parseTemplate, renderTemplate, escapeHtml } from './mustache.ts'
import { needsJsonata, parsePath } from './path-expression.ts'
import { faultOf, openBench } from './test-bench.ts'

const run = fakeRun()

describe('JSONata', () => {
  it('reads the message, the environment and context, on its own thread and on the serving one', async () => {
    const bench = openBench()
    bench.contexts.flow.set('f', { x: 1 })
    bench.contexts.global.set('g', 2)
    const evaluate = await bench.sandbox.jsonata(
      `{ "sum": $sum(payload.n), "f": $flowContext("f.x"), "g": $globalContext("g"), "e": $env("KEY"), "none": $env("X"), "c": $clone(payload).n[0], "t": topic }`,
      bench.expressionHost({ KEY: 'v' }),
    )
    for (let i = 0; i < 30; i++) {
      const result = await evaluate({ payload: Body.ofJsonBytes(Buffer.from('{"n":[1,2]}')), topic: 't', req: {} }, run)
      expect(result).toEqual({ sum: 3, f: 1, g: 2, e: 'v', none: '', c: 1, t: 't' })
      expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
    }
  })

  it('sees the whole message where it asks for it', async () => {
    const bench = openBench()
    const message = { payload: 1, topic: 't', b: Buffer.from('x') }
    const at = async (text: string) => (await bench.sandbox.jsonata(text, bench.expressionHost()))(message, run)
    expect(await at('$keys($)')).toEqual(['payload', 'topic', 'b'])
    expect(await at('$.topic')).toBe('t')
    expect(await at('$count(*)')).toBeGreaterThan(2)
    expect(await at('msg.payload + 1')).toBe(2)
    expect(await at('`topic` & "!"')).toBe('t!')
    expect(await at('nothing.here')).toBeUndefined()
    expect(await at('$count(nothing)')).toBe(0)
  })

  it('over any value, with bindings', async () => {
    const bench = openBench()
    const evaluate = await bench.sandbox.jsonataOf('$.a + $n', bench.expressionHost())
    expect(await evaluate({ a: 1 }, run, { n: 2 })).toBe(3)
    expect(await evaluate(Body.ofJsonText('{"a":5}'), run, { n: 2 })).toBe(7)
    const list = await bench.sandbox.jsonataOf('$[x > 1].x', bench.expressionHost())
    expect(await list([{ x: 1 }, { x: 2 }, { x: 3 }], run)).toEqual([2, 3])
  })

  it('errors are faults: syntax with its place, failures, $moment, bodies that are not JSON', async () => {
    const bench = openBench()
    const broken = await faultOf(bench.sandbox.jsonata('payload.\n(', bench.expressionHost()))
    expect([broken.code, broken.facts['line']]).toEqual(['script.syntax', 2])
    const failing = async (text: string, payload: unknown = 'x') => {
      const evaluate = await bench.sandbox.jsonata(text, bench.expressionHost())
      return faultOf(Promise.resolve().then(() => evaluate({ payload }, run)))
    }
    expect((await failing('payload - 1')).code).toBe('expression.error')
    expect((await failing('$moment()')).message).toContain('$moment is not available')
    expect((await failing('$sum(payload)', Body.ofJsonBytes(Buffer.from('[1,')))).code).toBe('body.malformed')
    expect((await failing('payload.a', Body.ofJsonBytes(Buffer.from('[1,')))).code).toBe('body.malformed')
  })

  it('endless work ends with a fault and leaves others alone', async () => {
    const bench = openBench({ timeoutMs: 40 })
    const bad = await bench.sandbox.jsonata('($f := function($n) { $f($n + 1) }; $f(0))', bench.expressionHost())
    expect(['script.timeout', 'expression.error', 'script.memory']).toContain((await faultOf(Promise.resolve(bad({}, run)))).code)
    const good = await bench.sandbox.jsonata('payload * 2', bench.expressionHost())
    expect(await good({ payload: 2 }, run)).toBe(4)
  })

  it('the host’s own evaluation of plain paths gives exactly what JSONata gives', async () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null))
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(fc.constantFrom('a', 'b', 'toString', 'length'), tie('any'), { maxKeys: 3 })),
    })).any
    const path = fc.array(fc.constantFrom('a', 'b', 'toString', 'length'), { minLength: 1, maxLength: 3 }).map((names) => names.join('.'))
    const text = fc.oneof(path, fc.constantFrom('"x"', "'y z'", '12', '-3.5', 'true', 'null'))
    await fc.assert(
      fc.asyncProperty(value, text, async (input, typed) => {
        const ours = parsePath(typed)!(input)
        if (ours === needsJsonata) return
        const theirs: unknown = await jsonata(typed).evaluate(input)
        expect(JSON.stringify(ours)).toBe(JSON.stringify(theirs))
      }),
    )
    expect(['payload[0]', 'a and b', '$', '"a\\n"', 'a.%', 'in'].map((typed) => parsePath(typed))).toEqual(Array(6).fill(undefined))
  })
})

describe('templates', () => {
  it('looks names up in the message, the environment and context, and escapes as asked', async () => {
    const bench = openBench()
    bench.contexts.flow.set('f', { x: '<f>' })
    const render = async (text: string, escape: 'html' | 'json' | 'url' | 'none') =>
      (await bench.sandbox.template(text, bench.expressionHost({ K: 'env' }), escape))({ payload: Body.ofJsonText('{"a":"<1>\\n","l":[1,2]}'), 'env.x': 1 }, run)
    expect(await render('{{payload.a}}{{{payload.a}}}{{&payload.a}} {{env.K}} {{flow.f.x}}{{missing}}', 'html')).toBe('&lt;1&gt;\n<1>\n<1>\n env &lt;f&gt;')
    expect(await render('{"a":"{{payload.a}}"}', 'json')).toBe('{"a":"<1>\\n"}')
    expect(await render('/x?a={{payload.a}}', 'url')).toBe('/x?a=%3C1%3E%0A')
    expect(await render('{{#payload.l}}[{{.}}]{{/payload.l}}{{^payload.no}}none{{/payload.no}}{{! note }}', 'none')).toBe('[1][2]none')
  })

  it('agrees with the mustache package on templates it knows', () => {
    const piece = fc.constantFrom('text ', '\n', '  ', '{{a}}', '{{{a}}}', '{{& b.c }}', '{{b.c}}', '{{no}}', '{{#l}}{{.}},{{/l}}', '{{#b}}{{c}}{{a}}{{/b}}', '{{^no}}x{{/no}}', '{{^l}}x{{/l}}', '\n{{! c }}\n', '\n  {{#b}}\n in\n{{/b}}\n', '{{=<% %>=}}<% a %><%={{ }}=%>')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('')
        const view = { a: '<&"/>', b: { c: 1 }, l: [1, 2] }
        const ours = renderTemplate(parseTemplate(text), view, { escape: escapeHtml, missing: () => undefined, outputLimit: 1e6, stepLimit: 1e6 })
        expect(ours).toBe(mustache.render(text, view))
      }),
    )
  })

  it('refuses what does not parse, and stops what takes too much', async () => {
    const bench = openBench()
    for (const bad of ['a\n{{x', '{{#a}}x', '{{/a}}', '{{#a}}{{/b}}', '{{=x=}}']) expect((await faultOf(bench.sandbox.template(bad, bench.expressionHost(), 'none'))).code, bad).toBe('template.error')
    const nested = `${'{{#payload}}'.repeat(12)}${'{{/payload}}'.repeat(12)}`
    const render = await bench.sandbox.template(nested, bench.expressionHost(), 'none')
    expect(() => render({ payload: Array.from({ length: 100 }, (_, i) => i) }, run)).toThrow(/too much work/)
  })
})
