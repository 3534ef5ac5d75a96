import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Body } from '../core/http/body.ts'
import type { Run } from '../core/run.ts'
import type { Sandbox } from '../core/sandbox.ts'
import type { Upstream, UpstreamReply, UpstreamRequest } from '../core/upstream/upstream.ts'
import { createReuse } from './create-reuse.ts'
import { inputsOf } from './expression-inputs.ts'

const run = { flow: 'f' } as Run
const noSandbox = {} as Sandbox
const ask = (more: Partial<UpstreamRequest> = {}): UpstreamRequest => ({ method: 'GET', url: 'http://up/a', timeoutMs: 1000, responseLimitBytes: 1_000_000, redirects: 0, ...more })
const old = { 'last-modified': 'Tue, 01 Jan 2030 00:00:00 GMT', date: 'Tue, 01 Jan 2030 01:00:00 GMT' }

type Said = { readonly status?: number; readonly headers?: Record<string, string | string[]>; readonly body?: string; readonly redirects?: UpstreamReply['redirects'] }

/** An upstream that answers what the test says, and remembers what it was asked. */
function upstreamOf(answer: (request: UpstreamRequest, count: number) => Said) {
  const asked: UpstreamRequest[] = []
  const upstream: Upstream = {
    async request(request) {
      asked.push(request)
      const { status = 200, headers = {}, body = '', redirects = [] } = answer(request, asked.length)
      return { status, headers: { 'content-type': 'application/json', ...headers }, body: Body.ofJsonBytes(Buffer.from(body)), url: request.url, redirects }
    },
  }
  return { upstream, asked }
}

function reused(answer: (request: UpstreamRequest, count: number) => Said, limitBytes = 10_000_000, wanted = true) {
  const { upstream, asked } = upstreamOf(answer)
  const reuse = createReuse({ limitBytes })
  const node = (id = 'n', flow = 'f') => reuse.forNode({ id, flow }, { upstream, sandbox: noSandbox }, wanted).upstream
  return { node, asked, reuse }
}

const header = (request: UpstreamRequest | undefined, name: string) => request?.headers?.[name]

