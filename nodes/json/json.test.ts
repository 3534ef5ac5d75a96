import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { createReuse } from '../../runtime/reuse/create-reuse.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { json } from './json.ts'
import { validate } from './schema.ts'

const after = async (config: object, message: object) => (await testNode(json, config)).sendNow(message)[0]?.message

describe('json', () => {
  it.each([
    [{}, '{"a":1}', { a: 1 }],
    [{}, { a: 1 }, '{"a":1}'],
    [{}, Buffer.from('[1]'), [1]],
    [{}, 5, '5'],
    [{ action: 'obj' }, '[1]', [1]],
    [{ action: 'obj' }, { a: 1 }, { a: 1 }],
    [{ action: 'str' }, 'text', 'text'],
    [{ action: 'str' }, [1], '[1]'],
    [{ pretty: true }, { a: 1 }, '{\n    "a": 1\n}'],
    [{}, undefined, undefined],
    [{}, Body.ofJsonText('{"a":1}'), '{"a":1}'],
    [{ action: 'obj' }, Body.ofJsonText('"{}"'), {}],
  ])('%j turns %j into %j', async (config, payload, expected) => {
    expect((await after(config, { payload }))?.payload).toEqual(expected)
  })

  it('leaves a JSON body that nobody has read unread', async () => {
    const payload = Body.ofJsonText('{"a":1}')
    expect((await after({ action: 'obj' }, { payload }))?.payload).toBe(payload)
    expect(payload.parsed).toBe(false)
  })

  it('converts other properties', async () => {
    expect(await after({ property: 'a.b' }, { a: { b: '1' } })).toEqual({ a: { b: 1 } })
  })

  it('is the caller’s fault when the text is not JSON', async () => {
    await expect(after({}, { payload: '{' })).rejects.toMatchObject({ code: 'body.malformed', status: 400 })
    await expect(after({}, { payload: '['.repeat(513) + ']'.repeat(513) })).rejects.toMatchObject({ code: 'body.malformed', status: 400 })
  })

  it('checks against msg.schema, and takes it off when the value fits', async () => {
    const schema = { type: 'object', required: ['a'], properties: { a: { type: 'number' } } }
    expect(await after({}, { payload: '{"a":1}', schema })).toEqual({ payload: { a: 1 } })
    await expect(after({}, { payload: '{"a":"x"}', schema })).rejects.toMatchObject({ code: 'schema.invalid', facts: { errors: [{ instancePath: '/a', keyword: 'type' }] } })
    await expect(after({ action: 'str' }, { payload: {}, schema })).rejects.toMatchObject({ code: 'schema.invalid' })
  })

  it('refuses a property that is none', () => {
    expect(checkNode(json, { property: 'a..b' })).toMatchObject([{ code: 'value.path', property: 'property' }])
    expect(checkNode(json, { action: 'x' })).toMatchObject([{ code: 'config.invalid' }])
  })
})

