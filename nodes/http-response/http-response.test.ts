import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { Body } from '../../runtime/core/http/body.ts'
import { markUpstreamHeaders } from '../../runtime/core/http/upstream-headers.ts'
import { httpResponse } from './http-response.ts'

const replyOf = async (config: object, message: object) => {
  const node = await testNode(httpResponse, config)
  const run = node.run()
  expect(node.sendNow(message, run)).toEqual([])
  return run.replies[0]
}

describe('http response', () => {
  it('answers with the payload and 200', async () => {
    expect(await replyOf({ name: '', statusCode: '', headers: {} }, { payload: 'hi' })).toEqual({ payload: 'hi', statusCode: 200 })
  })

  it('takes the status of the node before that of the message', async () => {
    expect((await replyOf({ statusCode: '201' }, { statusCode: 404 }))?.statusCode).toBe(201)
    expect((await replyOf({}, { statusCode: '404' }))?.statusCode).toBe(404)
    expect((await replyOf({}, { statusCode: 'x' }))?.statusCode).toBe(200)
  })

  it('takes headers of the node before those of the message, whatever their case', async () => {
    const reply = await replyOf({ headers: { 'content-type': 'text/plain' } }, { headers: { 'Content-Type': 'text/html', 'x-a': '1' } })
    expect(reply?.headers).toEqual({ 'content-type': 'text/plain', 'x-a': '1' })
  })

  it('does not hand on headers of an upstream that the flow has not touched', async () => {
    const headers = markUpstreamHeaders({ 'x-internal': '1' })
    expect(await replyOf({}, { payload: 1, headers })).toEqual({ payload: 1, statusCode: 200 })
    expect((await replyOf({ headers: { 'x-a': '2' } }, { headers }))?.headers).toEqual({ 'x-a': '2' })
    expect((await replyOf({}, { headers: { ...headers, 'x-mine': '3' } }))?.headers).toMatchObject({ 'x-internal': '1', 'x-mine': '3' })
  })

  it('leaves an unread body unread', async () => {
    const payload = Body.ofJsonText('{"a":1}')
    expect((await replyOf({}, { payload }))?.payload).toBe(payload)
    expect(payload.parsed).toBe(false)
  })

  it('answers once', async () => {
    const node = await testNode(httpResponse)
    const run = node.run()
    node.sendNow(1, run)
    expect(() => node.sendNow(2, run)).toThrow(expect.objectContaining({ code: 'flow.already_replied' }))
  })

  it.each([
    [{ statusCode: '99' }, 'config.invalid'],
    [{ statusCode: 'abc' }, 'config.invalid'],
    [{ headers: { 'a b': 'x' } }, 'header.name'],
  ])('refuses %j', (config, code) => {
    expect(checkNode(httpResponse, config)).toMatchObject([{ code }])
  })
})
