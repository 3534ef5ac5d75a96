import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseScript, ScriptSyntaxError } from './script-tree.ts'

const outcome = (code: string, async = true): string => {
  try {
    parseScript(code, { async })
    return 'accepted'
  } catch (error) {
    if (!(error instanceof ScriptSyntaxError)) throw error
    return `${error.line}:${error.column}`
  }
}

it.each([
  ['return msg\n}', '2:1'],
  ['return msg\n}, function () {', '2:1'],
  ['return msg })(), (function () {\n)', '1:12'],
  ['}{', '1:1'],
  ['if (msg.a) {\n  f(\n', '3:1'],
  ['msg.payload = `${', '1:18'],
  ['return msg /* and', '1:12'],
  ['msg.a = 1\nlet msg', '2:5'],
  ['#!/usr/bin/env node\nreturn msg', '1:2'],
  ['msg.payload = new.target\n\n  )', '3:3'],
  ['using file = null\nlet msg', '2:5'],
  ['msg.a = 1 <!-- and\nreturn msg', '1:11'],
  ['msg.a = 1\n--> and', '2:1'],
])('“%s” is refused at %s of what was typed', (code, place) => {
  expect(outcome(code)).toBe(place)
})

it.each([
  'msg?.in\n/ (seen = 1) /g',
  'msg.a = msg?.default\n/ (seen = 1) /g',
  'msg?.of\n/ (seen = 1) /g',
  'var of = 1\nmsg.a\nof\n/ (seen = 1) /g',
  'var of = 1\nmsg.a\nof\n/= (seen = 1) /g',
  'function* f() { return () => { var yield = 1\nyield\n/ (seen = 1) /g } }',
  'msg.a = function () {}\n/ (seen = 1) /g',
  'msg.a = () => {}\nseen = msg?.in / 2',
])('a slash divides here as it does when the code runs: “%s”', (code) => {
  expect(JSON.stringify(parseScript(code))).toContain('"name":"seen"')
})

it.each(['if (msg.a) /seen/g.test(msg.a)', '{}\n/seen/g.test(msg.a)', 'msg.a = () => {}\n/seen/g.test(msg.a)', 'return /seen/g', 'x: /seen/g.test(msg.a)'])('and begins a pattern here: “%s”', (code) => {
  expect(JSON.stringify(parseScript(code))).toContain('"pattern":"seen"')
})

it('code is accepted only as the body of one function, and errors are at places that it has', () => {
  const pieces = ['{', '}', '(', ')', '})', '}, function () {', '(function () {', '}) //', '/*', '*/', '//', '<!--', '-->', '`', '${', "'", '\\', '/', '/x/', '\n', ' ', ';', ',', '=', '=>', '...', 'msg', 'a', '1', 'let ', 'class ', 'try {', 'catch {', 'return ', 'await ', 'yield ', 'using ', 'new.target', 'async ', 'function', '"use strict"\n', '#!']
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor
  let accepted = 0
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 7 }), fc.boolean(), (list, async) => {
      const code = list.join('')
      const told = outcome(code, async)
      if (told === 'accepted') {
        accepted++
        expect((async ? AsyncFunction : Function)('msg', 'node', code)).toBeInstanceOf(Function) // it reads a body by itself, too
      } else {
        const [line, column] = told.split(':').map(Number) as [number, number]
        expect(column).toBeGreaterThan(0)
        expect(column).toBeLessThanOrEqual((code.split('\n')[line - 1] as string).length + 1)
      }
    }),
    { numRuns: 3000 },
  )
  expect(accepted).toBeGreaterThan(100)
})
