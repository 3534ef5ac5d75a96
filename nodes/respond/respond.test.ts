import { describe, expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { respond } from './respond.ts'

const sandbox = {
  jsonata: async (text: string) => async (message: { payload: number }) => ({ text, got: message.payload }),
  template: async (text: string) => (message: { payload: unknown }) => text.replace('{{payload}}', String(message.payload)),
} as unknown as Sandbox

const replyTo = async (config: object, message: unknown, options: NodeTestOptions = { sandbox }) => {
  const node = await testNode(respond, config, options)
  const run = node.run()
  expect(await node.send(message, run)).toEqual([])
  return run.replies[0]
}

describe('respond', () => {
  it('answers 200 with the payload when nothing is said, and takes nothing else from the message', async () => {
    expect(await replyTo({}, { payload: { a: 1 }, statusCode: 500, headers: { 'x-upstream': '1' }, cookies: { a: 'b' } })).toEqual({ payload: { a: 1 }, statusCode: 200, headers: {} })
  })

  it('leaves an unread body unread, and answers at once', async () => {
    const payload = Body.ofJsonText('{"a":1}')
    const node = await testNode(respond, {})
    const run = node.run()
    node.sendNow({ payload }, run)
    expect(run.replies[0]?.payload).toBe(payload)
    expect(payload.parsed).toBe(false)
  })

  it('takes status, headers and body from expressions', async () => {
    expect(
      await replyTo(
        {
          status: 'code', statusType: 'msg', body: '{"x":1}', bodyType: 'json',
          headers: [{ name: 'X-A', value: 'a {{payload}}' }, { name: 'X-None', value: 'none', valueType: 'msg' }, { name: ' ', value: 'x' }, { name: 'Set-Cookie', value: 'list', valueType: 'msg' }],
        },
        { payload: 5, code: '404', list: ['a=1', 'b=2'] },
      ),
    ).toEqual({ payload: { x: 1 }, statusCode: 404, headers: { 'X-A': 'a 5', 'Set-Cookie': ['a=1', 'b=2'] } })
  })

  it('says that text is plain text, unless a header says else', async () => {
    expect(await replyTo({ body: 'hi {{payload}}', bodyType: 'str' }, 5)).toEqual({ payload: 'hi 5', statusCode: 200, headers: { 'Content-Type': 'text/plain; charset=utf-8' } })
    expect((await replyTo({ body: '<b>', bodyType: 'str', headers: [{ name: 'content-type', value: 'text/html' }] }, 5))?.headers).toEqual({ 'content-type': 'text/html' })
  })

  it('waits for JSONata', async () => {
    expect((await replyTo({ body: 'expr', bodyType: 'jsonata' }, 7))?.payload).toEqual({ text: 'expr', got: 7 })
  })

  it('is a fault when the status is none', async () => {
    await expect(replyTo({ status: 'code', statusType: 'msg' }, { code: 99 })).rejects.toMatchObject({ code: 'step.config' })
    await expect(replyTo({ status: 'code', statusType: 'msg' }, {})).rejects.toMatchObject({ code: 'step.config' })
  })

  it.each([
    [{ status: '99' }, 'reply.status'],
    [{ status: 'abc' }, 'reply.status'],
    [{ body: '$sum(', bodyType: 'jsonata' }, 'expression.syntax'],
    [{ body: '{', bodyType: 'json' }, 'value.json'],
    [{ headers: [{ name: 'a b', value: '' }] }, 'header.name'],
    [{ bodyType: 'bin' }, 'config.invalid'],
  ])('refuses %j', (config, code) => {
    expect(checkNode(respond, config)).toMatchObject([{ code }])
  })
})
