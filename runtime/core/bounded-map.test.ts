import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BoundedMap } from './bounded-map.ts'

it('keeps what was used last, whatever is set, deleted and cleared in between', () => {
  const act = fc.oneof(
    { weight: 8, arbitrary: fc.record({ act: fc.constant('set' as const), key: fc.integer({ min: 0, max: 12 }) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('delete' as const), key: fc.integer({ min: 0, max: 12 }) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('clear' as const), key: fc.constant(0) }) },
  )
  fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.array(act, { maxLength: 200, size: 'max' }), (limit, acts) => {
    const map = new BoundedMap<number>(limit)
    /** Keys, the oldest first. */
    let model: string[] = []
    for (const [at, one] of acts.entries()) {
      const key = `k${one.key}`
      if (one.act === 'clear') {
        map.clear()
        model = []
        continue
      }
      model = model.filter((other) => other !== key)
      if (one.act === 'delete') map.delete(key)
      else {
        map.set(key, at)
        model.push(key)
        if (model.length > limit) model.shift()
      }
      expect(Array.from({ length: 13 }, (_, n) => `k${n}`).filter((other) => map.get(other) !== undefined).toSorted()).toEqual(model.toSorted())
      expect(map.size).toBe(model.length)
    }
  }))
})
