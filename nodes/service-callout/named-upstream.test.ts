import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { type FakeAnswer, fakeUpstream } from '../../test/kit/fake-upstream.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import type { Upstream, UpstreamRequest } from '../../runtime/core/upstream/upstream.ts'
import type { CallOptions, ServiceSpec } from '../../runtime/core/upstream/upstream-service.ts'
import { serviceCallout } from './service-callout.ts'

/** An upstream that notes what is opened, how it is configured, and what services are asked. */
function recording(...answers: FakeAnswer[]) {
  const plain = fakeUpstream(...answers)
  const opened: ServiceSpec[] = []
  const configured: ServiceSpec[] = []
  const asked: { request: UpstreamRequest; options: CallOptions }[] = []
  let closed = 0
  const upstream: Upstream = {
    request: (request, run) => plain.request(request, run),
    open(spec) {
      opened.push(spec)
      return {
        request(request, run, options = {}) {
          asked.push({ request, options })
          return plain.request(request, run)
        },
        configure: (next) => void configured.push(next),
        facts: () => ({ name: spec.name, breaker: 'none', inFlight: 0, waiting: 0, instances: [] }),
        close: () => void (closed += 1),
      }
    },
  }
  return { upstream, plain, opened, configured, asked, closed: () => closed }
}

const weather = (config: object = {}) => ({ type: 'upstream', config: { name: 'weather', targets: [{ url: 'https://a.example/base' }, { url: 'https://${B}', weight: 3 }], ...config } })
const named = { upstream: 'ups', url: '/v1/{{payload.id}}' }
const env = { B: 'b.example' }
const problems = (config: object, options: NodeTestOptions = {}) => checkNode(serviceCallout, { url: 'https://api.example', ...config }, options).map(({ code, property, severity }) => [code, property, severity ?? 'error'].join(' '))

describe('a callout to a named upstream', () => {
  it('asks the service that all nodes share for a path, with what its upstream says', async () => {
    const { upstream, opened, asked, closed } = recording()
    const shared = new Map<string, unknown>()
    const options = { upstream, env, shared, configNodes: { ups: weather({ retries: 2, breaker: true, maxConcurrent: 7 }) } }
    const one = await testNode(serviceCallout, named, options)
    const two = await testNode(serviceCallout, { ...named, query: [{ name: 'q', value: 'a b' }] }, { ...options, node: { id: 'node-2' } })
    await one.send({ payload: { id: 'x/y' } })
    await two.send({ payload: { id: 1 } })
    expect(opened).toMatchObject([{ name: 'weather', retryShare: 0.2, tries: { retries: 2 }, breaker: { errorShare: 0.5 }, bulkhead: { limit: 7 }, targets: { targets: [{ url: 'https://a.example/base', weight: 1 }, { url: 'https://b.example/', weight: 3 }], http2: true } }])
    expect(asked.map(({ request }) => request)).toMatchObject([{ url: expect.stringMatching(/^http:\/\/[\da-f]{16}\.upstream\/v1\/x%2Fy$/), tellBudget: true }, { url: expect.stringMatching(/\/v1\/1\?q=a%20b$/) }])
    await one.retire()
    expect(closed()).toBe(1)
  })

  it('changes the shared service only when a deploy says something else', async () => {
    const { upstream, opened, configured } = recording()
    const shared = new Map<string, unknown>()
    const deploy = (config: object) => testNode(serviceCallout, { upstream: 'ups', url: '/' }, { upstream, shared, configNodes: { ups: { type: 'upstream', config: { name: 'weather', targets: [{ url: 'https://a.example' }], ...config } } } })
    await deploy({})
    await deploy({})
    expect([opened.length, configured.length]).toEqual([1, 0])
    await deploy({ retries: 5 })
    expect(configured).toMatchObject([{ tries: { retries: 5 } }])
  })

  it('tries as it says itself when it has its own ways, and gives the key that calls are spread by', async () => {
    const { upstream, asked } = recording()
    const configNodes = { ups: weather({ balance: 'hash', hashKey: 'payload.id', hashKeyType: 'msg' }) }
    const node = await testNode(serviceCallout, { ...named, resilience: 'own', retries: 4, retryOn: 'connect, 500-501', tellBudget: 'no' }, { upstream, env, configNodes })
    await node.send({ payload: { id: 7 } })
    expect(asked).toMatchObject([{ options: { key: '7', tries: { retries: 4, retryOn: { connect: true, timeout: false, statuses: new Set([500, 501]) } } } }])
    expect(asked[0]?.request.tellBudget).toBeUndefined()
  })

  it('is played at its first target where a case answers callouts', async () => {
    const upstream = fakeUpstream()
    const node = await testNode(serviceCallout, { ...named, auth: 'creds' }, { upstream, env, configNodes: { ups: weather(), creds: { type: 'callout auth', config: { kind: 'bearer' } } } })
    await node.send({ payload: { id: 7 } })
    expect(upstream.asked[0]?.url).toBe('https://a.example/base/v1/7')
  })

  it('refuses the deploy when a variable of a target is not set', async () => {
    await expect(testNode(serviceCallout, named, { upstream: recording().upstream, configNodes: { ups: weather() } })).rejects.toMatchObject({ code: 'config.invalid', message: expect.stringContaining('B') })
  })

  it('says what does not fit together', () => {
    const types = { ups: 'upstream', creds: 'callout auth' }
    expect(problems({ ...named, auth: 'creds' }, { types })).toEqual([])
    expect(problems({ upstream: 'gone', url: '/' })).toEqual(['config.missing upstream error'])
    expect(problems({ upstream: 'ups', url: 'https://api.example/x' }, { types })).toEqual(['callout.path url error'])
    expect(problems({ auth: 'ups' }, { types })).toEqual(['config.missing auth error'])
    expect(problems({ resilience: 'own', retries: 2, method: 'POST' })).toEqual(['callout.unsafe_retry retries warning'])
    expect(problems({ resilience: 'own', retries: 2, method: 'POST', headers: [{ name: 'Idempotency-Key', value: '{{payload.id}}', valueType: 'str' }] })).toEqual([])
    expect(problems({ resilience: 'own', retryOn: 'never' })).toEqual(['upstream.retry_on retryOn error'])
    expect(problems({ okWhen: '(' })).toEqual(['expression.syntax okWhen error'])
  })

  it.each([
    [{ headers: [{ name: 'Authorization', value: 'Bearer abc', valueType: 'str' }] }, 'callout.secret headers error'],
    [{ headers: [{ name: 'x-api-key', value: 'abc', valueType: 'str' }] }, 'callout.secret headers error'],
    [{ query: [{ name: 'api_key', value: 'abc', valueType: 'str' }] }, 'callout.secret query error'],
  ])('takes no secret that is typed in clear: %j', (config, problem) => {
    expect(problems(config)).toEqual([problem])
    const [[property, rows]] = Object.entries(config) as unknown as [[string, { name: string }[]]]
    for (const value of ['Bearer ${TOKEN}', '{{payload.token}}']) expect(problems({ [property]: rows.map((row) => ({ ...row, value })) })).toEqual([])
  })
})

