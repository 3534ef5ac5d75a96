import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shortenedBy } from './request-deadline.ts'

const given = (value: string | undefined, limitMs = 1000) => shortenedBy({ headers: { 'x-request-deadline': value } }, limitMs)

test('a caller can only shorten the time of its run', () => {
  expect([given('300'), given('5000'), given('0'), given(undefined)]).toEqual([300, 1000, 1, 1000])
  fc.assert(fc.property(fc.oneof(fc.string(), fc.nat().map(String)), fc.integer({ min: 1, max: 1e9 }), (value, limitMs) => {
    expect(given(value, limitMs)).toBeGreaterThanOrEqual(1)
    expect(given(value, limitMs)).toBeLessThanOrEqual(limitMs)
  }))
})

test('what is no whole number of milliseconds says nothing', () => {
  for (const value of ['', '-5', '1.5', '1e2', '300ms', ' 300', '0x10', '99999999999999999']) expect(given(value)).toBe(1000)
})
