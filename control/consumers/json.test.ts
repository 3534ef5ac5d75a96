import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diffJson, mergePatch } from './json.ts'

test('a merge patch does what the examples of RFC 7396 say', () => {
  const examples: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }], [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }], [{ a: 'b' }, { a: null }, {}], [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }], [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }], [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }], [['a', 'b'], ['c', 'd'], ['c', 'd']], [{ a: 'b' }, ['c'], ['c']], [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'], [{ e: null }, { a: 1 }, { e: null, a: 1 }], [[1, 2], { a: 'b', c: null }, { a: 'b' }], [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, result] of examples) expect(mergePatch(target, patch)).toEqual(result)
})

const record = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string()), fc.dictionary(fc.string(), fc.string())))

test('a patch leaves what it is applied to as it was, and applying it twice is applying it once', () => {
  fc.assert(fc.property(record, record, (target, patch) => {
    const before = JSON.stringify(target)
    const once = mergePatch(target, patch)
    expect(JSON.stringify(target)).toBe(before)
    expect(JSON.stringify(mergePatch(once, patch))).toBe(JSON.stringify(once))
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  }))
  expect(mergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}'))).not.toHaveProperty('polluted')
})

test('a diff is empty for equal values and names every place that differs', () => {
  fc.assert(fc.property(record, (value) => {
    expect(diffJson(value, JSON.parse(JSON.stringify(value)))).toEqual([])
  }))
  expect(diffJson({ a: 1, b: { 'x/y': [1], '~': 2 } }, { b: { 'x/y': [2], '~': 2 }, c: 3 })).toEqual([
    { pointer: '/a', before: 1 },
    { pointer: '/b/x~1y', before: [1], after: [2] },
    { pointer: '/c', after: 3 },
  ])
})
