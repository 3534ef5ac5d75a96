import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from './clock.ts'

afterEach(() => vi.useRealTimers())

test('a timer may be longer than the 24.8 days that the machine’s own can wait', () => {
  vi.useFakeTimers()
  const day = 86_400_000
  let fired = 0
  systemClock.setTimer(() => fired++, 30 * day)
  const cancel = systemClock.setTimer(() => fired++, 60 * day)
  vi.advanceTimersByTime(29 * day)
  expect(fired).toBe(0)
  vi.advanceTimersByTime(2 * day)
  expect(fired).toBe(1)
  cancel()
  vi.advanceTimersByTime(60 * day)
  expect(fired).toBe(1)
})
