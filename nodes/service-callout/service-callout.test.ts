import { describe, expect, it } from 'vitest'
import { type FakeAnswer, fakeUpstream } from '../../test/kit/fake-upstream.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { Body, payloadOf } from '../../runtime/core/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { serviceCallout } from './service-callout.ts'

const url = 'https://api.example/items'
async function call(config: object, message: unknown = {}, options: NodeTestOptions & { answer?: FakeAnswer } = {}) {
  const upstream = fakeUpstream(options.answer ?? {})
  const node = await testNode(serviceCallout, { url, ...config }, { upstream, ...options })
  const [sent] = await node.send(message)
  return { asked: upstream.asked[0], sent }
}

describe('service callout', () => {
  it('sends the answer to ok and keeps the rest of the message', async () => {
    const { asked, sent } = await call({}, { payload: 'in', topic: 't' })
    expect(asked).toMatchObject({ method: 'GET', url, timeoutMs: 10_000, responseLimitBytes: 5_242_880, redirects: 5 })
    expect(asked?.body).toBeUndefined()
    expect(sent).toMatchObject({ port: 'ok', message: { topic: 't', statusCode: 200, responseUrl: url, headers: { 'content-type': 'application/json' } } })
    expect(sent?.message.payload).toBeInstanceOf(Body)
    expect(payloadOf(sent?.message ?? {})).toEqual({ from: 'upstream' })
  })

  it('fills URL, query and headers from message and environment, encoded for their place', async () => {
    const { asked } = await call(
      {
        url: 'https://${HOST}/v1/{{payload.id}}?a={{payload.a}}',
        query: [{ name: 'list', value: '{{payload.list}}' }, { name: 'none', value: '{{payload.none}}' }, { name: 'x y', value: 'a&{{payload.a}}' }, { name: 'm', value: 'payload.id', valueType: 'msg' }],
        headers: [{ name: 'X-Id', value: 'id={{payload.id}}' }, { name: 'X-None', value: '{{payload.none}}' }, { name: 'Authorization', value: 'Bearer ${TOKEN}' }],
      },
      { payload: { id: 'a/b', a: '1&2', list: [1, 'ü'] } },
      { env: { HOST: 'env.example:8443', TOKEN: 's3' } },
    )
    expect(asked?.url).toBe('https://env.example:8443/v1/a%2Fb?a=1%262&list=1&list=%C3%BC&x%20y=a%261%262&m=a%2Fb')
    expect(asked?.headers).toEqual({ 'X-Id': 'id=a/b', Authorization: 'Bearer s3' })
  })

  it('takes values from JSONata', async () => {
    const sandbox = { jsonata: async (text: string) => async (message: { payload: number }) => (text === 'double' ? message.payload * 2 : { sum: message.payload }) } as unknown as Sandbox
    const { asked } = await call({ method: 'POST', query: [{ name: 'n', value: 'double', valueType: 'jsonata' }], bodyFrom: 'expression', body: '{"sum":payload}'.replaceAll('"', "'").replaceAll("'", '"') }, { payload: 4 }, { sandbox })
    expect(asked).toMatchObject({ url: `${url}?n=8`, body: '{"sum":4}', headers: { 'content-type': 'application/json' } })
  })

  it.each([
    [{ a: 1 }, '{"a":1}', 'application/json'],
    [null, 'null', 'application/json'],
    [5, '5', 'application/json'],
    ['text', 'text', 'text/plain; charset=utf-8'],
    [Buffer.from([1, 2]), Buffer.from([1, 2]), 'application/octet-stream'],
    [Body.ofJsonBytes(Buffer.from('{ "raw" : 1 }')), Buffer.from('{ "raw" : 1 }'), 'application/json'],
    [undefined, undefined, undefined],
  ])('sends the payload %j as it is', async (payload, body, contentType) => {
    const { asked } = await call({ method: 'POST' }, { payload })
    expect(asked?.body).toEqual(body)
    expect(asked?.headers?.['content-type']).toBe(contentType)
  })

  it('sends a form when the header says so, and never two content types', async () => {
    const { asked } = await call({ method: 'PUT', headers: [{ name: 'Content-Type', value: 'application/x-www-form-urlencoded' }] }, { payload: { a: 'x y', b: [1, 2], c: null } })
    expect(asked).toMatchObject({ body: 'a=x+y&b=1&b=2', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })
    expect(Object.keys(asked?.headers ?? {})).toHaveLength(1)
  })

  it('takes the method from the message only when told to', async () => {
    expect((await call({ method: 'use' }, { method: 'delete' })).asked?.method).toBe('DELETE')
    expect((await call({}, { method: 'DELETE' })).asked?.method).toBe('GET')
    expect((await call({ method: 'use' }, { method: 'BREW' })).sent).toMatchObject({ port: 'error', message: { error: { code: 'step.config' } } })
  })

  it('sends an unexpected status to error, with the answer', async () => {
    const { sent } = await call({ expectedStatus: '200, 404' }, { error: 'old' }, { answer: { status: 503 } })
    expect(sent).toMatchObject({
      port: 'error',
      message: { statusCode: 503, _error: 'old', error: { code: 'upstream.status', status: 502, message: 'api.example answered 503, expected 200, 404.', facts: { status: 503 }, source: { id: 'node-1', type: 'service callout' } } },
    })
    expect((await call({ expectedStatus: '200, 404' }, {}, { answer: { status: 404 } })).sent?.port).toBe('ok')
  })

  it('sends faults to error when it is wired, else throws them', async () => {
    const answer = fault('upstream.timeout', { host: 'api.example', afterMs: 5 })
    expect((await call({}, { payload: 1 }, { answer })).sent).toMatchObject({ port: 'error', message: { payload: 1, error: { code: 'upstream.timeout', status: 504 } } })
    await expect(call({}, {}, { answer, wired: ['ok'] })).rejects.toMatchObject({ code: 'upstream.timeout' })
    await expect(call({ url: 'https://h/{{payload.id}}' }, {}, { wired: ['ok'] })).rejects.toMatchObject({ code: 'step.config' })
  })

  it('tells no port when the caller is gone', async () => {
    await expect(call({}, {}, { answer: fault('client.closed') })).rejects.toMatchObject({ code: 'client.closed' })
  })

  it.each([
    [{ url: '' }, 'callout.no_url'],
    [{ url: 'https://{{payload.host}}/' }, 'callout.url'],
    [{ url: 'ftp://h/' }, 'callout.url'],
    [{ url: 'https://h/{{#a}}' }, 'callout.url'],
    [{ url, method: 'BREW' }, 'config.invalid'],
    [{ url, expectedStatus: '2xx' }, 'callout.status'],
    [{ url, timeoutMs: 0 }, 'config.invalid'],
    [{ url, tls: 'gone' }, 'config.missing'],
    [{ url, headers: [{ name: 'a b', value: '' }] }, 'header.name'],
    [{ url, headers: [{ name: 'Host', value: 'x' }] }, 'header.reserved'],
    [{ url, headers: [{ name: 'x', value: '{{' }] }, 'template.syntax'],
    [{ url, query: [{ name: 'x', value: '(', valueType: 'jsonata' }] }, 'expression.syntax'],
    [{ url, bodyFrom: 'expression', body: '(' }, 'expression.syntax'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(serviceCallout, config)).toMatchObject([{ code }])
  })

  it.each(['${URL}', '${BASE}/path/{{payload.x}}', 'https://${HOST}:${PORT}/x', 'https://h/x?y={{payload.y}}'])('takes %s', (text) => {
    expect(checkNode(serviceCallout, { url: text })).toEqual([])
  })

  it('refuses a deploy when a variable is not set', async () => {
    await expect(testNode(serviceCallout, { url: 'https://${NOPE}/' })).rejects.toMatchObject({ code: 'config.invalid' })
  })
})
