import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { every } from '../../runtime/core/labels/label-path.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { mask } from './mask.ts'

const from = { flow: 't', node: 'in', path: '' }
const masked = async (row: object, payload: unknown, more: object = {}) => {
  const node = await testNode(mask, { fields: [{ by: 'path', field: '$.v', ...row }], ...more })
  return (node.sendNow({ payload: { v: payload } })[0]?.message.payload as { v: unknown } | undefined)?.v
}

describe('mask', () => {
  it.each([
    [{ how: 'keep', first: 1, last: 2 }, 'A123456789', 'A*******89'],
    [{ how: 'keep', first: 1, last: 2 }, 'A12', '***'],
    [{ how: 'keep', first: 0, last: 4 }, '4111111111111111', '************1111'],
    [{ how: 'keep', first: 1 }, '王小明', '王**'],
    [{ how: 'whole' }, '王小明', '***'],
    [{ how: 'keep', first: 1, last: 1 }, '👨‍👩‍👧‍👦ab👍🏽', '👨‍👩‍👧‍👦**👍🏽'],
    [{ how: 'keep', last: 1 }, 'e\u0301e\u0301', '*e\u0301'],
    [{ how: 'pattern', pattern: '\\d{6}' }, 'A123456789', 'A******789'],
    [{ how: 'pattern', pattern: '\\d{6}' }, 'no digits', '*********'],
    [{ how: 'keep', last: 2 }, 12345, '***45'],
    [{ how: 'keep', first: 1 }, '', ''],
    [{ how: 'keep', first: 1 }, null, null],
    [{ how: 'keep', first: 1 }, { name: '王小明' }, '******'],
    [{ how: 'keep', first: 1 }, ['a', 'b'], '******'],
    [{ how: 'keep', first: 1 }, true, '******'],
  ])('hides by %j of %j all but %j', async (row, value, shown) => {
    expect(await masked(row, value)).toEqual(shown)
  })

  it('does not tell how long a value was, where that is wished', async () => {
    const texts = ['', 'a', 'ab', 'abc', 'abcdefgh', '王小明']
    expect(new Set(await Promise.all(texts.map((text) => masked({ how: 'whole' }, text, { length: 5 }))))).toEqual(new Set(['*****']))
    expect(await masked({ how: 'keep', first: 1, last: 1 }, 'abcdefgh', { length: 3, character: '●' })).toBe('a●●●h')
  })

  it('shows no text as it was, and never half a character', () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), fc.nat(5), fc.nat(5), async (text, first, last) => {
        const shown = (await masked({ how: 'keep', first, last }, text, { character: '●' })) as string
        expect(shown).toContain('●')
        expect(shown.isWellFormed()).toBe(text.isWellFormed())
      }),
      { numRuns: 150 },
    ))

  it('finds fields by paths into lists, into other properties, and by label wherever the compiler knows it', async () => {
    const node = await testNode(mask, { fields: [{ by: 'path', field: '$.people[*].id', how: 'whole' }, { by: 'path', field: 'who.query.id', how: 'whole' }] })
    expect(node.sendNow({ payload: Body.ofJsonText('{"people":[{"id":"a","n":1},{"id":"bc"}]}'), who: { query: { id: 'x', page: '1' } } })[0]?.message).toMatchObject({
      payload: { people: [{ id: '*', n: 1 }, { id: '**' }] }, who: { query: { id: '*', page: '1' } },
    })
    const labels = LabelMap.of([{ path: ['payload', 'pid'], label: 'pid', from }, { path: ['who', 'name'], label: 'name', from }])
    const byLabel = await testNode(mask, { fields: [{ by: 'label', field: 'pid', how: 'keep', last: 2 }] }, { labels })
    expect(byLabel.sendNow({ payload: { pid: 'A123456789', x: 1 }, who: { name: 'n' } })[0]?.message).toMatchObject({ payload: { pid: '********89', x: 1 }, who: { name: 'n' } })
  })

  it('text or bytes where labelled fields would lie are hidden as a whole, by path and by label', async () => {
    const labels = LabelMap.of([{ path: ['payload', 'people', every, 'id'], label: 'pid', from }])
    for (const row of [{ by: 'path', field: '$.people[*].id', how: 'keep', first: 3 }, { by: 'label', field: 'pid', how: 'pattern', pattern: '[A-Z]' }]) {
      const node = await testNode(mask, { fields: [row] }, { labels })
      for (const payload of ['{"people":[{"id":"A123"}]}', { people: 'id=A123' }, { people: [{ id: 'A123' }, 'A123'] }, { people: Buffer.from('A123') }]) expect(JSON.stringify(node.sendNow({ payload })[0]?.message.payload)).not.toContain('A123')
      expect(node.sendNow({ payload: { people: [], note: 'A123' } })[0]?.message.payload).toEqual({ people: [], note: 'A123' })
    }
    const other = await testNode(mask, { fields: [{ by: 'path', field: '$.name', how: 'whole' }] }, { labels })
    expect(other.sendNow({ payload: 'text' })[0]?.message.payload).toBe('text')
  })

  it('of data that may be anywhere hides every field, and leaves the marks of the message', async () => {
    const node = await testNode(mask, { fields: [{ by: 'label', field: 'pid', how: 'whole' }] }, { labels: LabelMap.of([{ path: [], label: 'pid', from }]) })
    expect(node.sendNow({ _msgid: 'm', payload: { a: 'x' }, topic: 'tt', req: { url: '/' } })[0]?.message).toEqual({ _msgid: 'm', payload: '******', topic: '**', req: { url: '/' } })
  })

  it('lets a message pass in which nothing is found, or refuses it by the path and no value', async () => {
    expect(await masked({ field: '$.none' }, 'secret')).toBe('secret')
    const node = await testNode(mask, { fields: [{ by: 'path', field: '$.none' }], missing: 'refuse' })
    await expect(node.send({ payload: { v: 'secret' } })).rejects.toMatchObject({ code: 'field.missing', status: 422, facts: { path: '$.none' } })
  })

  it.each([
    [{ fields: [] }, 'mask.nothing'], [{ fields: [{ field: '$.' }] }, 'label.path'], [{ fields: [{ field: '' }] }, 'label.path'], [{ fields: [{ field: 'req.query.id' }] }, 'mask.request'], [{ fields: [{ by: 'label', field: 'Not A Label' }] }, 'label.name'],
    [{ fields: [{ field: '$.a', how: 'pattern' }] }, 'mask.pattern'], [{ fields: [{ field: '$.a', how: 'pattern', pattern: '(a+)+\\1' }] }, 'value.regex'], [{ fields: [{ field: '$.a' }], character: 'ab' }, 'mask.character'],
  ])('is refused in the editor when it is drawn wrong (%j)', (config, code) => {
    const [problem] = checkNode(mask, config)
    expect(problem).toMatchObject({ remedy: expect.stringMatching(/\.$/) as string })
    if (code !== 'value.regex') expect(problem?.code).toBe(code)
  })
})
