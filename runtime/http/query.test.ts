import fc from 'fast-check'
import qs from 'qs'
import { expect, it } from 'vitest'
import { toQuery } from './query.ts'

it('gives repeated keys as lists and brackets as nested values', () => {
  expect(toQuery('a=1&a=2&b[c]=3&d[]=4&e=%E6%9D%BE+x')).toEqual({ a: ['1', '2'], b: { c: '3' }, d: ['4'], e: '松 x' })
})

it('cannot be made to touch a prototype', () => {
  for (const text of ['__proto__=x', '__proto__[y]=x', 'constructor[prototype][y]=x', 'a[__proto__][y]=x', 'toString=x']) toQuery(text)
  expect(({} as Record<string, unknown>)['y']).toBeUndefined()
  expect(Object.keys(toQuery('__proto__=x&hasOwnProperty=y&z=1'))).toEqual(['z'])
})

it('agrees with qs where there are no brackets', () => {
  const text = fc.array(fc.constantFrom('a', 'b', '=', '&', '+', '%20', '%zz', '%E6%9D%BE', '松', '.', '1'), { maxLength: 12 }).map((parts) => parts.join(''))
  fc.assert(fc.property(text, (given) => {
    expect(toQuery(given)).toEqual(qs.parse(given, { arrayLimit: 1000 }))
  }))
})
