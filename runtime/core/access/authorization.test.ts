import fc from 'fast-check'
import { expect, test } from 'vitest'
import { credentialsOf } from './authorization.ts'

const of = (authorization: string | string[] | undefined, scheme: 'basic' | 'bearer') => credentialsOf({ headers: { authorization } }, scheme)

test('credentials are those of the scheme that is asked for, however it is written', () => {
  expect([of('Basic YTpi', 'basic'), of('bAsIc  YTpi ', 'basic'), of('Bearer a.b.c', 'bearer')]).toEqual(['YTpi', 'YTpi', 'a.b.c'])
  expect([of('Bearer a', 'basic'), of('Basicx a', 'basic'), of('Basic', 'basic'), of('Basic ', 'basic'), of(['Basic a', 'Basic b'], 'basic'), of(undefined, 'basic')]).toEqual(Array(6).fill(undefined))
})

test('a header of any text is read without failing, and of one scheme at the most', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `Basic ${text}`), fc.string().map((text) => `bearer ${text}`)), (text) => {
    expect([of(text, 'basic'), of(text, 'bearer')]).toContain(undefined)
  }))
})
