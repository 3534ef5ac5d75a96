import { expect, test } from 'vitest'
import { toWear } from './data-key-wear.ts'

const dayMs = 86_400_000

test('a data key that goes on as it went is full when the rest has passed at that pace; one that nobody uses never is', () => {
  const row = { scope: 'domain:people', version: 2, createdAt: 0 }
  expect(toWear(row, 500, 1000, 10 * dayMs)).toEqual({ scope: 'domain:people', version: 2, since: '1970-01-01T00:00:00.000Z', seals: 500, share: 0.5, fullAt: new Date(20 * dayMs).toISOString() })
  expect(toWear(row, 0, 1000, 10 * dayMs)).not.toHaveProperty('fullAt')
  expect(toWear(row, 1, 2 ** 31, 3650 * dayMs)).not.toHaveProperty('fullAt')
  // It is over already, and replaced with its next use.
  expect(toWear(row, 2000, 1000, 10 * dayMs).fullAt).toBe(new Date(10 * dayMs).toISOString())
})
