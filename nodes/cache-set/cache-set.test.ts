import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { cacheGet } from '../cache-get/cache-get.ts'
import { cacheSet } from './cache-set.ts'

const key = [{ value: 'topic', valueType: 'msg' }]
const clock = fakeClock()

describe('cache set', () => {
  it.each([['msg', 'wait', { wait: 5 }], ['msg', 'wait', { wait: '5' }], ['env', 'SECONDS', {}], ['num', '5', {}]])('takes its time from %s %s', async (ttlType, ttl, more) => {
    const state = createMemoryState({ clock })
    const set = await testNode(cacheSet, { key, ttl, ttlType }, { clock, state, env: { SECONDS: '5' } })
    const get = await testNode(cacheGet, { key }, { clock, state })
    await set.send({ topic: 'a', payload: 1, ...more })
    await clock.advance(4_999)
    expect(await get.send({ topic: 'a' })).toMatchObject([{ port: 'hit' }])
    await clock.advance(1)
    expect(await get.send({ topic: 'a' })).toMatchObject([{ port: 'miss' }])
  })

  it.each([undefined, -1, 'soon', {}, NaN])('a time of %j is a fault', async (wait) => {
    const set = await testNode(cacheSet, { key, ttl: 'wait', ttlType: 'msg' }, { clock, state: createMemoryState({ clock }) })
    await expect(set.send({ topic: 'a', payload: 1, wait })).rejects.toMatchObject({ code: 'cache.ttl' })
  })

  it('what has no form outside this process is a fault; what is too large is not kept, and the flow goes on', async () => {
    const state = createMemoryState({ clock })
    const set = await testNode(cacheSet, { key, limitBytes: 1000 }, { clock, state })
    await expect(set.send({ topic: 'a', payload: { big: 1n } })).rejects.toMatchObject({ code: 'cache.value' })
    await expect(set.send({ topic: 'a', payload: 1n })).rejects.toMatchObject({ code: 'cache.value' })
    await expect(set.send({ topic: 'a', payload: new ByteStream(Readable.from([]), undefined, undefined) })).rejects.toMatchObject({ code: 'cache.value' })
    expect(await set.send({ topic: 'a', payload: 'x'.repeat(2000) })).toMatchObject([{ port: 'out' }])
    expect(state.cache.get('a')).toMatchObject({ value: undefined })
  })

  it('is called by what operators may read: labelled parts of a key are said by their label', async () => {
    const names: unknown[] = []
    const memory = createMemoryState({ clock })
    const state = { ...memory, cache: { ...memory.cache, set: (...given: Parameters<typeof memory.cache.set>) => (names.push(given[2].name), memory.cache.set(...given)) } }
    const labels = LabelMap.of([{ path: ['payload', 'pid'], label: 'pid', from: { flow: 't', node: 'in', path: 'payload.pid' } }])
    const parts = [{ value: 'person', valueType: 'str' }, { value: 'payload.pid', valueType: 'msg' }]
    const set = await testNode(cacheSet, { key: parts, value: 'topic' }, { clock, state, labels })
    await set.send({ topic: 'a', payload: { pid: 'A123456789' } })
    expect(names).toEqual(['person/[pid]'])
    const get = await testNode(cacheGet, { key: parts }, { clock, state })
    expect(await get.send({ payload: { pid: 'A123456789' } })).toMatchObject([{ port: 'hit' }])
  })

  it('refuses the deploy where values would lie in clear and must not', async () => {
    const memory = createMemoryState({ clock })
    const clear = { ...memory, cache: { ...memory.cache, inClear: true } }
    await expect(testNode(cacheSet, { key, sealed: true }, { clock, state: clear })).rejects.toMatchObject({ code: 'config.invalid' })
    await testNode(cacheSet, { key, sealed: true }, { clock, state: memory })
  })

  it('is told what is wrong with it', () => {
    expect(checkNode(cacheSet, {})).toMatchObject([{ code: 'cache.no_key' }])
    expect(checkNode(cacheSet, { key, ttl: '-3' })).toMatchObject([{ code: 'cache.ttl', property: 'ttl' }])
    expect(checkNode(cacheSet, { key, tags: [{ value: 'a[', valueType: 'msg' }], value: '{', valueType: 'json' }).map(({ property }) => property)).toEqual(['tags', 'value'])
  })
})
