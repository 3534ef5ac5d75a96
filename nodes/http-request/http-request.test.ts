import { describe, expect, it } from 'vitest'
import { type FakeAnswer, fakeUpstream } from '../../test/kit/fake-upstream.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { Body, payloadOf } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import { httpRequest } from './http-request.ts'

const url = 'http://h.example/a'
async function call(config: object, message: unknown = {}, options: NodeTestOptions & { answers?: FakeAnswer[] } = {}) {
  const upstream = fakeUpstream(...(options.answers ?? [{}]))
  const node = await testNode(httpRequest, config, { upstream, ...options })
  const sent = await node.send(message)
  return { asked: upstream.asked[0], all: upstream.asked, message: sent[0]?.message ?? {}, errors: node.errors, statuses: node.statuses }
}

describe('http request', () => {
  it('calls the URL of the node, else of the message, with scheme and stray % as in Node-RED', async () => {
    expect((await call({ url }, { url: 'http://other/' })).asked?.url).toBe(url)
    expect((await call({}, { url: 'h.example/x?a=20%&b=%41' })).asked?.url).toBe('http://h.example/x?a=20%25&b=%41')
    expect((await call({ tls: 't' }, { url: 'h.example' }, { configNodes: { t: { type: 'tls-config' } } })).asked?.url).toBe('https://h.example/')
    await expect(call({ senderr: true }, {})).rejects.toMatchObject({ code: 'step.config' })
    await expect(call({ senderr: true }, { url: 'file:///etc/passwd?key=secret' })).rejects.toMatchObject({ code: 'upstream.url', facts: { url: 'file:///etc/passwd' } })
  })

  it('puts values into the URL as they are, without HTML escapes', async () => {
    expect((await call({ url: 'http://{{payload.host}}/{{{payload.path}}}?q={{payload.q}}' }, { payload: { host: 'h', path: 'a/b', q: '1&x=2' } })).asked?.url).toBe('http://h/a/b?q=1&x=2')
  })

  it('merges headers: the form over the message, without regard to case, a blank one taken away', async () => {
    const rows = [
      { keyType: 'other', keyValue: 'X-B', valueType: 'other', valueValue: 'form' },
      { keyType: 'accept', keyValue: '', valueType: 'application/json', valueValue: '' },
      { keyType: 'msg', keyValue: 'name', valueType: 'msg', valueValue: 'payload.v' },
      { keyType: 'other', keyValue: 'x-gone', valueType: 'other', valueValue: '' },
    ]
    const { asked } = await call({ url, headers: rows }, { headers: { 'x-a': '1', 'x-b': 'msg', 'X-Gone': 'y' }, name: 'X-Dyn', payload: { v: 5 } })
    expect(asked?.headers).toEqual({ 'x-a': '1', 'X-B': 'form', accept: 'application/json', 'X-Dyn': '5' })
  })

  it('leaves a secret of the flow out of what it says of the way to the answer, and of an error', async () => {
    const secret = 'plugh & plover'
    const options = { secrets: [secret] }
    const answers: FakeAnswer[] = [{ url: `${url}?k=${encodeURIComponent(secret)}`, redirects: [{ url: `${url}/0?k=plugh+%26+plover`, status: 302 }], headers: { location: `/b?k=${encodeURIComponent(secret)}`, 'content-type': 'text/plain' } }]
    const { message, asked } = await call({ url }, {}, { ...options, answers })
    expect(message).toMatchObject({ responseUrl: `${url}?k=[hidden]`, redirectList: [{ location: `${url}?k=[hidden]` }], headers: { location: '/b?k=[hidden]' } })
    expect(asked?.hideSecrets?.(secret)).toBe('[hidden]')
    const failed = await call({ url: `http://h.example/${encodeURIComponent(secret)}` }, {}, { ...options, answers: [fault('upstream.connect', { host: secret, reason: `no way to ${secret}` })] })
    expect(JSON.stringify([failed.message, failed.errors.map(({ fault: reason }) => [reason.message, reason.facts])])).not.toMatch(/plover/)
  })

  it('does not send on the headers of an earlier answer, unless the flow changed them', async () => {
    const { message } = await call({ url }, {}, { answers: [{ headers: { 'content-type': 'text/plain', server: 'x' } }] })
    expect((await call({ url }, { headers: message.headers })).asked?.headers).toEqual({})
    expect((await call({ url }, { headers: { ...(message.headers as object), 'x-mine': '1' } })).asked?.headers).toEqual({ 'content-type': 'text/plain', server: 'x', 'x-mine': '1' })
  })

  it.each([
    ['text', 'text', undefined],
    [5, '5', undefined],
    [Buffer.from([1]), Buffer.from([1]), undefined],
    [{ a: 1 }, '{"a":1}', 'application/json'],
    [true, 'true', 'application/json'],
    [Body.ofJsonBytes(Buffer.from('{ }')), Buffer.from('{ }'), 'application/json'],
  ])('sends the payload %j as body', async (payload, body, type) => {
    const { asked } = await call({ url, method: 'POST' }, { payload })
    expect(asked?.body).toEqual(body)
    expect(asked?.headers?.['Content-Type']).toBe(type)
    expect((await call({ url }, { payload })).asked?.body).toBeUndefined()
  })

  it('sends forms', async () => {
    const form = await call({ url, method: 'POST' }, { payload: { a: 'x y', b: [1, 2] }, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    expect(form.asked?.body).toBe('a=x%20y&b=1&b=2')
    const multi = await call({ url, method: 'POST' }, { payload: { a: 'text', 'f"\r\n': { value: Buffer.from('bytes'), options: { filename: 'x.txt', contentType: 'text/plain' } }, j: { k: 1 } }, headers: { 'Content-Type': 'multipart/form-data' } })
    const boundary = /boundary=(.+)$/.exec(String(multi.asked?.headers?.['Content-Type']))?.[1] as string
    expect(String(multi.asked?.body)).toBe(
      `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\ntext\r\n--${boundary}\r\nContent-Disposition: form-data; name="f%22%0D%0A"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\nbytes\r\n` +
        `--${boundary}\r\nContent-Disposition: form-data; name="j"\r\n\r\n{"k":1}\r\n--${boundary}--\r\n`,
    )
  })

  it('puts the payload of a GET where the node says', async () => {
    expect((await call({ url: `${url}?x=1`, paytoqs: true }, { payload: { a: 'ü', b: 2 } })).asked).toMatchObject({ url: `${url}?x=1&a=%C3%BC&b=2` })
    expect((await call({ url, paytoqs: 'body' }, { payload: { a: 1 } })).asked).toMatchObject({ method: 'GET', body: '{"a":1}' })
    await expect(call({ url, paytoqs: 'query', senderr: true }, { payload: 'text' })).rejects.toMatchObject({ code: 'step.config' })
  })

  it('signs in: basic, bearer, from the URL', async () => {
    const credentials = { user: 'u', password: 'p' }
    expect((await call({ url, authType: 'basic' }, {}, { credentials })).asked?.headers).toEqual({ Authorization: `Basic ${btoa('u:p')}` })
    expect((await call({ url, authType: 'bearer' }, {}, { credentials: { password: 'tok' } })).asked?.headers).toEqual({ Authorization: 'Bearer tok' })
    const fromUrl = await call({ url: 'http://me:s%40@h.example/' })
    expect(fromUrl.asked).toMatchObject({ url: 'http://h.example/', headers: { Authorization: `Basic ${btoa('me:s@')}` } })
  })

  it('answers a Digest challenge (the example of RFC 7616 §3.9.1 has this shape)', async () => {
    const challenge = { status: 401, headers: { 'www-authenticate': 'Digest realm="r", qop="auth, auth-int", algorithm=SHA-256, nonce="n", opaque="o"' } }
    const { all, message } = await call({ url: 'http://h.example/dir?x=1', authType: 'digest' }, {}, { credentials: { user: 'Mufasa', password: 'pw' }, answers: [challenge, {}] })
    expect(all).toHaveLength(2)
    expect(all[0]?.headers).toEqual({})
    expect(all[1]?.headers?.Authorization).toMatch(/^Digest username="Mufasa", realm="r", nonce="n", uri="\/dir\?x=1", response="[\da-f]{64}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="[\da-f]{32}", opaque="o"$/)
    expect(message.statusCode).toBe(200)
  })

  it('sends cookies of the message and reads those of the answer', async () => {
    const answer = { headers: { 'content-type': 'text/plain', 'set-cookie': ['s=1%20; Path=/; HttpOnly', 'nonsense'] }, redirects: [{ url, status: 302, setCookie: ['r=2; Max-Age=5'] }], url: 'http://h.example/b' }
    const { asked, message } = await call({ url }, { headers: { cookie: 'a=1; b=2' }, cookies: { b: 'x y', c: { value: 'q=', encode: false }, d: null } }, { answers: [answer] })
    expect(asked?.headers?.Cookie).toBe('a=1; c=q=; b=x%20y')
    expect(message).toMatchObject({ responseUrl: 'http://h.example/b', responseCookies: { s: { value: '1 ', Path: '/' } }, redirectList: [{ location: 'http://h.example/b', cookies: { r: { value: '2', 'Max-Age': '5' } } }] })
  })

  it('gives text, bytes or an object', async () => {
    const answers = [{ body: '{"a":1}' }]
    expect((await call({ url }, {}, { answers })).message.payload).toBe('{"a":1}')
    expect((await call({ url, ret: 'bin' }, {}, { answers })).message.payload).toEqual(Buffer.from('{"a":1}'))
    expect(payloadOf((await call({ url, ret: 'obj' }, {}, { answers })).message)).toEqual({ a: 1 })
    expect(payloadOf((await call({ url, ret: 'obj' }, {}, { answers: [{ body: '{"a":1}', headers: {} }] })).message)).toEqual({ a: 1 })
    expect((await call({ url, ret: 'obj' }, {}, { answers: [{ body: 'no', headers: {} }] })).message.payload).toBe('no')
    expect((await call({ url, ret: 'obj' }, {}, { answers: [{ body: '', status: 204 }] })).message.payload).toEqual({})
    expect((await call({ url }, {}, { answers: [{ status: 404 }] })).message.statusCode).toBe(404)
  })

  it('takes method, timeout and redirects from the message', async () => {
    expect((await call({ url, method: 'use' }, { method: 'delete', requestTimeout: 50, followRedirects: false })).asked).toMatchObject({ method: 'DELETE', timeoutMs: 50, redirects: 0 })
    expect((await call({ url, method: 'use' }, { requestTimeout: -1 })).asked).toMatchObject({ method: 'GET', timeoutMs: 120_000, redirects: 21 })
  })

  it('sends an error to Catch nodes and on, or to Catch nodes only', async () => {
    const answers = [fault('upstream.timeout', { host: 'h.example', afterMs: 9 })]
    const { message, errors, statuses } = await call({ url: 'http://u:secret@h.example/a?key=secret' }, { topic: 't' }, { answers })
    expect(errors).toMatchObject([{ fault: { code: 'upstream.timeout' } }])
    expect(message).toMatchObject({ topic: 't', payload: 'h.example did not answer within 9 ms. : http://h.example/a', statusCode: 'ETIMEDOUT' })
    expect(statuses).toMatchObject([{ status: { fill: 'red' } }])
    await expect(call({ url, senderr: true }, {}, { answers })).rejects.toMatchObject({ code: 'upstream.timeout' })
  })

  it('sends nothing when the run has ended', async () => {
    const upstream = fakeUpstream(fault('client.closed'))
    const node = await testNode(httpRequest, { url }, { upstream })
    const run = fakeRun()
    run.abort()
    await expect(node.send({}, run)).rejects.toMatchObject({ code: 'client.closed' })
  })

  it.each([
    [{ url: 'ftp://h' }, 'callout.url'],
    [{ url: 'http://h/{{#a}}' }, 'template.syntax'],
    [{ url, method: 'A B' }, 'callout.method'],
    [{ url, ret: 'xml' }, 'config.invalid'],
    [{ url, proxy: 'p' }, 'callout.proxy'],
    [{ url, insecureHTTPParser: true }, 'callout.insecure_parser'],
    [{ url, tls: 'gone' }, 'config.missing'],
    [{ url, headers: [{ keyType: 'other', keyValue: 'x', valueType: 'msg', valueValue: 'a..b' }] }, 'value.path'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(httpRequest, config)).toMatchObject([{ code }])
  })
})

describe('http request for sandbox callers', () => {
  it('calls nothing, and says what to use instead', async () => {
    for (const config of [{ url }, { url, senderr: true }]) {
      const upstream = fakeUpstream({})
      const node = await testNode(httpRequest, config, { upstream })
      const run = fakeRun({ request: {}, environment: 'sandbox' })
      await expect(node.send({}, run)).rejects.toMatchObject({ code: 'sandbox.none', status: 501, message: expect.stringContaining('service callout') })
      expect(upstream.asked).toEqual([])
      expect(run.replyHeaders).toEqual({ 'X-Environment': 'sandbox' })
    }
  })

  it('calls out where the flow says that it reaches no production', async () => {
    const upstream = fakeUpstream({})
    const node = await testNode(httpRequest, { url }, { upstream, env: { SLUICE_SANDBOX: 'pass' } })
    await node.send({}, fakeRun({ request: {}, environment: 'sandbox' }))
    expect(upstream.asked).toHaveLength(1)
  })
})
