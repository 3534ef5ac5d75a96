import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

/** How long Redis is away; `REDIS_AWAY_SECONDS=60` for the long run. */
const awayMs = Number(process.env['REDIS_AWAY_SECONDS'] ?? 3) * 1000
const slots = 4
const patience = { timeout: 30_000, interval: 50 }

interface Answer {
  readonly sentMs: number
  readonly atMs: number
  readonly status: number
  readonly code: string | undefined
  readonly id: string | undefined
  readonly retryAfter: string | null
}

/** A backend that takes its time, and counts what it is given. */
interface Backend {
  readonly url: string
  readonly did: Map<string, number>
  most: number
}

let server: Server
let backend: Backend
let redis: TestRedis
let gateways: TestGateway[] = []
let loading = false

beforeEach(async () => {
  let under = 0
  const did = new Map<string, number>()
  server = createServer((request, response) => {
    const what = String(request.url)
    if (what === '/sync') backend.most = Math.max(backend.most, ++under)
    setTimeout(() => {
      if (what === '/sync') under -= 1
      did.set(what, (did.get(what) ?? 0) + 1)
      response.end('done')
    }, 80)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  backend = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, did, most: 0 }
})
afterEach(async () => {
  loading = false
  redis?.thaw()
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()))
  await redis?.stop()
  server.closeAllConnections()
  server.close()
}, 60_000)

const nodes = () => [
  { id: 'host', type: 'resource', name: 'host', slots, scope: 'cluster' },
  ...estate(
    flow('waits').httpIn('GET', '/waits').node('priority queue', { resource: 'host', priority: 'req.query.p', priorityType: 'msg', maxWaitMs: 2000 }, 2).node('http request', { method: 'GET', url: `${backend.url}/sync` }).httpResponse(),
    flow('later').httpIn('POST', '/later').node('async', { statusPath: '', attempts: 20, backoffMs: 100, backoffMostMs: 500, atOnce: 4 }).node('http request', { method: 'GET', url: `${backend.url}/job/{{job.id}}` }).httpResponse(),
  ),
] as never

describe.skipIf(!needs('redis-server'))('with Redis away in the middle of the load', () => {
  test.each([
    ['frozen', async () => redis.freeze(), async () => redis.thaw()],
    ['killed, and started again with what it has on disk', () => redis.kill(), () => redis.start()],
  ])('%s: every call is answered, nothing accepted is lost, and all goes on by itself', async (_how, leave, comeBack) => {
    redis = await startRedis({ durable: true })
    const settings = { SLUICE_REDIS_URL: redis.url, SLUICE_JOB_KEY: '7'.repeat(64), SLUICE_STATE_SHARES: '2', SLUICE_EGRESS_ALLOW: new URL(backend.url).host }
    gateways = await Promise.all([0, 1].map(() => startGateway({ nodes: nodes(), settings })))
    const answers = { waits: [] as Answer[], later: [] as Answer[] }
    const open = new Set<Promise<void>>()
    loading = true
    async function ask(kind: keyof typeof answers, n: number): Promise<void> {
      const { url } = gateways[n % 2] as TestGateway
      const sentMs = performance.now()
      // Whoever got no answer by then hangs.
      const reply = await fetch(kind === 'waits' ? `${url}/waits?p=${[0, 5, 9][n % 3]}` : `${url}/later`, { method: kind === 'waits' ? 'GET' : 'POST', signal: AbortSignal.timeout(10_000) })
      const text = await reply.text()
      const { code, id } = (text.startsWith('{') ? JSON.parse(text) : {}) as { code?: string; id?: string }
      answers[kind].push({ sentMs, atMs: performance.now(), status: reply.status, code, id, retryAfter: reply.headers.get('retry-after') })
    }
    /** Calls come whether or not those before were answered: more than the backend can take. */
    const load = (async () => {
      for (let n = 0; loading; n += 1) {
        for (const kind of ['waits', 'waits', 'waits', 'later'] as const) {
          const one: Promise<void> = ask(kind, n).finally(() => open.delete(one))
          one.catch(() => {}) // told when all are looked at
          open.add(one)
        }
        await pause(40)
      }
    })()
    const had = (kind: keyof typeof answers, status: number, sinceMs: number, code?: string) => answers[kind].filter((one) => one.atMs >= sinceMs && one.status === status && (code === undefined || one.code === code)).length

    await expect.poll(() => had('waits', 200, 0) > 20 && had('later', 202, 0) > 5, patience).toBe(true)
    const leftMs = performance.now()
    await leave()
    await pause(awayMs)
    // Calls went on with each gateway's share; work was refused, and said so.
    expect([had('waits', 200, leftMs + 500) > 10, had('later', 503, leftMs, 'job.unavailable') > 0]).toEqual([true, true])
    expect(answers.later.filter(({ sentMs, status }) => sentMs > leftMs && status === 202)).toEqual([])
    await comeBack()
    const backMs = performance.now()
    await expect.poll(() => had('waits', 200, backMs) > 20 && had('later', 202, backMs) > 5, patience).toBe(true)
    loading = false
    await load
    await Promise.all(open) // fails for whoever hung

    const all = [...answers.waits, ...answers.later]
    const refused = all.filter(({ status }) => status === 503)
    expect(all.filter(({ status }) => ![200, 202, 503, 502].includes(status))).toEqual([])
    // A turn that Redis lost with its ticket is told as such, and never given twice.
    expect(all.filter(({ status, code }) => status === 502 && code !== 'job.lost')).toEqual([])
    expect(refused.filter(({ code }) => !/^(?:queue\.(?:full|evicted|hopeless|expired|unavailable)|job\.unavailable)$/.test(code ?? ''))).toEqual([])
    expect(refused.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true)
    const accepted = answers.later.flatMap(({ status, id }) => (status === 202 && id !== undefined ? [id] : []))
    await expect.poll(() => accepted.filter((id) => !backend.did.has(`/job/${id}`)).length, patience).toBe(0)

    // No slot is left behind: the line gives all of them again, on both gateways together.
    await expect.poll(async () => {
      const reports = await Promise.all(gateways.map(({ gateway }) => gateway.deployer.command({ do: 'lines.list' }))) as { active: number[]; waiting: number[] }[][]
      return reports.flat().flatMap(({ active, waiting }) => [...active, ...waiting]).reduce((sum, count) => sum + count, 0)
    }, patience).toBe(0)
    await expect.poll(async () => {
      backend.most = 0
      await Promise.all(Array.from({ length: 24 }, (_, n) => ask('waits', n)))
      return [new Set(answers.waits.slice(-24).map(({ status }) => status)), backend.most]
    }, patience).toEqual([new Set([200]), slots])
  }, 60_000 + 2 * awayMs)
})
