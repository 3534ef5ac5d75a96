import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { sort } from './sort.ts'

const sandbox = {
  jsonataOf: async () => async (item: { n: number }) => item.n,
  jsonata: async () => async (message: { payload: number }) => -message.payload,
} as unknown as Sandbox

describe('sort', () => {
  it.each([
    [{}, [3, 1, 2], [1, 2, 3]],
    [{ order: 'descending' }, ['a', 'c', 'b'], ['c', 'b', 'a']],
    [{ as_num: true }, ['10', '9'], ['9', '10']],
    [{}, ['10', '9'], ['10', '9']],
    [{ msgKeyType: 'jsonata', msgKey: 'n' }, [{ n: 2 }, { n: 1 }], [{ n: 1 }, { n: 2 }]],
  ])('a list by %j: %j', async (config, payload, expected) => {
    expect((await (await testNode(sort, { targetType: 'msg', ...config }, { sandbox })).send({ payload }))[0]?.message.payload).toEqual(expected)
  })

  it('sends nothing when there is no list', async () => {
    expect((await testNode(sort, {})).sendNow({ payload: 5 })).toEqual([])
  })

  it.each([[{ seqKeyType: 'msg' }, [1, 2, 3]], [{ seqKeyType: 'jsonata', seqKey: '-payload' }, [3, 2, 1]]])('a sequence of messages by %j, each caller its own', async (config, expected) => {
    const node = await testNode(sort, { targetType: 'seq', seqKey: 'payload', ...config }, { sandbox })
    const [run, other] = [node.run(), node.run()]
    const part = (payload: number, index: number) => ({ payload, parts: { id: 'a', index, count: 3 } })
    await node.send(part(9, 0), other)
    expect(await node.send(part(3, 0), run)).toEqual([])
    expect(await node.send(part(1, 1), run)).toEqual([])
    const sent = (await node.send(part(2, 2), run)).map(({ message }) => message)
    expect(sent.map(({ payload }) => payload)).toEqual(expected)
    expect(sent.map(({ parts }) => (parts as { index: number }).index)).toEqual([0, 1, 2])
  })

  it('holds no more than it may', async () => {
    const node = await testNode(sort, { targetType: 'seq' })
    const run = node.run()
    expect(() => { for (let i = 0; i <= 10_000; i += 1) node.sendNow({ parts: { id: 'a', index: i } }, run) }).toThrow(expect.objectContaining({ code: 'flow.sequence_too_large' }))
  })

  it('refuses an expression that does not compile', () => {
    expect(checkNode(sort, { msgKeyType: 'jsonata', msgKey: '(' })).toMatchObject([{ code: 'expression.syntax', property: 'msgKey' }])
    expect(checkNode(sort, { targetType: 'seq', seqKey: 'a..b' })).toMatchObject([{ code: 'value.path', property: 'seqKey' }])
  })
})
