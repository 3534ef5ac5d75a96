import fc from 'fast-check'
import { query } from 'json-p3'
import { describe, expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import { freezeDeep } from '../../runtime/core/values/freeze.ts'
import { checkFieldPath, compileFieldPath, replaceFields } from './field-paths.ts'

const keysOf = (path: string, value: unknown) => compileFieldPath(path).locate(value).map(({ keys }) => keys)
const person = { id: 'A123456789', cards: [{ pan: '4111' }, { pan: '4222', old: true }], born: new Date(0), raw: Buffer.from('x') }

describe('field paths', () => {
  it('find members, places, wildcards, slices, filters and what lies anywhere below', () => {
    expect(keysOf('$.id', person)).toEqual([['id']])
    expect(keysOf('$.cards[-1].pan', person)).toEqual([['cards', 1, 'pan']])
    expect(keysOf('$.cards[*].pan', person)).toEqual([['cards', 0, 'pan'], ['cards', 1, 'pan']])
    expect(keysOf('$..pan', person)).toEqual([['cards', 0, 'pan'], ['cards', 1, 'pan']])
    expect(keysOf('$.cards[1:].pan', person)).toEqual([['cards', 1, 'pan']])
    expect(keysOf('$.cards[?@.old == true].pan', person)).toEqual([['cards', 1, 'pan']])
    expect(keysOf('$.cards[?match(@.pan, "41.*")].pan', person)).toEqual([['cards', 0, 'pan']])
    expect(keysOf('$.none', person)).toEqual([])
    expect(compileFieldPath('$.cards[0].pan')).toMatchObject({ isSingular: true })
    expect(compileFieldPath('$.cards[*]').isSingular).toBe(false)
  })

  it('find each place once, look into bodies and into nothing that is no JSON', () => {
    expect(keysOf("$['id','id']", person)).toEqual([['id']])
    expect(keysOf('$.born.*', person)).toEqual([])
    expect(keysOf('$.raw[0]', person)).toEqual([])
    expect(keysOf('$.answer.id', { answer: Body.ofJsonText('{"id":1}') })).toEqual([['answer', 'id']])
    expect(keysOf('$.constructor', {})).toEqual([])
  })

  it('find what the library finds, in its order, for any document', () => {
    const name = fc.constantFrom('a', 'b', '鍵', '__proto__')
    const { value: document } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.integer(), fc.constantFrom('x', null, true), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true })),
    }))
    const selector = fc.oneof(name.map((one) => `'${one}'`), fc.integer({ min: -2, max: 2 }).map(String), fc.constantFrom('*', '1:', '::-1', '?@.a', '?@ == 1'))
    const segment = fc.uniqueArray(selector, { minLength: 1, maxLength: 2 }).map((all) => `[${all.join(',')}]`)
    const path = fc.tuple(fc.array(segment, { maxLength: 3 }), fc.option(segment), fc.array(segment, { maxLength: 1 }))
      .map(([before, deep, after]) => `$${before.join('')}${deep === null ? '' : `..${deep}`}${after.join('')}`)
    fc.assert(fc.property(document, path, (value, text) => {
      const known = new Map(query(text, value as never).locations().map((keys) => [JSON.stringify(keys), keys]))
      // Where several selectors stand in one segment below “..”, RFC 9535 leaves the order open.
      const sorted = (lists: readonly (readonly (string | number)[])[]) => lists.map((keys) => JSON.stringify(keys)).toSorted()
      expect(sorted(keysOf(text, value))).toEqual(sorted([...known.values()]))
    }), { numRuns: 300 })
  })

  it('are replaced in a copy: only what lies above a change is new', () => {
    const before = freezeDeep({ a: { id: 1, rest: { deep: [] } }, list: [{ id: 2 }, { id: 3 }], other: {} })
    const changes = compileFieldPath('$..id').locate(before).map((location) => [location, `t${String(location.value)}`] as const)
    const after = replaceFields(before, changes) as typeof before
    expect(after).toEqual({ a: { id: 't1', rest: { deep: [] } }, list: [{ id: 't2' }, { id: 't3' }], other: {} })
    expect(after.a.rest).toBe(before.a.rest)
    expect(after.other).toBe(before.other)
    expect(replaceFields(before, [])).toBe(before)
    expect(replaceFields('whole', compileFieldPath('$').locate('whole').map((location) => [location, 'token'] as const))).toBe('token')
  })

  it('keep a member named __proto__ a member', () => {
    const before: unknown = JSON.parse('{"__proto__":{"id":1}}')
    const after = replaceFields(before, compileFieldPath('$..id').locate(before).map((location) => [location, 't'] as const))
    expect(JSON.stringify(after)).toBe('{"__proto__":{"id":"t"}}')
    expect(Object.getPrototypeOf(after)).toBe(Object.prototype)
  })

  it('read and write what they found, for any JSON value', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const changes = compileFieldPath('$..*').locate(value).filter(({ value: found }) => typeof found === 'string').map((location) => [location, [location.value]] as const)
      const after = replaceFields(value, changes)
      for (const [{ keys }, put] of changes) expect(keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], after)).toBe(put)
      expect(replaceFields(after, changes.map(([location]) => [location, location.value] as const))).toEqual(value)
    }), { numRuns: 100 })
  })

  it('go as deep as a body may be', () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(500)}{"id":1}${'}'.repeat(500)}`)
    expect(keysOf('$..id', deep)).toHaveLength(1)
    expect(keysOf('$..[?@.id]', deep)).toHaveLength(1)
  })

  it.each([
    'person.id', '$.', '$[?@.a=1]', '$..a..b', '$[?@..a]', '$[?count($.*) > 1]', '$[?match(@.a, @.b)]', '$.a[?nope(@)]',
    '$[?match(@.a, "(?=a)b")]', '$[?search(@.a, "(a")]', `$[?${Array(21).fill('@.a').join('&&')}]`, `$[${Array(101).fill('*').join()}]`,
  ])('are refused in the editor when they cannot be read or would take too long (%s)', (text) => {
    expect(checkFieldPath(text, 'fields')).toMatchObject({ code: 'field.path', property: 'fields' })
  })

  it('take no longer for a text that makes other engines try again and again, nor for brackets that name a place often', () => {
    const nested: unknown = JSON.parse(`${'['.repeat(16)}1${']'.repeat(16)}`)
    expect(keysOf(`$${'[*,0,-1,:]'.repeat(16)}`, nested)).toEqual([Array(16).fill(0)])
    const telling = [{ a: `${'a'.repeat(60)}c` }, { a: '一\n' }, { a: '\u{1F600}b' }, { a: 'a.b' }]
    for (const path of ['$[?search(@.a, "(a+)+$")]', '$[?match(@.a, "(a|a)*b")]', '$[?match(@.a, "(a*)*b")]']) expect(keysOf(path, telling)).toEqual([])
    expect(keysOf('$[?match(@.a, ".b")]', telling)).toEqual([[2]])
    expect(keysOf('$[?match(@.a, "...")]', telling)).toEqual([[3]])
    expect(keysOf('$[?match(@.a, "a[.]b|.{61}")]', telling)).toEqual([[0], [3]])
    // A field of which nobody knows whether it is meant is not passed over.
    expect(() => keysOf('$[?search(@.a, "a.*b.*c")]', [{ a: 'x'.repeat(2_000_000) }])).toThrow(expect.objectContaining({ code: 'schema.work' }))
  })

  it('are not complained about while nothing is written', () => {
    expect(checkFieldPath('', 'fields')).toBeUndefined()
    expect(checkFieldPath('$.person["身分證號"]', 'fields')).toBeUndefined()
  })
})
