import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import type { Decision } from '../core/access/decision.ts'
import { createDecisionLog } from './decision-log.ts'

const refusal = (run: string, application?: string): Omit<Decision, 'id'> => ({
  at: 1, run, flow: 'f', node: 'n', nodeType: 'auth', code: 'auth.missing', status: 401, checks: [{ check: 'key', passed: false }], decidedBy: 0, ...(application ? { application } : {}),
})

test('the newest are kept, the oldest make room, and each is found by its id', () => {
  const log = createDecisionLog({ clock: fakeClock(), limits: { kept: 3 } })
  for (const run of ['a', 'b', 'c', 'd']) expect(log.record(refusal(run))).toBe(run)
  expect([log.size, log.get('a'), log.get('b')?.run, log.get('d')?.run]).toEqual([3, undefined, 'b', 'd'])
})

test('a run that is refused twice has two decisions, the first under its own id', () => {
  const log = createDecisionLog({ clock: fakeClock() })
  const [first, second] = [log.record(refusal('a')), log.record(refusal('a'))]
  expect(first).toBe('a')
  expect(second).toMatch(/^a-\w+$/)
  expect(log.get(second)?.run).toBe('a')
})

test('a flood of refusals is bounded in memory and in what control is told; the rest is counted', async () => {
  const clock = fakeClock()
  const log = createDecisionLog({ clock })
  for (let second = 0; second < 10; second++) {
    for (let one = 0; one < 20_000; one++) log.record(refusal(`${second}-${one}`))
    await clock.advance(1000)
  }
  expect(log.size).toBe(10_000)
  const { decisions, dropped } = log.queue.peek(100_000)
  // 100 at once and 20 a second of callers whom nobody knows.
  expect(decisions.length).toBe(100 + 9 * 20)
  expect(decisions.length + dropped).toBe(200_000)
  expect([log.waiting, log.leftOut]).toEqual([decisions.length, dropped])
})

test('one application that is refused all the time hides no other', async () => {
  const clock = fakeClock()
  const log = createDecisionLog({ clock })
  for (let second = 0; second < 20; second++) {
    for (let one = 0; one < 1000; one++) log.record(refusal(`noise-${second}-${one}`, 'noisy'))
    log.record(refusal(`quiet-${second}`, 'quiet'))
    await clock.advance(1000)
  }
  const told = new Set(log.queue.peek(10_000).decisions.map(({ id }) => id))
  for (let second = 0; second < 20; second++) expect(told.has(`quiet-${second}`)).toBe(true)
})

test('whatever is sent, lost and made room for: what waits is the newest, in order, and nothing is counted twice', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('record' as const), fc.record({ take: fc.nat(5), recordMeanwhile: fc.nat(8), arrives: fc.boolean() })), { maxLength: 60 }), (acts) => {
      const log = createDecisionLog({ clock: fakeClock(), limits: { waiting: 5, burst: 1e9, burstOfOne: 1e9 } })
      let made = 0
      let arrived = 0
      let told = 0
      const next = () => log.record(refusal(String(made++)))
      for (const act of acts) {
        if (act === 'record') {
          next()
          continue
        }
        const { decisions, dropped } = log.queue.peek(act.take)
        for (let one = 0; one < act.recordMeanwhile; one++) next()
        if (!act.arrives) continue
        log.queue.sent(decisions, dropped)
        told += dropped
        arrived += decisions.length
      }
      const { decisions, dropped } = log.queue.peek(100)
      expect(decisions.length).toBeLessThanOrEqual(5)
      const places = decisions.map(({ run }) => Number(run))
      expect(places).toEqual(places.map((_, i) => made - places.length + i))
      // What arrived while it made room is in both counts: never is one in neither.
      expect(arrived + decisions.length + told + dropped).toBeGreaterThanOrEqual(made)
    }),
  )
})

test('whoever sends is told when something waits, also what waited before it listened', () => {
  const log = createDecisionLog({ clock: fakeClock() })
  log.record(refusal('a'))
  let told = 0
  log.queue.onWaiting(() => told++)
  log.record(refusal('b'))
  expect(told).toBe(2)
})

test('of many refusals alike the log has a few lines, which say how many there were; every one is counted by its code', async () => {
  const clock = fakeClock()
  const log = createDecisionLog({ clock, limits: { linesPerSecond: 2, linesBurst: 3 } })
  const say = (times: number, code = 'queue.full') => Array.from({ length: times }, () => (log.record({ ...refusal('r'), code }), log.say('n', code))).filter((one) => one !== undefined)
  expect([say(100), say(2, 'quota.exceeded')]).toEqual([[0, 0, 0], [0, 0]])
  await clock.advance(1000)
  expect([say(50), [...log.byCode]]).toEqual([[97, 0], [['queue.full', 150], ['quota.exceeded', 2]]])
  await clock.advance(500)
  expect(say(1)).toEqual([48])
})
