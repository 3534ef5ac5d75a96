import { array, assert, property, string, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { cutBytes, cutText } from './pieces.ts'
import { split } from './split.ts'

const stock = { splt: '\\n', spltType: 'str', arraySplt: 1, arraySpltType: 'len', stream: false, addname: '', property: 'payload' }
async function run(config: object, message: unknown) {
  const node = await testNode(split, { ...stock, ...config })
  return node.sendNow(message).map(({ message }) => message as { payload: unknown; parts: Record<string, unknown>; [field: string]: unknown })
}

describe('split', () => {
  it('cuts text at a separator and says how to join it again', async () => {
    const parts = await run({}, { payload: 'a\nb\nc', topic: 't', _msgid: 'x' })
    expect(parts.map(({ payload }) => payload)).toEqual(['a', 'b', 'c'])
    expect(parts[1]).toEqual({ payload: 'b', topic: 't', parts: { id: parts[0]?.parts.id, type: 'string', ch: '\n', index: 1, count: 3 } })
    expect(String(parts[0]?.parts.id)).toMatch(/^[\da-f]{16}$/)
  })
  it('cuts text into lengths and at bytes', async () => {
    expect(await run({ spltType: 'len', splt: '2' }, 'abcde')).toMatchObject([{ payload: 'ab', parts: { ch: '', len: 2, count: 3 } }, { payload: 'cd' }, { payload: 'e', parts: { index: 2 } }])
    expect(await run({ spltType: 'bin', splt: '[59]' }, 'a;b')).toMatchObject([{ payload: 'a', parts: { ch: [59] } }, { payload: 'b' }])
  })
  it('cuts bytes', async () => {
    expect((await run({}, Buffer.from('ab\ncd\n'))).map(({ payload, parts }) => [String(payload), parts.count])).toEqual([['ab', 2], ['cd', 2]])
    expect((await run({ spltType: 'len', splt: '4' }, Buffer.from('abcdef'))).map(({ payload }) => String(payload))).toEqual(['abcd', 'ef'])
  })
  it('cuts arrays and objects', async () => {
    expect(await run({}, { payload: [1, { a: 2 }] })).toMatchObject([{ payload: 1, parts: { type: 'array', len: 1, index: 0, count: 2 } }, { payload: { a: 2 } }])
    expect((await run({ arraySplt: '2' }, { payload: [1, 2, 3] })).map(({ payload }) => payload)).toEqual([[1, 2], [3]])
    expect(await run({ addname: 'topic' }, { payload: { a: 1, b: null } })).toMatchObject([{ payload: 1, topic: 'a', parts: { type: 'object', key: 'a', count: 2 } }, { payload: null, topic: 'b' }])
    expect(await run({}, { payload: [] })).toEqual([])
  })
  it('cuts another property, and keeps the sequence around it', async () => {
    const [part] = await run({ property: 'payload.list' }, { payload: { list: ['x'], other: 1 }, parts: { id: 'outer', index: 4 } })
    expect(part).toMatchObject({ payload: { list: 'x', other: 1 }, parts: { property: 'payload.list', parts: { id: 'outer', index: 4 } } })
  })
  it('sends nothing for what cannot be cut', async () => {
    for (const payload of [5, true, null, undefined]) expect(await run({}, { payload })).toEqual([])
  })
  it('takes the messages of one run as a stream, and never those of two', async () => {
    const node = await testNode(split, { ...stock, stream: true })
    const [first, second] = [fakeRun(), fakeRun()]
    const texts = (payload: unknown, of: typeof first) => node.sendNow({ payload }, of).map(({ message }) => String(message.payload))
    expect(texts('a\nb', first)).toEqual(['a'])
    expect(texts('x\ny', second)).toEqual(['x'])
    expect(texts('c\n', first)).toEqual(['bc'])
    expect(texts(Buffer.from('1\n2'), first)).toEqual(['1'])
    expect(texts(Buffer.from('3\n'), first)).toEqual(['23'])
  })
  it('refuses to make too many', async () => {
    for (const payload of ['\n'.repeat(10_000), Buffer.alloc(10_001, 10), Array.from({ length: 10_001 }), Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [i, i]))]) {
      await expect(run({}, { payload })).rejects.toMatchObject({ code: 'flow.sequence_too_large' })
    }
    await expect(run({ spltType: 'len', splt: '1' }, 'x'.repeat(10_001))).rejects.toMatchObject({ code: 'flow.sequence_too_large' })
  })
  it('says what is wrong', () => {
    for (const [config, code] of [[{ spltType: 'len', splt: '0' }, 'split.separator'], [{ spltType: 'bin', splt: '"x"' }, 'split.separator'], [{ arraySplt: '0' }, 'config.invalid'], [{ property: 'a..b' }, 'value.path']] as const) {
      expect(checkNode(split, { ...stock, ...config })).toMatchObject([{ code }])
    }
  })
})

describe('pieces', () => {
  it('make the whole again', () => {
    const cut = { by: 'separator', text: ',', bytes: Buffer.from(',') } as const
    assert(property(array(string()), (items) => {
      expect(cutText(items.join(','), cut).join(',')).toBe(items.join(','))
    }))
    assert(property(uint8Array(), (bytes) => {
      const { pieces, endsWithSeparator } = cutBytes(Buffer.from(bytes), cut)
      const joined = Buffer.concat(pieces.flatMap((piece, index) => (index === 0 ? [piece] : [cut.bytes, piece])))
      expect(Buffer.concat(endsWithSeparator ? [joined, cut.bytes] : [joined])).toEqual(Buffer.from(bytes))
    }))
  })
})
