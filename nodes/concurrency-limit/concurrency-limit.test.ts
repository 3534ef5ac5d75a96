import { describe, expect, it } from 'vitest'
import { fault } from '../../runtime/core/fault.ts'
import type { ChargeOutcome, State } from '../../runtime/core/state/state.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { concurrencyLimit } from './concurrency-limit.ts'

type Tested = Awaited<ReturnType<typeof testNode>>

async function enter(node: Tested, id: string, message: object = {}) {
  const run = fakeRun({ id })
  try {
    return { run, result: (await node.send(message, run)).map(({ port }) => port).join() }
  } catch (error) {
    return { run, result: (error as { code: string }).code }
  }
}

describe('concurrency limit', () => {
  it('lets so many runs in at once, and the next when one has ended, on whatever way', async () => {
    const node = await testNode(concurrencyLimit, { limit: '2' }, { wired: [] })
    const [a, b, c] = [await enter(node, 'a'), await enter(node, 'b'), await enter(node, 'c')]
    expect([a.result, b.result, c.result]).toEqual(['ok', 'ok', 'concurrency.exceeded'])
    c.run.end({ status: 429 })
    expect((await enter(node, 'd')).result).toBe('concurrency.exceeded')
    a.run.end({ fault: fault('client.closed') })
    const e = await enter(node, 'e')
    expect([e.result, (await enter(node, 'f')).result]).toEqual(['ok', 'concurrency.exceeded'])
  })

  it('gives one run one slot, however often and in however many branches it comes by', async () => {
    const near = createMemoryState({ clock: fakeClock() })
    const far: State = { ...near, charge: async (charges, onLoss) => near.charge(charges, onLoss) }
    const node = await testNode(concurrencyLimit, { limit: '2' }, { state: far })
    const run = fakeRun({ id: 'a' })
    expect((await Promise.all([node.send({}, run), node.send({}, run), node.send({}, run)])).map(([sent]) => sent?.port)).toEqual(['ok', 'ok', 'ok'])
    expect([(await enter(node, 'b')).result, (await enter(node, 'c')).result]).toEqual(['ok', 'refused'])
    run.end()
    expect((await enter(node, 'd')).result).toBe('ok')
  })

  it('keeps the slot of a run that takes long, and frees those of a gateway that died after their lease', async () => {
    const clock = fakeClock()
    const state = createMemoryState({ clock })
    const config = { limit: '1', leaseMs: 6000 }
    const alive = await testNode(concurrencyLimit, config, { state, clock })
    const other = await testNode(concurrencyLimit, config, { state, clock })
    const long = await enter(alive, 'long')
    await clock.advance(60_000)
    expect((await enter(other, 'b')).result).toBe('refused')
    long.run.end()
    expect(clock.pending).toBe(1) // it finds nothing to renew and is not set again
    await clock.advance(6000)
    expect(clock.pending).toBe(0)

    void state.charge([{ kind: 'lease', key: 'concurrency/node-1/api:flow-1', limit: 1, token: 'dying', ttlMs: 6000 }], 'open') // nobody renews it, as when the process is gone
    await clock.advance(5999)
    expect((await enter(other, 'c')).result).toBe('refused')
    await clock.advance(1)
    expect((await enter(other, 'd')).result).toBe('ok')
  })

  it('keeps the slot of a run that outlives its deployment, and leaves no timer behind', async () => {
    const clock = fakeClock()
    const state = createMemoryState({ clock })
    const config = { limit: '1', leaseMs: 6000 }
    const old = await testNode(concurrencyLimit, config, { state, clock })
    const next = await testNode(concurrencyLimit, config, { state, clock })
    const long = await enter(old, 'long')
    await old.retire()
    await clock.advance(60_000)
    expect((await enter(next, 'b')).result).toBe('refused')
    long.run.end()
    expect(clock.pending).toBe(0)
    expect((await enter(next, 'c')).result).toBe('ok')
  })

  it('frees at once a slot that is granted to a run that has ended meanwhile', async () => {
    const near = createMemoryState({ clock: fakeClock() })
    let answer = () => {}
    const asked = new Promise<void>((resolve) => (answer = resolve))
    const far: State = { ...near, charge: async (charges, onLoss) => (await asked, near.charge(charges, onLoss)) }
    const node = await testNode(concurrencyLimit, { limit: '1' }, { state: far })
    const run = fakeRun({ id: 'gone' })
    const entering = node.send({}, run)
    run.end({ fault: fault('client.closed') })
    answer()
    await entering
    expect((await enter(node, 'next')).result).toBe('ok')
  })

  it('counts per key, takes its limit from the message, and tells the port', async () => {
    const node = await testNode(concurrencyLimit, { limit: 'most', limitType: 'msg', per: 'key', key: [{ value: 'who', valueType: 'msg' }] })
    expect([(await enter(node, '1', { who: 'a', most: 1 })).result, (await enter(node, '2', { who: 'a', most: 1 })).result, (await enter(node, '3', { who: 'b', most: 1 })).result, (await enter(node, '4', { who: 'a', most: '2' })).result]).toEqual(['ok', 'refused', 'ok', 'ok'])
    const [sent] = await node.send({ who: 'b', most: 0 })
    expect(sent?.message.error).toMatchObject({ code: 'concurrency.exceeded', status: 429 })
    expect((await enter(node, '5', { who: 'a' })).result).toBe('limit.value')
  })

  it('does as told while the shared store is away', async () => {
    const away: State = {
      ...createMemoryState({ clock: fakeClock() }),
      charge: async (_charges, onLoss): Promise<ChargeOutcome> => ({ allowed: onLoss !== 'closed', limits: [], refusedBy: onLoss === 'closed' ? 0 : -1, delayMs: 0, degraded: onLoss }),
    }
    for (const [onLoss, result] of [['open', 'ok'], ['share', 'ok'], ['closed', 'state.unavailable']]) expect((await enter(await testNode(concurrencyLimit, { onLoss }, { state: away, wired: [] }), 'a')).result).toBe(result)
  })

  it.each([[{ limit: '-1' }, 'limit.number'], [{ limit: '' }, 'limit.number'], [{ per: 'key' }, 'limit.no_key'], [{ leaseMs: 10 }, 'config.invalid']])('is refused at deploy when it is drawn wrong (%j)', (config, code) => {
    expect(checkNode(concurrencyLimit, config).map((problem) => problem.code)).toContain(code)
  })
})
