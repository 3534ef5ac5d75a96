import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { merge } from './merge.ts'
import { concat, mergeDeep, mergeShallow } from './strategies.ts'

const payloadOf = async (config: object, payload: unknown, more: object = {}) => (await (await testNode(merge, config)).send({ payload, ...more }))[0]?.message.payload

describe('merge', () => {
  it('makes one object of the results of a parallel node, at every level', async () => {
    expect(await payloadOf({}, { weather: { now: { rain: 1 } }, air: { now: { pm25: 9 }, from: 'moenv' } })).toEqual({ now: { rain: 1, pm25: 9 }, from: 'moenv' })
  })

  it('makes one object of the top keys alone', async () => {
    expect(await payloadOf({ strategy: 'shallow', conflict: 'last' }, [{ a: { x: 1 }, b: 1 }, { a: { y: 2 } }])).toEqual({ a: { y: 2 }, b: 1 })
  })

  it('takes chosen sources in order, and says what wins where they disagree', async () => {
    const sources = [{ value: 'one', valueType: 'msg' }, { value: '{"a":2,"c":3}', valueType: 'json' }]
    const of = (conflict: string) => payloadOf({ sources, conflict }, null, { one: { a: 1, b: 1 } })
    expect(await of('last')).toEqual({ a: 2, b: 1, c: 3 })
    expect(await of('first')).toEqual({ a: 1, b: 1, c: 3 })
    await expect(of('fail')).rejects.toMatchObject({ code: 'merge.conflict', facts: { at: 'a' } })
  })

  it('does not call it a conflict when both say the same, or one says nothing', async () => {
    expect(await payloadOf({ conflict: 'fail' }, [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }], c: 1 }, null])).toEqual({ a: [1, { b: 2 }], c: 1 })
  })

  it('names the place of a conflict deep inside', async () => {
    await expect(payloadOf({ conflict: 'fail' }, [{ a: { b: { c: 1 } } }, { a: { b: { c: 2 } } }])).rejects.toMatchObject({ facts: { at: 'a.b.c' } })
  })

  it('puts lists behind each other', async () => {
    expect(await payloadOf({ strategy: 'concat' }, { a: [1, 2], b: [3], c: null, d: 4 })).toEqual([1, 2, 3, 4])
  })

  it('joins lists by a key, in the order in which keys first came', async () => {
    const stations = [{ id: 'A', name: '南港' }, { id: 'B', name: '松山' }]
    const bikes = [{ id: 'B', bikes: 3 }, { id: 'C', bikes: 1 }, { bikes: 9 }]
    expect(await payloadOf({ strategy: 'by key', key: 'id' }, { stations, bikes })).toEqual([{ id: 'A', name: '南港' }, { id: 'B', name: '松山', bikes: 3 }, { id: 'C', bikes: 1 }, { bikes: 9 }])
    await expect(payloadOf({ strategy: 'by key' }, { stations, bikes: 1 })).rejects.toMatchObject({ code: 'merge.input', facts: { source: 'payload.bikes', is: 'a number', expected: 'a list' } })
  })

  it('makes it by an expression over the sources', async () => {
    const seen: unknown[] = []
    const sandbox = { jsonataOf: async (text: string) => async (input: unknown) => (seen.push([text, input]), { made: true }) } as unknown as Sandbox
    const node = await testNode(merge, { strategy: 'template', template: '{"x": $[0].a}' }, { sandbox })
    expect((await node.send({ payload: { p: { a: 1 }, q: 2 } }))[0]?.message.payload).toEqual({ made: true })
    expect(seen).toEqual([['{"x": $[0].a}', [{ a: 1 }, 2]]])
  })

  it('reads bodies that nobody has read, and puts the result where it is told to', async () => {
    const [sent] = await (await testNode(merge, { target: 'answer.all' })).send({ payload: { a: Body.ofJsonText('{"x":1}'), b: { y: 2 } } })
    expect(sent?.message.answer).toEqual({ all: { x: 1, y: 2 } })
  })

  it('leaves a body unread under a key that one source alone has, and says what is wrong with it when it is no JSON', async () => {
    const [one, other] = [Body.ofJsonBytes(Buffer.from('{ "x" : 1.50 }')), Body.ofJsonBytes(Buffer.from('[ 1 ]'))]
    for (const strategy of ['deep', 'shallow']) {
      const made = (await payloadOf({ strategy }, [{ weather: one }, { air: other, from: 'us' }, {}])) as Record<string, unknown>
      expect([made.weather, made.air, made.from]).toEqual([one, other, 'us'])
      expect([one.parsed, other.parsed]).toEqual([false, false])
    }
    expect(await payloadOf({}, [{ weather: one }, { weather: { y: 2 } }])).toEqual({ weather: { x: 1.5, y: 2 } })
    for (const strategy of ['deep', 'shallow']) await expect(payloadOf({ strategy }, [{ a: Body.ofJsonBytes(Buffer.from('{')) }, { b: 1 }])).rejects.toThrow('property name')
  })

  it.each(['deep', 'shallow'])('compares what bodies say, read or not (%s)', async (strategy) => {
    const body = (text: string) => Body.ofJsonBytes(Buffer.from(text))
    expect(JSON.stringify(await payloadOf({ strategy }, [{ a: body('[ 1 ]') }, { a: body('[1]') }, { a: [1] }]))).toBe('{"a":[1]}')
    await expect(payloadOf({ strategy }, [{ a: body('[1]') }, { a: body('[2]') }])).rejects.toMatchObject({ code: 'merge.conflict', facts: { at: 'a' } })
    await expect(payloadOf({ strategy }, [{ a: body('[1]') }, { a: [2] }])).rejects.toMatchObject({ code: 'merge.conflict' })
  })

  it('keeps __proto__ a key, and reaches no prototype', async () => {
    const evil = JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1}}}') as object
    const merged = (await payloadOf({ conflict: 'last' }, [{ a: { b: 1 } }, evil])) as object
    expect(JSON.stringify(merged)).toBe('{"a":{"b":1,"__proto__":{"polluted":1}},"__proto__":{"polluted":1}}')
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  it('says what is wrong', async () => {
    await expect(payloadOf({}, 'text')).rejects.toMatchObject({ code: 'merge.input' })
    await expect(payloadOf({}, { a: [1] })).rejects.toMatchObject({ code: 'merge.input', facts: { is: 'a list' } })
    const codes = (config: object) => checkNode(merge, config).map(({ code }) => code)
    expect(codes({ strategy: 'template' })).toEqual(['merge.no_template'])
    expect(codes({ strategy: 'by key', key: 'a..b' })).toEqual(['value.path'])
    expect(codes({ sources: [{ value: '{', valueType: 'json' }] })).toEqual(['value.json'])
    expect(codes({})).toEqual([])
  })
})

