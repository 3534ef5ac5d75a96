import fc from 'fast-check'
import { expect, test } from 'vitest'
import { explainCheck, explainPassing } from './explain-check.ts'

test('when the call passes is said only where time makes it so', () => {
  const checks = [{ check: 'service hours', passed: false, zone: 'Asia/Taipei' }]
  expect(explainPassing({ passesAtMs: Date.UTC(2026, 10, 23), checks, decidedBy: 0 }, 'en')).toBe('2026-11-23 (Mon) 08:00 Asia/Taipei')
  expect(explainPassing({ checks, decidedBy: 0 }, 'en')).toBeUndefined()
})

test('a quota is told with its numbers and when it counts anew; what passed is not said to pass again', () => {
  const check = { check: 'counter', passed: false, per: 'application', window: '5 minutes', limit: 10, used: 10, remaining: 0, resetsAtMs: Date.UTC(2026, 0, 1, 12) }
  expect(explainCheck(check, 'en')).toEqual({ name: 'Quota per application', found: '10 of 10 used per 5 minutes, 0 left', passes: 'counts anew 2026-01-01 (Thu) 12:00 UTC' })
  expect(explainCheck(check, 'zh-TW')).toEqual({ name: '配額（每個應用程式）', found: '上限 10／5 分鐘，已用 10，剩餘 0', passes: '2026-01-01 (週四) 12:00 UTC 重新計數' })
  expect(explainCheck({ ...check, passed: true }, 'en').passes).toBeUndefined()
  const total = { check: 'counter', passed: false, per: 'subscription', window: 'total', limit: 10, used: 10, remaining: 0 }
  expect([explainCheck(total, 'en'), explainCheck(total, 'zh-TW')]).toEqual([
    { name: 'Quota per subscription', found: '10 of 10 used in all, 0 left' }, { name: '配額（每個訂閱）', found: '上限 10／總計，已用 10，剩餘 0' },
  ])
})

test('a check of another release is told by its facts', () => {
  expect(explainCheck({ check: 'phase of the moon', passed: false, moon: 'full', seen: [1] }, 'en')).toEqual({ name: 'phase of the moon', found: 'moon: full, seen: [1]' })
})

const names = ['key', 'basic', 'network', 'service hours', 'valid from', 'scopes', 'subscription', 'counter', 'rate', 'lease', 'API', 'session', 'constructor', '__proto__']
const facts = ['ip', 'networks', 'windows', 'zone', 'opensAtMs', 'from', 'wanted', 'missing', 'reason', 'states', 'limit', 'used', 'remaining', 'per', 'window', 'resetsAtMs', 'kind']

test('whatever a gateway says, explaining it does not fail', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.boolean(), fc.dictionary(fc.constantFrom(...facts), fc.jsonValue()), (check, passed, more) => {
      for (const language of ['en', 'zh-TW'] as const) {
        const { name, found } = explainCheck({ ...more, check, passed }, language)
        expect([typeof name, typeof found]).toEqual(['string', 'string'])
      }
    }),
  )
})
