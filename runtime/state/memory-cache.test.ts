import { expect, it } from 'vitest'
import { createMemoryCache } from './memory-cache.ts'

const clock = { now: () => 1_000 }
const body = (bytes: number) => ({ head: '{}', body: Buffer.alloc(bytes) })

it('holds no more than its limit, and forgets first what nobody used for longest', () => {
  const caches = createMemoryCache({ clock, limitBytes: 100_000 })
  const cache = caches.of('a')
  for (let i = 0; i < 500; i += 1) {
    void cache.set(`k${i}`, body(1_000), { ttlMs: 60_000 })
    void cache.get('k0')
    expect(caches.bytes).toBeLessThanOrEqual(100_000)
  }
  expect([cache.get('k0'), cache.get('k499'), cache.get('k1')].map((found) => 'value' in found && found.value !== undefined)).toEqual([true, true, false])
})

it('a flow that fills it drives out its own, not what others use', () => {
  const caches = createMemoryCache({ clock, limitBytes: 100_000 })
  const [greedy, modest] = [caches.of('greedy'), caches.of('modest')]
  for (let i = 0; i < 20; i += 1) void modest.set(`m${i}`, body(1_000), { ttlMs: 60_000 })
  for (let i = 0; i < 2_000; i += 1) void greedy.set(`g${i}`, body(1_000), { ttlMs: 60_000 })
  for (let i = 0; i < 20; i += 1) expect(modest.get(`m${i}`)).toMatchObject({ value: { head: '{}' } })
})

it('what has ended makes room as new values come, also where nobody asks for it', () => {
  let nowMs = 0
  const caches = createMemoryCache({ clock: { now: () => nowMs }, limitBytes: 10_000_000 })
  const cache = caches.of('a')
  for (let i = 0; i < 1_000; i += 1) void cache.set(`old${i}`, body(10), { ttlMs: 100, tags: [`t${i}`] })
  nowMs = 1_000
  for (let i = 0; i < 1_100; i += 1) void cache.set(`new${i}`, body(10), { ttlMs: 100 })
  expect(caches.entries).toBeLessThanOrEqual(1_100)
})

it('remembers purges for values in the making without end of memory: too many count for all', () => {
  const cache = createMemoryCache({ clock, limitBytes: 1_000_000 }).of('a')
  const { mark } = cache.get('early') as { mark: number }
  void cache.purge({ tags: ['first'] })
  for (let i = 0; i < 25_000; i += 1) void cache.purge({ tags: [`t${i}`] })
  expect(cache.set('early', body(1), { ttlMs: 1_000, tags: ['first'], mark })).toBe(false)
})
