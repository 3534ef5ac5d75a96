import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { switchNode } from './switch.ts'

const ports = async (rules: object[], message: object, config: object = {}, options: NodeTestOptions = {}) =>
  (await testNode(switchNode, { property: 'payload', propertyType: 'msg', rules, checkall: 'true', repair: false, outputs: rules.length, ...config }, options)).sendNow(message).map(({ port }) => port)

describe('switch: operators', () => {
  it.each([
    [{ t: 'eq', v: '5', vt: 'num' }, 5, true],
    [{ t: 'eq', v: '5', vt: 'str' }, 5, true],
    [{ t: 'eq', v: '5', vt: 'str' }, 6, false],
    [{ t: 'eq', v: 'x', vt: 'msg' }, 'here', true],
    [{ t: 'neq', v: 'a', vt: 'str' }, 'b', true],
    [{ t: 'lt', v: '5', vt: 'num' }, 4, true],
    [{ t: 'lte', v: '5', vt: 'num' }, 5, true],
    [{ t: 'gt', v: '5', vt: 'num' }, 5, false],
    [{ t: 'gte', v: '5', vt: 'num' }, '7', true],
    [{ t: 'btwn', v: '1', vt: 'num', v2: '3', v2t: 'num' }, 2, true],
    [{ t: 'btwn', v: '3', vt: 'num', v2: '1', v2t: 'num' }, 2, true],
    [{ t: 'btwn', v: '1', v2: '3' }, 4, false],
    [{ t: 'cont', v: 'ell', vt: 'str' }, 'hello', true],
    [{ t: 'cont', v: '2', vt: 'num' }, [1, 2], true],
    [{ t: 'regex', v: '^h.*o$', vt: 'str', case: false }, 'hello', true],
    [{ t: 'regex', v: '^H', vt: 'str', case: false }, 'hello', false],
    [{ t: 'regex', v: '^H', vt: 'str', case: true }, 'hello', true],
    [{ t: 'regex', v: 'x', vt: 'msg' }, 'it is here', true],
    [{ t: 'true' }, true, true],
    [{ t: 'true' }, 1, false],
    [{ t: 'false' }, false, true],
    [{ t: 'null' }, null, true],
    [{ t: 'null' }, undefined, true],
    [{ t: 'nnull' }, 0, true],
    [{ t: 'empty' }, '', true],
    [{ t: 'empty' }, [], true],
    [{ t: 'empty' }, {}, true],
    [{ t: 'empty' }, Buffer.alloc(0), true],
    [{ t: 'empty' }, null, false],
    [{ t: 'empty' }, 0, false],
    [{ t: 'nempty' }, 'a', true],
    [{ t: 'nempty' }, { a: 1 }, true],
    [{ t: 'nempty' }, 5, false],
    [{ t: 'istype', v: 'array', vt: 'array' }, [], true],
    [{ t: 'istype', v: 'object', vt: 'object' }, [], false],
    [{ t: 'istype', v: 'object', vt: 'object' }, {}, true],
    [{ t: 'istype', v: 'object', vt: 'object' }, null, false],
    [{ t: 'istype', v: 'null', vt: 'null' }, null, true],
    [{ t: 'istype', v: 'buffer', vt: 'buffer' }, Buffer.alloc(1), true],
    [{ t: 'istype', v: 'json', vt: 'json' }, '{"a":1}', true],
    [{ t: 'istype', v: 'json', vt: 'json' }, '{', false],
    [{ t: 'istype', v: 'number', vt: 'number' }, Number.NaN, false],
    [{ t: 'istype', v: 'undefined', vt: 'undefined' }, undefined, true],
    [{ t: 'hask', v: 'a', vt: 'str' }, { a: undefined }, true],
    [{ t: 'hask', v: 'toString', vt: 'str' }, {}, false],
    [{ t: 'hask', v: 'a', vt: 'str' }, null, false],
  ])('%j with %j: %s', async (rule, payload, fits) => {
    expect(await ports([rule], { payload, x: 'here' })).toEqual(fits ? ['0'] : [])
  })

  it('head, tail and index look at the place in the sequence', async () => {
    const rules = [{ t: 'head', v: '1', vt: 'num' }, { t: 'index', v: '1', vt: 'num', v2: '2', v2t: 'num' }]
    expect(await ports(rules, { parts: { id: 'a', index: 0 } })).toEqual(['0'])
    expect(await ports(rules, { parts: { id: 'a', index: 2 } })).toEqual(['1'])
    await expect(ports(rules, { payload: 1 })).rejects.toMatchObject({ code: 'step.config' })
  })

  it('compares with the previous value', async () => {
    const node = await testNode(switchNode, { rules: [{ t: 'neq', v: '', vt: 'prev' }] })
    expect([1, 1, 2].map((payload) => node.sendNow({ payload }).length)).toEqual([1, 0, 1])
  })
})

