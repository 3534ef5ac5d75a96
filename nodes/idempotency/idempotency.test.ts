import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeClock, type FakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun, type FakeRun, type RunOptions } from '../../test/kit/fake-run.ts'
import { checkNode, type NodeTestOptions, testNode, type Sent, type TestedNode } from '../../test/kit/node-tester.ts'
import { Body, payloadOf } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { State } from '../../runtime/core/state/state.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { idempotency } from './idempotency.ts'

const limitMs = 30_000

/** Gateways that count and remember together, each with the node. */
async function gateways(count: number, config: object = {}, options: NodeTestOptions = {}) {
  const clock = (options.clock as FakeClock | undefined) ?? fakeClock()
  const state = options.state ?? createMemoryState({ clock })
  const nodes = await Promise.all(Array.from({ length: count }, () => testNode(idempotency, config, { clock, state, ...options })))
  const ask = (key: string | undefined, more: Partial<RunOptions['request']> = {}) =>
    fakeRun({ deadline: clock.now() + limitMs, request: { method: 'POST', url: '/pay', originalUrl: '/pay', path: '/pay', headers: key === undefined ? {} : { 'idempotency-key': key }, ...more } })
  const [a, b] = nodes as [TestedNode, TestedNode]
  return { clock, state, a, b, nodes, ask }
}

const headersOf = (sent: Sent | undefined) => (sent?.message.headers ?? {}) as Record<string, unknown>
const order = { payload: { amount: 10 } }
const answered = (message: Message) => ({ kind: 'reply', message }) as const

async function done(node: TestedNode, run: FakeRun, answer: Message, message: unknown = order) {
  const sent = await node.send(message, run)
  expect(sent).toMatchObject([{ port: 'run' }])
  await run.comesTo(answered(answer))
  return sent[0]?.message
}

