import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { StreamRequest, Upstream } from '../../runtime/core/upstream/upstream.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { passThrough } from './pass-through.ts'

const request = (more: Partial<RequestFacts> = {}) => ({
  method: 'GET', url: '/files/a/b?x=1', originalUrl: '/files/a/b?x=1', path: '/files/a/b', route: '/files/*', query: { x: '1' }, params: { '*': 'a/b' },
  headers: { accept: 'text/plain', authorization: 'Bearer s', connection: 'x-hop', 'x-hop': '1', 'x-forwarded-for': '6.6.6.6', host: 'here' }, cookies: {}, hostname: 'here', protocol: 'https', secure: true, ip: '192.0.2.1', ...more,
}) as RequestFacts

/** An upstream that answers with the given text. */
function upstream(asked: StreamRequest[]): Upstream {
  return {
    request: () => Promise.reject(new Error('not streamed')),
    openTunnel: () => Promise.reject(new Error('not asked')),
    openStream: (given) => {
      asked.push(given)
      return Promise.resolve({ status: 206, headers: { 'content-type': 'text/plain', 'content-range': 'bytes 0-1/9' }, body: new ByteStream(Readable.from(['ab']), 'text/plain', 2) })
    },
  }
}

async function send(config: object, message: object, given: Partial<RequestFacts> = {}) {
  const asked: StreamRequest[] = []
  const node = await testNode(passThrough, { url: 'https://files.example/base/{{+req.params["*"]}}', ...config }, { upstream: upstream(asked), env: { KEY: 'k1' } })
  const facts = request(given)
  const run = node.run({ request: facts })
  await node.send({ req: facts, ...message }, run)
  return { asked: asked[0] as StreamRequest, reply: run.replies[0] as { statusCode: number; headers: object; payload: ByteStream } }
}

describe('pass through', () => {
  it('asks for what the caller asks for, by the rest of the path and the query, and gives the answer back as it is', async () => {
    const { asked, reply } = await send({}, {})
    expect(asked).toMatchObject({ method: 'GET', url: 'https://files.example/base/a/b?x=1', body: undefined })
    expect(reply).toMatchObject({ statusCode: 206, headers: { 'content-range': 'bytes 0-1/9' } })
    expect(await text(reply.payload.take())).toBe('ab')
  })

  it('keeps the caller’s credentials, connection and claims of who asked to itself, and says who did', async () => {
    const { asked } = await send({ headers: [{ name: 'Authorization', value: 'Key ${KEY}' }, { name: 'x-path', value: '{{req.params["*"]}}' }] }, {})
    expect(asked.headers).toEqual({ accept: 'text/plain', Authorization: 'Key k1', 'x-path': 'a/b', 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'here' })
    expect((await send({ withhold: ['accept'] }, {})).asked.headers).toMatchObject({ authorization: 'Bearer s' })
  })

  it('lets no caller give a second value to a parameter that the URL sets', async () => {
    const { asked } = await send({ url: 'https://files.example/{{+req.params["*"]}}?tenant=1' }, {}, { url: '/files/a/b?x=1&tenant=2&%74enant=3&y=2' })
    expect(asked.url).toBe('https://files.example/a/b?tenant=1&x=1&y=2')
  })

  it('sends a stream on as it comes, a body that was read as it was sent, and none with GET', async () => {
    const stream = new ByteStream(Readable.from(['up']), 'text/plain', undefined)
    expect((await send({}, { payload: stream }, { method: 'POST' })).asked.body).toBe(stream)
    expect((await send({}, { payload: { changed: true } }, { method: 'POST', wireBody: Buffer.from('{}') })).asked.body).toEqual(Buffer.from('{}'))
    expect((await send({}, { payload: stream })).asked.body).toBeUndefined()
  })

  it('lets sandbox callers nowhere but to the sandbox', async () => {
    const client = { environment: 'sandbox' }
    await expect(send({}, { client })).rejects.toMatchObject({ code: 'sandbox.none' })
    expect((await send({ sandboxUrl: 'https://sandbox.example/' }, { client })).asked.url).toBe('https://sandbox.example/?x=1')
  })

  it('lets go of an answer that nobody takes once the run has ended', async () => {
    const source = new Readable({ read() {} })
    const node = await testNode(passThrough, { url: 'https://files.example/' }, { upstream: { request: () => Promise.reject(fault('step.config', { message: '' })), openTunnel: () => Promise.reject(new Error('no')), openStream: () => Promise.resolve({ status: 200, headers: {}, body: new ByteStream(source, undefined, undefined) }) } })
    const facts = request()
    const run = node.run({ request: facts })
    await node.send({ req: facts }, run)
    run.end()
    expect(source.destroyed).toBe(true)
  })

  it.each([
    [{ url: '' }, 'callout.no_url'],
    [{ url: 'ftp://x/' }, 'callout.url'],
    [{ url: 'https://{{req.headers.host}}/' }, 'callout.url'],
    [{ url: 'https://a/', sandboxUrl: 'x' }, 'callout.url'],
    [{ url: 'https://a/', headers: [{ name: 'a b', value: '' }] }, 'header.name'],
    [{ url: 'https://a/', tls: 'none' }, 'config.missing'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(passThrough, config)).toMatchObject([{ code }])
  })
})

describe('a stream of bytes', () => {
  it('has one reader', () => {
    const stream = new ByteStream(Readable.from(['a']), undefined, undefined)
    stream.take()
    expect(() => stream.take()).toThrowError(expect.objectContaining({ code: 'body.taken' }))
  })

  it('takes a path with an upstream by name, which no sandbox caller gets to', async () => {
    const problems = (config: object, types: Record<string, string> = { ups: 'upstream' }) => checkNode(passThrough, { url: '/a/{{+req.params["*"]}}', upstream: 'ups', ...config }, { configNodes: Object.fromEntries(Object.entries(types).map(([id, type]) => [id, { type, config: {} }])) }).map(({ code, property }) => `${code} ${property}`)
    expect([problems({}), problems({ url: 'https://else.example/' })[0], problems({ webSockets: true }), problems({}, {})]).toEqual([[], 'callout.path url', [], ['config.missing upstream']])
    const asked: StreamRequest[] = []
    const byName: StreamRequest[] = []
    const door: Upstream = { ...upstream(asked), open: () => ({ ...upstream(byName), configure() {}, facts: () => ({ name: 'f', breaker: 'none', inFlight: 0, waiting: 0, instances: [] }), close() {} }) }
    const node = await testNode(passThrough, { upstream: 'ups', url: '/{{+req.params["*"]}}', sandboxUrl: 'https://sandbox.example/' }, { upstream: door, configNodes: { ups: { type: 'upstream', config: { name: 'files', targets: [{ url: 'https://files.example/base' }] } } } })
    const facts = request()
    await node.send({ req: facts }, node.run({ request: facts }))
    await node.send({ req: facts, client: { environment: 'sandbox' } }, node.run({ request: facts }))
    expect(byName.map(({ url, tellBudget }) => [url.replace(/^http:\/\/[\da-f]{16}\.upstream/, ''), tellBudget])).toEqual([['/a/b?x=1', true]])
    expect(asked.map(({ url }) => url)).toEqual(['https://sandbox.example/?x=1'])
  })
})
