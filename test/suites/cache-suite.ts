import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { toCachePlace, toCacheTag, toWholeTag, type CacheName, type CacheValue, type StateCache } from '../../runtime/core/state/cache.ts'

/** A cache whose time the test holds. `begin` empties it. */
export interface CachePlace {
  readonly cache: StateCache
  begin(): Promise<void>
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

const minuteMs = 60_000
const value = (text: string): CacheValue => ({ head: `{"t":"${text}"}`, body: text })
const textOf = (found: CacheValue | undefined) => (found?.body === undefined ? undefined : String(found.body))

/** What every cache has to keep, wherever it is kept. */
export function cacheSuite(name: string, makePlace: () => Promise<CachePlace>): void {
  describe(`cache in ${name}`, () => {
    let place: CachePlace
    let cache: StateCache
    beforeAll(async () => {
      place = await makePlace()
      cache = place.cache
    })
    afterAll(() => place?.close())
    beforeEach(() => place.begin())
    const look = async (key: string) => (await cache.get(key)).value

    test('gives back what was kept, head and body, to the byte, until its time is over', async () => {
      const bytes = Buffer.from([0, 255, 10, 128, 13, 0])
      expect(await cache.set('a', { head: '{"é":"臺"}', body: bytes }, { ttlMs: 1000 })).toBe(true)
      const found = await look('a')
      expect(found?.head).toBe('{"é":"臺"}')
      expect(Buffer.from(found?.body ?? '')).toEqual(bytes)
      await cache.set('empty', { head: '{}', body: '' }, { ttlMs: 1000 })
      expect(textOf(await look('empty'))).toBe('')
      await cache.set('none', { head: '{}' }, { ttlMs: 1000 })
      expect((await look('none'))?.body).toBeUndefined()
      expect(await look('b')).toBeUndefined()
      await place.advance(500)
      expect(await look('a')).toBeDefined()
      await place.advance(600)
      expect(await look('a')).toBeUndefined()
    })

    test('a new value takes the place of the old one, tags and time included', async () => {
      await cache.set('a', value('old'), { ttlMs: 1000, tags: ['x'] })
      await cache.set('a', value('new'), { ttlMs: minuteMs, tags: ['y'] })
      await place.advance(2000)
      await cache.purge({ tags: ['x'] })
      expect(textOf(await look('a'))).toBe('new')
      await cache.purge({ tags: ['y'] })
      expect(await look('a')).toBeUndefined()
    })

    test('a purge by key or tag takes all of them at once and nothing else', async () => {
      for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, value(key), { ttlMs: minuteMs, tags: [key === 'd' ? 'even' : 'all', key] })
      await place.advance(1)
      await cache.purge({ tags: ['all'], keys: ['nobody'] })
      expect(await Promise.all(['a', 'b', 'c', 'd'].map(async (key) => textOf(await look(key))))).toEqual([undefined, undefined, undefined, 'd'])
      await cache.purge({ keys: ['d'] })
      expect(await look('d')).toBeUndefined()
      await place.advance(1)
      await cache.set('a', value('again'), { ttlMs: minuteMs, tags: ['all'] })
      expect(textOf(await look('a'))).toBe('again')
    })

    test('what was read before a purge is not kept behind it', async () => {
      const looks = [await cache.get('a'), await cache.get('b'), await cache.get('c')]
      await place.advance(1)
      await cache.purge({ tags: ['stock'], keys: ['b'] })
      await place.advance(1)
      expect(await cache.set('a', value('before'), { ttlMs: minuteMs, tags: ['stock'], mark: looks[0]?.mark })).toBe(false)
      expect(await cache.set('b', value('before'), { ttlMs: minuteMs, mark: looks[1]?.mark })).toBe(false)
      expect(await cache.set('c', value('other'), { ttlMs: minuteMs, tags: ['prices'], mark: looks[2]?.mark })).toBe(true)
      expect([await look('a'), await look('b'), textOf(await look('c'))]).toEqual([undefined, undefined, 'other'])
      expect(await cache.set('a', value('after'), { ttlMs: minuteMs, tags: ['stock'], mark: (await cache.get('a')).mark })).toBe(true)
    })

    test('keys and tags may be anything: long, with spaces, in any script, alike in their beginnings', async () => {
      const odd = ['a b', 'a', '臺北市', 'x'.repeat(5000), '', '\n\0']
      for (const key of odd) expect(await cache.set(key, value(key.slice(0, 3)), { ttlMs: minuteMs, tags: odd })).toBe(true)
      for (const key of odd) expect(textOf(await look(key))).toBe(key.slice(0, 3))
      await place.advance(1)
      await cache.purge({ tags: ['a b'] })
      for (const key of odd) expect(await look(key)).toBeUndefined()
    })

    test('what is larger than its limit is not kept, and nothing that is kept suffers', async () => {
      await cache.set('a', value('small'), { ttlMs: minuteMs })
      expect(await cache.set('a', { head: '{}', body: Buffer.alloc(cache.limitBytes + 1) }, { ttlMs: minuteMs })).toBe(false)
      expect(textOf(await look('a'))).toBe('small')
    })

    test('operators sweep by tag, by name and all of a cache, of the caches they name, and get to know how many went', async () => {
      const [one, two] = [{ reach: 'flow', owner: 'f1', cache: 'default' }, { reach: 'organisation', owner: 'shop', cache: 'a b' }] as const
      const tagsOf = (name: CacheName, ...tags: string[]) => [toWholeTag(toCachePlace(name)), ...tags.map((tag) => toCacheTag(toCachePlace(name), tag))]
      const fill = async () => {
        await cache.set('index', { head: '{}' }, { ttlMs: minuteMs, tags: tagsOf(one, 'bikes') }) // has no name: it is no value of anybody
        for (const name of ['bikes/1', 'bikes/2', '臺北/站']) await cache.set(`1 ${name}`, value(name), { ttlMs: minuteMs, tags: tagsOf(one, name.slice(0, 5)), name })
        for (const name of ['bikes/1', 'bikes/2']) await cache.set(`2 ${name}`, value(name), { ttlMs: minuteMs, tags: tagsOf(two, 'bikes'), name })
        await place.advance(1)
      }
      const left = async () => (await Promise.all(['1 bikes/1', '1 bikes/2', '1 臺北/站', '2 bikes/1', '2 bikes/2'].map(look))).map((found) => (found ? 1 : 0)).join('')
      await fill()
      expect([await cache.sweep([one], { tags: ['bikes'] }), await left()]).toEqual([2, '00111'])
      expect(await cache.sweep([one], { tags: ['bikes'] })).toBe(0)
      await place.advance(1)
      await fill()
      expect([await cache.sweep([one, two], { tags: ['bikes', 'none'] }), await left()]).toEqual([4, '00100'])
      await place.advance(1)
      await fill()
      expect([await cache.sweep([one], { key: 'bikes/*' }), await left()]).toEqual([2, '00111'])
      expect([await cache.sweep([one, two], { key: '*/1' }), await left()]).toEqual([1, '00101'])
      expect([await cache.sweep([one], { key: '臺北/站' }), await cache.sweep([two], { key: 'bikes' }), await left()]).toEqual([1, 0, '00001'])
      await place.advance(1)
      await fill()
      expect([await cache.sweep([one], { all: true }), await left()]).toEqual([3, '00011'])
      expect([await cache.sweep([], { all: true }), await cache.sweep([], { key: '*' }), await left()]).toEqual([0, 0, '00011'])
    })

    test('what was read before an operator swept by name is not kept behind it', async () => {
      const { mark } = await cache.get('a')
      await place.advance(1)
      await cache.sweep([{ reach: 'flow', owner: 'f', cache: 'c' }], { key: 'x*' })
      await place.advance(1)
      expect(await cache.set('a', value('before'), { ttlMs: minuteMs, name: 'xy', mark })).toBe(false)
      expect(await cache.set('a', value('after'), { ttlMs: minuteMs, name: 'xy', mark: (await cache.get('a')).mark })).toBe(true)
    })

    test('caches are found as long as somebody uses them', () => {
      const name = { reach: 'flow', owner: 'f', cache: 'c' } as const
      const [first, second] = [cache.open(name), cache.open(name)]
      first()
      first()
      expect(cache.list()).toEqual([expect.objectContaining(name)])
      second()
      expect(cache.list()).toEqual([])
    })

    test('a life time of nothing keeps nothing', async () => {
      expect(await cache.set('a', value('a'), { ttlMs: 0 })).toBe(false)
      expect(await cache.set('a', value('a'), { ttlMs: -5 })).toBe(false)
      expect(await look('a')).toBeUndefined()
    })
  })
}
