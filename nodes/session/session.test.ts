import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { type FakeAnswer, fakeUpstream } from '../../test/kit/fake-upstream.ts'
import { checkNode, type Sent, testNode, type TestedNode } from '../../test/kit/node-tester.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { State } from '../../runtime/core/state/state.ts'
import type { Upstream, UpstreamRequest } from '../../runtime/core/upstream/upstream.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { session } from './session.ts'

type Operation = 'create' | 'validate' | 'touch' | 'end'
type Gateway = Record<Operation, TestedNode>

const operations = ['create', 'validate', 'touch', 'end'] as const
const idle = 60_000

/** Gateways on one state, each with a node for every operation. */
async function estate(config: object = {}, { gateways = 2, upstream = fakeUpstream({ status: 204 }) as Upstream, wired = ['ok', 'refused'] } = {}) {
  const clock = fakeClock()
  const seen: string[] = []
  const memory = createMemoryState({ clock })
  const records = new Proxy(memory.records, { get: (target, name: 'get') => (...args: [string]) => (seen.push(JSON.stringify(args)), target[name](...args)) })
  const state: State = { ...memory, now: () => clock.now(), records }
  const open = async (): Promise<Gateway> =>
    Object.fromEntries(await Promise.all(operations.map(async (operation) => [operation, await testNode(session, { idleSeconds: 60, absoluteSeconds: 600, operation, ...config }, { clock, state, upstream, wired })]))) as Gateway
  const [a, b] = await Promise.all(Array.from({ length: gateways }, open)) as [Gateway, Gateway]
  return { clock, state, seen, a, b }
}

const alice = { client: { id: 'alice' } }
const withId = (id: string | undefined) => fakeRun({ request: { headers: id === undefined ? {} : { 'session-id': id } } })

async function begin(gateway: Gateway, message: object = alice): Promise<string> {
  const run = fakeRun({ request: {} })
  const [sent] = await gateway.create.send(message, run)
  expect(sent).toMatchObject({ port: 'ok' })
  return run.replyHeaders['Session-Id'] as string
}
const use = async (node: TestedNode, id: string | undefined, message: object = alice) => (await node.send(message, withId(id)))[0]
const codeOf = (sent: Sent | undefined) => (sent?.message.error as { code: string } | undefined)?.code

