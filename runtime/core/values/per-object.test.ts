import { expect, test } from 'vitest'
import { perObject } from './per-object.ts'

test('makes of each object once, whatever comes of it, and of one that looks the same again', () => {
  const asked: object[] = []
  const of = perObject((one: { readonly n: number }) => {
    asked.push(one)
    return one.n === 0 ? undefined : [one.n]
  })
  const [none, first, second] = [{ n: 0 }, { n: 1 }, { n: 1 }]
  expect(of(first)).toBe(of(first))
  expect(of(second)).not.toBe(of(first))
  expect([of(none), of(none)]).toEqual([undefined, undefined])
  expect(asked).toEqual([first, second, none])
})

test('what could not be made is tried again', () => {
  let tries = 0
  const of = perObject(() => {
    if (++tries === 1) throw new Error('not now')
    return tries
  })
  const one = {}
  expect(() => of(one)).toThrow('not now')
  expect([of(one), of(one)]).toEqual([2, 2])
})
