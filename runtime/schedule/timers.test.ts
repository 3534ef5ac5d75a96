import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { createTimers } from './timers.ts'

test('an interval fires again and again until it is stopped', async () => {
  const clock = fakeClock()
  let fired = 0
  const stop = createTimers(clock)({ on: 'interval', everyMs: 100 }, () => void fired++)
  await clock.advance(350)
  expect(fired).toBe(3)
  stop()
  await clock.advance(500)
  expect({ fired, pending: clock.pending }).toEqual({ fired: 3, pending: 0 })
})

test('a start fires once, and not at all when it is stopped before', async () => {
  const clock = fakeClock()
  let fired = 0
  const start = createTimers(clock)
  start({ on: 'start', delayMs: 50 }, () => void fired++)
  start({ on: 'start', delayMs: 50 }, () => void fired++)()
  await clock.advance(1_000)
  expect(fired).toBe(1)
})

test('what waits for others starts nothing', () => {
  const clock = fakeClock()
  const start = createTimers(clock)
  start({ on: 'manual' }, () => expect.unreachable())
  start({ on: 'http', method: 'GET', path: '/' }, () => expect.unreachable())
  expect(clock.pending).toBe(0)
})

test('times that were stopped keep nothing running', () => {
  const stop = createTimers(fakeClock())({ on: 'cron', cron: '* * * * * *', zone: 'Asia/Taipei' }, () => expect.unreachable())
  stop()
})
