import { expect, it } from 'vitest'
import type { Charge } from '../core/state/state.ts'
import { createMemoryState } from './memory-state.ts'

const month = { kind: 'fixed', lengthMs: 31 * 86_400_000 } as const
const count = (key: string): Charge => ({ kind: 'counter', key, limit: 1, cost: 1, window: month, mode: 'enforce' })

it('callers that invent keys do not fill a gateway, and slots that are held are kept', () => {
  const state = createMemoryState({ clock: { now: () => 1_000 }, cellsLimit: 100 })
  const lease = (token: string): Charge => ({ kind: 'lease', key: 'slots', limit: 1, token, ttlMs: 60_000 })
  expect(state.charge([lease('a')], 'open')).toMatchObject({ allowed: true })
  for (let caller = 0; caller < 10_000; caller += 1) void state.charge([count(`k${caller}`), { kind: 'rate', key: `r${caller}`, intervalMs: 1000, burst: 1, cost: 1, maxDelayMs: 0 }], 'open')
  expect(state.cells).toBeLessThan(200)
  expect(state.charge([lease('b')], 'open')).toMatchObject({ allowed: false })
})

it('below its limit no count is lost', () => {
  const state = createMemoryState({ clock: { now: () => 1_000 }, cellsLimit: 100 })
  for (let caller = 0; caller < 100; caller += 1) void state.charge([count(`k${caller}`)], 'open')
  for (let caller = 0; caller < 100; caller += 1) expect(state.charge([count(`k${caller}`)], 'open')).toMatchObject({ allowed: false })
})

it('records that are full cost those who come no look at all of them, and take new ones when old ones have ended', async () => {
  let [nowMs, looked] = [1_000, 0]
  const { records } = createMemoryState({ clock: { now: () => ((looked += 1), nowMs) }, recordsLimitBytes: 200_000 })
  const full = async (from: number) => {
    for (let caller = from; ; caller += 1) await records.set(`k${caller}`, 'x'.repeat(20), 60_000)
  }
  await expect(full(0)).rejects.toMatchObject({ code: 'state.unavailable' })
  looked = 0
  for (let caller = 0; caller < 1_000; caller += 1) await records.set(`other${caller}`, 'x'.repeat(20), 60_000).catch(() => {})
  expect(looked).toBeLessThan(50_000)
  nowMs += 60_000
  await records.set('late', 'x', 60_000)
  expect(await records.get('late')).toBe('x')
})

it('a flow that keeps more and more leaves room for the records of others, and loses none of its own', async () => {
  const told: string[] = []
  const state = createMemoryState({ clock: { now: () => 1_000 }, recordsLimitBytes: 200_000, onPressure: (what, owner) => told.push(`${what} ${owner}`) })
  const [greedy, other] = [state.of!('greedy').records, state.of!('other').records]
  let kept = 0
  for (;; kept += 1) if (await greedy.set(`g${kept}`, 'x'.repeat(500), 60_000).then(() => false, () => true)) break
  // Groups count as well: sessions of clients are kept in them.
  await expect((async () => {
    for (let i = 0; i < 10_000; i += 1) await greedy.join(`group${i}`, 'member', { cap: 1, whenFull: 'refuse', ttlMs: 60_000 })
  })()).rejects.toMatchObject({ code: 'state.unavailable' })
  for (let i = 0; i < 20; i += 1) await other.set(`o${i}`, 'y'.repeat(500), 60_000)
  expect(await other.get('o19')).toBe('y'.repeat(500))
  for (let i = 0; i < kept; i += 1) expect(await greedy.get(`g${i}`)).toBeDefined()
  expect(kept * 1_000).toBeGreaterThan(100_000)
  expect(new Set(told)).toEqual(new Set(['full greedy']))
  // What one has it may renew, and what goes gives its room back.
  await greedy.set('g0', 'z'.repeat(500), 60_000)
  for (let i = 0; i < kept; i += 2) await greedy.delete(`g${i}`)
  await greedy.set('next', 'z'.repeat(400), 60_000)
})

it('of counts that are too many those go of whoever has most, and it is told', () => {
  const told = new Set<string>()
  const state = createMemoryState({ clock: { now: () => 1_000 }, cellsLimit: 100, onPressure: (what, owner) => told.add(`${what} ${owner}`) })
  for (let caller = 0; caller < 10; caller += 1) void state.charge([count(`quota/careful/application:${caller}`)], 'open')
  for (let caller = 0; caller < 10_000; caller += 1) void state.charge([count(`quota/invented/key:${caller}`)], 'open')
  for (let caller = 0; caller < 10; caller += 1) expect(state.charge([count(`quota/careful/application:${caller}`)], 'open')).toMatchObject({ allowed: false })
  expect(state.cells).toBeLessThan(200)
  expect(told).toEqual(new Set(['evicted quota/invented']))
})
