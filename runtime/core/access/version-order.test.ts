import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareVersions, isVersion, versionKey } from './version-order.ts'

const version = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,12}$/)
const sign = (order: number) => Math.sign(order)

describe('the order of versions', () => {
  test.each([
    [['v10', 'v2', 'v1', 'v9'], ['v1', 'v2', 'v9', 'v10']],
    [['2.10', '2.9', '2', '2.9.1'], ['2', '2.9', '2.9.1', '2.10']],
    [['2026-02-01', '2025-12-31', '2026-01-15'], ['2025-12-31', '2026-01-15', '2026-02-01']],
    [['v2', 'v2-beta', 'v2-rc1', 'v1', 'v2.1'], ['v1', 'v2-beta', 'v2-rc1', 'v2', 'v2.1']],
    [['V2', 'v1', 'V3'], ['v1', 'v2', 'v3']],
  ])('is the one people expect: %j', (given, expected) => {
    expect(given.toSorted(compareVersions).map(versionKey)).toEqual(expected)
  })

  test('is an order: it has two sides, goes on, and says “the same” of nothing but the same', () => {
    fc.assert(fc.property(version, version, version, (a, b, c) => {
      expect(sign(compareVersions(a, b))).toBe(-sign(compareVersions(b, a)) + 0)
      expect(compareVersions(a, b) === 0).toBe(versionKey(a) === versionKey(b))
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) expect(compareVersions(a, c)).toBeLessThanOrEqual(0)
    }), { numRuns: 2000 })
  })

  test('counts numbers of any length', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 25n }), fc.bigInt({ min: 0n, max: 10n ** 25n }), (a, b) => {
      expect(sign(compareVersions(`v${a}`, `v${b}`))).toBe(a < b ? -1 : a > b ? 1 : 0)
    }))
  })
})

test('a version begins with a letter or digit and has no more than 32 of what may stand in a header unquoted', () => {
  for (const good of ['v2', '2', '2026-01-31', 'V2.1_beta', 'a'.repeat(32)]) expect(isVersion(good), good).toBe(true)
  for (const bad of ['', '-v2', 'v 2', 'v2,v3', 'v/2', 'é', 'v2\n', 'a'.repeat(33)]) expect(isVersion(bad), bad).toBe(false)
})
