import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteLru } from './byte-lru.ts'

test('holds what was used last, up to its limit, whatever is set, got and deleted in between', () => {
  const act = fc.record({ act: fc.constantFrom('set', 'set', 'get', 'delete'), key: fc.integer({ min: 0, max: 6 }), bytes: fc.integer({ min: 1, max: 12 }) })
  fc.assert(fc.property(fc.array(act, { maxLength: 200, size: 'max' }), (acts) => {
    const limit = 10
    const lru = new ByteLru<number>(limit)
    /** The oldest first. */
    let model: { key: string; value: number; bytes: number }[] = []
    for (const [at, { act, key: number, bytes }] of acts.entries()) {
      const key = `k${number}`
      const held = model.find((one) => one.key === key)
      if (act === 'get') expect(lru.get(key)).toBe(held?.value)
      else if (act === 'set') lru.set(key, at, bytes)
      else lru.delete(key)
      model = model.filter((one) => one.key !== key)
      if (act === 'get' && held) model.push(held)
      if (act === 'set' && bytes <= limit) model.push({ key, value: at, bytes })
      while (model.reduce((sum, one) => sum + one.bytes, 0) > limit) model.shift()
      expect(lru.bytes).toBe(model.reduce((sum, one) => sum + one.bytes, 0))
    }
    for (const one of model) expect(lru.get(one.key)).toBe(one.value)
  }))
})

test('a value that another has taken the place of is gone with the next collection of the young', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  const lru = new ByteLru<number[]>(1_000_000)
  const fill = (at: number) => lru.set(`k${at % 2}`, Array.from({ length: 1000 }, (_, i) => i + at + 0.5), 8000)
  fill(0)
  fill(1)
  // What is there is old now.
  collect()
  const old = () => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')?.space_used_size ?? 0
  const before = old()
  for (let at = 0; at < 2000; at++) {
    fill(at)
    if (at % 20 === 0) collect({ type: 'minor' })
  }
  // 16 MB went through; held are 16 KB.
  expect(old() - before).toBeLessThan(4_000_000)
})
