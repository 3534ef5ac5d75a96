import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Clock } from '../../core/time/clock.ts'
import { createVirtualTime } from '../../../test/kit/virtual-time.ts'
import { SilenceWatch } from './silence-watch.ts'

const limitMs = 40
type Hold = readonly [fromMs: number, toMs: number]

/** A process beside Redis. Held, it does nothing: timers that fell due come first, then what lies in its socket. */
function createWorld(holds: readonly Hold[] = []) {
  const time = createVirtualTime()
  const endOfHold = (atMs: number) => holds.find(([fromMs, toMs]) => atMs >= fromMs && atMs < toMs)?.[1] ?? atMs
  const clock: Pick<Clock, 'setTimer'> = {
    setTimer(callback, afterMs) {
      let isSet = true
      time.at(endOfHold(time.nowMs + afterMs), () => isSet && callback())
      return () => void (isSet = false)
    },
  }
  let chunks = 0
  const away: number[] = []
  const watch = new SilenceWatch({ clock, limitMs, heard: () => chunks, silent: () => away.push(time.nowMs) })
  const come = (atMs: number, act: () => void = () => {}) => time.at(endOfHold(atMs) + 0.01, () => {
    chunks += 1
    act()
  })
  /** Asks at a time; the answer leaves Redis so much later. */
  const ask = (atMs: number, afterMs: number, answered: (value: string | undefined) => void = () => {}) => time.at(endOfHold(atMs), () => {
    const answer = new Promise<string>((resolve) => {
      if (afterMs !== Infinity) come(time.nowMs + afterMs, () => resolve('answer'))
    })
    void watch.answered(answer).then(answered)
  })
  return { time, watch, away, ask, come }
}

test('Redis that says nothing to somebody who asks is away within 50 ms, and whoever asked goes on', async () => {
  const { time, ask, away } = createWorld()
  const heard: unknown[] = []
  ask(0, 1)
  ask(100, Infinity, (value) => heard.push(value))
  ask(125, Infinity, (value) => heard.push(value))
  await time.runUntil(1000)
  expect([away, heard]).toEqual([[140], [undefined, undefined]])
})

test('an answer that takes its time while others come is only slow', async () => {
  const { time, ask, come, away } = createWorld()
  const heard: unknown[] = []
  ask(0, 300, (value) => heard.push(value))
  for (let atMs = 0; atMs < 300; atMs += 25) come(atMs)
  await time.runUntil(1000)
  expect([away, heard]).toEqual([[], ['answer']])
})

test('what Redis refuses is told at once', async () => {
  const { time, watch, away } = createWorld()
  expect(await watch.answered(Promise.reject(new Error('OOM')))).toBeUndefined()
  await time.runUntil(100)
  expect(away).toEqual([0])
})

test('however often and long this process is held, Redis that answers in time is never taken for away', async () => {
  const gaps = fc.array(fc.record({ gapMs: fc.integer({ min: 1, max: 60 }), heldMs: fc.integer({ min: 1, max: 500 }) }), { maxLength: 12 })
  await fc.assert(fc.asyncProperty(gaps, fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 2000 }), afterMs: fc.integer({ min: 0, max: 29 }) }), { minLength: 1, maxLength: 12 }), async (parts, questions) => {
    const holds: Hold[] = []
    let atMs = 0
    for (const { gapMs, heldMs } of parts) {
      holds.push([atMs + gapMs, atMs + gapMs + heldMs])
      atMs += gapMs + heldMs
    }
    const { time, ask, away } = createWorld(holds)
    let answers = 0
    for (const one of questions) ask(one.atMs, one.afterMs, (value) => (answers += value === 'answer' ? 1 : 0))
    await time.runUntil(20_000)
    expect([away, answers]).toEqual([[], questions.length])
  }), { numRuns: 40 })
})

test('a process that was held takes Redis for away when that is silent while it runs itself', async () => {
  const { time, ask, away } = createWorld([[5, 505]])
  ask(0, Infinity)
  await time.runUntil(2000)
  expect(away).toEqual([535])
})
