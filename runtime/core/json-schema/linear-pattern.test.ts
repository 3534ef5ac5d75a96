import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NotLinearError } from '../values/linear-regex.ts'
import { compilePattern } from './linear-pattern.ts'

describe('a pattern of a schema', () => {
  const atom = fc.constantFrom('a', 'b', '[ab]', '[^a]', '\\d', '.', '(ab)', '(?:a|b)', '\\.', '-')
  const count = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{0,20}', '{3,}', '+?')
  const pattern = fc.array(fc.tuple(atom, count).map(([one, times]) => one + times), { minLength: 1, maxLength: 4 }).chain((parts) => fc.constantFrom(`^${parts.join('')}$`, parts.join(''), `^${parts.join('|')}$`))

  test('means what it means to JavaScript', () => {
    fc.assert(fc.property(pattern, fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '1', '.', '-'), maxLength: 30 }), { minLength: 5, maxLength: 5 }), (source, texts) => {
      const compiled = compilePattern(source)
      for (const text of texts) expect([source, text, compiled.test(text)]).toEqual([source, text, new RegExp(source).test(text)])
    }), { numRuns: 500 })
  })

  test.each(['(?=a)b', '(a)\\1', '^\\p{L}+$', '^(?:a{1,900}b{1,900}){40}$', 'a'.repeat(3000)])('is refused where it cannot run in bounded time: %s', (source) => {
    expect(() => compilePattern(source)).toThrow(NotLinearError)
  })

  test.each(['^(?:a+)+$', '^(a|aa)+$', '^a*a*a*a*a*a*$', '(?:a|a)*b', '^(?:[a-z]+\\.?)+@$', '^a*a{400}$'])('%s comes to an end, or says that it is too much', (source) => {
    for (const length of [100, 10_000, 200_000]) {
      try {
        compilePattern(source).test(`${'a'.repeat(length)}!`)
      } catch (error) {
        expect(error).toMatchObject({ code: 'schema.work' })
      }
    }
  })
})
