import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

/** A bank that notes what it is asked for, and answers when it is let. */
interface Bank {
  readonly url: string
  readonly payments: string[]
  readonly closed: string[]
  /** Answers to payments wait until this is called. */
  hold(): () => void
  status: number
  close(): Promise<void>
}

async function openBank(): Promise<Bank> {
  const payments: string[] = []
  const closed: string[] = []
  let gate: Promise<void> = Promise.resolve()
  const bank = { status: 201 }
  const server: Server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      if (request.url === '/pay') payments.push(body)
      else closed.push(`${request.url} ${(JSON.parse(body) as { session: { reason: string } }).session.reason}`)
      void gate.then(() => response.writeHead(bank.status, { 'content-type': 'application/json' }).end(`{"payment":${payments.length}}`))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(bank, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    payments,
    closed,
    hold() {
      let open = () => {}
      gate = new Promise((resolve) => (open = resolve))
      return open
    },
    close: () => new Promise<void>((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  })
}

const flows = (bank: Bank) =>
  estate(
    flow('pay').httpIn('POST', '/pay').node('idempotency', {}, 2).node('service callout', { method: 'POST', url: `${bank.url}/pay`, expectedStatus: '200-599' }, 2).httpResponse(),
    flow('slowly').httpIn('POST', '/wait').node('idempotency', { inFlight: 'wait' }, 2).node('service callout', { method: 'POST', url: `${bank.url}/pay` }, 2).httpResponse(),
    flow('begin').httpIn('POST', '/begin').node('session', { operation: 'create', data: 'payload', client: 'payload.who', cap: 1, whenFull: 'evict', closeUrl: `${bank.url}/sessions/{{session.data.who}}` }, 2).httpResponse(204),
    flow('look').httpIn('GET', '/look').node('session', { operation: 'validate' }, 2).change({ t: 'set', p: 'payload', pt: 'msg', to: 'session.data', tot: 'msg' }).httpResponse(),
    flow('leave').httpIn('POST', '/leave').node('session', { operation: 'end' }, 2).httpResponse(204),
  )

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(count: number, redis?: TestRedis) {
  const bank = await openBank()
  closers.push(() => bank.close())
  const gateways: TestGateway[] = []
  for (let i = 0; i < count; i += 1) {
    const gateway = await startGateway({ nodes: flows(bank), settings: { SLUICE_EGRESS_ALLOW: '127.0.0.1', ...(redis ? { SLUICE_REDIS_URL: redis.url } : {}) } })
    closers.push(() => gateway.close())
    gateways.push(gateway)
  }
  const [a, b = a] = gateways as [TestGateway, TestGateway?]
  return { bank, a, b }
}

function pay(gateway: TestGateway, key: string, options: { path?: string; body?: string; signal?: AbortSignal } = {}) {
  const { path = '/pay', body = '{"amount":10}', signal } = options
  return fetch(`${gateway.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', 'idempotency-key': key }, body, ...(signal ? { signal } : {}) })
}

const post = (gateway: TestGateway, path: string, session?: string, body = '') =>
  fetch(`${gateway.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...(session ? { 'session-id': session } : {}) }, body })
const look = (gateway: TestGateway, session: string) => fetch(`${gateway.url}/look`, { headers: { 'session-id': session } })

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function story(redis?: TestRedis) {
  const { bank, a, b } = await start(redis ? 2 : 1, redis)

  const first = await pay(a, 'k1')
  const again = await pay(b, '"k1"')
  expect([first.status, again.status]).toEqual([201, 201])
  expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([null, 'true'])
  expect(await again.text()).toBe(await first.text())
  expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'))
  expect((await pay(b, 'k1', { body: '{"amount":11}' })).status).toBe(422)
  expect(bank.payments).toHaveLength(1)

  // Twenty at once at both gateways: one pays.
  const release = bank.hold()
  const race = Array.from({ length: 20 }, (_, index) => pay(index % 2 === 0 ? a : b, 'k2'))
  await until(() => bank.payments.length > 1)
  const waiter = pay(b, 'w', { path: '/wait' })
  await until(() => bank.payments.length > 2)
  const waiters = [pay(a, 'w', { path: '/wait' }), pay(b, 'w', { path: '/wait' })]
  const refused: Response[] = []
  for (const call of race) void call.then((answer) => refused.push(answer))
  await until(() => refused.length === 19)
  expect(refused.map(({ status }) => status)).toEqual(Array.from({ length: 19 }, () => 409))
  expect(refused[0]?.headers.get('retry-after')).toBe('1')
  release()
  expect((await Promise.all(race)).filter(({ status }) => status === 201)).toHaveLength(1)
  for (const answer of await Promise.all([waiter, ...waiters])) expect(answer.status).toBe(201)
  expect(bank.payments).toHaveLength(3)

  // A caller that hangs up: its payment goes on, and the repetition gets the answer.
  const releaseLate = bank.hold()
  const gone = new AbortController()
  const hungUp = pay(a, 'k3', { signal: gone.signal }).catch(() => 'gone')
  await until(() => bank.payments.length > 3)
  gone.abort()
  expect(await hungUp).toBe('gone')
  expect((await pay(b, 'k3')).status).toBe(409)
  releaseLate()
  let repeated = await pay(b, 'k3')
  while (repeated.status === 409) repeated = await pay(b, 'k3')
  expect(repeated.headers.get('idempotent-replayed')).toBe('true')
  expect(bank.payments).toHaveLength(4)

  // A failure may be tried again.
  bank.status = 503
  expect((await pay(a, 'k4')).status).toBe(503)
  bank.status = 201
  expect((await pay(b, 'k4')).status).toBe(201)
  expect(bank.payments).toHaveLength(6)

  // A session goes on at the other gateway, makes room, ends, and is closed at the bank.
  const begun = await post(a, '/begin', undefined, '{"who":"alice"}')
  const session = begun.headers.get('session-id') as string
  expect(begun.headers.get('cache-control')).toBe('no-store')
  expect(await (await look(b, session)).json()).toEqual({ who: 'alice' })
  const next = (await post(b, '/begin', undefined, '{"who":"alice"}')).headers.get('session-id') as string
  const old = await look(a, session)
  expect([old.status, old.headers.get('www-authenticate')]).toEqual([401, 'Session realm="default"'])
  await post(a, '/leave', next)
  expect((await look(b, next)).status).toBe(401)
  await until(() => bank.closed.length === 2)
  expect(bank.closed.toSorted()).toEqual(['/sessions/alice ended', '/sessions/alice evicted'])
  expect([...a.lines(), ...b.lines()].map((line) => JSON.stringify(line)).join('\n')).not.toContain(session)
}

test('a gateway alone pays once per key and keeps sessions', { timeout: 30_000 }, () => story())

describe.skipIf(!needs('redis-server'))('with Redis', () => {
  test('two gateways pay once per key and share sessions', { timeout: 30_000 }, async () => {
    const redis = await startRedis()
    closers.push(() => redis.stop())
    await story(redis)
  })
})
