import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Body } from '../http/body.ts'
import { fromKept, toKept } from './job-message.ts'
import { response, type Message } from '../message.ts'

const again = (message: Message) => fromKept(JSON.parse(JSON.stringify(toKept(message))))

test('a message of data, bytes and dates is the same after it was written down, whatever its names are', () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.double(), fc.bigInt(), fc.date({ noInvalidDate: true }), fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)))
  const name = fc.oneof(fc.string(), fc.constantFrom('$sluice', 'value', '__proto__', 'toJSON', 'req2'))
  const { value } = fc.letrec((tie) => ({ value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, fc.array(tie('value'), { maxLength: 3 }), fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs))) }))
  fc.assert(fc.property(value, (payload) => {
    expect(again({ payload, topic: 't' })).toEqual({ payload, topic: 't' })
  }), { numRuns: 300 })
})

test('a body is kept as what it says, bytes as bytes', () => {
  expect(again({ payload: Body.ofJsonBytes(Buffer.from('{"a":[1,2]}')) })).toEqual({ payload: { a: [1, 2] } })
  expect(again({ payload: Buffer.from([0, 255]) })).toEqual({ payload: Buffer.from([0, 255]) })
})

test('of a request its place goes along, and nothing that proves who calls', () => {
  const kept = again({ payload: 1, res: response, req: { method: 'POST', path: '/a', params: { id: '7' }, headers: { authorization: 'Bearer x', cookie: 'y', 'x-api-key': 'z', 'content-type': 'text/plain' }, cookies: { y: 1 } } })
  expect(kept).toEqual({ payload: 1, res: response, req: { method: 'POST', path: '/a', params: { id: '7' }, headers: { 'content-type': 'text/plain' } } })
})

test('what cannot be written down is left out, and nothing goes round for ever', () => {
  const circle: Record<string, unknown> = { a: 1, f: () => 1 }
  circle['self'] = circle
  expect(again({ payload: circle })).toEqual({ payload: { a: 1 } })
})