describe('merging, of any JSON', () => {
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  const named = (values: readonly object[]) => values.map((value, at) => ({ name: String(at), value }))

  it('one source gives itself, and empty ones add nothing', () => {
    fc.assert(fc.property(object, (value) => {
      const expected = JSON.stringify(value)
      expect(JSON.stringify(mergeDeep(named([{}, value, {}]), 'fail'))).toBe(expected)
      expect(JSON.stringify(mergeShallow(named([value, {}]), 'fail'))).toBe(expected)
    }))
  })

  it('bodies make no difference to what comes out', () => {
    fc.assert(fc.property(object, object, fc.constantFrom('first', 'last', 'fail'), fc.constantFrom(mergeDeep, mergeShallow), (one, other, conflict, strategy) => {
      const bodied = (value: object) => Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, Body.ofJsonBytes(Buffer.from(JSON.stringify(inner)))]))
      const outcome = (values: readonly object[]) => {
        try {
          return JSON.stringify(strategy(named(values), conflict))
        } catch (error) {
          return (error as { code?: string }).code
        }
      }
      expect(outcome([bodied(one), bodied(other)])).toBe(outcome([one, other]))
    }), { numRuns: 60 })
  })

  it('first and last mirror each other, and no source is changed', () => {
    fc.assert(fc.property(object, object, (one, other) => {
      const before = JSON.stringify([one, other])
      const sorted = (value: unknown): unknown => (Array.isArray(value) ? value.map(sorted) : typeof value === 'object' && value !== null ? Object.entries(value).map(([key, inner]) => [key, sorted(inner)] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)) : value)
      expect(sorted(mergeDeep(named([one, other]), 'first'))).toEqual(sorted(mergeDeep(named([other, one]), 'last')))
      expect(JSON.stringify([one, other])).toBe(before)
    }))
  })

  it('lists keep every item once', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.integer())), (lists) => {
      expect(concat(named(lists))).toEqual(lists.flat())
    }))
  })
})
