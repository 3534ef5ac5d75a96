import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { join } from './join.ts'

const stock = { mode: 'auto', build: 'object', property: 'payload', propertyType: 'msg', key: 'topic', joiner: '\\n', joinerType: 'str', useparts: false, accumulate: 'false', timeout: '', count: '', reduceRight: false }
async function start(config: object) {
  const node = await testNode(join, { ...stock, ...config })
  const run = fakeRun()
  return { node, run, send: (message: unknown, of = run) => node.sendNow(message, of).map(({ message }) => message) }
}
const part = (payload: unknown, parts: object) => ({ payload, parts })

describe('join, automatic', () => {
  it.each([
    ['string', ['a', 'b'], { ch: '-' }, 'a-b'],
    ['array', [1, 2], { len: 1 }, [1, 2]],
    ['array', [[1, 2], [3]], { len: 2 }, [1, 2, 3]],
    ['buffer', [Buffer.from('a'), Buffer.from('b')], { ch: [45] }, Buffer.from('a-b')],
    ['buffer', [Buffer.from('a'), Buffer.from('b')], { len: 1 }, Buffer.from('ab')],
  ])('puts a %s together again, in the order of its parts', async (type, [first, second], extra, whole) => {
    const { send } = await start({})
    expect(send(part(second, { id: 'x', type, count: 2, index: 1, ...extra }))).toEqual([])
    expect(send(part(first, { id: 'x', type, count: 2, index: 0, ...extra }))).toEqual([{ payload: whole }])
  })

  it('puts an object together, whatever its keys', async () => {
    const { send } = await start({})
    send(part(1, { id: 'x', type: 'object', key: '__proto__', count: 2, index: 0 }))
    const [joined] = send(part(2, { id: 'x', type: 'object', key: 'b', count: 2, index: 1 }))
    expect(Object.getPrototypeOf(joined?.payload)).toBe(Object.prototype)
    expect(Object.entries(joined?.payload as object)).toEqual([['__proto__', 1], ['b', 2]])
  })

  it('keeps sequences apart, restores the outer one, and merges the fields', async () => {
    const { send } = await start({})
    const outer = { id: 'o', index: 3 }
    send({ ...part('a', { id: 'x', type: 'array', count: 2, index: 0, parts: outer }), one: 1, both: 1 })
    send(part('z', { id: 'y', type: 'array', count: 2, index: 0 }))
    expect(send({ ...part('b', { id: 'x', type: 'array', count: 2, index: 1, parts: outer }), both: 2 })).toEqual([{ payload: ['a', 'b'], parts: outer, one: 1, both: 2 }])
  })

  it('joins another property when that was split', async () => {
    const { send } = await start({})
    expect(send({ payload: { list: 'a', k: 1 }, parts: { id: 'x', type: 'array', property: 'payload.list', count: 1, index: 0 } })).toEqual([{ payload: { list: ['a'], k: 1 } }])
  })

  it('never joins messages of two callers', async () => {
    const { send } = await start({})
    const other = fakeRun()
    send(part('mine', { id: 'x', type: 'array', count: 2, index: 0 }))
    send(part('theirs', { id: 'x', type: 'array', count: 2, index: 0 }), other)
    expect(send(part('mine too', { id: 'x', type: 'array', count: 2, index: 1 }))).toEqual([{ payload: ['mine', 'mine too'] }])
  })

  it('drops what has no parts', async () => {
    const { send } = await start({})
    expect(send('x')).toEqual([])
    expect(send({ reset: true })).toEqual([])
  })
})

