import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileSchema } from './compile-schema.ts'

const fits = (schema: unknown, value: unknown) => compileSchema(schema).check(value).length === 0

describe('JSON Schema 2020-12', () => {
  test.each<[string, unknown, unknown, boolean]>([
    ['a reference to a part by its pointer', { $defs: { 'a/b~c': { type: 'integer' } }, $ref: '#/$defs/a~1b~0c' }, 'x', false],
    ['an anchor', { $defs: { n: { $anchor: 'num', type: 'number' } }, items: { $ref: '#num' } }, [1, 'x'], false],
    ['a schema by its own name', { $id: 'https://example.org/root', $defs: { n: { $id: 'other', type: 'number' } }, $ref: 'other' }, 'x', false],
    ['a schema that contains itself', { properties: { next: { $ref: '#' }, v: { type: 'integer' } } }, { next: { next: { v: 'x' } } }, false],
    ['a dynamic reference to who extends it', { $id: 'https://example.org/strict', $dynamicAnchor: 'node', $ref: 'tree', unevaluatedProperties: false, $defs: { tree: { $id: 'tree', $dynamicAnchor: 'node', type: 'object', properties: { kids: { type: 'array', items: { $dynamicRef: '#node' } } } } } }, { kids: [{ kid: 1 }] }, false],
    ['what nobody looked at', { allOf: [{ properties: { a: true } }], anyOf: [{ properties: { b: { type: 'string' } }, required: ['b'] }, { properties: { c: true } }], unevaluatedProperties: false }, { a: 1, b: 'x', c: 1 }, true],
    ['items that nobody looked at', { prefixItems: [true], contains: { type: 'string' }, unevaluatedItems: false }, [1, 'x', 2], false],
    ['0.3 as a multiple of 0.1', { multipleOf: 0.1 }, 0.3, true],
    ['1.0 as an integer that equals 1', { type: 'integer', const: 1 }, 1.0, true],
    ['lengths in characters', { maxLength: 2 }, '\u{1f600}\u{1f600}', true],
    ['equal objects with keys in another order', { uniqueItems: true }, [{ a: 1, b: 2 }, { b: 2, a: 1 }], false],
    ['a name of the prototype', { required: ['toString'] }, {}, false],
    ['a leap day', { format: 'date' }, '2023-02-29', false],
    ['a counted repetition', { pattern: '^[A-Z]{3,512}$' }, 'A'.repeat(400), true],
  ])('knows %s', (_what, schema, value, valid) => expect(fits(schema, value)).toBe(valid))

  test('says of alternatives what is wrong with the one that came furthest', () => {
    const schema = { oneOf: [{ type: 'object', properties: { kind: { const: 'card' }, number: { type: 'string' } }, required: ['kind', 'number'] }, { type: 'string' }] }
    expect(compileSchema(schema).check({ kind: 'card', number: 5 })).toEqual([{ pointer: '/number', keyword: 'type', message: 'must be string' }])
    expect(compileSchema(schema).check(5)).toEqual([{ pointer: '', keyword: 'oneOf', message: 'fits none of the alternatives' }])
  })

  test('a value that asks for too much work is refused, not waited for', () => {
    const doubling = { $defs: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`l${i}`, i === 0 ? { type: 'string' } : { anyOf: [{ $ref: `#/$defs/l${i - 1}` }, { $ref: `#/$defs/l${i - 1}` }] }])), $ref: '#/$defs/l39' }
    expect(() => compileSchema(doubling).check(1)).toThrow(expect.objectContaining({ code: 'schema.work', status: 413 }))
    expect(() => compileSchema({ pattern: '^(?:a{0,90}b{0,90}){20}$' }).check('ab'.repeat(5_000))).toThrow(expect.objectContaining({ code: 'schema.work' }))
  })

  test('a value as deep as JSON may be is checked', () => {
    let deep: unknown = 1
    for (let i = 0; i < 500; i += 1) deep = { next: deep }
    expect(fits({ properties: { next: { $ref: '#' } }, type: ['object', 'integer'] }, deep)).toBe(true)
  })

  const leaf = fc.oneof(fc.constant({}), fc.constant(true), fc.constant(false), fc.record({ type: fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', 'array', 'object') }), fc.record({ enum: fc.array(fc.oneof(fc.integer({ max: 3, min: 0 }), fc.constant('a'), fc.constant(null)), { minLength: 1, maxLength: 3 }) }), fc.record({ minimum: fc.integer({ min: -2, max: 2 }) }), fc.record({ maxLength: fc.integer({ min: 0, max: 2 }) }))
  const { schema } = fc.letrec((tie) => {
    const inner = fc.oneof({ maxDepth: 3 }, leaf, tie('schema'))
    const list = fc.array(inner, { minLength: 1, maxLength: 3 })
    const keys = fc.constantFrom('a', 'b', 'c')
    return {
      schema: fc.record({
        allOf: list, anyOf: list, oneOf: list, not: inner, ...Object.fromEntries(['if', 'then', 'else'].map((keyword) => [keyword, inner])), properties: fc.dictionary(keys, inner, { maxKeys: 3 }), additionalProperties: inner, patternProperties: fc.dictionary(fc.constantFrom('^a', 'b$'), inner, { maxKeys: 2 }),
        required: fc.uniqueArray(keys, { maxLength: 2 }), items: inner, prefixItems: list, contains: inner, minContains: fc.integer({ min: 0, max: 2 }), maxContains: fc.integer({ min: 0, max: 2 }), uniqueItems: fc.boolean(), propertyNames: fc.constantFrom({ maxLength: 1 }, { const: 'a' }), dependentRequired: fc.dictionary(keys, fc.uniqueArray(keys, { maxLength: 2 }), { maxKeys: 2 }), dependentSchemas: fc.dictionary(keys, inner, { maxKeys: 2 }),
      }, { requiredKeys: [] }).map((all) => Object.fromEntries(Object.entries(all).slice(0, 5))),
    }
  })
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(0, 1, 2, -1, 1.5, 'a', 'ab', '', true, false, null), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(fc.constantFrom('a', 'b', 'c', 'ab'), tie('value'), { maxKeys: 3 })),
  }))

  // Ajv's own code for unevaluated… beside other keywords does not always compile.
  test('lets through what Ajv lets through, whatever the schema and the value', () => {
    fc.assert(fc.property(schema, fc.array(value, { minLength: 5, maxLength: 5 }), (given, values) => {
      const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false }).compile(given as object)
      const own = compileSchema(given)
      for (const one of values) {
        const expected = answerOf(ajv, one)
        if (expected !== undefined) expect([one, own.check(one).length === 0]).toEqual([one, expected])
      }
    }), { numRuns: 150, interruptAfterTimeLimit: 3_000 })
  })
})

/** What Ajv says; undefined where its own code names what it did not declare, as it does for `prefixItems` in nested alternatives. */
function answerOf(ajv: (value: unknown) => unknown, value: unknown): unknown {
  try {
    return ajv(value)
  } catch (error) {
    if (error instanceof ReferenceError) return undefined
    throw error
  }
}