describe('switch: order', () => {
  const rules = [{ t: 'gt', v: '1', vt: 'num' }, { t: 'gt', v: '2', vt: 'num' }, { t: 'else' }]

  it('sends to every output that fits, or to the first', async () => {
    expect(await ports(rules, { payload: 3 })).toEqual(['0', '1'])
    expect(await ports(rules, { payload: 3 }, { checkall: 'false' })).toEqual(['0'])
  })

  it('else is for what no rule before took', async () => {
    expect(await ports(rules, { payload: 0 })).toEqual(['2'])
    expect(await ports([{ t: 'else' }, { t: 'true' }, { t: 'else' }, { t: 'else' }], { payload: 1 })).toEqual(['0', '3'])
  })

  it('gives every branch the same untouched message', async () => {
    const message = { payload: 3 }
    const sent = (await testNode(switchNode, { rules })).sendNow(message)
    expect(sent.every((one) => one.message === message)).toBe(true)
  })

  it('reads the property from contexts and environment', async () => {
    expect(await ports([{ t: 'eq', v: 'a', vt: 'str' }], {}, { property: 'KIND', propertyType: 'env' }, { env: { KIND: 'a' } })).toEqual(['0'])
  })

  it('waits for JSONata, and gives it the place in the sequence', async () => {
    const seen: unknown[] = []
    const sandbox = {
      jsonata: async () => async (message: { payload: number }) => message.payload > 1,
      jsonataOf: async () => async (_: unknown, _run: unknown, bindings: unknown) => { seen.push(bindings); return true },
    } as unknown as Sandbox
    const node = await testNode(switchNode, { rules: [{ t: 'jsonata_exp', v: 'payload > 1', vt: 'jsonata' }, { t: 'jsonata_exp', v: '$I = 0', vt: 'jsonata' }, { t: 'else' }] }, { sandbox })
    expect((await node.send({ payload: 2, parts: { id: 'a', index: 0, count: 3 } })).map(({ port }) => port)).toEqual(['0', '1'])
    expect(seen).toEqual([{ I: 0, N: 3 }])
  })
})

describe('switch: sequences', () => {
  const part = (index: number, count?: number) => ({ payload: index, parts: { id: 'a', index, ...(count === undefined ? {} : { count }) } })

  it('waits for the whole sequence when the tail is asked for', async () => {
    const node = await testNode(switchNode, { rules: [{ t: 'tail', v: '1', vt: 'num' }] })
    const run = node.run()
    expect(node.sendNow(part(0), run)).toEqual([])
    expect(node.sendNow(part(1), run)).toEqual([])
    expect(node.sendNow(part(2, 3), run)).toMatchObject([{ message: { payload: 2 } }])
  })

  it('numbers anew with repair', async () => {
    const node = await testNode(switchNode, { rules: [{ t: 'neq', v: '1', vt: 'num' }], repair: true })
    const run = node.run()
    node.sendNow(part(0, 3), run)
    node.sendNow(part(1, 3), run)
    const sent = node.sendNow(part(2, 3), run).map(({ message }) => message.parts as { id: string; index: number; count: number })
    expect(sent).toMatchObject([{ index: 0, count: 2 }, { index: 1, count: 2 }])
    expect(sent[0]?.id).toBe(sent[1]?.id)
    expect(sent[0]?.id).not.toBe('a')
  })

  it('keeps the sequences of two callers apart', async () => {
    const node = await testNode(switchNode, { rules: [{ t: 'tail', v: '1', vt: 'num' }] })
    const [one, two] = [node.run(), node.run()]
    node.sendNow(part(0, 2), one)
    expect(node.sendNow(part(1, 2), two)).toEqual([])
    expect(node.sendNow(part(1, 2), one)).toHaveLength(1)
  })

  it('holds no more than it may', async () => {
    const node = await testNode(switchNode, { rules: [{ t: 'tail', v: '1', vt: 'num' }] })
    const run = node.run()
    expect(() => { for (let i = 0; i <= 10_000; i += 1) node.sendNow(part(i), run) }).toThrow(expect.objectContaining({ code: 'flow.sequence_too_large' }))
  })
})

describe('switch: deploy', () => {
  it('has an output for each rule', async () => {
    expect((await testNode(switchNode, { rules: [{ t: 'true' }, { t: 'else' }] })).ports).toEqual(['0', '1'])
  })

  it.each([
    [{ t: 'regex', v: '(?=a)', vt: 'str' }, 'regex.not_linear'],
    [{ t: 'regex', v: '(', vt: 'str' }, 'regex.syntax'],
    [{ t: 'eq', v: 'x', vt: 'num' }, 'value.number'],
    [{ t: 'eq', v: 'a..b', vt: 'msg' }, 'value.path'],
    [{ t: 'btwn', v: '1', vt: 'num', v2: 'x', v2t: 'num' }, 'value.number'],
    [{ t: 'jsonata_exp', v: '(', vt: 'jsonata' }, 'expression.syntax'],
    [{ t: 'smells', v: 'x' }, 'config.invalid'],
  ])('refuses %j', (rule, code) => {
    expect(checkNode(switchNode, { rules: [rule] })).toMatchObject([{ code, property: 'rules' }])
  })
})
