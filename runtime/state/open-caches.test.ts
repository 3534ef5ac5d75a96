import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPattern } from './open-caches.ts'

test('a pattern means what the regular expression with .* in place of * means', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '/', '.'), maxLength: 12 })
  fc.assert(fc.property(text, text, (pattern, name) => {
    const meant = new RegExp(`^${pattern.split('*').map((piece) => piece.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('.*')}$`, 's')
    expect(createPattern(pattern)(name)).toBe(meant.test(name))
  }), { numRuns: 500 })
})