describe('session', () => {
  it('goes on at another gateway', async () => {
    const { a, b } = await estate({ data: 'payload' })
    const id = await begin(a, { ...alice, payload: { cart: [1] } })
    expect(await use(b.validate, id)).toMatchObject({ port: 'ok', message: { session: { client: 'alice', data: { cart: [1] } } } })
  })

  it('has 256 bits that nobody can guess, of which the store sees a hash and flows see nothing', async () => {
    const { a, seen } = await estate()
    const ids = await Promise.all(Array.from({ length: 20 }, () => begin(a)))
    expect(new Set(ids).size).toBe(20)
    for (const id of ids) expect(Buffer.from(id, 'base64url')).toHaveLength(32)
    const sent = await use(a.validate, ids[0])
    expect(seen.join() + JSON.stringify(sent)).not.toContain(ids[0])
  })

  it('expires when nobody comes, and lives on when somebody does; at last it expires in any case', async () => {
    const { a, b, clock } = await estate()
    const id = await begin(a)
    for (let passed = 0; passed < 9; passed += 1) {
      await clock.advance(idle - 1)
      expect(await use(passed % 2 === 0 ? b.validate : a.touch, id)).toMatchObject({ port: 'ok' })
    }
    await clock.advance(idle - 1)
    expect(await use(a.validate, id)).toMatchObject({ port: 'ok' })
    await clock.advance(11)
    expect(codeOf(await use(a.validate, id))).toBe('session.expired')
    const other = await begin(a)
    await clock.advance(idle)
    expect(codeOf(await use(b.validate, other))).toBe('session.expired')
  })

  it('of an application is none for a token whose subject is called like it, nor for the sandbox', async () => {
    const { a } = await estate({ cap: 1 })
    const shop = { id: 'shop', application: 'shop', environment: 'production' }
    const id = await begin(a, { client: shop })
    expect(await use(a.validate, id, { client: shop })).toMatchObject({ port: 'ok', message: { session: { client: 'shop' } } })
    for (const other of [{ ...shop, application: 'other' }, { ...shop, environment: 'sandbox' }]) {
      expect(codeOf(await use(a.touch, id, { client: other }))).toBe('session.none')
      const own = await begin(a, { client: other })
      expect(await use(a.touch, own, { client: other })).toMatchObject({ port: 'ok', message: { session: { client: 'shop' } } })
      await use(a.end, own, { client: other })
    }
    expect(await use(a.end, id, { client: shop })).toMatchObject({ port: 'ok', message: { session: { client: 'shop' } } })
  })

  it('of one organisation is none in another, whatever they call them', async () => {
    const [clock, state] = [fakeClock(), createMemoryState({ clock: fakeClock() })]
    const of = (organisation: string | undefined, operation: string) => testNode(session, { session: 'bank', operation }, { clock, state, ...(organisation ? { node: { organisation } } : {}) })
    const run = fakeRun({ request: {} })
    // Whoever draws a flow may begin sessions for whom he likes: of his own organisation.
    await (await of('thief', 'create')).send(alice, run)
    const id = run.replyHeaders['Session-Id']
    expect(codeOf(await use(await of('bank', 'validate'), id))).toBe('session.none')
    expect(codeOf(await use(await of(undefined, 'validate'), id))).toBe('session.none')
    expect(await use(await of('thief', 'validate'), id)).toMatchObject({ port: 'ok' })
  })

  it('that was tried out in the sandbox is none for production whatever it is kept by, and closes nothing at the target', async () => {
    const upstream = fakeUpstream({ status: 204 })
    const { a, clock } = await estate({ client: 'payload', clientType: 'msg', closeUrl: 'https://target.example/{{session.id}}' }, { upstream })
    const run = fakeRun({ request: {}, environment: 'sandbox' })
    await a.create.send({ payload: 'u1' }, run)
    expect(codeOf(await use(a.validate, run.replyHeaders['Session-Id'], { payload: 'u1' }))).toBe('session.none')
    for (let minutes = 0; minutes < 30; minutes += 1) await clock.advance(60_000)
    expect(upstream.asked).toEqual([])
  })

  it('can be looked at without being kept alive', async () => {
    const { a, clock } = await estate({ slide: false })
    const id = await begin(a)
    await clock.advance(idle - 1)
    expect(await use(a.validate, id)).toMatchObject({ port: 'ok' })
    await clock.advance(1)
    expect(codeOf(await use(a.validate, id))).toBe('session.expired')
  })

  it('is refused by 401 when there is none, it is malformed, or it belongs to another client', async () => {
    const { a } = await estate({}, { wired: ['ok'] })
    const id = await begin(a)
    for (const wrong of [undefined, '', 'x', `${id}x`, 'A'.repeat(43)]) {
      await expect(use(a.validate, wrong)).rejects.toMatchObject({ code: 'session.none', status: 401, headers: { 'WWW-Authenticate': 'Session realm="default"' } })
    }
    await expect(use(a.validate, id, { client: { id: 'mallory' } })).rejects.toMatchObject({ code: 'session.none' })
    expect(await use(a.validate, id, {})).toMatchObject({ port: 'ok' })
  })

  it('of one name is none under another', async () => {
    const { a } = await estate()
    const id = await begin(a)
    const other = await testNode(session, { session: 'other' }, { state: a.create.state, clock: a.create.clock })
    expect(codeOf(await use(other, id))).toBe('session.none')
  })

  it('is over at every gateway once it was ended; ending it twice harms nobody', async () => {
    const { a, b } = await estate()
    const id = await begin(a)
    expect(await use(b.end, id)).toMatchObject({ port: 'ok', message: { session: { client: 'alice' } } })
    expect(codeOf(await use(a.validate, id))).toBe('session.none')
    expect(await use(a.end, id)).toMatchObject({ port: 'ok' })
  })

  it('keeps data that touch changes, up to a limit', async () => {
    const { a, b } = await estate({ data: 'payload', dataLimitBytes: 20 })
    const id = await begin(a, { ...alice, payload: { n: 1 } })
    await use(b.touch, id, { ...alice, payload: { n: 2 } })
    expect((await use(a.validate, id))?.message.session).toMatchObject({ data: { n: 2 } })
    await expect(a.create.send({ ...alice, payload: 'x'.repeat(19) }, fakeRun())).rejects.toMatchObject({ code: 'session.data_too_large', status: 413 })
    await expect(use(a.touch, id, { ...alice, payload: { n: 1n } })).rejects.toMatchObject({ code: 'step.config' })
  })

  it('travels in a cookie that scripts and other sites do not get, and is taken back at the end', async () => {
    const { a } = await estate({ carrier: 'cookie', sameSite: 'strict' })
    const [sent] = await a.create.send({ ...alice, cookies: { own: 1 } }, fakeRun())
    const cookies = sent?.message.cookies as Record<string, { value: string }>
    expect(cookies).toMatchObject({ own: 1, '__Host-session': { httpOnly: true, secure: true, sameSite: 'strict', path: '/', maxAge: 600_000 } })
    const run = () => fakeRun({ request: { cookies: { '__Host-session': cookies['__Host-session']?.value as string } } })
    expect(await a.validate.send(alice, run())).toMatchObject([{ port: 'ok' }])
    expect(await a.end.send(alice, run())).toMatchObject([{ message: { cookies: { '__Host-session': { value: null, httpOnly: true, secure: true } } } }])
  })

  it('travels in a field of the message', async () => {
    const { a } = await estate({ carrier: 'field', carrierName: 'payload.sid' })
    const [sent] = await a.create.send({ ...alice, payload: { a: 1 } }, fakeRun())
    expect(sent?.message.payload).toMatchObject({ a: 1, sid: expect.stringMatching(/^[\w-]{43}$/) })
    expect(await a.validate.send({ payload: sent?.message.payload }, fakeRun())).toMatchObject([{ port: 'ok' }])
    await expect(a.create.send({ ...alice, payload: 'text' }, fakeRun())).rejects.toMatchObject({ code: 'step.config' })
  })

  it('is refused when the client has as many as it may, at whichever gateway, until one is over', async () => {
    const { a, b, clock } = await estate({ cap: 2 })
    const first = await begin(a)
    await begin(b)
    expect(codeOf((await b.create.send(alice, fakeRun()))[0])).toBe('session.limit')
    expect(await begin(b, { client: { id: 'bob' } })).toBeTruthy()
    await use(a.end, first)
    await begin(b)
    expect(codeOf((await a.create.send(alice, fakeRun()))[0])).toBe('session.limit')
    await clock.advance(idle)
    await begin(a)
    await expect(a.create.send({}, fakeRun())).rejects.toMatchObject({ code: 'step.config' })
  })

  it('that is used keeps its place among those of its client', async () => {
    const { a, clock } = await estate({ cap: 1 })
    const id = await begin(a)
    for (let passed = 0; passed < 3; passed += 1) {
      await clock.advance(idle - 1)
      await use(a.validate, id)
    }
    expect(codeOf((await a.create.send(alice, fakeRun()))[0])).toBe('session.limit')
  })

  it('makes room for a new one where the oldest goes', async () => {
    const { a, b } = await estate({ cap: 2, whenFull: 'evict' })
    const [one, two, three] = [await begin(a), await begin(b), await begin(b)]
    expect(codeOf(await use(a.validate, one))).toBe('session.none')
    for (const id of [two, three]) expect(await use(a.validate, id)).toMatchObject({ port: 'ok' })
  })

  it('whatever clients do at once, none has more than its cap', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.constantFrom('refuse', 'evict'), fc.array(fc.constantFrom('begin', 'end', 'wait'), { minLength: 3, maxLength: 25 }), async (cap, whenFull, acts) => {
        const { a, b, clock } = await estate({ cap, whenFull, slide: false })
        const ids: string[] = []
        const at = () => (ids.length % 2 === 0 ? a : b)
        for (const act of acts) {
          if (act === 'wait') await clock.advance(idle / 3)
          else if (act === 'end') await use(at().end, ids[0])
          else {
            await Promise.all([a, b].map(async (gateway) => {
              const run = fakeRun({ request: {} })
              await gateway.create.send(alice, run)
              const id = run.replyHeaders['Session-Id']
              if (id !== undefined) ids.push(id)
            }))
          }
          const live = await Promise.all(ids.map((id) => use(a.validate, id)))
          expect(live.filter((sent) => sent?.port === 'ok').length).toBeLessThanOrEqual(cap)
        }
      }),
      { numRuns: 25 },
    )
  })

  it('is refused while the store is away', async () => {
    const away = () => Promise.reject(fault('state.unavailable', { reason: 'away' }))
    const records = new Proxy({}, { get: () => away }) as State['records']
    const clock = fakeClock()
    const node = await testNode(session, {}, { clock, state: { ...createMemoryState({ clock }), records } })
    await expect(use(node, 'A'.repeat(43))).rejects.toMatchObject({ code: 'state.unavailable', status: 503 })
  })
})

