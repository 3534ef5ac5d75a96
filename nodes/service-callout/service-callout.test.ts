import { describe, expect, it } from 'vitest'
import { type FakeAnswer, fakeUpstream } from '../../test/kit/fake-upstream.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { Body, payloadOf } from '../../runtime/core/http/body.ts'
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

  it('asks with one request each time when nothing of it depends on the message, so that what is known of it is not looked for again', async () => {
    const upstream = fakeUpstream({})
    const node = await testNode(serviceCallout, { url }, { upstream })
    await node.send({ payload: 1 })
    await node.send({ payload: 2 })
    expect(upstream.asked).toHaveLength(2)
    expect(upstream.asked[1]).toBe(upstream.asked[0])
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

  it('passes the query of the request on when told to, and lets nobody set again what the node sets', async () => {
    const req = { url: '/orders?page=2&key=theirs&k%65y=theirs&key[]=theirs&[key]=theirs&%5Bkey%5D=theirs&q=a%20b&odd="x<y' }
    expect((await call({ passQuery: true, url: `${url}?key=\${KEY}`, query: [{ name: 'lang', value: 'en' }] }, { req }, { env: { KEY: 'ours' } })).asked?.url).toBe(`${url}?key=ours&lang=en&page=2&q=a%20b&odd=%22x%3Cy`)
    expect((await call({ passQuery: true }, { req: { url: '/orders' } })).asked?.url).toBe(url)
    expect((await call({ passQuery: true }, {})).asked?.url).toBe(url)
    expect((await call({}, { req })).asked?.url).toBe(url)
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
    expect((await call({}, { payload: 1 }, { answer, wired: ['ok', 'error'] })).sent).toMatchObject({ port: 'error', message: { payload: 1, error: { code: 'upstream.timeout', status: 504 } } })
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

describe('service callout for sandbox callers', () => {
  const sandboxRun = () => fakeRun({ request: {}, environment: 'sandbox' })
  const withSecret = { headers: [{ name: 'Authorization', value: 'Bearer ${TOKEN}' }, { name: 'Accept', value: 'text/csv' }], query: [{ name: 'q', value: '{{payload.q}}' }, { name: 'key', value: '${TOKEN}' }], tls: 'live' }
  const options = { env: { TOKEN: 'production-secret', TRY: 'try-secret' }, configNodes: { live: { type: 'tls-config', credentials: {} }, trying: { type: 'tls-config', config: { servername: 'try.example' } } } }
  async function sandboxed(config: object, message: object = {}, { answer, run = sandboxRun(), ...more }: NodeTestOptions & { answer?: FakeAnswer; run?: ReturnType<typeof fakeRun> } = {}) {
    const upstream = fakeUpstream(answer ?? {})
    const node = await testNode(serviceCallout, { url, ...config }, { upstream, ...options, ...more })
    const [sent] = await node.send(message, run)
    return { asked: upstream.asked, sent, run }
  }

  it('never get to production: without a sandbox they are refused, and told so by 501, whatever the flow did to the message', async () => {
    for (const message of [{}, { client: undefined }, { client: { environment: 'production' } }]) {
      const { asked, sent, run } = await sandboxed(withSecret, message)
      expect(asked).toEqual([])
      expect(sent).toMatchObject({ port: 'error', message: { error: { code: 'sandbox.none', status: 501, message: expect.stringContaining('Choose a sandbox URL or a mock') } } })
      expect(run.replyHeaders).toMatchObject({ 'X-Environment': 'sandbox' })
    }
    await expect(sandboxed({}, {}, { wired: ['ok'] })).rejects.toMatchObject({ code: 'sandbox.none' })
    // Outside of the run it came with, the message still says who called.
    expect((await sandboxed({}, { client: { environment: 'sandbox' } }, { run: fakeRun() })).asked).toEqual([])
  })

  it('call the sandbox URL with its own headers and certificate; what belongs to production stays at home', async () => {
    const config = { ...withSecret, method: 'POST', sandbox: 'url', sandboxUrl: 'https://try.example/v1/{{payload.id}}?k=${TRY}', sandboxHeaders: [{ name: 'Authorization', value: 'Bearer ${TRY}' }], sandboxTls: 'trying' }
    const { asked, sent } = await sandboxed(config, { payload: { id: 'a/b', q: 'x' } })
    expect(asked).toMatchObject([{ method: 'POST', url: 'https://try.example/v1/a%2Fb?k=try-secret&q=x', headers: { Authorization: 'Bearer try-secret', Accept: 'text/csv' }, body: '{"id":"a/b","q":"x"}', tls: { servername: 'try.example' } }])
    expect(JSON.stringify(asked)).not.toContain('production-secret')
    expect(sent).toMatchObject({ port: 'ok', message: { statusCode: 200 } })
  })

  it('of production are served as before', async () => {
    const config = { ...withSecret, sandbox: 'mock', sandboxBody: '{"played":true}' }
    const { asked, run } = await sandboxed(config, { payload: { q: 'x' }, client: { environment: 'production' } }, { run: fakeRun({ request: {}, environment: 'production' }) })
    expect(asked).toMatchObject([{ url: `${url}?q=x&key=production-secret`, headers: { Authorization: 'Bearer production-secret' } }])
    expect(run.replyHeaders).toEqual({})
  })

  it.each([
    [{ sandboxBody: '{"a":[1]}' }, { a: [1] }, 'application/json'],
    [{ sandboxBody: '"text"' }, 'text', 'application/json'],
    [{ sandboxBody: 'Hello {{payload.q}}', sandboxBodyType: 'str' }, 'Hello x', 'text/plain; charset=utf-8'],
    [{ sandboxBody: 'payload', sandboxBodyType: 'msg' }, { q: 'x' }, 'application/json'],
    [{ sandboxBody: '<a/>', sandboxBodyType: 'str', sandboxHeaders: [{ name: 'Content-Type', value: 'text/xml' }] }, '<a/>', 'text/xml'],
    [{ sandboxBody: '' }, '', undefined],
  ])('get the mock %j without anything leaving the gateway', async (mock, payload, type) => {
    const { asked, sent } = await sandboxed({ ...withSecret, sandbox: 'mock', ...mock }, { payload: { q: 'x' }, topic: 't' })
    expect(asked).toEqual([])
    expect(sent).toMatchObject({ port: 'ok', message: { topic: 't', statusCode: 200 } })
    expect(payloadOf(sent?.message ?? {})).toEqual(payload)
    expect((sent?.message.headers as Record<string, unknown> | undefined)?.['content-type']).toBe(type)
  })

  it('get a mock that is computed, with a status that counts as any other', async () => {
    const sandbox = { jsonata: async () => async (message: { payload: { q: string } }) => ({ echo: message.payload.q }) } as unknown as Sandbox
    const { sent } = await sandboxed({ sandbox: 'mock', sandboxBody: '{"echo": payload.q}', sandboxBodyType: 'jsonata', sandboxStatus: 404, sandboxHeaders: [{ name: 'X-Id', value: '{{payload.q}}' }] }, { payload: { q: 'x' } }, { sandbox })
    expect(sent).toMatchObject({ port: 'error', message: { statusCode: 404, error: { code: 'upstream.status' }, headers: { 'x-id': 'x' } } })
    expect(payloadOf(sent?.message ?? {})).toEqual({ echo: 'x' })
  })

  it('wait as long as the mock says, no longer than the timeout, and not at all when they have gone', async () => {
    const clock = fakeClock()
    const node = await testNode(serviceCallout, { url, sandbox: 'mock', sandboxBody: '1', sandboxDelayMs: 500 }, { clock })
    let settled = false
    const answer = node.send({}, sandboxRun()).finally(() => (settled = true))
    await clock.advance(499)
    expect(settled).toBe(false)
    await clock.advance(1)
    expect(await answer).toMatchObject([{ port: 'ok' }])
    const slow = await testNode(serviceCallout, { url, sandbox: 'mock', timeoutMs: 100, sandboxDelayMs: 100 }, { clock })
    const late = slow.send({}, sandboxRun())
    await clock.advance(100)
    expect(await late).toMatchObject([{ port: 'timeout', message: { error: { code: 'upstream.timeout' } } }])
    const run = sandboxRun()
    const gone = node.send({}, run)
    run.abort()
    await expect(gone).rejects.toMatchObject({ code: 'client.closed' })
  })

  it.each([
    [{ sandbox: 'url' }, 'callout.no_url'],
    [{ sandbox: 'url', sandboxUrl: 'https://{{payload.host}}/' }, 'callout.url'],
    [{ sandbox: 'url', sandboxUrl: 'https://h/', sandboxTls: 'gone' }, 'config.missing'],
    [{ sandbox: 'url', sandboxUrl: 'https://h/', query: [{ name: 'key', value: '${KEY}' }] }, 'sandbox.query'],
    [{ sandbox: 'mock', sandboxBody: '{' }, 'value.json'],
    [{ sandbox: 'mock', sandboxStatus: 99 }, 'config.invalid'],
    [{ sandbox: 'mock', sandboxHeaders: [{ name: 'a b', value: '' }] }, 'header.name'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(serviceCallout, { url, ...config })).toMatchObject([{ code }])
  })
})