describe('credentials of a callout', () => {
  const creds = (config: object, credentials: object) => ({ creds: { type: 'callout auth', config: config as Record<string, unknown>, credentials: credentials as Record<string, unknown> } })
  it.each([
    [creds({ kind: 'basic' }, { user: 'me', password: 'a:b' }), { in: 'header', name: 'Authorization', value: `Basic ${Buffer.from('me:a:b').toString('base64')}` }],
    [creds({ kind: 'bearer' }, { token: '${TOKEN}' }), { in: 'header', name: 'Authorization', value: 'Bearer from-env' }],
    [creds({ kind: 'key', keyIn: 'query', keyName: 'k' }, { apiKey: 'sesame' }), { in: 'query', name: 'k', value: 'sesame' }],
    [creds({ kind: 'key' }, { apiKey: 'sesame' }), { in: 'header', name: 'X-API-Key', value: 'sesame' }],
  ])('go along beside the request, and are on no message: %j', async (configNodes, secret) => {
    const { upstream, plain } = recording()
    const node = await testNode(serviceCallout, { url: 'https://api.example/x', auth: 'creds' }, { upstream, configNodes, env: { TOKEN: 'from-env' } })
    const [sent] = await node.send({ payload: 1 })
    expect(plain.asked[0]).toMatchObject({ secret })
    expect(JSON.stringify(sent?.message)).not.toContain(secret.value)
  })

  it('refuse the deploy when a secret is missing, or breaks out of its line', async () => {
    const deploy = (config: object, credentials: object) => testNode(serviceCallout, { url: 'https://api.example/x', auth: 'creds' }, { upstream: recording().upstream, configNodes: creds(config, credentials) })
    await expect(deploy({ kind: 'bearer', name: 'partner' }, {})).rejects.toMatchObject({ code: 'config.invalid', message: 'The credentials “partner” have no token.' })
    await expect(deploy({ kind: 'bearer' }, { token: 'a\r\nX: 1' })).rejects.toMatchObject({ code: 'config.invalid' })
    await expect(deploy({ kind: 'basic' }, { user: 'a:b', password: 'c' })).rejects.toMatchObject({ code: 'config.invalid' })
  })

  it('are never shown to the service of sandbox callers', async () => {
    const { upstream, plain } = recording()
    const node = await testNode(serviceCallout, { url: 'https://api.example/x', auth: 'creds', sandbox: 'url', sandboxUrl: 'https://sandbox.example/x' }, { upstream, configNodes: creds({ kind: 'bearer' }, { token: 't' }) })
    await node.send({}, fakeRun({ environment: 'sandbox' }))
    expect(plain.asked).toMatchObject([{ url: 'https://sandbox.example/x' }])
    expect(plain.asked[0]?.secret).toBeUndefined()
  })

  it('of OAuth are fetched anew after a 401, and the call is made once more', async () => {
    const token = (name: string) => ({ body: JSON.stringify({ access_token: name, token_type: 'Bearer' }) })
    const { upstream, plain } = recording(token('one'), { status: 401 }, token('two'), { status: 401 })
    const node = await testNode(serviceCallout, { url: 'https://api.example/x', method: 'POST', auth: 'creds', expectedStatus: '200-599' }, { upstream, configNodes: creds({ kind: 'oauth', tokenUrl: 'https://auth.example/t', clientId: 'me' }, { clientSecret: 's' }) })
    expect(await node.send({ payload: 'pay' })).toMatchObject([{ port: 'ok', message: { statusCode: 401 } }])
    expect(plain.asked.map(({ url, secret }) => [new URL(url).host, secret?.value])).toEqual([['auth.example', undefined], ['api.example', 'Bearer one'], ['auth.example', undefined], ['api.example', 'Bearer two']])
  })
})

