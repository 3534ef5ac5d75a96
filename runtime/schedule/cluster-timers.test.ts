import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { silentLog } from '../core/log.ts'
import { createClusterTimers } from './cluster-timers.ts'

/** What gateways note together. */
function sharedNotes() {
  const notes = new Map<string, number>()
  return {
    async advance(name: string, to: number) {
      const before = notes.get(name)
      notes.set(name, Math.max(before ?? 0, to))
      return before
    },
  }
}

const minutely = { on: 'cron', cron: '* * * * *', zone: 'UTC' } as const

test('a time of day comes to one of the gateways, an interval to each', async () => {
  const clock = fakeClock()
  const notes = sharedNotes()
  const fired: string[] = []
  for (const gateway of ['a', 'b', 'c']) {
    const start = createClusterTimers(clock, notes, silentLog)
    start(minutely, () => void fired.push('cron'), { flow: 'f', node: 'n' })
    start({ on: 'interval', everyMs: 250_000 }, () => void fired.push(gateway), { flow: 'f', node: 'm' })
  }
  await clock.advance(300_500)
  expect(fired.filter((one) => one === 'cron')).toHaveLength(5)
  expect(fired.filter((one) => one !== 'cron')).toEqual(['a', 'b', 'c'])
})

test('nobody takes a time that gateways cannot agree on, and the next one is taken again', async () => {
  const clock = fakeClock()
  const notes = sharedNotes()
  let away = true
  let fired = 0
  const start = createClusterTimers(clock, { advance: (name, to) => (away ? Promise.reject(new Error('gone')) : notes.advance(name, to)) }, silentLog)
  const stop = start(minutely, () => void fired++, { flow: 'f', node: 'n' })
  await clock.advance(60_500)
  expect(fired).toBe(0)
  away = false
  await clock.advance(60_000)
  expect(fired).toBe(1)
  stop()
  await clock.advance(120_000)
  expect([fired, clock.pending]).toEqual([1, 0])
})
