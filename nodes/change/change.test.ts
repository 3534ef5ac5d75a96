import { describe, expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { memoryContexts } from '../../test/kit/memory-context.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { change } from './change.ts'

const after = async (rules: object[], message: object, options: NodeTestOptions = {}) =>
  (await testNode(change, { rules }, options)).sendNow(message)[0]?.message

describe('change: set', () => {
  it.each([
    [{ p: 'payload', to: 'x', tot: 'str' }, { payload: 'x' }],
    [{ p: 'a.b', to: '3', tot: 'num' }, { payload: 1, a: { b: 3 } }],
    [{ p: 'payload', to: 'true', tot: 'bool' }, { payload: true }],
    [{ p: 'payload', to: '{"a":1}', tot: 'json' }, { payload: { a: 1 } }],
    [{ p: 'payload', to: '', tot: 'date' }, { payload: Date.UTC(2024, 0, 1) }],
    [{ p: 'copy', to: 'payload', tot: 'msg' }, { payload: 1, copy: 1 }],
    [{ p: 'payload', to: 'city', tot: 'env' }, { payload: '臺北' }],
    [{ p: 'msg.payload', to: 'msg.payload', tot: 'msg' }, { payload: 1 }],
    [{ p: 'payload', to: 'x' }, { payload: 'x' }],
    [{ p: 'payload.deep', to: 'x', tot: 'str' }, { payload: 1 }],
    [{ p: 'payload', to: 'none', tot: 'msg' }, {}],
    [{ p: 'payload', to: 'none.there', tot: 'msg' }, { payload: 1 }],
  ])('%j', async (rule, expected) => {
    expect(await after([{ t: 'set', pt: 'msg', ...rule }], { payload: 1 }, { env: { city: '臺北' } })).toEqual(expected)
  })

  it('writes to contexts and reads from them', async () => {
    const contexts = memoryContexts({ global: { limit: 9 } })
    const sent = await after([{ t: 'set', p: 'seen', pt: 'flow', to: 'payload', tot: 'msg' }, { t: 'set', p: 'payload', pt: 'msg', to: 'limit', tot: 'global' }], { payload: 1 }, { contexts })
    expect(contexts.flow.get('seen')).toBe(1)
    expect(sent).toEqual({ payload: 9 })
  })

  it('leaves what it does not touch as it was, a body unparsed too', async () => {
    const payload = Body.ofJsonText('{"a":1}')
    const list = [1]
    const sent = await after([{ t: 'set', p: 'x', pt: 'msg', to: '1', tot: 'num' }], { payload, list })
    expect(sent?.payload).toBe(payload)
    expect(sent?.list).toBe(list)
    expect(payload.parsed).toBe(false)
  })

  it('waits for JSONata, and only then', async () => {
    const sandbox = { jsonata: async () => async () => 42 } as unknown as Sandbox
    const node = await testNode(change, { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: '6*7', tot: 'jsonata' }, { t: 'set', p: 'x', pt: 'msg', to: 'payload', tot: 'msg' }] }, { sandbox })
    expect(await node.send(1)).toEqual([{ port: 'out', message: { payload: 42, x: 42 } }])
    expect(() => node.sendNow(1)).toThrow(/promise/)
  })
})

describe('change: what is labelled', () => {
  const from = { flow: 't', node: 'in', path: '' }
  const labels = LabelMap.of([{ path: ['payload', 'person', 'pid'], label: 'pid', from }, { path: ['kept', 'pid'], label: 'pid', from }])
  const gone = { t: 'delete', p: 'payload.person.pid', pt: 'msg' }
  const json = '{"person":{"pid":"A123456789"},"name":"n"}'

  it.each([
    ['deleted', gone],
    ['overwritten', { t: 'set', p: 'payload.person.pid', pt: 'msg', to: 'x', tot: 'str' }],
    ['deleted with what is around it', { t: 'delete', p: 'payload.person', pt: 'msg' }],
    ['moved', { t: 'move', p: 'payload.person.pid', pt: 'msg', to: 'other', tot: 'msg' }],
  ])('is gone with the text that it lies in, when it is %s and nobody has parsed that', async (_how, rule) => {
    for (const payload of [json, Buffer.from(json), Body.ofBytes(Buffer.from(json), 'text/plain', (bytes) => bytes.toString())]) {
      const sent = await after([rule], { payload }, { labels })
      expect(JSON.stringify(sent?.payload) ?? '').not.toContain('A123456789')
    }
    expect((await after([rule], { payload: { person: json, name: 'n' } }, { labels }))?.payload).toMatchObject({ name: 'n' })
  })

  it('follows what earlier rules have moved', async () => {
    const rules = [{ t: 'move', p: 'kept', pt: 'msg', to: 'other', tot: 'msg' }, { t: 'delete', p: 'other.pid', pt: 'msg' }]
    expect(await after(rules, { kept: json }, { labels })).toEqual({})
    expect(await after(rules, { kept: { pid: 'A123456789', n: 1 } }, { labels })).toEqual({ other: { n: 1 } })
  })

  it('leaves text alone that carries nothing, and that a rule takes nothing labelled out of', async () => {
    expect(await after([gone], { payload: json })).toEqual({ payload: json })
    expect(await after([{ t: 'delete', p: 'payload.name', pt: 'msg' }, { t: 'set', p: 'topic', pt: 'msg', to: 'x', tot: 'str' }], { payload: json }, { labels })).toEqual({ payload: json, topic: 'x' })
    expect(await after([gone], { payload: '' }, { labels })).toEqual({ payload: '' })
  })
})

