import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import type { Charge, ChargeOutcome, CounterCharge } from '../core/state/state.ts'
import { createMemoryState } from './memory-state.ts'
import { openTotals } from './totals.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-totals-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const freshFolder = () => join(root, String((folders += 1)))

const total = (limit: number, more: Partial<CounterCharge> = {}): CounterCharge => ({ kind: 'counter', key: 'quota/q/all/total', limit, cost: 1, window: { kind: 'total' }, mode: 'enforce', ...more })

/** One life of a gateway that counts for itself. One that is not closed was killed. */
function start(folder: string, cellsLimit?: number) {
  const clock = fakeClock()
  const logged: string[] = []
  const say = (_facts: object, text: string) => void logged.push(text)
  const log = { debug: say, info: say, warn: say, error: say }
  const pressed: string[] = []
  const state = createMemoryState({ clock, totals: openTotals({ folder, clock, log }), onPressure: (what) => pressed.push(what), ...(cellsLimit === undefined ? {} : { cellsLimit }) })
  const charge = (...charges: Charge[]) => state.charge(charges, 'closed') as ChargeOutcome
  const used = (key = total(0).key) => charge(total(1e9, { key, mode: 'peek' })).limits[0]?.used
  return { clock, state, charge, used, logged, pressed }
}

it('a total outlives a restart, and a kill but for the calls of the last second', async () => {
  const folder = freshFolder()
  const first = start(folder)
  for (let i = 0; i < 3; i += 1) first.charge(total(10))
  await first.state.close()

  const killed = start(folder)
  expect(killed.used()).toBe(3)
  killed.charge(total(10, { cost: 4 }))
  await killed.clock.advance(1000)
  killed.charge(total(10, { cost: 2 }))

  const last = start(folder)
  expect(last.used()).toBe(7)
  expect(last.charge(total(8, { cost: 2 }))).toMatchObject({ allowed: false })
  await last.state.close()
})

it('whatever is charged, given back and corrected, restarts change nothing, and a kill only what its second held', async () => {
  const key = fc.constantFrom('a', 'b')
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('charge' as const), key, cost: fc.integer({ min: 0, max: 4 }), limit: fc.integer({ min: 0, max: 30 }), mode: fc.constantFrom<CounterCharge['mode']>('enforce', 'enforce', 'count', 'peek') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('refund' as const), key, cost: fc.integer({ min: 0, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('adjust' as const), key, op: fc.constantFrom('add' as const, 'set' as const, 'zero' as const), amount: fc.integer({ min: -3, max: 12 }) }) },
    { weight: 2, arbitrary: fc.constantFrom({ do: 'second' as const }, { do: 'restart' as const }, { do: 'kill' as const }) },
  )
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const folder = freshFolder()
    let life = start(folder, 1)
    let counts: Record<string, number> = { a: 0, b: 0 }
    let kept = counts
    for (const one of steps) {
      const before = 'key' in one ? counts[one.key]! : 0
      const now = (next: number) => void ('key' in one && (counts = { ...counts, [one.key]: next }))
      if (one.do === 'charge') {
        const fits = one.cost === 0 || before + one.cost <= one.limit
        const { limits: [state] } = life.charge(total(one.limit, one))
        if (one.mode === 'count' || (one.mode === 'enforce' && fits)) now(before + one.cost)
        expect(state).toMatchObject({ allowed: fits, used: Math.max(0, counts[one.key]!), remaining: Math.max(0, one.limit - counts[one.key]!) })
      } else if (one.do === 'refund') {
        await life.state.refund([total(9, one)])
        now(Math.max(before - one.cost, Math.min(before, 0)))
      } else if (one.do === 'adjust') {
        await life.state.adjust(total(9, { key: one.key }), one)
        now(one.op === 'zero' ? 0 : one.op === 'add' ? before - one.amount : 9 - one.amount)
      } else if (one.do === 'second') {
        await life.clock.advance(1000)
        kept = counts
      } else {
        if (one.do === 'restart') {
          await life.state.close()
          kept = counts
        }
        life = start(folder, 1)
        counts = kept
      }
    }
    await life.state.close()
  }), { numRuns: 40 })
})

it('callers that invent keys do not fill the memory of a gateway, and none of their totals is forgotten', async () => {
  const { state, charge, used, pressed, clock } = start(freshFolder(), 100)
  const keyOf = (caller: number) => `quota/q/key:${caller}/total`
  for (let caller = 0; caller < 3000; caller += 1) {
    charge(total(1, { key: keyOf(caller) }))
    if (caller === 1500) await clock.advance(1000)
  }
  expect(state.cells).toBeLessThan(200)
  for (let caller = 0; caller < 3000; caller += 1) expect(charge(total(1, { key: keyOf(caller) }))).toMatchObject({ allowed: false })
  await state.refund([total(1, { key: keyOf(7) })])
  expect([used(keyOf(7)), used(keyOf(8)), pressed]).toEqual([0, 1, []])
  await state.close()
})

it('a folder that does nothing for a while is told once; counting goes on, and what was counted before and meanwhile is one count again', async () => {
  const folder = freshFolder()
  const before = start(folder)
  before.charge(total(10, { cost: 4 }))
  await before.state.close()
  renameSync(folder, `${folder}.away`)
  writeFileSync(folder, 'in the way')
  const { state, clock, charge, used, logged } = start(folder)
  for (let i = 0; i < 3; i += 1) {
    charge(total(10))
    await clock.advance(1000)
  }
  expect([used(), logged]).toEqual([3, ['totals cannot be kept on disk; they are counted in memory']])
  rmSync(folder)
  renameSync(`${folder}.away`, folder)
  await clock.advance(1000)
  expect(used()).toBe(7)
  expect(charge(total(7))).toMatchObject({ allowed: false })
  await state.close()
  const next = start(folder)
  expect(next.used()).toBe(7)
  await next.state.close()
})

it('a damaged file is put aside and told, and totals begin anew', async () => {
  const folder = freshFolder()
  mkdirSync(folder)
  writeFileSync(join(folder, 'totals.db'), 'no database, but long enough to be taken for the beginning of one'.repeat(100))
  const { state, charge, used, logged } = start(folder)
  charge(total(10))
  expect([used(), logged]).toEqual([1, ['the totals of earlier runs are damaged; they were put aside and begin anew']])
  await state.close()
  expect(readFileSync(join(folder, 'totals.db.unreadable'), 'utf8')).toContain('no database')
  const next = start(folder)
  expect(next.used()).toBe(1)
  await next.state.close()
})
