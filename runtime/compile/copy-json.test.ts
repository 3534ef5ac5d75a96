import fc from 'fast-check'
import { expect, test } from 'vitest'
import { copyJson } from './copy-json.ts'

test('a copy of a JSON value is equal, shares no object with it, and may be changed', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const copy = copyJson({ value })
      expect(JSON.stringify(copy)).toBe(JSON.stringify({ value }))
      expect(Object.isFrozen(copyJson(Object.freeze({ value })))).toBe(false)
    }),
  )
})

test('a key called __proto__ stays a key', () => {
  const copy = copyJson(JSON.parse('{"__proto__": {"admin": true}}') as { admin?: boolean })
  expect(copy.admin).toBeUndefined()
  expect(JSON.stringify(copy)).toBe('{"__proto__":{"admin":true}}')
})
