import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import { Body } from '../../runtime/core/http/body.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { UpstreamRequest } from '../../runtime/core/upstream/upstream.ts'
import { createOauthTokens } from '../shared/callouts/oauth-tokens.ts'
import { calloutAuth } from './callout-auth.ts'

const codesOf = (config: object) => checkNode(calloutAuth, config).map(({ code, property }) => `${code} ${property}`)

describe('callout credentials', () => {
  it('are fine with what their kind needs', () => {
    expect(codesOf({ kind: 'basic' })).toEqual([])
    expect(codesOf({ kind: 'key', keyIn: 'query', keyName: 'apikey' })).toEqual([])
    expect(codesOf({ kind: 'oauth', tokenUrl: 'https://${AUTH}/token', clientId: 'gateway' })).toEqual([])
  })

  it.each([
    [{ kind: 'key', keyName: 'two words' }, 'header.name keyName'],
    [{ kind: 'oauth', clientId: 'x' }, 'callout.token_url tokenUrl'],
    [{ kind: 'oauth', clientId: 'x', tokenUrl: '/token' }, 'callout.token_url tokenUrl'],
    [{ kind: 'oauth', clientId: 'x', tokenUrl: 'https://a/{{payload.x}}' }, 'callout.token_url tokenUrl'],
    [{ kind: 'oauth', tokenUrl: 'https://a/token' }, 'callout.client clientId'],
    [{ kind: 'oauth', tokenUrl: 'https://a/token', clientId: 'x', tls: 'gone' }, 'config.missing tls'],
  ])('say what is wrong with %j', (config, code) => expect(codesOf(config)).toContain(code))
})

describe('tokens by client credentials', () => {
  function setUp(answers: readonly (Error | { status?: number; body: string })[], extra: object = {}) {
    const clock = fakeClock()
    const asked: UpstreamRequest[] = []
    let give = () => {}
    const tokens = createOauthTokens({ url: 'https://auth.example/token', clientId: 'a b', clientSecret: 's:1', clientAuth: 'basic', scope: 'read', audience: '', ...extra }, {
      clock, log: silentLog,
      upstream: {
        async request(request) {
          asked.push(request)
          const answer = answers[Math.min(asked.length, answers.length) - 1]!
          await new Promise<void>((resolve) => (give = resolve))
          if (answer instanceof Error) throw answer
          return { status: answer.status ?? 200, headers: {}, body: Body.ofJsonBytes(Buffer.from(answer.body)), url: request.url, redirects: [] }
        },
      },
    })
    return { tokens, asked, clock, give: () => give() }
  }
  const token = (name: string, seconds?: number) => ({ body: JSON.stringify({ access_token: name, token_type: 'Bearer', ...(seconds === undefined ? {} : { expires_in: seconds }) }) })

  it('are fetched once for all who wait, and again before they run out', async () => {
    const { tokens, asked, clock, give } = setUp([token('one', 100), token('two', 100)])
    const waiting = Promise.all(Array.from({ length: 50 }, () => Promise.resolve(tokens.get(fakeRun()))))
    give()
    expect(new Set(await waiting)).toEqual(new Set(['one']))
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ method: 'POST', redirects: 0, body: 'grant_type=client_credentials&scope=read', headers: { authorization: `Basic ${Buffer.from('a+b:s%3A1').toString('base64')}` } })
    await clock.advance(89_000)
    expect(tokens.get(fakeRun())).toBe('one')
    await clock.advance(2_000)
    const next = tokens.get(fakeRun())
    give()
    expect(await next).toBe('two')
  })

  it('stay with the others when who began to fetch goes away', async () => {
    const { tokens, give } = setUp([token('one')])
    const gone = fakeRun()
    const first = Promise.resolve(tokens.get(gone))
    const second = tokens.get(fakeRun())
    gone.abort()
    await expect(first).rejects.toMatchObject({ code: 'client.closed' })
    give()
    expect(await second).toBe('one')
  })

  it('are fetched anew when the service does not take one, and only then', async () => {
    const { tokens, asked, give } = setUp([token('one'), token('two')])
    const first = tokens.get(fakeRun())
    give()
    await first
    tokens.refuse('another')
    expect(tokens.get(fakeRun())).toBe('one')
    tokens.refuse('one')
    const next = tokens.get(fakeRun())
    give()
    expect(await next).toBe('two')
    expect(asked).toHaveLength(2)
  })

  it.each([
    [{ status: 401, body: '{"error":"invalid_client"}' }, /answered 401 \(invalid_client\)/],
    [{ status: 200, body: '{}' }, /holds none/],
    [{ status: 200, body: '{"access_token":"a b"}' }, /holds none/],
    [{ status: 200, body: '{"access_token":"a","token_type":"mac"}' }, /not of type bearer/],
    [{ status: 200, body: '<html>' }, /holds none/],
  ])('that do not come are a fault that names no secret: %j', async (answer, reason) => {
    const { tokens, give } = setUp([answer])
    const wanted = Promise.resolve(tokens.get(fakeRun()))
    give()
    const thrown = await wanted.catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'upstream.auth', status: 502, message: expect.stringMatching(reason) })
    expect(JSON.stringify(thrown)).not.toContain('s:1')
  })

  it('that do not come are not asked for by every call', async () => {
    const { tokens, asked, clock, give } = setUp([{ status: 500, body: '' }, token('one')])
    const wanted = Promise.resolve(tokens.get(fakeRun()))
    give()
    await wanted.catch(() => {})
    await expect(tokens.get(fakeRun())).rejects.toMatchObject({ code: 'upstream.auth' })
    expect(asked).toHaveLength(1)
    await clock.advance(1_001)
    const next = tokens.get(fakeRun())
    give()
    expect(await next).toBe('one')
  })
})
