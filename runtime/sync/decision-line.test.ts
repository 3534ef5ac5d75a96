import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import type { Decision } from '../core/access/decision.ts'
import type { DecisionBatch } from '../core/sync-wire.ts'
import { createDecisionLog } from '../telemetry/decision-log.ts'
import { ControlError } from './control-client.ts'
import { createDecisionLine } from './decision-line.ts'

const refusal = (run: string, reason = ''): Omit<Decision, 'id'> => ({ at: 1, run, flow: 'f', node: 'n', nodeType: 'auth', code: 'auth.missing', status: 401, checks: [{ check: 'key', passed: false, reason }], decidedBy: 0 })

function start(waiting = 1000) {
  const clock = fakeClock()
  const log = createDecisionLog({ clock, limits: { waiting, burst: 1e9, burstOfOne: 1e9 } })
  const arrived: DecisionBatch[] = []
  const control = { there: true, refuses: undefined as Error | undefined, asked: 0 }
  const line = createDecisionLine({
    queue: log.queue, clock, connected: () => control.there,
    async post(batch) {
      control.asked++
      if (control.refuses) throw control.refuses
      arrived.push(batch)
    },
  })
  return { clock, log, arrived, control, line, ids: () => arrived.flatMap(({ decisions }) => decisions.map(({ id }) => id)) }
}

test('refusals of a moment go together, in order; one batch waits for the one before', async () => {
  const { clock, log, arrived, ids } = start()
  for (let one = 0; one < 450; one++) log.record(refusal(`r${one}`))
  await clock.advance(1000)
  expect(arrived.map(({ decisions }) => decisions.length)).toEqual([200, 200, 50])
  expect(ids()).toEqual(Array.from({ length: 450 }, (_, one) => `r${one}`))
})

test('what control does not take is tried again, ever more slowly, and nothing is lost or told twice', async () => {
  const { clock, log, control, ids } = start()
  control.refuses = new ControlError(503, 'decisions')
  log.record(refusal('a'))
  await clock.advance(60_000)
  expect(control.asked).toBeLessThan(12)
  log.record(refusal('b'))
  control.refuses = undefined
  await clock.advance(30_000)
  expect(ids()).toEqual(['a', 'b'])
})

test('while control is away the newest wait; how many made room is told when it is back', async () => {
  const { clock, log, control, line, arrived, ids } = start(3)
  control.there = false
  for (const run of ['a', 'b', 'c', 'd', 'e']) log.record(refusal(run))
  await clock.advance(60_000)
  expect(control.asked).toBe(0)
  control.there = true
  line.connected()
  await clock.advance(1000)
  expect([ids(), arrived[0]?.dropped]).toEqual([['c', 'd', 'e'], 2])
  expect(log.queue.peek(10)).toEqual({ decisions: [], dropped: 0 })
})

test('a batch that control cannot read does not stop those behind it', async () => {
  const { clock, log, control, ids } = start()
  control.refuses = new ControlError(400, 'decisions')
  log.record(refusal('bad'))
  await clock.advance(200)
  control.refuses = undefined
  log.record(refusal('good'))
  await clock.advance(5000)
  expect(ids()).toEqual(['good'])
})

test('one that is too large is left out and counted', async () => {
  const { clock, log, arrived, ids } = start()
  log.record({ ...refusal('large'), checks: Array.from({ length: 1000 }, () => ({ check: 'x', passed: false, reason: 'y'.repeat(200) })) })
  log.record(refusal('small'))
  await clock.advance(1000)
  expect([ids(), arrived[0]?.dropped]).toEqual([['small'], 1])
})

test('a gateway that ends says its last word and then nothing', async () => {
  const { clock, log, line, control, ids } = start()
  log.record(refusal('last'))
  await line.flush()
  line.close()
  expect(ids()).toEqual(['last'])
  log.record(refusal('later'))
  await clock.advance(10_000)
  expect(control.asked).toBe(1)
})
