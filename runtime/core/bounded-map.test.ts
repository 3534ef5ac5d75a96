import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BoundedMap } from './bounded-map.ts'

const keys = Array.from({ length: 13 }, (_, n) => `k${n}`)

it('keeps what was used last, up to its limit, whatever is set, got, deleted and cleared in between', () => {
  const act = fc.record({
    act: fc.oneof(
      { weight: 8, arbitrary: fc.constant('set' as const) },
      { weight: 2, arbitrary: fc.constantFrom('use', 'delete') },
      { weight: 1, arbitrary: fc.constant('clear' as const) },
    ),
    key: fc.constantFrom(...keys),
    weight: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
  })
  fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.array(act, { maxLength: 200, size: 'max' }), (limit, acts) => {
    const map = new BoundedMap<number>(limit)
    /** The oldest first. */
    let model: { key: string; value: number; weight: number }[] = []
    const weigh = () => model.reduce((sum, one) => sum + one.weight, 0)
    for (const [at, { act, key, weight }] of acts.entries()) {
      const held = model.find((one) => one.key === key)
      if (act !== 'clear') model = model.filter((one) => one !== held)
      if (act === 'clear') {
        map.clear()
        model = []
      } else if (act === 'delete') map.delete(key)
      else if (act === 'use') {
        expect(map.use(key)).toBe(held?.value)
        if (held) model.push(held)
      } else {
        map.set(key, at, weight)
        if ((weight ?? 1) <= limit) model.push({ key, value: at, weight: weight ?? 1 })
        while (weigh() > limit) model.shift()
      }
      expect(keys.map((other) => map.get(other))).toEqual(keys.map((other) => model.find((one) => one.key === other)?.value))
      expect([map.size, map.weight]).toEqual([model.length, weigh()])
    }
  }))
})

it.each([
  ['that another has taken the place of', (map: BoundedMap<number[]>, at: number, value: number[]) => map.set(`k${at % 2}`, value)],
  ['that others have pushed out', (map: BoundedMap<number[]>, at: number, value: number[]) => map.set(`k${at}`, value)],
])('a value %s is gone with the next collection of the young', (_what, put) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  const map = new BoundedMap<number[]>(2)
  const fill = (at: number) => put(map, at, Array.from({ length: 1000 }, (_, i) => i + at + 0.5))
  fill(0)
  fill(1)
  // What is there is old now.
  collect()
  const old = () => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')?.space_used_size ?? 0
  const before = old()
  for (let at = 2; at < 2000; at++) {
    fill(at)
    if (at % 20 === 0) collect({ type: 'minor' })
  }
  // 16 MB went through; held are 16 KB.
  expect(old() - before).toBeLessThan(4_000_000)
})
