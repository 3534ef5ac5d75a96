import vm from 'node:vm'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseScript } from '../core/syntax/script-tree.ts'
import { freeNames } from './free-names.ts'

const namesOf = (code: string): string[] => [...new Set(freeNames(parseScript(code), ['msg', 'node']).map(({ name }) => name))].toSorted()

it.each([
  ['a = 1', ['a']],
  ['var a; let b; const c = 1; function d() {} class E {}; a = b = c + d + E', []],
  ['if (msg.x) { let a } a = 1', ['a']],
  ['if (msg.x) { var a } a = 1', []],
  ['{ function late() {} } late()', ['late']],
  ['const f = (a = b) => { var b; return a }', ['b']],
  ['const f = function me() { return me }; me()', ['me']],
  ['for (let i = 0; i < 1; i++) {} i', ['i']],
  ['for (var i in msg) {} i', []],
  ['try {} catch ({ message: [a, ...b], ...c }) { a; b; c } a', ['a']],
  ['switch (a) { case 1: let a }', ['a']],
  ['class A { static { var b = A } static c = b }', ['b']],
  ['outer: for (;;) { break outer } msg.outer; ({ outer: 1 })', []],
  ['({ a, b: c, [d]: e } = msg)', ['a', 'c', 'd', 'e']],
  ['const { a = b, ...rest } = msg; rest[c]', ['b', 'c']],
  ['return `${a}` + (async () => await b)', ['a', 'b']],
])('free in “%s”: %j', (code, expected) => {
  expect(namesOf(code)).toEqual(expected)
})

const name = fc.constantFrom('a', 'b', 'c')
const statement: fc.Memo<string> = fc.memo((depth) => {
  const block = depth <= 1 ? fc.constant('') : fc.array(statement(depth - 1), { maxLength: 3 }).map((list) => list.join('\n'))
  return fc.oneof(
    name.map((one) => `try { ${one} = 1 } catch {}`),
    fc.tuple(fc.constantFrom('let', 'var', 'const'), name).map(([kind, one]) => `${kind} ${one} = 2`),
    name.map((one) => `var { x: ${one}, ...${one}s } = { x: 1 }`),
    name.map((one) => `function ${one}() { return 1 }`),
    name.map((one) => `class ${one} { static { var d = ${one} } }`),
    fc.tuple(name, name, block).map(([made, given, body]) => `try { (function ${made}(${given} = (a = 3)) {\n${body}\n})() } catch {}`),
    fc.tuple(name, block).map(([given, body]) => `try { ((${given}) => {\n${body}\n})() } catch {}`),
    block.map((body) => `{\n${body}\n}`),
    fc.tuple(name, block).map(([one, body]) => `for (let ${one} = 0; ${one} < 1; ${one} = 1) {\n${body}\n}`),
    fc.tuple(name, block).map(([one, body]) => `for (${one} of [1]) {\n${body}\n}`),
    fc.tuple(name, block).map(([one, body]) => `try { throw 1 } catch (${one}) {\n${body}\n}`),
    fc.tuple(name, name, block).map(([one, other, body]) => `switch (${one} = 1) { case 1:\n${body}\n default: let ${other} = 1 }`),
  )
})

it('whatever a body sets outside of itself is among its free names', () => {
  let bodies = 0
  fc.assert(
    fc.property(fc.array(statement(3), { minLength: 1, maxLength: 4 }), (statements) => {
      const code = statements.join('\n')
      let free: string[]
      try {
        free = namesOf(code)
      } catch {
        return // declared twice
      }
      bodies++
      const outside: Record<string, unknown> = {}
      try {
        vm.runInNewContext(`(function (msg, node) {\n${code}\n})({})`, outside, { timeout: 1000 })
      } catch {}
      expect(free).toEqual(expect.arrayContaining(Object.keys(outside)))
    }),
    { numRuns: 400 },
  )
  expect(bodies).toBeGreaterThan(50)
})