describe('what a callout takes for an answer', () => {
  const sandbox = (value: unknown): Sandbox => ({ jsonata: async () => () => value }) as never
  it('is said by an expression beside the status', async () => {
    const ask = async (value: unknown, config: object = {}) => (await (await testNode(serviceCallout, { url: 'https://api.example', okWhen: 'payload.success = true', ...config }, { upstream: fakeUpstream({}), sandbox: sandbox(value) })).send({}))[0]
    expect(await ask(true)).toMatchObject({ port: 'ok' })
    expect(await ask(Promise.resolve(true))).toMatchObject({ port: 'ok' })
    for (const value of [false, undefined, 'true', Promise.resolve(1)]) expect(await ask(value)).toMatchObject({ port: 'error', message: { statusCode: 200, error: { code: 'upstream.unexpected' } } })
    expect(await ask(true, { expectedStatus: '404' })).toMatchObject({ port: 'error', message: { error: { code: 'upstream.status' } } })
  })

  it('is played for everybody where a mock is on, also by the environment of the tab', async () => {
    const upstream = fakeUpstream()
    const mocked = { url: 'https://api.example', sandboxBody: '{"a":1}', sandboxStatus: 201 }
    const ask = async (config: object, env: Record<string, unknown> = {}, run = fakeRun()) => (await (await testNode(serviceCallout, { ...mocked, ...config }, { upstream, env })).send({}, run))[0]
    expect(await ask({ mock: 'on' })).toMatchObject({ port: 'ok', message: { statusCode: 201 } })
    expect(await ask({ mock: 'on' }, {}, fakeRun({ environment: 'sandbox' }))).toMatchObject({ message: { statusCode: 201 } })
    expect(await ask({ mock: 'env' }, { SLUICE_MOCK: 'on' })).toMatchObject({ message: { statusCode: 201 } })
    expect(upstream.asked).toEqual([])
    expect(await ask({ mock: 'env' }, { SLUICE_MOCK: 'off' })).toMatchObject({ message: { statusCode: 200 } })
    expect(upstream.asked).toHaveLength(1)
  })
})

describe('a transparent callout', () => {
  const req = { method: 'DELETE', url: '/x?a=1&a=2', headers: { accept: 'text/csv', connection: 'close, x-hop', 'x-hop': '1', host: 'gateway', cookie: 'c=1', authorization: 'Bearer x', 'x-api-key': 'k', 'accept-encoding': 'br', 'x-forwarded-for': '192.0.2.1', 'content-length': '5' } }
  const ask = async (config: object, message: object = { req }) => {
    const upstream = fakeUpstream({ status: 418, headers: { 'content-type': 'text/plain', 'x-tea': 'yes' }, body: 'short and stout' })
    const node = await testNode(serviceCallout, { url: 'https://api.example/y', transparent: true, ...config }, { upstream })
    return { sent: (await node.send(message))[0], asked: upstream.asked[0] }
  }
  it('passes on what the client sent and the answer as it is', async () => {
    const { sent, asked } = await ask({})
    expect(asked).toMatchObject({ method: 'DELETE', url: 'https://api.example/y?a=1&a=2', headers: { accept: 'text/csv', 'x-forwarded-for': '192.0.2.1' } })
    expect(Object.keys(asked?.headers ?? {}).sort()).toEqual(['accept', 'x-forwarded-for'])
    expect(sent).toMatchObject({ port: 'ok', message: { statusCode: 418, headers: { 'x-tea': 'yes' } } })
    expect(sent?.message.headers).toEqual({ 'content-type': 'text/plain', 'x-tea': 'yes' })
  })
  it('passes credentials on only when told to', async () => {
    expect((await ask({ passCredentials: true })).asked?.headers).toMatchObject({ cookie: 'c=1', authorization: 'Bearer x', 'x-api-key': 'k' })
  })
  it('needs a request', async () => {
    await expect(ask({}, { payload: 1 }).then(({ sent }) => sent)).resolves.toMatchObject({ port: 'error', message: { error: { code: 'step.config' } } })
  })
})
