import { describe, expect, it } from 'vitest'
import { fault } from '../../runtime/core/fault.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { cacheGet } from '../cache-get/cache-get.ts'
import { cacheSet } from '../cache-set/cache-set.ts'
import { cacheInvalidate } from './cache-invalidate.ts'

const clock = fakeClock()
const parts = (...values: string[]) => values.map((value) => ({ value, valueType: 'msg' }))

async function filled(config: object) {
  const state = createMemoryState({ clock })
  const set = await testNode(cacheSet, { key: parts('a', 'b'), tags: parts('tags') }, { clock, state })
  const get = await testNode(cacheGet, { key: parts('a', 'b') }, { clock, state })
  const invalidate = await testNode(cacheInvalidate, config, { clock, state })
  for (const a of ['x', 'y']) for (const b of [1, 2]) await set.send({ a, b, payload: `${a}${b}`, tags: [`only ${a}`, `only ${b}`] })
  const left = async () => {
    const found: unknown[] = []
    for (const a of ['x', 'y']) for (const b of [1, 2]) for (const { port, message } of await get.send({ a, b })) if (port === 'hit') found.push(message.payload)
    return found
  }
  return { invalidate, left }
}

describe('cache invalidate', () => {
  it.each([
    [{ by: 'key', key: parts('a', 'b') }, ['x2', 'y1', 'y2']],
    [{ by: 'branch', key: parts('a') }, ['y1', 'y2']],
    [{ by: 'branch', key: parts('a', 'b') }, ['x2', 'y1', 'y2']],
    [{ by: 'tag', tags: parts('tag') }, ['x2', 'y2']],
    [{ by: 'tag', tags: parts('several') }, []],
    [{ by: 'tag', tags: parts('missing') }, ['x1', 'x2', 'y1', 'y2']],
    [{ by: 'all' }, []],
    [{ by: 'all', cache: 'another' }, ['x1', 'x2', 'y1', 'y2']],
  ])('%j leaves %j', async (config, rest) => {
    const { invalidate, left } = await filled(config)
    expect(await left()).toHaveLength(4)
    const message = { a: 'x', b: 1, tag: 'only 1', several: ['only x', 'only y'] }
    expect(await invalidate.send(message)).toEqual([{ port: 'out', message }])
    expect(await left()).toEqual(rest)
  })

  it('says when nobody can tell whether it was done', async () => {
    const memory = createMemoryState({ clock })
    const away = { ...memory, cache: { ...memory.cache, purge: () => Promise.reject(fault('state.unavailable', { reason: 'away' })) } }
    const invalidate = await testNode(cacheInvalidate, { by: 'all' }, { clock, state: away })
    await expect(invalidate.send({})).rejects.toMatchObject({ code: 'state.unavailable' })
  })

  it('is told what it lacks', () => {
    expect(checkNode(cacheInvalidate, {})).toMatchObject([{ code: 'cache.no_tag', property: 'tags' }])
    expect(checkNode(cacheInvalidate, { by: 'branch' })).toMatchObject([{ code: 'cache.no_key', property: 'key' }])
    expect(checkNode(cacheInvalidate, { by: 'all' })).toEqual([])
  })
})