describe('an answer that says it has not changed', () => {
  it('is asked for by its tag; 304 gives the same body, with what the upstream says of itself now', async () => {
    const { node, asked } = reused((request): Said => (header(request, 'if-none-match') === '"1"' ? { status: 304, headers: { etag: '"1"', 'x-now': '2' } } : { headers: { etag: '"1"', 'x-now': '1', 'x-then': '1' }, body: '{"a":1}' }))
    const upstream = node()
    const [first, second] = [await upstream.request(ask(), run), await upstream.request(ask(), run)]
    expect(asked).toHaveLength(2)
    expect(second.status).toBe(200)
    expect(second.body).toBe(first.body)
    expect(second.headers).toMatchObject({ 'x-now': '2', 'x-then': '1', etag: '"1"' })
    expect(second.body.value()).toEqual({ a: 1 })
    expect(Object.isFrozen(second.body.value())).toBe(true)
  })

  it('is asked for by its date only when the change lies some seconds behind', async () => {
    for (const [date, condition] of [[old.date, old['last-modified']], ['Tue, 01 Jan 2030 00:00:01 GMT', undefined], ['', undefined]]) {
      for (const tag of [undefined, '"t"']) {
        const { node, asked } = reused(() => ({ headers: { ...old, date: date as string, ...(tag ? { etag: tag } : {}) }, body: '1' }))
        const upstream = node()
        await upstream.request(ask(), run)
        await upstream.request(ask(), run)
        expect([header(asked[1], 'if-modified-since'), header(asked[1], 'if-none-match')]).toEqual(tag ? [undefined, condition === undefined ? undefined : tag] : [condition, undefined])
      }
    }
  })

  it.each([
    ['another address', { url: 'http://up/b' }], ['another credential', { headers: { authorization: 'b' } }], ['another language', { headers: { 'accept-language': 'en' } }],
    ['another secret', { secret: { in: 'header', name: 'x-key', value: 'b' } }], ['another certificate', { tls: { cert: 'b' } }], ['a method that changes', { method: 'POST' }],
    ['a part', { headers: { range: 'bytes=0-1' } }], ['a condition of its own', { headers: { 'if-none-match': '"x"' } }], ['no-store', { headers: { 'cache-control': 'no-store' } }],
  ] as [string, Partial<UpstreamRequest>][])('is not asked for by a request with %s', async (_what, more) => {
    const { node, asked } = reused(() => ({ headers: { etag: '"1"' }, body: '{}' }))
    const upstream = node()
    const base = ask({ headers: { authorization: 'a' }, secret: { in: 'header', name: 'x-key', value: 'a' } })
    await upstream.request(base, run)
    await upstream.request({ ...base, ...more }, run)
    expect(header(asked[1], 'if-none-match')).toBe(more.headers?.['if-none-match'])
    expect(header(asked[1], 'if-modified-since')).toBeUndefined()
  })

  it('what differs with every call does not stand in the way, unless the answer says that it depends on it', async () => {
    for (const vary of ['accept', 'traceparent', '*']) {
      const { node, asked } = reused(() => ({ headers: { etag: '"1"', vary }, body: '{}' }))
      const upstream = node()
      await upstream.request(ask({ headers: { traceparent: '00-1' } }), run)
      await upstream.request(ask({ headers: { traceparent: '00-2' } }), run)
      expect([vary, header(asked[1], 'if-none-match')]).toEqual([vary, vary === 'accept' ? '"1"' : undefined])
    }
  })

  it.each([
    ['no-store', { headers: { etag: '"1"', 'cache-control': 'private, no-store' } }], ['cookies', { headers: { etag: '"1"', 'set-cookie': ['a=1'] } }],
    ['another status', { status: 203, headers: { etag: '"1"' } }], ['redirects behind it', { headers: { etag: '"1"' }, redirects: [{ url: 'http://up', status: 302 }] }],
  ] as [string, Said][])('one with %s is not asked for again', async (_what, said) => {
    const { node, asked } = reused(() => ({ body: '{}', ...said }))
    const upstream = node()
    await upstream.request(ask(), run)
    await upstream.request(ask(), run)
    expect(header(asked[1], 'if-none-match')).toBeUndefined()
  })

  it('one node’s answers are not another’s, and a flow that wants nothing used again gets nothing', async () => {
    const { node, asked } = reused(() => ({ headers: { etag: '"1"' }, body: '{}' }))
    await node('a').request(ask(), run)
    await node('b').request(ask(), run)
    expect(header(asked[1], 'if-none-match')).toBeUndefined()
    const off = reused(() => ({ headers: { etag: '"1"' }, body: '{}' }), 1_000_000, false)
    const upstream = off.node()
    const [one, other] = [await upstream.request(ask(), run), await upstream.request(ask(), run)]
    expect(header(off.asked[1], 'if-none-match')).toBeUndefined()
    expect(one.body).not.toBe(other.body)
  })

  it('a service that flows share knows which of them want nothing used again', async () => {
    const { upstream, asked } = upstreamOf(() => ({ headers: { etag: '"1"' }, body: '{}' }))
    const reuse = createReuse({ limitBytes: 1_000_000 })
    const withServices: Upstream = { ...upstream, open: () => ({ request: (request, on) => upstream.request(request, on), configure() {}, facts: () => ({}) as never, close() {} }) }
    const service = reuse.forNode({ id: 'n', flow: 'f' }, { upstream: withServices, sandbox: noSandbox }, true).upstream.open?.({} as never)
    const off = reuse.forNode({ id: 'm', flow: 'g' }, { upstream: withServices, sandbox: noSandbox }, false)
    for (const flow of ['f', 'f', 'g']) await service?.request(ask(), { flow } as Run)
    expect(asked.map((request) => header(request, 'if-none-match'))).toEqual([undefined, '"1"', undefined])
    off.close()
    await service?.request(ask(), { flow: 'g' } as Run)
    expect(header(asked[3], 'if-none-match')).toBe('"1"')
  })
})

describe('a body with the same bytes', () => {
  it('is the one of before; with other bytes it is another', async () => {
    const bodies = ['{"a":1}', '{"a":1}', '{"a":2}', '{"a":1}']
    const { node } = reused((_request, count) => ({ body: bodies[count - 1] as string }))
    const upstream = node()
    const got = []
    for (const _ of bodies) got.push((await upstream.request(ask(), run)).body)
    expect(got[1]).toBe(got[0])
    expect(got[2]).not.toBe(got[0])
    expect(got.map((body) => body.value())).toEqual([{ a: 1 }, { a: 1 }, { a: 2 }, { a: 1 }])
  })

  it('is one for all calls that were under way when the document changed', async () => {
    const { node } = reused((_request, count): Said => ({ headers: { etag: `"${count === 1 ? 1 : 2}"` }, body: count === 1 ? '{"a":1}' : '{"a":2}' }))
    const upstream = node()
    const before = await upstream.request(ask(), run)
    const after = await Promise.all([1, 2, 3].map(() => upstream.request(ask(), run)))
    expect(after.map(({ body }) => body.value())).toEqual([{ a: 2 }, { a: 2 }, { a: 2 }])
    expect(new Set(after.map(({ body }) => body)).size).toBe(1)
    expect(before.body.value()).toEqual({ a: 1 })
  })

  it('memory has an end, whatever is asked for', async () => {
    const { node, reuse } = reused((request) => ({ headers: { etag: '"1"' }, body: JSON.stringify(request.url.repeat(50)) }), 200_000)
    const upstream = node()
    for (let i = 0; i < 2_000; i += 1) await upstream.request(ask({ url: `http://up/${i}` }), run)
    expect(reuse.bytes).toBeLessThanOrEqual(200_000)
    expect(reuse.bytes).toBeGreaterThan(50_000)
  })
})