describe('JSON Schema that came in with a message', () => {
  const value = fc.jsonValue({ maxDepth: 2 })
  const leaf = fc.oneof(
    fc.record({ type: fc.constantFrom('string', 'number', 'integer', 'boolean', 'null', 'array', 'object') }),
    fc.record({ type: fc.uniqueArray(fc.constantFrom('string', 'number', 'null', 'array'), { minLength: 1 }) }),
    fc.record({ enum: fc.uniqueArray(fc.oneof(fc.integer(), fc.string(), fc.constant(null)), { minLength: 1 }) }),
    fc.record({ const: value }),
    fc.record({ minimum: fc.integer() }), fc.record({ exclusiveMaximum: fc.integer() }), fc.record({ multipleOf: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ minLength: fc.nat(3) }), fc.record({ maxLength: fc.nat(3) }), fc.record({ pattern: fc.constantFrom('^a', '\\d', 'b+$') }),
    fc.record({ minItems: fc.nat(2) }), fc.record({ maxItems: fc.nat(2) }), fc.record({ uniqueItems: fc.boolean() }),
    fc.record({ required: fc.uniqueArray(fc.constantFrom('a', 'b')) }), fc.record({ maxProperties: fc.nat(2) }),
    fc.record({ dependencies: fc.constant({ a: ['b'] }) }),
  )
  const schema = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 3 }, leaf, fc.boolean(), tie('deep')),
    deep: fc.oneof(
      fc.record({ properties: fc.record({ a: tie('any'), b: tie('any') }), additionalProperties: tie('any') }),
      fc.record({ patternProperties: fc.record({ '^a': tie('any') }), propertyNames: fc.record({ maxLength: fc.nat(2) }) }),
      fc.record({ items: tie('any') }), fc.record({ items: fc.tuple(tie('any'), tie('any')), additionalItems: tie('any') }), fc.record({ contains: tie('any') }),
      fc.record({ allOf: fc.tuple(tie('any'), tie('any')) }), fc.record({ anyOf: fc.tuple(tie('any'), tie('any')) }), fc.record({ oneOf: fc.tuple(tie('any'), tie('any')) }),
      fc.record({ not: tie('any') }),
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      fc.record({ if: tie('any'), then: tie('any'), else: tie('any') }),
    ),
  })).any
  // Objects without a prototype differ from others for Ajv; parsed JSON has none of them. Neither is it asked about
  // numbers it reads by their text: 1e21 is no multiple of 1 for it.
  const tame = (_key: string, made: unknown) => (typeof made === 'number' && Math.abs(made) >= 1e15 ? 1 : typeof made === 'number' && made !== 0 && Math.abs(made) < 1e-6 ? 0.5 : made)
  const data = fc.oneof(value, fc.record({ a: value, b: value }, { requiredKeys: [] }), fc.array(value)).map((made) => JSON.parse(JSON.stringify(made), tame) as unknown)

  it('says valid when Ajv does', () => {
    const ajv = new Ajv({ strict: false })
    fc.assert(
      fc.property(schema, data, (wanted, given) => {
        expect(validate(wanted, given).length === 0).toBe(ajv.validate(wanted as object, given))
      }),
      { numRuns: 300 },
    )
  })

  it('follows references within itself', () => {
    const tree = { $ref: '#/definitions/node', definitions: { node: { type: 'object', properties: { next: { $ref: '#/definitions/node' } }, additionalProperties: false } } }
    expect(validate(tree, { next: { next: {} } })).toEqual([])
    expect(validate(tree, { next: { other: 1 } })).toMatchObject([{ instancePath: '/next', keyword: 'additionalProperties' }])
  })

  it.each([
    [{ type: 'thing' }, 1],
    [{ $ref: 'https://elsewhere.example/schema' }, 1],
    [{ $ref: '#/none' }, 1],
    [{ $ref: '#' }, 1],
    [{ pattern: '(?=a)' }, 'a'],
    [{ allOf: Array.from({ length: 100_000 }, () => ({ allOf: [true, true, true] })) }, 1],
    [5, 1],
  ])('is refused when it cannot be used, or asks for too much: %#', (bad, given) => {
    expect(() => validate(bad, given)).toThrow(expect.objectContaining({ code: 'step.config' }))
  })
})

describe('conversions that are not repeated', () => {
  const run = { flow: 'f' } as Run
  const compiled = (config: object, scope: object) => json.compile?.({ property: 'payload', action: '', pretty: false, ...config }, scope as Scope) as (message: Message, run: Run) => { out: Message }
  const both = (config: object = {}) => {
    const { remember } = createReuse({ limitBytes: 1_000_000 }).forNode({ id: 'n', flow: 'f' }, { upstream: {}, sandbox: {} } as never, true)
    return [compiled(config, {}), compiled(config, { remember })] as const
  }

  it('give the same object for the same text, frozen, and read it when there is a schema to meet', () => {
    const [, again] = both()
    const text = JSON.stringify({ list: Array.from({ length: 100 }, (_, at) => ({ at })) })
    const first = again({ payload: text }, run).out.payload
    expect(again({ payload: Buffer.from(text).toString() }, run).out.payload).toBe(first)
    expect(Object.isFrozen(first)).toBe(true)
    expect(() => again({ payload: text, schema: { type: 'array' } }, run)).toThrow(expect.objectContaining({ code: 'schema.invalid' }))
    for (let i = 0; i < 2; i += 1) expect(() => again({ payload: '{' }, run)).toThrow(expect.objectContaining({ code: 'body.malformed' }))
  })

  it('nobody can tell that they are not', () => {
    const values = [{ a: 1 }, { a: [1, 2] }, [], 'x', '"x"', '{"a":1}', `{"a":"${'長'.repeat(300)}"}`, `{"a":"${'短'.repeat(300)}"}`, 1, -0, true, null, Body.ofJsonText('{"b":1}'), Buffer.from('{"c":1}'), Buffer.from('{"c":2}')]
    fc.assert(fc.property(fc.array(fc.nat(values.length - 1), { maxLength: 20 }), fc.constantFrom('payload', 'payload.a', 'a[msg.key]'), fc.constantFrom('', 'obj', 'str'), fc.constantFrom('a', 'b'), (picks, property, action, key) => {
      const steps = both({ property, action })
      for (const pick of picks) {
        const message = { payload: values[pick], a: { a: values[pick], b: { other: pick } }, key: pick % 2 === 0 ? key : 'a' }
        const [plain, again] = steps.map((step) => {
          try {
            return JSON.stringify(step(message, run).out)
          } catch (error) {
            return (error as { code?: string }).code
          }
        })
        expect(again).toBe(plain)
      }
    }), { numRuns: 200 })
  })
})