describe('join, manual', () => {
  it('collects until a count is reached, then begins anew', async () => {
    const { send } = await start({ mode: 'custom', build: 'array', count: '2' })
    expect([1, 2, 3, 4].flatMap((payload) => send({ payload }))).toEqual([{ payload: [1, 2] }, { payload: [3, 4] }])
  })

  it('builds text, bytes, objects and merged objects', async () => {
    const text = await start({ mode: 'custom', build: 'string', count: 2, joiner: ', ' })
    expect([1, 'b'].flatMap((payload) => text.send({ payload }))).toEqual([{ payload: '1, b' }])
    const bytes = await start({ mode: 'custom', build: 'buffer', count: 2, joiner: '[45]', joinerType: 'bin' })
    expect(['a', [98]].flatMap((payload) => bytes.send({ payload }))).toEqual([{ payload: Buffer.from('a-b') }])
    const object = await start({ mode: 'custom', build: 'object', count: 2 })
    expect(['x', 'y'].flatMap((topic) => object.send({ payload: topic.toUpperCase(), topic }))).toEqual([{ payload: { x: 'X', y: 'Y' }, topic: 'y' }])
    const merged = await start({ mode: 'custom', build: 'merged', count: 2 })
    expect([{ a: 1 }, { b: 2 }].flatMap((payload) => merged.send({ payload }))).toEqual([{ payload: { a: 1, b: 2 } }])
    const full = await start({ mode: 'custom', build: 'array', count: 2, propertyType: 'full' })
    expect([1, 2].flatMap((payload) => full.send({ payload, topic: 't' }))).toEqual([{ payload: [{ payload: 1, topic: 't' }, { payload: 2, topic: 't' }], topic: 't' }])
  })

  it('ends early with msg.complete and forgets with msg.reset', async () => {
    const { send } = await start({ mode: 'custom', build: 'array', count: 5 })
    send({ payload: 1 })
    send({ reset: true })
    send({ payload: 2 })
    expect(send({ payload: 3, complete: true })).toEqual([{ payload: [2, 3] }])
    const keyed = await start({ mode: 'custom', build: 'object', count: 5 })
    keyed.send({ payload: 1, topic: 'a' })
    expect(keyed.send({ complete: true })).toMatchObject([{ payload: { a: 1 } }])
  })

  it('goes on adding when told to', async () => {
    const { send } = await start({ mode: 'custom', build: 'object', count: 1, accumulate: true })
    expect(['a', 'b'].flatMap((topic) => send({ payload: 1, topic })).map(({ payload }) => payload)).toEqual([{ a: 1 }, { a: 1, b: 1 }])
  })

  it('takes the count of the parts when it has none of its own', async () => {
    const { send } = await start({ mode: 'custom', build: 'array', useparts: true })
    send(part('a', { id: 'x', count: 2, index: 0 }))
    expect(send(part('b', { id: 'x', count: 2, index: 1 }))).toEqual([{ payload: ['a', 'b'] }])
  })

  it('sends what has come when the time is over, and keeps its run open until then', async () => {
    const { node, run } = await start({ mode: 'custom', build: 'array', count: 5, timeout: '2' })
    let ended = false
    const first = node.send({ payload: 1 }, run).finally(() => (ended = true))
    await node.send({ payload: 2 }, run)
    await node.clock.advance(1_000)
    expect(ended).toBe(false)
    await node.clock.advance(1_000)
    expect((await first).map(({ message }) => message)).toEqual([{ payload: [1, 2] }])
  })

  it('lets go of its timer when it is complete, when it is reset, and when the run is aborted', async () => {
    for (const end of ['complete', 'reset', 'abort']) {
      const { node, run } = await start({ mode: 'custom', build: 'array', count: 2, timeout: 60 })
      const first = node.send({ payload: 1 }, run)
      if (end === 'abort') run.abort()
      else await node.send(end === 'complete' ? { payload: 2 } : { reset: true }, run)
      expect(await first).toEqual([])
      expect(node.clock.pending).toBe(0)
    }
  })

  it('begins its time anew with msg.restartTimeout', async () => {
    const { node, run } = await start({ mode: 'custom', build: 'array', count: 5, timeout: 2 })
    const first = node.send({ payload: 1 }, run)
    await node.clock.advance(1_500)
    const second = node.send({ payload: 2, restartTimeout: true }, run)
    await node.clock.advance(1_500)
    await node.clock.advance(500)
    expect([...(await first), ...(await second)].map(({ message }) => message.payload)).toEqual([[1, 2]])
  })

  it('holds no more than its limit', async () => {
    const { send } = await start({ mode: 'custom', build: 'array' })
    for (let i = 0; i < 10_000; i += 1) send({ payload: i })
    expect(() => send({ payload: 'one more' })).toThrow(expect.objectContaining({ code: 'flow.sequence_too_large' }))
    const far = await start({})
    expect(() => far.send(part(1, { id: 'x', type: 'array', count: 2, index: 4_000_000_000 }))).toThrow(expect.objectContaining({ code: 'flow.sequence_too_large' }))
  })
})

describe('join, reduce', () => {
  const sandbox = {
    jsonataOf: async (text: string) => (input: { payload?: number }, _run: unknown, { A, I, N }: { A: number[]; I: number; N: number }) => (text === 'fixup' ? { A, N } : [...A, (input.payload as number) * 10 + I]),
  } as unknown as Sandbox

  it('reduces a sequence in order, with its bindings, and passes on what has no parts', async () => {
    const node = await testNode(join, { ...stock, mode: 'reduce', reduceExp: 'reduce', reduceInit: '[]', reduceInitType: 'json', reduceFixup: 'fixup' }, { sandbox })
    const run = fakeRun()
    expect(await node.send({ payload: 'x' }, run)).toHaveLength(1)
    await node.send(part(2, { id: 'x', count: 2, index: 1 }), run)
    expect(await node.send(part(1, { id: 'x', count: 2, index: 0 }), run)).toMatchObject([{ message: { payload: { A: [10, 21], N: 2 } } }])
    const right = await testNode(join, { ...stock, mode: 'reduce', reduceExp: 'reduce', reduceInit: '[]', reduceInitType: 'json', reduceRight: true }, { sandbox })
    await right.send(part(1, { id: 'x', count: 2, index: 0 }), run)
    expect(await right.send(part(2, { id: 'x', count: 2, index: 1 }), fakeRun())).toEqual([])
  })

  it('refuses what does not compile', () => {
    expect(checkNode(join, { ...stock, mode: 'reduce', reduceExp: '(' })).toMatchObject([{ code: 'expression.syntax' }])
    expect(checkNode(join, { ...stock, mode: 'reduce' })).toMatchObject([{ code: 'join.no_expression' }])
    expect(checkNode(join, { ...stock, mode: 'custom', joiner: 'x', joinerType: 'bin' })).toMatchObject([{ code: 'join.joiner' }])
    expect(checkNode(join, { ...stock, mode: 'custom', key: 'a..b' })).toMatchObject([{ code: 'value.path' }])
  })
})