it('nobody can tell whether it is there: the same calls get the same answers, whatever the upstream does', async () => {
  const resource = fc.record({ version: fc.nat(2), tag: fc.boolean(), control: fc.constantFrom(undefined, 'no-store', 'max-age=9'), vary: fc.constantFrom(undefined, 'accept-language', 'traceparent', '*'), cookie: fc.boolean(), status: fc.constantFrom(200, 200, 200, 200, 404, 500) })
  const call = fc.record({ path: fc.nat(1), who: fc.constantFrom('a', 'b'), language: fc.constantFrom('zh', 'en'), trace: fc.nat(1), node: fc.constantFrom('n', 'm') })
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(call, resource), { maxLength: 25 }), async (steps) => {
    /** A server by the book: 304 when the tag that is asked about is the one of now. */
    const server = (request: UpstreamRequest, now: (typeof steps)[number][1], trace: number): Said => {
      const differs = now.vary === undefined ? '' : `${String(header(request, 'accept-language'))}${now.vary === 'accept-language' ? '' : trace}`
      const body = JSON.stringify({ path: request.url, who: header(request, 'authorization'), version: now.version, differs })
      const etag = `"${Buffer.from(body).toString('base64url')}"`
      const headers = { ...(now.tag ? { etag } : {}), ...(now.control ? { 'cache-control': now.control } : {}), ...(now.vary ? { vary: now.vary } : {}), ...(now.cookie ? { 'set-cookie': ['a=1'] } : {}) }
      if (now.status === 200 && now.tag && header(request, 'if-none-match') === etag) return { status: 304, headers }
      return { status: now.status, headers, body }
    }
    let at = 0
    const answers: unknown[][] = []
    for (const wanted of [true, false]) {
      const { node } = reused((request) => server(request, (steps[at] as (typeof steps)[number])[1], (steps[at] as (typeof steps)[number])[0].trace), 4_000, wanted)
      const nodes = { n: node('n'), m: node('m') }
      const got: unknown[] = []
      for (at = 0; at < steps.length; at += 1) {
        const [{ path, who, language, trace, node: name }] = steps[at] as (typeof steps)[number]
        const { status, headers, body } = await nodes[name as 'n'].request(ask({ url: `http://up/${path}`, headers: { authorization: who, 'accept-language': language, traceparent: `${trace}` } }), run)
        got.push({ status, headers, body: body.value() })
      }
      answers.push(got)
    }
    expect(answers[0]).toEqual(answers[1])
  }), { numRuns: 300 })
})

describe('what an expression can see', () => {
  it.each([
    ['payload.a[b = 1].c', [['payload', 'a'], ['b']], [], false],
    ['$sum(payload.x) & req.query.county', [['payload', 'x'], ['req', 'query', 'county']], [], false],
    ['$x.y', [], [], false],
    ['{ "n": $count(records.location[name = $message.req.query.c]) }', [['records', 'location'], ['name']], [['req', 'query', 'c']], false],
    ['($v := a.b; $map($v, function($i) { $i.n + c }))', [['a', 'b'], ['c']], [], false],
    ['$.a + $$.b', [['a'], ['b']], [], false],
    ['$count($)', [], [], true],
    ['$merge([$, { "x": 1 }])', [], [], true],
    ['*.a', [], [], true],
    ['a.*', [['a']], [], false],
    ['a.$trim()', [['a']], [], false],
    ['a ~> $keys()', [['a']], [], false],
    ['a^(b).c', [['a'], ['b']], [], false],
    ['a.b{c: d}', [['a', 'b'], ['c'], ['d']], [], false],
    ['a ? b.c : `odd name`.d', [['a'], ['b', 'c'], ['odd name', 'd']], [], false],
  ] as const)('%s', (text, paths, messagePaths, whole) => {
    const sort = (list: readonly (readonly string[])[] | undefined) => [...(list ?? [])].map((path) => path.join('.')).sort()
    const found = inputsOf(text)
    expect([sort(found?.paths), sort(found?.messagePaths), found?.whole]).toEqual([sort(paths), sort(messagePaths), whole])
  })

  it.each(['$now()', '$random() + a', 'a.$millis()', '$flowContext("x")', '$globalContext("x") & a', '$env("X")', '$eval("1")', '$string()', '$keys()', '$each(function($v) { $v })', '$lookup("a")', '$message', '$map(a, $random)', '($now := function() { 1 }; $now())', '($sum := $random; $sum())', 'a.b.%.c', '|a|{"b":1}|', '$unknown(a)', 'a[', '$shuffle(a)', '($f := $eval; $f("x"))'])('%s is not remembered', (text) => {
    expect(inputsOf(text)).toBeUndefined()
  })
})