const closeUrl = 'https://target.example/sessions/{{session.data.id}}'

/** An upstream that may take its time. */
function slowUpstream(...answers: FakeAnswer[]) {
  const inner = fakeUpstream(...answers)
  const waiting: (() => void)[] = []
  const upstream: Upstream = { request: async (request: UpstreamRequest, run) => (await new Promise<void>((resolve) => waiting.push(resolve)), inner.request(request, run)) }
  return { upstream, waiting, asked: inner.asked }
}

describe('a session that is over', () => {
  it.each([
    ['abandoned', async ({ clock }: Awaited<ReturnType<typeof estate>>) => void (await clock.advance(idle))],
    ['ended', async ({ b }: Awaited<ReturnType<typeof estate>>, id: string) => void (await use(b.end, id))],
    ['evicted', async ({ b }: Awaited<ReturnType<typeof estate>>) => void (await begin(b, { ...alice, payload: { id: 'next' } }))],
  ])('because it was %s is closed at the target once, however many gateways there are', async (reason, over) => {
    const upstream = fakeUpstream({ status: 204 })
    const all = await estate({ closeUrl, data: 'payload', cap: 1, whenFull: 'evict' }, { upstream, gateways: 3 })
    const id = await begin(all.a, { ...alice, payload: { id: 'T/1' } })
    await over(all, id)
    for (let passed = 0; passed < 20; passed += 1) await all.clock.advance(2_000)
    const calls = upstream.asked.filter(({ url }) => url.endsWith('T%2F1'))
    expect(calls).toHaveLength(1)
    expect(calls[0]).toMatchObject({ method: 'POST', url: 'https://target.example/sessions/T%2F1', redirects: 0, headers: { 'content-type': 'application/json' } })
    expect(JSON.parse(String(calls[0]?.body))).toMatchObject({ session: { client: 'alice', reason, data: { id: 'T/1' } } })
    expect(JSON.stringify(calls)).not.toContain(id)
  })

  it('is not closed while somebody uses it', async () => {
    const upstream = fakeUpstream({ status: 204 })
    const { a, clock } = await estate({ closeUrl, data: 'payload' }, { upstream })
    const id = await begin(a, { ...alice, payload: { id: 1 } })
    for (let passed = 0; passed < 8; passed += 1) {
      await clock.advance(idle - 5_000)
      await use(a.validate, id)
    }
    expect(upstream.asked).toHaveLength(0)
    await clock.advance(idle + 10_000)
    expect(upstream.asked).toHaveLength(1)
    expect(codeOf(await use(a.validate, id))).toBe('session.expired')
  })

  it('is closed by another gateway when the one that looked after it is gone', async () => {
    const upstream = fakeUpstream({ status: 204 })
    const { a, b, clock } = await estate({ closeUrl, data: 'payload' }, { upstream })
    await begin(a, { ...alice, payload: { id: 1 } })
    await clock.advance(10_000)
    await a.create.retire()
    await clock.advance(idle + 30_000)
    expect(upstream.asked).toHaveLength(1)
    await b.create.retire()
    expect(clock.pending).toBe(0)
  })

  it('whose gateway dies during the call is closed by another when the claim has ended', async () => {
    const dead = slowUpstream({ status: 204 })
    const clock = fakeClock()
    const state = createMemoryState({ clock })
    const config = { operation: 'create', idleSeconds: 60, absoluteSeconds: 600, closeUrl: 'https://target.example/close' }
    const one = await testNode(session, config, { clock, state, upstream: dead.upstream })
    await one.send(alice, fakeRun())
    await clock.advance(idle + 10_000)
    expect(dead.waiting).toHaveLength(1) // its call never comes back
    const upstream = fakeUpstream({ status: 204 })
    const other = await testNode(session, config, { clock, state, upstream })
    await clock.advance(60_000)
    expect(upstream.asked).toHaveLength(1)
    await clock.advance(600_000)
    expect(upstream.asked).toHaveLength(1)
    await other.retire()
  })

  it('is tried again with pauses when the target is away, and given up at last', async () => {
    const upstream = fakeUpstream({ status: 503 }, fault('upstream.connect', { host: 'target.example' }), { status: 200 })
    const { a, clock } = await estate({ closeUrl, data: 'payload' }, { upstream })
    await begin(a, { ...alice, payload: { id: 1 } })
    await clock.advance(idle + 120_000)
    expect(upstream.asked).toHaveLength(3)
    const down = fakeUpstream({ status: 500 })
    const hopeless = await estate({ closeUrl, data: 'payload', closeTries: 2 }, { upstream: down })
    await begin(hopeless.a, { ...alice, payload: { id: 1 } })
    await hopeless.clock.advance(idle + 600_000)
    expect(down.asked).toHaveLength(2)
  })

  it('is closed once whatever order the looks of all gateways at the store come in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('begin', 'end', 'wait'), { minLength: 2, maxLength: 10 }), fc.boolean(), fc.scheduler(), async (acts, failsFirst, scheduler) => {
        const clock = fakeClock()
        const memory = createMemoryState({ clock })
        const records = new Proxy(memory.records, { get: (target, name: 'get') => scheduler.scheduleFunction((...args: [string]) => target[name](...args)) })
        const closed: string[] = []
        const failed = new Set<string>()
        const upstream: Upstream = {
          async request(request, run) {
            const handle = String(request.headers?.['idempotency-key'])
            const fails = failsFirst && !failed.has(handle)
            failed.add(handle)
            if (!fails) closed.push(handle)
            return fakeUpstream({ status: fails ? 503 : 204 }).request(request, run)
          },
        }
        const config = { idleSeconds: 20, absoluteSeconds: 600, closeUrl: 'https://target.example/close' }
        const options = { clock, state: { ...memory, records }, upstream }
        const creates = await Promise.all([1, 2, 3].map(() => testNode(session, { operation: 'create', ...config }, options)))
        const end = await testNode(session, { operation: 'end', ...config }, options)
        let settled = true
        const pass = async (ms: number, work?: Promise<unknown>) => {
          settled = work === undefined
          void work?.then(() => (settled = true))
          const until = clock.now() + ms
          while (clock.now() < until || !settled) {
            for (let turn = 0; scheduler.count() > 0 && turn < 200; turn += 1) {
              await scheduler.waitOne()
              await clock.advance(0)
            }
            await clock.advance(500)
          }
        }
        const ids: string[] = []
        for (const act of acts) {
          if (act === 'wait') await pass(5_000)
          else if (act === 'end') await pass(0, end.send(alice, withId(ids[0])))
          else await pass(0, Promise.all(creates.map(async (create) => {
            const run = fakeRun({ request: {} })
            await create.send(alice, run)
            ids.push(run.replyHeaders['Session-Id'] as string)
          })))
        }
        await pass(60_000)
        expect(closed).toHaveLength(ids.length)
        expect(new Set(closed).size).toBe(ids.length)
        const retired = Promise.all(creates.map((create) => create.retire()))
        await pass(0, retired)
      }),
      { numRuns: 15 },
    )
  })

  it('does not keep a deployment from retiring, which waits for its call', async () => {
    const slow = slowUpstream({ status: 204 })
    const { a, clock } = await estate({ closeUrl, data: 'payload' }, { upstream: slow.upstream, gateways: 1 })
    await begin(a, { ...alice, payload: { id: 1 } })
    await clock.advance(idle + 10_000)
    let retired = false
    const retiring = a.create.retire().then(() => (retired = true))
    await clock.advance(0)
    expect(retired).toBe(false)
    slow.waiting[0]?.()
    await retiring
    expect(slow.asked).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })
})

describe('the form of a session', () => {
  it.each([
    [{ session: 'a b' }, 'session.name'],
    [{ carrierName: 'a b' }, 'header.name'],
    [{ carrier: 'field', carrierName: 'a..b' }, 'value.path'],
    [{ client: 'a..b' }, 'value.path'],
    [{ data: '(', dataType: 'jsonata' }, 'expression.syntax'],
    [{ operation: 'create', idleSeconds: 100, absoluteSeconds: 10 }, 'session.life'],
    [{ operation: 'create', closeUrl: 'https://{{session.data.host}}/' }, 'session.close_url'],
    [{ operation: 'create', closeUrl: 'ftp://h/' }, 'session.close_url'],
    [{ cap: -1 }, 'config.invalid'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(session, config)).toMatchObject([{ code }])
  })

  it.each(['${TARGET}/close', 'https://${HOST}/close/{{session.handle}}'])('takes %s', (url) => {
    expect(checkNode(session, { operation: 'create', closeUrl: url })).toEqual([])
  })

  it('refuses a deploy when a variable of the close URL is not set', async () => {
    await expect(testNode(session, { operation: 'create', closeUrl: 'https://${NOPE}/' })).rejects.toMatchObject({ code: 'config.invalid' })
  })
})
