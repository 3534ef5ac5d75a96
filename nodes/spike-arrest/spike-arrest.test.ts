import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChargeOutcome, State } from '../../runtime/core/state/state.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { spikeArrest } from './spike-arrest.ts'

type Tested = Awaited<ReturnType<typeof testNode>>

async function call(node: Tested, message: object = {}, run = fakeRun()): Promise<string> {
  try {
    return (await node.send(message, run)).map(({ port }) => port).join()
  } catch (error) {
    return (error as { code: string }).code
  }
}

async function burst(node: Tested, count: number): Promise<number> {
  let passed = 0
  for (let i = 0; i < count; i += 1) if ((await call(node)) === 'ok') passed += 1
  return passed
}

describe('spike arrest', () => {
  it('lets 30 a minute pass one every two seconds: a second call within them is refused', async () => {
    const node = await testNode(spikeArrest, { rate: '30', unit: 'minute' })
    expect(await burst(node, 2)).toBe(1)
    await node.clock.advance(1999)
    expect(await burst(node, 1)).toBe(0)
    await node.clock.advance(1)
    expect(await burst(node, 2)).toBe(1)
  })

  it('lets a burst pass after a rest, and then the rate', async () => {
    const node = await testNode(spikeArrest, { rate: '30', unit: 'minute', burst: 30 })
    expect(await burst(node, 40)).toBe(30)
    await node.clock.advance(2000)
    expect(await burst(node, 5)).toBe(1)
    await node.clock.advance(600_000)
    expect(await burst(node, 40)).toBe(30)
  })

  it('never lets more than burst and rate pass in any time, however calls come', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(700), { maxLength: 60 }), async (rate, burst, pauses) => {
      const node = await testNode(spikeArrest, { rate: String(rate), burst })
      const passedAt: number[] = []
      for (const pause of pauses) {
        await node.clock.advance(pause)
        if ((await call(node)) === 'ok') passedAt.push(node.clock.elapsed())
      }
      for (let from = 0; from < passedAt.length; from += 1) {
        for (let to = from; to < passedAt.length; to += 1) expect(to - from + 1).toBeLessThanOrEqual(burst + ((passedAt[to]! - passedAt[from]!) * rate) / 1000 + 1e-6)
      }
    }), { numRuns: 60 })
  })

  it('is one rate for all gateways with one state', async () => {
    const state = createMemoryState({ clock: fakeClock() })
    const nodes = await Promise.all([1, 2, 4, 8].map(() => testNode(spikeArrest, { rate: '1', burst: 5 }, { state })))
    const passed = await Promise.all(nodes.map((node) => burst(node, 5)))
    expect(passed.reduce((sum, one) => sum + one)).toBe(5)
  })

  it('delays what comes too fast until its turn, and refuses what would wait too long', async () => {
    const node = await testNode(spikeArrest, { rate: '10', mode: 'delay', maxDelayMs: 250 })
    const out: string[] = []
    for (const name of ['a', 'b', 'c', 'd']) void call(node).then((port) => out.push(`${node.clock.elapsed()} ${name} ${port}`))
    await node.clock.advance(1000)
    expect(out.sort()).toEqual(['0 a ok', '0 d refused', '100 b ok', '200 c ok'])
  })

  it('forgets who leaves while waiting, and delays nobody beyond their deadline', async () => {
    const node = await testNode(spikeArrest, { rate: '1', mode: 'delay', maxDelayMs: 60_000 })
    const leaving = fakeRun()
    expect(await call(node)).toBe('ok')
    const waiting = call(node, {}, leaving)
    expect(await call(node, {}, fakeRun({ deadline: node.clock.now() + 500 }))).toBe('refused')
    leaving.abort()
    expect(await waiting).toBe('')
    expect(node.clock.pending).toBe(0)
  })

  it('says when to come again', async () => {
    const node = await testNode(spikeArrest, { rate: '6', unit: 'minute' }, { wired: [] })
    const run = fakeRun()
    await node.send({})
    await expect(node.send({}, run)).rejects.toMatchObject({ code: 'spike.exceeded', status: 429, headers: { 'Retry-After': '10' }, facts: { rate: 6, unit: 'minute' } })
  })

  it('weighs calls, and takes its rate from the message when told so', async () => {
    const node = await testNode(spikeArrest, { rate: 'rate', rateType: 'msg', unit: 'minute', weight: 'weight', weightType: 'msg' }, { wired: [] })
    expect(await call(node, { rate: 10, weight: 5 })).toBe('ok')
    await node.clock.advance(29_999)
    expect(await call(node, { rate: 10, weight: 1 })).toBe('spike.exceeded')
    await node.clock.advance(1)
    expect(await call(node, { rate: 10, weight: 1 })).toBe('ok')
    expect([await call(node, { rate: 0, weight: 1 }), await call(node, { rate: 'x', weight: 1 }), await call(node, { rate: 10, weight: -1 })]).toEqual(['limit.value', 'limit.value', 'limit.weight'])
  })

  it('does as told while the shared store is away', async () => {
    const away: State = {
      ...createMemoryState({ clock: fakeClock() }),
      charge: async (_charges, onLoss): Promise<ChargeOutcome> => ({ allowed: onLoss !== 'closed', limits: [], refusedBy: onLoss === 'closed' ? 0 : -1, delayMs: 0, degraded: onLoss }),
    }
    for (const [onLoss, result] of [['open', 'ok'], ['share', 'ok'], ['closed', 'state.unavailable']]) expect(await call(await testNode(spikeArrest, { onLoss }, { state: away, wired: [] }))).toBe(result)
  })

  it.each([[{ rate: '0' }, 'limit.number'], [{ rate: '0.5' }, 'limit.number'], [{ weight: '' }, 'limit.number'], [{ per: 'key' }, 'limit.no_key'], [{ burst: 0 }, 'config.invalid'], [{ maxDelayMs: 100_000 }, 'config.invalid']])('is refused at deploy when it is drawn wrong (%j)', (config, code) => {
    expect(checkNode(spikeArrest, config).map((problem) => problem.code)).toContain(code)
  })
})