describe('change: change', () => {
  it.each([
    ['a-b-c', { from: '-', to: '+' }, 'a+b+c'],
    ['a.b', { from: '.', to: '' }, 'ab'],
    ['5', { from: '5', fromt: 'num', to: '6', tot: 'num' }, 6],
    ['x5y', { from: '5', fromt: 'num', to: '6', tot: 'num' }, 'x6y'],
    [5, { from: '5', fromt: 'num', to: '6', tot: 'num' }, 6],
    [5, { from: '5', fromt: 'str', to: '6' }, 5],
    [true, { from: 'true', fromt: 'bool', to: 'no' }, 'no'],
    ['ab12', { from: '\\d+', fromt: 're', to: '<$&>' }, 'ab<12>'],
    ['yes', { from: 'yes', to: 'true', tot: 'bool' }, true],
    ['Yes.', { from: 'Y.*', fromt: 're', to: 'true', tot: 'bool' }, true],
    ['ab', { from: 'needle', fromt: 'msg', to: 'z' }, 'az'],
    [{ a: 1 }, { from: 'a', to: 'b' }, { a: 1 }],
  ])('%j by %j gives %j', async (payload, rule, expected) => {
    expect((await after([{ t: 'change', p: 'payload', pt: 'msg', tot: 'str', fromt: 'str', ...rule }], { payload, needle: 'b' }))?.payload).toEqual(expected)
  })
})

describe('change: delete and move', () => {
  it.each([
    [{ t: 'delete', p: 'payload.a', pt: 'msg' }, { payload: { b: 2 } }],
    [{ t: 'delete', p: 'none.a', pt: 'msg' }, { payload: { a: 1, b: 2 } }],
    [{ t: 'move', p: 'payload.a', pt: 'msg', to: 'x', tot: 'msg' }, { payload: { b: 2 }, x: 1 }],
    [{ t: 'move', p: 'payload', pt: 'msg', to: 'payload.old', tot: 'msg' }, { payload: { old: { a: 1, b: 2 } } }],
    [{ t: 'move', p: 'payload.a', pt: 'msg', to: 'payload', tot: 'msg' }, { payload: 1 }],
    [{ t: 'move', p: 'payload', pt: 'msg', to: 'payload', tot: 'msg' }, { payload: { a: 1, b: 2 } }],
  ])('%j', async (rule, expected) => {
    expect(await after([rule], { payload: { a: 1, b: 2 } })).toEqual(expected)
  })

  it('moves between message and context', async () => {
    const contexts = memoryContexts({ flow: { kept: 'k' } })
    const sent = await after([{ t: 'move', p: 'kept', pt: 'flow', to: 'payload', tot: 'msg' }, { t: 'move', p: 'old', pt: 'msg', to: 'kept', tot: 'flow' }], { payload: 1, old: 'o' }, { contexts })
    expect(sent).toEqual({ payload: 'k' })
    expect(contexts.flow.get('kept')).toBe('o')
  })
})

describe('change: deploy', () => {
  it('reads nodes from before there were rules', async () => {
    expect((await testNode(change, { action: 'replace', property: 'payload', to: 'msg.x' })).sendNow({ x: 1 })[0]?.message).toEqual({ x: 1, payload: 1 })
    expect((await testNode(change, { action: 'change', property: 'payload', from: 'a+', to: 'b', reg: true })).sendNow('aac')[0]?.message.payload).toBe('bc')
  })

  it.each([
    [{ t: 'set', p: '', pt: 'msg', to: '', tot: 'str' }, 'value.path'],
    [{ t: 'set', p: 'a', pt: 'msg', to: '{', tot: 'json' }, 'value.json'],
    [{ t: 'set', p: 'a', pt: 'msg', to: '$sum(', tot: 'jsonata' }, 'expression.syntax'],
    [{ t: 'change', p: 'a', pt: 'msg', from: '(a)\\1', fromt: 're', to: '', tot: 'str' }, 'regex.not_linear'],
    [{ t: 'set', p: 'a.__proto__.b', pt: 'msg', to: '', tot: 'str' }, 'value.path'],
    [{ t: 'move', p: 'a', pt: 'msg', to: 'b', tot: 'str' }, 'value.type'],
    [{ t: 'paint', p: 'a', pt: 'msg' }, 'config.invalid'],
  ])('refuses %j', (rule, code) => {
    expect(checkNode(change, { rules: [rule] })).toMatchObject([{ code, property: 'rules' }])
  })
})
