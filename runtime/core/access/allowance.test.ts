import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAllowance } from './allowance.ts'

test('whenever it is asked, an address does no more than its pace allows, and has all of it again after a rest', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.nat({ max: 300 }), { maxLength: 200 }), (atOnce, pauses) => {
    let nowMs = 1000
    const allowance = createAllowance({ elapsed: () => nowMs }, { atOnce, betweenMs: 100, entries: 10 })
    let taken = 0
    for (const pause of pauses) {
      nowMs += pause
      const waitMs = allowance.take('192.0.2.1')
      if (waitMs === 0) taken++
      else expect(waitMs).toBeLessThanOrEqual(100)
      expect(taken).toBeLessThanOrEqual(atOnce + (nowMs - 1000) / 100)
    }
    nowMs += atOnce * 100
    expect(Array.from({ length: atOnce + 1 }, () => allowance.take('192.0.2.1') === 0)).toEqual([...Array.from({ length: atOnce }, () => true), false])
  }))
})

test('what is given back can be taken again; a /64 is one address, and others have their own', () => {
  const allowance = createAllowance({ elapsed: () => 0 }, { atOnce: 1, betweenMs: 100, entries: 10 })
  expect([allowance.take('2001:db8::1'), allowance.take('2001:db8::2'), allowance.take('2001:db8:1::1')]).toEqual([0, 100, 0])
  allowance.giveBack('2001:db8::2')
  allowance.giveBack('192.0.2.1')
  expect([allowance.take('2001:db8::3'), allowance.take('192.0.2.1'), allowance.take('192.0.2.1')]).toEqual([0, 0, 100])
})
