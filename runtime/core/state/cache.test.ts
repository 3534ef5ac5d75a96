import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toCachePlace } from './cache.ts'

test('no flow’s cache lies within that of another, whatever the flows are called', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '#', '*', '%', ':', '2', 'f'), minLength: 1, maxLength: 6 })
  fc.assert(fc.property(text, text, text, text, (owner, cache, other, theirs) => {
    fc.pre(owner !== other)
    const place = toCachePlace({ reach: 'flow', owner, cache })
    expect(toCachePlace({ reach: 'flow', owner: other, cache: theirs }).startsWith(place)).toBe(false)
  }))
})