describe('an expression', () => {
  function counting(evaluate: (input: Record<string, unknown>) => unknown) {
    let count = 0
    const sandbox = { jsonata: async () => (message: Record<string, unknown>) => (count++, evaluate(message)), jsonataOf: async () => (input: unknown, _run: Run, bindings?: object) => (count++, evaluate({ input, ...bindings })) } as unknown as Sandbox
    const reuse = createReuse({ limitBytes: 1_000_000 })
    return { doors: reuse.forNode({ id: 'n', flow: 'f' }, { upstream: {} as Upstream, sandbox }, true), count: () => count, reuse }
  }

  it('gives the same object for the same objects and texts without running; for others it runs', async () => {
    const { doors, count } = counting((message) => ({ made: JSON.stringify(message.payload) }))
    const evaluate = await doors.sandbox.jsonata('{ "made": $string(payload.a), "c": req.query.c }', {} as never)
    const a = { x: 1 }
    const ask = (payload: unknown, c: string) => evaluate({ payload, req: { query: { c } }, other: {} }, run)
    const first = ask({ a }, '1')
    expect(ask({ a }, '1')).toBe(first)
    expect(Object.isFrozen(first)).toBe(true)
    expect(count()).toBe(1)
    ask({ a }, '2')
    ask({ a: { x: 1 } }, '1')
    expect(count()).toBe(3)
  })

  it('one whose input is new each time is left alone, and holds nothing without end', async () => {
    const { doors, count, reuse } = counting((message) => ({ ...message }))
    const evaluate = await doors.sandbox.jsonata('$sum(payload.a)', {} as never)
    for (let i = 0; i < 30_000; i += 1) void evaluate({ payload: { a: [i] } }, run)
    expect(count()).toBe(30_000)
    expect(reuse.bytes).toBeLessThan(1_000_000)
  })

  it('over a value takes a body, a text or a list as a whole', async () => {
    const { doors, count } = counting((input) => JSON.stringify(input))
    const evaluate = await doors.sandbox.jsonataOf('$substring(1, 2) & a.b', {} as never)
    const body = Body.ofJsonText('{"a":1}')
    for (const input of [body, body, Body.ofJsonText('{"a":1}'), 'text', 'text', 'other', 1, true]) void evaluate(input, run)
    expect(count()).toBe(6)
  })

  it('tells long texts apart by all of what they say, and counts them', () => {
    const reuse = createReuse({ limitBytes: 1_000_000 })
    const remember = reuse.forNode({ id: 'n', flow: 'f' }, { upstream: {} as Upstream, sandbox: noSandbox }, true).remember()
    let count = 0
    const lengthOf = (payload: string) => remember({ roots: { payload }, paths: [['payload']] }, run, () => ({ count: ++count, end: payload.slice(-1) }))
    const long = 'x'.repeat(50_000)
    const first = lengthOf(`${long}a`)
    expect(lengthOf(Buffer.from(`${long}a`).toString())).toBe(first)
    expect(lengthOf(`${long}b`).end).toBe('b')
    expect(lengthOf(`${long}a`).end).toBe('a')
    expect(count).toBe(3)
    expect(reuse.bytes).toBeGreaterThan(100_000)
    for (let i = 0; i < 40; i += 1) lengthOf(`${long}${'y'.repeat(i)}`)
    expect(reuse.bytes).toBeLessThan(1_000_000)
  })

  it('what fails fails again', async () => {
    let times = 0
    const { doors } = counting(() => {
      times++
      throw new Error('no')
    })
    const evaluate = await doors.sandbox.jsonata('$sum(payload)', {} as never)
    expect(() => evaluate({ payload: 'x' }, run)).toThrow('no')
    expect(() => evaluate({ payload: 'x' }, run)).toThrow('no')
    expect(times).toBe(2)
  })
})
