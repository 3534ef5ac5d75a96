import { describe, expect, it } from 'vitest'
import { Body, payloadOf } from '../../runtime/core/http/body.ts'
import type { Message } from '../../runtime/core/message.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { cacheInvalidate } from '../cache-invalidate/cache-invalidate.ts'
import { cacheSet } from '../cache-set/cache-set.ts'
import { cacheGet } from './cache-get.ts'

const key = (...values: string[]) => values.map((value) => ({ value, valueType: 'msg' }))

/** Nodes of one gateway around one cache. */
async function nodes({ get = {}, set = {}, invalidate = {}, flow = 'flow-1' }: { get?: object; set?: object; invalidate?: object; flow?: string } = {}, clock = fakeClock(), state = createMemoryState({ clock })) {
  const node = { flow }
  const base = { key: key('topic') }
  return {
    clock, state,
    get: await testNode(cacheGet, { ...base, ...get }, { clock, state, node }),
    set: await testNode(cacheSet, { ...base, ...set }, { clock, state, node }),
    invalidate: await testNode(cacheInvalidate, { by: 'key', ...base, ...invalidate }, { clock, state, node }),
  }
}

describe('cache get and cache set', () => {
  it('what is kept is found until its time is over; else the message leaves by miss as it came', async () => {
    const { get, set, clock } = await nodes({ set: { ttl: '10' } })
    const message = { topic: 'a', payload: 'before', other: 1 }
    expect(await get.send(message)).toEqual([{ port: 'miss', message }])
    expect(await set.send({ topic: 'a', payload: { n: 1 } })).toMatchObject([{ port: 'out', message: { payload: { n: 1 } } }])
    expect(await get.send(message)).toEqual([{ port: 'hit', message: { topic: 'a', payload: { n: 1 }, other: 1 } }])
    expect(await get.send({ topic: 'b' })).toMatchObject([{ port: 'miss' }])
    await clock.advance(10_000)
    expect(await get.send(message)).toMatchObject([{ port: 'miss' }])
  })

  it.each([
    ['text', '臺北'], ['empty text', ''], ['a number', 3.5], ['false', false], ['a list', [1, { a: null }]], ['an object with odd keys', { ['__proto__']: 1, 'a b': 2 }],
  ])('%s comes back as it went in', async (_what, value) => {
    const { get, set } = await nodes()
    await set.send({ topic: 'a', payload: value })
    expect((await get.send({ topic: 'a' }))[0]?.message.payload).toEqual(value)
  })

  it('bytes are everybody’s own, bodies stay unparsed, objects are shared and frozen', async () => {
    const { get, set } = await nodes()
    await set.send({ topic: 'a', payload: Buffer.from([1, 2, 255]) })
    const [one, other] = [await get.send({ topic: 'a' }), await get.send({ topic: 'a' })].map(([sent]) => sent?.message.payload)
    expect(one).toEqual(Buffer.from([1, 2, 255]))
    expect(one).not.toBe(other)
    await set.send({ topic: 'b', payload: Body.ofJsonBytes(Buffer.from('{"a":[1]}')) })
    const body = (await get.send({ topic: 'b' }))[0]?.message
    expect(((body as Message).payload as Body).parsed).toBe(false)
    expect(payloadOf(body ?? {})).toEqual({ a: [1] })
    expect(Object.isFrozen((payloadOf(body ?? {}) as { a: unknown }).a)).toBe(true)
    await set.send({ topic: 'c', payload: { a: [1] } })
    const [first, second] = [await get.send({ topic: 'c' }), await get.send({ topic: 'c' })].map(([sent]) => sent?.message.payload)
    expect(first).toBe(second)
  })

  it('keys with a missing part are nobody’s: nothing is kept, nothing is found', async () => {
    const { get, set } = await nodes({ get: { key: key('topic', 'tenant') }, set: { key: key('topic', 'tenant') } })
    await set.send({ topic: 'a', payload: 1 })
    expect(await get.send({ topic: 'a' })).toMatchObject([{ port: 'miss' }])
    await set.send({ topic: 'a', tenant: 'null', payload: 1 })
    expect(await get.send({ topic: 'a', tenant: null })).toMatchObject([{ port: 'miss' }])
    expect(await get.send({ topic: 'a', tenant: 'null' })).toMatchObject([{ port: 'hit' }])
  })

  it('parts are told apart, however they are joined', async () => {
    const { get, set } = await nodes({ get: { key: key('a', 'b') }, set: { key: key('a', 'b') } })
    await set.send({ a: 'x","y', b: 'z', payload: 1 })
    expect(await get.send({ a: 'x', b: 'y","z' })).toMatchObject([{ port: 'miss' }])
    await set.send({ a: 1, b: '1', payload: 1 })
    expect(await get.send({ a: '1', b: 1 })).toMatchObject([{ port: 'miss' }])
  })

  it('one client never gets what was kept for another, nor the sandbox what is production’s', async () => {
    const { get, set } = await nodes()
    const client = (id: string, environment = 'production') => ({ topic: 'a', client: { id, application: id, environment } })
    await set.send({ ...client('shop'), payload: 'shop’s' })
    expect(await get.send(client('shop'))).toMatchObject([{ port: 'hit', message: { payload: 'shop’s' } }])
    for (const other of [client('other'), client('shop', 'sandbox'), { topic: 'a' }]) expect(await get.send(other)).toMatchObject([{ port: 'miss' }])
    const ask = (authorization: string) => fakeRun({ request: { headers: { authorization } } })
    await set.send({ topic: 'b', payload: 1 }, ask('Bearer a'))
    expect(await get.send({ topic: 'b' }, ask('Bearer b'))).toMatchObject([{ port: 'miss' }])
    expect(await get.send({ topic: 'b' }, ask('Bearer a'))).toMatchObject([{ port: 'hit' }])
  })

  it('for everyone means everyone but the sandbox', async () => {
    const { get, set } = await nodes({ get: { keptFor: 'everyone' }, set: { keptFor: 'everyone' } })
    await set.send({ topic: 'a', payload: 1, client: { id: 'shop', application: 'shop', environment: 'production' } })
    expect(await get.send({ topic: 'a' })).toMatchObject([{ port: 'hit' }])
    expect(await get.send({ topic: 'a' }, fakeRun({ environment: 'sandbox' }))).toMatchObject([{ port: 'miss' }])
  })

  it('flows have caches of their own unless they share one of their organisation', async () => {
    for (const reach of ['flow', 'organisation']) {
      const one = await nodes({ set: { reach } })
      const other = await nodes({ get: { reach }, flow: 'flow-2' }, one.clock, one.state)
      await one.set.send({ topic: 'a', payload: 1 })
      expect(await other.get.send({ topic: 'a' })).toMatchObject([{ port: reach === 'flow' ? 'miss' : 'hit' }])
    }
  })

  it('“nothing” is kept for its own time, if at all', async () => {
    const never = await nodes()
    await never.set.send({ topic: 'a', payload: null })
    expect(await never.get.send({ topic: 'a' })).toMatchObject([{ port: 'miss' }])
    const { get, set, clock } = await nodes({ set: { negativeTtlSeconds: 5 } })
    for (const nothing of [null, undefined, Body.ofJsonBytes(Buffer.from('null'))]) {
      await set.send({ topic: 'a', payload: nothing })
      expect(await get.send({ topic: 'a' })).toMatchObject([{ port: 'hit', message: { payload: null } }])
      await clock.advance(5_000)
      expect(await get.send({ topic: 'a' })).toMatchObject([{ port: 'miss' }])
    }
  })

  it('a purge between the look and the keeping wins', async () => {
    const { get, set, invalidate } = await nodes()
    const run = fakeRun()
    await get.send({ topic: 'a' }, run)
    await invalidate.send({ topic: 'a' })
    await set.send({ topic: 'a', payload: 'read before' }, run)
    expect(await get.send({ topic: 'a' })).toMatchObject([{ port: 'miss' }])
  })
})

describe('a node that cannot work as it is', () => {
  it('is told at its property', () => {
    expect(checkNode(cacheGet, {})).toMatchObject([{ code: 'cache.no_key', property: 'key' }])
    expect(checkNode(cacheGet, { key: key('payload['), property: 'a b' }).map(({ property }) => property)).toEqual(['key', 'property'])
  })
})
