import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { estate, flow, set } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

const tag = 'msg.payload = { caller: msg.req.query.caller, value: msg.payload }\nreturn msg'

/** Holds a message for a while that depends on its content, so that callers overtake each other. */
const dawdle = 'const n = Number(msg.payload?.value ?? msg.payload) || 0\nawait new Promise((resolve) => setTimeout(resolve, (n * 7) % 5))\nreturn msg'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startGateway({
    nodes: estate(
      flow('sequence')
        .httpIn('POST', '/sequence')
        .split()
        .fn(dawdle)
        .fn(tag)
        .join()
        .httpResponse(),
      flow('branches')
        .httpIn('GET', '/branches')
        .branches(
          (one) => one.fn('msg.payload = { from: "a", caller: msg.req.query.caller }\nmsg.topic = "a"\nreturn msg').delay(1),
          (one) => one.fn('msg.payload = { from: "b", caller: msg.req.query.caller }\nmsg.topic = "b"\nawait new Promise((resolve) => setTimeout(resolve, 2))\nreturn msg'),
          (one) => one.change(set('topic', 'c')).fn('msg.payload = { from: "c", caller: msg.req.query.caller }\nreturn msg'),
        )
        .join({ mode: 'custom', build: 'object', key: 'topic', count: '3' })
        .httpResponse(),
    ),
  })
})
afterAll(() => gateway?.close())

test('split and join of many callers at once never mix them, and each keeps its order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 12 }), async (callers) => {
      const answers = await Promise.all(
        callers.map(async (values, caller) => {
          const reply = await fetch(`${gateway.url}/sequence?caller=${caller}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(values) })
          return reply.json()
        }),
      )
      expect(answers).toEqual(callers.map((values, caller) => values.map((value) => ({ caller: String(caller), value }))))
    }),
    { numRuns: 25 },
  )
})

test('parallel branches of many callers at once come together per caller', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 25 }), async (count) => {
      const answers = await Promise.all(Array.from({ length: count }, async (_, caller) => (await fetch(`${gateway.url}/branches?caller=${caller}`)).json()))
      expect(answers).toEqual(Array.from({ length: count }, (_, index) => {
        const caller = String(index)
        return { a: { from: 'a', caller }, b: { from: 'b', caller }, c: { from: 'c', caller } }
      }))
    }),
    { numRuns: 25 },
  )
})
