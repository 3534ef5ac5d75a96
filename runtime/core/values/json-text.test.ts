import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Body } from '../http/body.ts'
import { toJsonText } from './json-text.ts'
import { isPlainJson } from './plain-json.ts'

const bytesOf = (text: string) => Buffer.from(text, 'utf8')
const isPlain = (text: string) => isPlainJson(bytesOf(text))
const textOf = (value: unknown) => String(toJsonText(value))

/** JSON as people and programs write it: with spaces, escapes and numbers of all kinds. */
const written = fc.letrec<{ value: string; list: string; object: string; gap: string }>((tie) => ({
  gap: fc.constantFrom('', ' ', '\n\t'),
  list: fc.tuple(tie('gap'), fc.array(tie('value'), { maxLength: 4 })).map(([gap, items]) => `[${gap}${items.join(`${gap},`)}${gap}]`),
  object: fc.tuple(tie('gap'), fc.array(fc.tuple(fc.oneof(fc.constantFrom('"a"', '"b"', '"\\u0061"', '"__proto__"', '""'), fc.string({ maxLength: 3 }).map((text) => JSON.stringify(text))), tie('value')), { maxLength: 4 })).map(([gap, fields]) => `{${gap}${fields.map(([name, value]) => `${name}${gap}:${value}`).join(`,${gap}`)}}`),
  value: fc.oneof({ maxDepth: 4 },
    fc.constantFrom('true', 'false', 'null', '0', '-0', '1.50', '-0.0', '12345678901234567890', '1e3', '0.1234567890123456789', '"\\ud800"', '"\\/"', '"臺北"'),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), fc.string().map((text) => JSON.stringify(text)), tie('list'), tie('object')),
})).value

describe('JSON with bodies in it', () => {
  test('says the same as parsing and writing it, byte for byte once it is read again', () => {
    fc.assert(fc.property(written, fc.dictionary(fc.constantFrom('a', 'z', '__proto__', '1'), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }), fc.boolean(), (text, around, deep) => {
      const make = () => Body.ofJsonBytes(bytesOf(text))
      const message = (body: unknown) => (deep ? { data: { ...around, weather: body, more: [1] }, none: undefined } : { ...around, weather: body, none: undefined })
      const expected = JSON.stringify(message(JSON.parse(text)))
      const got = textOf(message(make()))
      expect(JSON.stringify(JSON.parse(got))).toBe(expected)
    }), { numRuns: 300 })
  })

  test('what is no JSON is none here either, and what is plain is JSON', () => {
    fc.assert(fc.property(written, fc.nat(), fc.constantFrom('', ',', '"', '}', ']', '0', '\\', ' ', 'x', '\u0001'), (text, place, typed) => {
      const at = place % (text.length + 1)
      const changed = text.slice(0, at) + typed + text.slice(at + 1)
      if (!isPlain(changed)) return
      expect(() => JSON.parse(changed)).not.toThrow()
    }), { numRuns: 500 })
  })

  test('names that come twice, numbers that lose something, other encodings and what is too deep are read first', () => {
    for (const text of ['{"a":1,"a":2}', '{"a":{"b":1,"\\u0062":2}}', '[12345678901234567890]', '1e400', '-0', '0.1234567890123456', '\ufeff{}', '', '{}{}', '[1,]', '01', '+1', '.5', '1.', '"\t"', 'nul', '[', '{"a"}', `${'['.repeat(600)}${']'.repeat(600)}`]) expect([text, isPlain(text)]).toEqual([text, false])
    expect(isPlainJson(Buffer.from([0x22, 0xff, 0x22]))).toBe(false)
    expect(isPlain(`{${Array.from({ length: 50 }, (_, i) => `"k${i}":0`).join()},"k7":1}`)).toBe(false)
    for (const text of [' {"a":[1,-2.5,true,false,null,"\\n臺"]} ', '0', '""', '[{"a":1},{"a":2}]', '123456789012345', '-0.5', '{}', '[[],{}]']) expect([text, isPlain(text)]).toEqual([text, true])
    expect(textOf({ x: Body.ofJsonBytes(bytesOf('{"a":1,"a":2}')) })).toBe('{"x":{"a":2}}')
  })

  test('bytes stand as they came, and the body stays unread', () => {
    const body = Body.ofJsonBytes(bytesOf('{ "a" : 1.50 }'))
    expect(textOf({ weather: body, air: { inner: body }, n: 1, f() {} })).toBe('{"weather":{ "a" : 1.50 },"air":{"inner":{ "a" : 1.50 }},"n":1}')
    expect(body.parsed).toBe(false)
  })

  test('a body that is no JSON, an empty one, and one that was read are written as before', () => {
    expect(() => toJsonText({ a: Body.ofJsonBytes(bytesOf('{')) })).toThrow(SyntaxError)
    expect(textOf({ a: Body.ofJsonBytes(bytesOf('')), b: 1 })).toBe('{"b":1}')
    const read = Body.ofJsonBytes(bytesOf('{ "a": 1 }'))
    read.value()
    expect(textOf({ read })).toBe('{"read":{"a":1}}')
    expect(toJsonText(undefined)).toBeUndefined()
    expect(textOf({ a: new Date(0), b: [Body.ofJsonBytes(bytesOf('[ 1 ]'))] })).toBe('{"a":"1970-01-01T00:00:00.000Z","b":[[1]]}')
  })
})
