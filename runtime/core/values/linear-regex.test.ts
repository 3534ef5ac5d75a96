import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLinear, compileLinear, NotLinearError, replaceAllPlain } from './linear-regex.ts'

describe('regular expressions that a user typed', () => {
  it('match what they match elsewhere', () => {
    expect(compileLinear('^09\\d{8}$').test('0912345678')).toBe(true)
    expect(compileLinear('^09\\d{8}$').test('091234567')).toBe(false)
    expect(compileLinear('a.c', 's').test('a\nc')).toBe(true)
    expect(compileLinear('^b$', 'm').test('a\nb')).toBe(true)
  })

  it('run in linear time where backtracking would never end', () => {
    expect(compileLinear('^(a+)+$').test(`${'a'.repeat(5000)}!`)).toBe(false)
  })

  it.each(['(?=a)b', '(a)\\1', 'a{0,1000}', 'a'.repeat(1001)])('are refused with a remedy when they are not linear: %s', (source) => {
    expect(checkLinear(source, '', 'rules')).toMatchObject({ code: 'regex.not_linear', property: 'rules', remedy: expect.stringContaining('function node') })
    expect(() => compileLinear(source)).toThrow(NotLinearError)
  })

  it('are refused when they do not compile', () => {
    expect(checkLinear('(')).toMatchObject({ code: 'regex.syntax' })
    expect(checkLinear('[a-z]+', 'i')).toBeUndefined()
  })

  it('ignore case as the standard says', () => {
    const piece = fc.constantFrom('a', 'B', 'é', 'Ω', '[a-f]', '[^A-C]', '[x\\-Z]', '\\w', '\\W', '\\x41', '\\u0061', '\\.', '\\n', '.', '|', 'k', 's', '[À-ÿ]', '[\\dq]', '(?:aB)', '(?<Na>c)', '\\y', '[^]', '中', '1')
    const text = fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'B', 'c', 'k', 'K', '\u212a', 's', 'S', '\u017f', 'é', 'É', 'ω', 'Ω', 'x', 'z', 'Z', 'ß', 'ÿ', 'Ÿ', '-', '.', '\n', '1', '中', 'q', 'Q', 'Y'), maxLength: 6 })
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), text, (pieces, subject) => {
        const source = pieces.join('').replace(/(\(\?<Na>c\)).*\1/, '$1')
        expect(compileLinear(source, 'i').test(subject)).toBe(new RegExp(source, 'i').test(subject))
      }),
      { numRuns: 2000 },
    )
  })

  it('replace as String.replace does', () => {
    const cases: [string, string, string][] = [
      ['(\\w+) (\\w+)', 'ab cd ef gh', '$2-$1'],
      ['b*', 'abc', '<$&>'],
      ['(?<y>\\d+)', 'in 2024', '$<y>!$$'],
      ['x', 'axbx', '$1$0'],
      ['(a)', 'banana', '$10'],
    ]
    for (const [source, text, by] of cases) expect(compileLinear(source).replaceAll(text, by)).toBe(text.replace(new RegExp(source, 'g'), by))
  })

  it('stop when text and pattern, or the matches together, take too long', () => {
    expect(() => compileLinear('(a|b|c)*x').test('a'.repeat(600_000))).toThrow(/too many/)
    expect(() => compileLinear('a.*b|a').replaceAll('a'.repeat(100_000), 'x')).toThrow(/used more than/)
  })

  it('do not let a replacement fill the memory', () => {
    expect(() => replaceAllPlain('a'.repeat(1_000_000), 'a', 'b'.repeat(1000))).toThrow(/makes a text/)
    expect(() => compileLinear('a').replaceAll('a'.repeat(100_000), 'b'.repeat(100_000))).toThrow(/makes a text|used more/)
    expect(replaceAllPlain('a.b.c', '.', '$&$&')).toBe('a..b..c')
  })
})
