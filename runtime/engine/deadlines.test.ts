import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { DeadlineList, type Timed } from './deadlines.ts'

test('everything expires at its time, also what waited before it came and is due before others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 50 }), waitedMs: fc.integer({ min: 0, max: 100 }), leaves: fc.boolean() }), { maxLength: 30 }), async (items) => {
      const clock = fakeClock()
      const list = new DeadlineList(clock)
      const late: number[] = []
      let expired = 0
      let kept = 0
      for (const { afterMs, waitedMs, leaves } of items) {
        await clock.advance(afterMs)
        const deadline = clock.now() + 100 - waitedMs
        const item: Timed = {
          deadline, prev: undefined, next: undefined, list: undefined,
          expire() {
            expired += 1
            late.push(clock.now() - deadline)
          },
        }
        list.add(item)
        if (leaves) list.remove(item)
        else kept += 1
      }
      await clock.advance(500)
      expect(expired).toBe(kept)
      // A timer is not shorter than a millisecond.
      expect(late.every((ms) => ms >= 0 && ms <= 1)).toBe(true)
      expect([...list]).toEqual([])
    }),
    { numRuns: 50 },
  )
})