describe('idempotency', () => {
  it('lets a transaction pass once; its repetition gets the same answer, marked, at any gateway', async () => {
    const { a, b, ask } = await gateways(2)
    const first = await done(a, ask('k1'), { statusCode: 201, headers: { Location: '/pay/1', 'Content-Length': '7' }, payload: { id: 1 } })
    expect(first).toMatchObject({ ...order, idempotency: { key: 'k1', fence: 1 } })
    const [again] = await b.send(order, ask('k1'))
    expect(again).toMatchObject({ port: 'replay', message: { statusCode: 201, idempotency: { key: 'k1', replayed: true } } })
    expect(again?.message.headers).toEqual({ Location: '/pay/1', 'Content-Type': 'application/json; charset=utf-8', 'Idempotent-Replayed': 'true' })
    expect(payloadOf(again?.message ?? {})).toEqual({ id: 1 })
  })

  it('answers by itself when nothing is wired to replay', async () => {
    const { a, ask } = await gateways(1, {}, { wired: ['run'] })
    await done(a, ask('k'), { payload: 'done' })
    const run = ask('k')
    expect(await a.send(order, run)).toEqual([])
    expect(run.replies).toMatchObject([{ statusCode: 200, payload: 'done', headers: { 'Idempotent-Replayed': 'true' } }])
  })

  it('of two gateways that race for a key one runs, the other is refused with Retry-After or waits and replays', async () => {
    for (const inFlight of ['refuse', 'wait']) {
      const { a, b, ask, clock } = await gateways(2, { inFlight })
      const runs = [ask('k'), ask('k')]
      const one = a.send(order, runs[0])
      const other = b.send(order, runs[1]).catch((error: unknown) => error)
      expect(await one).toMatchObject([{ port: 'run' }])
      if (inFlight === 'refuse') expect(await other).toMatchObject({ code: 'idem.conflict', status: 409, headers: { 'Retry-After': '1' } })
      else {
        await clock.advance(100)
        await runs[0]?.comesTo(answered({ payload: 'paid' }))
        await clock.advance(500)
        expect(await other).toMatchObject([{ port: 'replay', message: { payload: 'paid' } }])
      }
    }
  })

  it('lets nobody wait longer than the wait or the deadline, and not at all when the caller is gone', async () => {
    const { a, ask, clock } = await gateways(1, { inFlight: 'wait', waitMs: 1_000 })
    const holder = ask('k')
    await a.send(order, holder)
    const late = a.send(order, ask('k')).catch((error: unknown) => error)
    await clock.advance(2_000)
    expect(await late).toMatchObject({ code: 'idem.conflict' })
    const gone = ask('k')
    const left = a.send(order, gone).catch((error: unknown) => error)
    await clock.advance(30)
    gone.abort()
    expect(await left).toMatchObject({ code: 'client.closed' })
    expect(clock.pending).toBe(0)
  })

  it('refuses another request under the same key, also while the first runs; another route, client or method is told apart', async () => {
    const { a, ask } = await gateways(1)
    const run = ask('k')
    await a.send(order, run)
    await expect(a.send({ payload: { amount: 11 } }, ask('k'))).rejects.toMatchObject({ code: 'idem.mismatch', status: 422 })
    await run.comesTo(answered({ payload: 'ok' }))
    await expect(a.send({ payload: { amount: 11 } }, ask('k'))).rejects.toMatchObject({ code: 'idem.mismatch' })
    await expect(a.send(order, ask('k', { originalUrl: '/pay?to=me' }))).rejects.toMatchObject({ code: 'idem.mismatch' })
    expect(await a.send({ ...order, client: { id: 'c1' } }, ask('k'))).toMatchObject([{ port: 'run' }])
    expect(await a.send({ ...order, client: { id: 'c2' } }, ask('k'))).toMatchObject([{ port: 'run' }])
  })

  it('gives nobody the answer of an application that is called as they are, nor one of the sandbox to production', async () => {
    const { a, ask } = await gateways(1)
    const shop = { id: 'shop', application: 'shop', environment: 'production' }
    await done(a, ask('k'), { payload: 'secret' }, { ...order, client: shop })
    expect(await a.send({ ...order, client: shop }, ask('k'))).toMatchObject([{ port: 'replay' }])
    for (const other of [{ ...shop, application: 'other' }, { ...shop, environment: 'sandbox' }]) {
      expect(await a.send({ ...order, client: other }, ask('k'))).toMatchObject([{ port: 'run' }])
    }
  })

  it('keeps the sandbox apart also where everybody shares the keys', async () => {
    const { a, ask, clock } = await gateways(1, { sharedBy: 'everyone' })
    await done(a, ask('k'), { payload: 'paid' })
    const trying = fakeRun({ deadline: clock.now() + limitMs, environment: 'sandbox', request: { ...ask('k').request } })
    expect(await a.send(order, trying)).toMatchObject([{ port: 'run' }])
  })

  it('compares a body whatever the order of its keys, and an unread one byte by byte', async () => {
    const { a, ask } = await gateways(1)
    await done(a, ask('k'), { payload: 1 }, { payload: { a: 1, b: { c: 2, d: 3 } } })
    expect(await a.send({ payload: { b: { d: 3, c: 2 }, a: 1 } }, ask('k'))).toMatchObject([{ port: 'replay' }])
    const raw = (text: string) => ({ payload: Body.ofJsonBytes(Buffer.from(text)) })
    await done(a, ask('r'), { payload: 1 }, raw('{"a":1}'))
    expect(await a.send(raw('{"a":1}'), ask('r'))).toMatchObject([{ port: 'replay' }])
    await expect(a.send(raw('{"a":2}'), ask('r'))).rejects.toMatchObject({ code: 'idem.mismatch' })
  })

  it.each([
    ['a fault', { kind: 'fault', fault: fault('upstream.timeout', { host: 'h', afterMs: 1 }) } as const],
    ['an answer of 500 and above', answered({ statusCode: 503, payload: 'busy' })],
    ['an answer that cannot be sent', answered({ statusCode: 200, payload: { big: 1n } })],
  ])('frees the key after %s', async (_what, outcome) => {
    const { a, b, ask } = await gateways(2)
    const run = ask('k')
    await a.send(order, run)
    await run.comesTo(outcome)
    const [next] = await b.send(order, ask('k'))
    expect(next).toMatchObject({ port: 'run', message: { idempotency: { fence: 2 } } })
  })

  it('keeps an answer below 500, a refusal too', async () => {
    const { a, ask } = await gateways(1)
    await done(a, ask('k'), { statusCode: 404, payload: 'no such account' })
    expect(await a.send(order, ask('k'))).toMatchObject([{ port: 'replay', message: { statusCode: 404 } }])
  })

  it('of a gateway that died the key is given to the next when the lease ends, with a larger fence; the dead one cannot write any more', async () => {
    const { a, b, ask, clock } = await gateways(2)
    const dead = ask('k')
    await a.send(order, dead)
    await clock.advance(limitMs)
    await expect(b.send(order, ask('k'))).rejects.toMatchObject({ code: 'idem.conflict' })
    await clock.advance(5_001)
    const next = ask('k')
    expect(await b.send(order, next)).toMatchObject([{ port: 'run', message: { idempotency: { fence: 2 } } }])
    await dead.comesTo(answered({ payload: 'too late' }))
    await next.comesTo(answered({ payload: 'in time' }))
    expect(await a.send(order, ask('k'))).toMatchObject([{ port: 'replay', message: { payload: 'in time' } }])
  })

  it('forgets after its time', async () => {
    const { a, ask, clock } = await gateways(1, { ttlSeconds: 60 })
    await done(a, ask('k'), { payload: 1 })
    await clock.advance(59_999)
    expect(await a.send(order, ask('k'))).toMatchObject([{ port: 'replay' }])
    await clock.advance(2)
    expect(await a.send(order, ask('k'))).toMatchObject([{ port: 'run', message: { idempotency: { fence: 1 } } }])
  })

  it('never keeps cookies unless asked', async () => {
    const answer = { payload: 'x', headers: { 'Set-Cookie': 'a=1', ETag: 'e' }, cookies: { sid: { value: 's' } } }
    for (const keepCookies of [false, true]) {
      const { a, ask } = await gateways(1, { keepCookies })
      await done(a, ask('k'), answer)
      const [again] = await a.send(order, ask('k'))
      expect([again?.message.cookies, headersOf(again)['Set-Cookie']]).toEqual(keepCookies ? [answer.cookies, 'a=1'] : [undefined, undefined])
      expect(again?.message.headers).toMatchObject({ ETag: 'e' })
    }
  })

  it.each([
    ['text', 'é', 'é', 'text/html; charset=utf-8'],
    ['bytes', Buffer.from([0, 255]), Buffer.from([0, 255]), 'application/octet-stream'],
    ['an unread body', Body.ofBytes(Buffer.from('<a/>'), 'application/xml', (raw) => raw), Buffer.from('<a/>'), 'application/xml'],
    ['JSON', Body.ofJsonBytes(Buffer.from('{ "a":1 }')), { a: 1 }, 'application/json'],
    ['nothing', undefined, undefined, undefined],
  ])('replays %s as it was', async (_what, payload, back, type) => {
    const { a, ask } = await gateways(1)
    await done(a, ask('k'), { payload })
    const [again] = await a.send(order, ask('k'))
    expect(payloadOf(again?.message ?? {})).toEqual(back)
    expect(headersOf(again)['Content-Type']).toBe(type)
  })

  it('does not do again what was done, although its answer was too large to keep', async () => {
    const { a, ask } = await gateways(1, { answerLimitBytes: 1_000 })
    await done(a, ask('k'), { payload: 'x'.repeat(2_000) })
    await expect(a.send(order, ask('k'))).rejects.toMatchObject({ code: 'idem.not_kept', status: 409 })
  })

  it('reads a key bare or quoted, refuses one that is none, and a request without', async () => {
    const { a, ask } = await gateways(1)
    await done(a, ask('"k\\"1"'), { payload: 1 })
    expect(await a.send(order, ask('k"1'))).toMatchObject([{ port: 'replay' }])
    for (const key of ['x'.repeat(256), 'schlüssel', 'a\tb']) await expect(a.send(order, ask(key))).rejects.toMatchObject({ code: 'idem.invalid', status: 400 })
    for (const key of [undefined, '', '""']) await expect(a.send(order, ask(key))).rejects.toMatchObject({ code: 'idem.missing', status: 400 })
    const open = await testNode(idempotency, { missing: 'pass' })
    expect(await open.send(order, ask(undefined))).toEqual([{ port: 'run', message: order }])
  })

  it('takes a key from fields: other fields may differ', async () => {
    const { a, ask } = await gateways(1, { keyFrom: 'fields', fields: ['payload.account', 'payload.no'] })
    await done(a, ask(undefined), { payload: 'ok' }, { payload: { account: 'A', no: 1, at: 1 } })
    expect(await a.send({ payload: { no: 1, account: 'A', at: 2 } }, ask(undefined))).toMatchObject([{ port: 'replay' }])
    expect(await a.send({ payload: { no: 2, account: 'A' } }, ask(undefined))).toMatchObject([{ port: 'run' }])
    await expect(a.send({ payload: {} }, ask(undefined))).rejects.toMatchObject({ code: 'idem.missing' })
  })

  it('goes on without its caller unless told otherwise', async () => {
    for (const finish of [true, false]) {
      const { a, ask } = await gateways(1, { finish })
      const run = ask('k')
      await a.send(order, run)
      expect(run.outlives).toBe(finish)
    }
  })

  it('lets the same run pass twice, and swallows what was done without anybody to answer', async () => {
    const { a, clock } = await gateways(1, { keyFrom: 'fields', fields: ['payload.id'] }, { wired: ['run'] })
    const tick = fakeRun({ deadline: clock.now() + 1_000 })
    expect(await a.send({ payload: { id: 1 } }, tick)).toMatchObject([{ port: 'run' }])
    expect(await a.send({ payload: { id: 1 } }, tick)).toMatchObject([{ port: 'run' }])
    await tick.comesTo({ kind: 'end' })
    expect(await a.send({ payload: { id: 1 } }, fakeRun())).toEqual([])
  })

  it('without the store refuses, or passes unguarded when told so', async () => {
    const away = () => Promise.reject(fault('state.unavailable', { reason: 'away' }))
    const records = { get: away, set: away, setIfAbsent: away, replace: away, delete: away, join: away, leave: away, members: away }
    const state = { ...createMemoryState({ clock: fakeClock() }), records } as State
    const closed = await gateways(1, {}, { state })
    await expect(closed.a.send(order, closed.ask('k'))).rejects.toMatchObject({ code: 'state.unavailable', status: 503 })
    const open = await gateways(1, { onLoss: 'open' }, { state })
    expect(await open.a.send(order, open.ask('k'))).toEqual([{ port: 'run', message: order }])
  })

  it('shows no key of a caller to the store', async () => {
    const clock = fakeClock()
    const memory = createMemoryState({ clock })
    const seen: string[] = []
    const records = new Proxy(memory.records, { get: (target, name: 'get') => (...args: [string]) => (seen.push(JSON.stringify(args)), target[name](...args)) })
    const { a, ask } = await gateways(1, {}, { clock, state: { ...memory, records } })
    await done(a, ask('very-private'), { payload: 1 })
    expect(seen.join()).not.toContain('very-private')
  })

  it('whatever the interleaving, a key has at most one side effect within its time', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('ask' as const), gateway: fc.nat(2), key: fc.nat(1) }),
      fc.record({ do: fc.constant('finish' as const), which: fc.nat(9), how: fc.constantFrom('answer' as const, 'answer' as const, 'fail' as const) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.constant(50), fc.integer({ min: 1, max: 20_000 })) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 50 }), fc.constantFrom('refuse', 'wait'), fc.scheduler(), async (steps, inFlight, scheduler) => {
        const clock = fakeClock()
        const memory = createMemoryState({ clock })
        // Each look at the store takes its own time: every order of the gateways' steps can come about.
        const records = new Proxy(memory.records, { get: (target, name: 'get') => scheduler.scheduleFunction((...args: [string]) => target[name](...args)) })
        const { nodes, ask } = await gateways(3, { inFlight, waitMs: 5_000, ttlSeconds: 86_400 }, { clock, state: { ...memory, records } })
        const running: { run: FakeRun; key: number; endMs: number }[] = []
        const effects = new Map<number, number>()
        const replays: unknown[] = []
        const open: Promise<unknown>[] = []
        for (const step of steps) {
          if (step.do === 'ask') {
            const run = ask(`k${step.key}`)
            const endMs = clock.now() + limitMs
            open.push((nodes[step.gateway] as TestedNode).send(order, run).then(
              ([sent]) => sent?.port === 'run' ? running.push({ run, key: step.key, endMs }) : replays.push([step.key, sent?.message.payload]),
              (error: { code: string }) => expect(['idem.conflict', 'flow.timeout']).toContain(error.code),
            ))
          } else if (step.do === 'wait') {
            // The store answers sooner than any lease ends, and nobody runs past the deadline.
            while (scheduler.count() > 0) {
              await scheduler.waitOne()
              await clock.advance(0)
            }
            for (const one of running.splice(0)) if (one.endMs > clock.now() + step.ms) running.push(one)
            await clock.advance(step.ms)
          } else if (running.length > 0) {
            const [one] = running.splice(step.which % running.length, 1) as [(typeof running)[number]]
            if (step.how === 'answer') effects.set(one.key, (effects.get(one.key) ?? 0) + 1)
            open.push(one.run.comesTo(step.how === 'answer' ? answered({ payload: `done ${one.key}` }) : { kind: 'fault', fault: fault('step.error', {}) }))
          }
          if (scheduler.count() > 0) await scheduler.waitOne()
        }
        let settled = false
        const all = Promise.all(open).then(() => (settled = true))
        for (let turn = 0; turn < 1_000 && !settled; turn += 1) {
          if (scheduler.count() > 0) await scheduler.waitOne()
          else await clock.advance(250)
        }
        expect(settled).toBe(true)
        await all
        for (const count of effects.values()) expect(count).toBe(1)
        for (const replayed of replays as [number, string][]) expect(replayed[1]).toBe(`done ${replayed[0]}`)
      }),
      { numRuns: 150 },
    )
  })

  it.each([
    [{ header: 'a b' }, 'header.name'],
    [{ keyFrom: 'fields' }, 'idempotency.fields'],
    [{ keyFrom: 'fields', fields: ['payload..x'] }, 'value.path'],
    [{ ttlSeconds: 0 }, 'config.invalid'],
    [{ answerLimitBytes: 10_000_000 }, 'config.invalid'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(idempotency, config)).toMatchObject([{ code }])
  })
})
