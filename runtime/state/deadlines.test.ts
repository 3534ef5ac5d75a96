import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { createDeadlines } from './deadlines.ts'

test('who has not ended is called late once, in the order in which they came, and who has ended never', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 600 }), async (ends) => {
      const clock = fakeClock()
      const deadlines = createDeadlines(clock, 5)
      const late: number[] = []
      const wanted: number[] = []
      const all = ends.map((_, place) => deadlines.add(() => void late.push(place)))
      for (const [place, does] of ends.entries()) {
        if (does) all[place]?.()
        else wanted.push(place)
      }
      await clock.advance(6)
      expect(late).toEqual(wanted)
    }),
    { numRuns: 50 },
  )
})

test('what has ended is not held, though others still wait', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const deadlines = createDeadlines(fakeClock(), 5)
  deadlines.add(() => {})
  const part = endOne(deadlines)
  // A reference that was looked through in this turn holds until its end.
  await nextTurn()
  collect()
  expect(part.deref()).toBeUndefined()
})

/** Of its own function, so that nothing on the stack holds what it made. */
function endOne(deadlines: ReturnType<typeof createDeadlines>): WeakRef<object> {
  const request = { body: 'of a request' }
  const end = deadlines.add(() => void request.body)
  end()
  return new WeakRef(request)
}
