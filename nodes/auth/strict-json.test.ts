import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseStrictObject } from './strict-json.ts'

const read = (text: string) => parseStrictObject(Buffer.from(text))

it.each(['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"b":{"a":1,"a":2}}', '[1]', '{"b":[{"a":"}","a":2}]}', 'null', '"x"', '{', '', '\ufeff{}'])('%s is none', (text) => {
  expect(read(text)).toBeUndefined()
})

it('is none with bytes that are no UTF-8', () => {
  expect(parseStrictObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeUndefined()
})

it('gives every object that says nothing twice, as JSON.parse does', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
    const text = JSON.stringify(value)
    expect(read(text)).toEqual(JSON.parse(text))
  }))
})

it('refuses any object with a member added a second time, wherever it stands', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.jsonValue(), (value, other) => {
    const [name] = Object.keys(value) as [string]
    const twice = JSON.stringify(value).replace(/\}$/, () => `,${JSON.stringify(name)}:${JSON.stringify(other)}}`)
    expect(read(twice)).toBeUndefined()
    expect(read(`{"in":[0,${twice}]}`)).toBeUndefined()
  }))
})

it('finds the name that stands twice among many', () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`name ${n}`, n]))
  expect(read(JSON.stringify(many))).toEqual(many)
  for (const n of [0, 15, 16, 17, 39]) expect(read(JSON.stringify(many).replace(/\}$/, `,"name ${n}":1}`)), String(n)).toBeUndefined()
})
