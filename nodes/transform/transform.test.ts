import { afterAll, expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createSandbox } from '../../runtime/sandbox/sandbox.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { transform } from './transform.ts'

const sandbox = createSandbox({ log: silentLog, clock: systemClock })
afterAll(() => sandbox.close())

const payloadOf = async (expression: string, message: object) => {
  const node = await testNode(transform, { expression }, { sandbox, env: { KEY: 'v' } })
  const [sent] = await node.send(message)
  return sent?.message
}

it('makes the payload from the payload and keeps the other fields', async () => {
  expect(await payloadOf('{ "total": $sum(items.price) }', { payload: { items: [{ price: 1 }, { price: 2 }] }, topic: 't' })).toEqual({ payload: { total: 3 }, topic: 't' })
  expect(await payloadOf('a.b', { payload: Body.ofJsonText('{"a":{"b":5}}') })).toEqual({ payload: 5 })
  expect(await payloadOf('$message.topic & $env("KEY")', { payload: 1, topic: 't' })).toEqual({ payload: 'tv', topic: 't' })
})

it('sees the request as facts, by name, under another name, and in the whole message', async () => {
  class Request {
    get params() { return { name: 'Ada' } }
    toJSON() { return { params: this.params } }
  }
  const message = { payload: {}, req: new Request(), topic: 't' }
  for (const expression of ['$message.req.params.name', '( $m := $message; $m.req.params.name )', '$message.(req.params.name)', '$message ~> |$|{}| ~> function($m){ $m.req.params.name }', '$lookup($message, "req").params.name']) {
    expect([expression, (await payloadOf(expression, message))?.payload]).toEqual([expression, 'Ada'])
  }
  const after = await payloadOf('$message.topic', message)
  expect(after).toEqual({ ...message, payload: 't' })
  expect(after?.['req']).toBe(message.req)
})

it('gives undefined when the expression finds nothing', async () => {
  expect((await payloadOf('nothing', { payload: {} }))?.payload).toBeUndefined()
})

it('a body that is not JSON is the caller’s fault', async () => {
  await expect(payloadOf('$sum(a)', { payload: Body.ofJsonBytes(Buffer.from('{')) })).rejects.toMatchObject({ code: 'body.malformed' })
})

it('refuses an expression that does not compile', () => {
  expect(checkNode(transform, { expression: 'a.(' })).not.toEqual([])
})
