import { createHash, createHmac, randomBytes, randomUUID, scryptSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toSignText } from '../../nodes/auth/sign-code-method.ts'
import { clientSecretPurpose, seal } from '../../runtime/core/secrets/seal.ts'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Application, ClientSnapshot } from '../../runtime/core/access/clients.ts'
import { explainCheck } from '../../runtime/core/access/explain-check.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway } from '../kit/gateway.ts'

const live = { environment: 'production', active: true } as const
const application = (name: string, plan: string): Application => ({
  id: name, name, organisation: 'acme', active: true, rules: {},
  credentials: [{ kind: 'key', prefix: name, hash: createHash('sha256').update('secret').digest('base64url'), ...live }],
  subscriptions: [{ api: 'api', plan, state: 'approved' }],
})
const callers: ClientSnapshot = {
  version: 1,
  applications: [application('vip', 'gold'), application('usual', 'silver')],
  plans: [{ id: 'gold', name: 'Gold', quotas: [], priority: 0 }, { id: 'silver', name: 'Silver', quotas: [], priority: 5 }],
  apis: [{ id: 'api', name: 'Held', organisation: 'acme', flow: 'held', lifecycle: 'PUBLISHED', visibility: 'public' }],
}

/** A backend that answers when it is told to, in the order in which the calls came. */
let backend: Server
let backendUrl: string
let asked: string[]
let release: (() => void)[]
beforeEach(async () => {
  asked = []
  release = []
  backend = createServer((request, response) => {
    asked.push(String(request.url).slice(1))
    release.push(() => response.end('done'))
  })
  await new Promise<void>((done) => backend.listen(0, '127.0.0.1', done))
  backendUrl = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
})
afterEach(() => {
  backend.closeAllConnections()
  backend.close()
})

const nodes = (marker = 'one') => estate(
  flow('held').httpIn('GET', '/held').node('auth', { methods: [{ kind: 'key header', name: 'x-api-key' }, { kind: 'basic' }, { kind: 'sign code' }] }, 2).as('door').node('http request', { method: 'GET', url: `${backendUrl}/{{req.query.as}}` }).fn(`msg.payload = '${marker}'; msg.headers = {}; return msg`).httpResponse(),
  flow('open').httpIn('GET', '/open').node('http request', { method: 'GET', url: `${backendUrl}/{{req.query.as}}` }).fn(`msg.payload = '${marker}'; msg.headers = {}; return msg`).httpResponse(),
  flow('quick').httpIn('GET', '/quick').fn("msg.payload = 'quick'; return msg").httpResponse(),
)

async function start(settings: Readonly<Record<string, string>> = {}) {
  const gateway = await startGateway({ nodes: nodes(), settings: { SLUICE_ADMISSION: 'fixed', SLUICE_ADMISSION_LIMIT: '1', SLUICE_EGRESS_ALLOW: new URL(backendUrl).host, ...settings } })
  gateway.gateway.clients.replace(callers)
  const call = (path: string, as: string, key?: string, more: RequestInit = {}) => fetch(`${gateway.url}${path}?as=${as}`, { headers: key === undefined ? {} : { 'x-api-key': key }, ...more })
  return { ...gateway, call, [Symbol.asyncDispose]: gateway[Symbol.asyncDispose] }
}

/** How many wait, by priority. */
const waitingBy = async (opsUrl: string) => {
  const text = await (await fetch(`${opsUrl}/metrics`)).text()
  return new Map([...text.matchAll(/^sluice_queue_waiting\{line="\*gateway",priority="(\d)"\} (\d+)$/gm)].map(([, priority, count]) => [Number(priority), Number(count)]).filter(([, count]) => count !== 0) as [number, number][])
}
const waiting = async (opsUrl: string) => [...(await waitingBy(opsUrl)).values()].reduce((sum, count) => sum + count, 0)
/** Answers calls at the backend until so many came. */
async function serveAll(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    await expect.poll(() => release.length).toBeGreaterThan(at)
    release[at]?.()
  }
}

describe('the limit of a gateway', () => {
  test('lets important callers go first; who cannot prove it waits as the least important', async () => {
    await using gateway = await start()
    const all = [gateway.call('/open', 'first')]
    await expect.poll(() => asked).toEqual(['first'])
    const line: [string, string, string?][] = [['/open', 'stranger'], ['/held', 'usual', 'usual.secret'], ['/held', 'forged', 'vip.guess'], ['/held', 'vip', 'vip.secret']]
    for (const [at, [path, as, key]] of line.entries()) {
      all.push(gateway.call(path, as, key))
      await expect.poll(() => waiting(gateway.opsUrl)).toBe(at + 1)
    }
    await serveAll(4) // the forged one never gets to the backend
    const answers = await Promise.all(all)
    expect(asked).toEqual(['first', 'vip', 'usual', 'stranger'])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 401, 200])
    expect(answers[0]?.headers.get('x-queue-wait-ms')).toBeNull()
    expect(answers[4]?.headers.get('x-queue-wait-ms')).toMatch(/^\d+$/)
    const logged = gateway.lines().filter(({ status }) => status !== undefined)
    expect(logged.filter((line) => 'queue.wait' in line)).toHaveLength(4)
    expect(logged.every((line) => line['queue.wait'] === undefined || (line['queue.wait'] as number) <= (line['tookMs'] as number))).toBe(true)
  })

  test('refuses with 503 and when to come again, in whole seconds and in milliseconds', async () => {
    await using gateway = await start({ SLUICE_ADMISSION_MAX_WAIT_MS: '50', SLUICE_QUEUE_WAIT_HEADER: 'off' })
    const first = gateway.call('/open', 'first')
    await expect.poll(() => asked).toEqual(['first'])
    const late = await gateway.call('/quick', '')
    expect([late.status, late.headers.get('retry-after'), (await late.json() as { code: string }).code]).toEqual([503, expect.stringMatching(/^[1-9]\d*$/), expect.stringMatching(/^queue\.(expired|hopeless)$/)])
    expect(Number(late.headers.get('x-retry-after-ms'))).toBeGreaterThan(0)
    expect(late.headers.get('x-queue-wait-ms')).toBeNull()
    await serveAll(1)
    expect((await first).status).toBe(200)
    expect(await (await fetch(`${gateway.opsUrl}/metrics`)).text()).toMatch(/sluice_queue_refused_total\{line="\*gateway",priority="9",reason="(expired|hopeless)"\} 1/)
  })

  test('every refusal at the limit carries an id that says why: who, how many were in front, and when a turn is expected', async () => {
    await using gateway = await start({ SLUICE_ADMISSION_MAX_DEPTH: '1', SLUICE_ADMISSION_MAX_WAIT_MS: '20000' })
    const first = gateway.call('/open', 'first')
    await expect.poll(() => asked).toEqual(['first'])
    const evicted = gateway.call('/held', 'usual', 'usual.secret')
    await expect.poll(() => waiting(gateway.opsUrl)).toBe(1)
    const vip = gateway.call('/held', 'vip', 'vip.secret')
    const refusals = [await evicted, await gateway.call('/held', 'usual', 'usual.secret'), await gateway.call('/open', 'stranger')]
    const decisions = await Promise.all(refusals.map(async (reply) => {
      const { code, decision, run } = (await reply.json()) as { code: string; decision: string; run: string }
      const kept = gateway.gateway.decisions.get(decision)
      expect(kept).toMatchObject({ id: decision, run, code, status: 503, nodeType: 'gateway limit', method: 'GET', ip: '127.0.0.1', checks: [{ check: 'turn', passed: false, resource: '*gateway', underWay: 1, waiting: code === 'queue.evicted' ? 0 : 1, maxWaitMs: 20_000 }] })
      expect(kept?.passesAtMs).toBeGreaterThanOrEqual(kept?.at ?? Infinity)
      expect(gateway.lines().some((line) => line['decision'] === decision)).toBe(true)
      return kept!
    }))
    expect(decisions.map(({ code, application, organisation, api, route, checks: [check] }) => [code, application, organisation, api, route, check?.['priority'], check?.['reason']])).toEqual([
      ['queue.evicted', 'usual', 'acme', 'api', '/held', 5, 'evicted'],
      ['queue.full', 'usual', 'acme', 'api', '/held', 5, 'full'],
      ['queue.full', undefined, undefined, undefined, '/open', 9, 'full'],
    ])
    expect((['en', 'zh-TW'] as const).map((language) => explainCheck(decisions[1]!.checks[0]!, language))).toEqual([
      { name: 'Turn at a resource', found: 'limit of the gateway: 1 ahead at priority 5, 1 under way, waited 0 ms', passes: expect.stringMatching(/^a turn is expected in \d+ ms$/) },
      { name: '資源的順位', found: '閘道的上限：優先級 5 前面有 1 個，進行中 1 個，已等候 0 毫秒', passes: expect.stringMatching(/^預計 \d+ 毫秒後輪到$/) },
    ])
    await serveAll(2)
    expect([(await first).status, (await vip).status]).toEqual([200, 200])
  })

  test('nobody waits past the time that the run may take', async () => {
    await using gateway = await start({ SLUICE_DEADLINE_MS: '200' })
    const first = gateway.call('/open', 'first')
    await expect.poll(() => asked).toEqual(['first'])
    // In the line, or in the moment that was left of its time when the turn came.
    expect([503, 504]).toContain((await gateway.call('/open', 'late')).status)
    expect((await first).status).toBe(504)
    expect(gateway.gateway.deployer.inFlight).toBe(0)
  })

  test('a full line gives the place of the least important to somebody more important', async () => {
    await using gateway = await start({ SLUICE_ADMISSION_MAX_DEPTH: '1' })
    const first = gateway.call('/open', 'first')
    await expect.poll(() => asked).toEqual(['first'])
    const stranger = gateway.call('/open', 'stranger')
    await expect.poll(() => waiting(gateway.opsUrl)).toBe(1)
    const vip = gateway.call('/held', 'vip', 'vip.secret')
    expect([(await stranger).status, (await (await stranger).json() as { code: string }).code]).toEqual([503, 'queue.evicted'])
    expect((await (await gateway.call('/open', 'other')).json() as { code: string }).code).toBe('queue.full')
    await serveAll(2)
    expect([(await first).status, (await vip).status]).toEqual([200, 200])
  })

  test('a caller that goes away leaves the line, and gives its slot back when it had one', async () => {
    await using gateway = await start()
    const [one, two] = [new AbortController(), new AbortController()]
    gateway.call('/open', 'one', undefined, { signal: one.signal }).catch(() => {})
    await expect.poll(() => asked).toEqual(['one'])
    gateway.call('/open', 'two', undefined, { signal: two.signal }).catch(() => {})
    await expect.poll(() => waiting(gateway.opsUrl)).toBe(1)
    two.abort()
    await expect.poll(() => waiting(gateway.opsUrl)).toBe(0)
    one.abort()
    expect((await gateway.call('/quick', '')).status).toBe(200)
    expect(asked).toEqual(['one'])
  })

  test('keeps a part for priority 0 and for tabs that say they are as important', async () => {
    await using gateway = await start({ SLUICE_ADMISSION_LIMIT: '10', SLUICE_ADMISSION_RESERVE_PERCENT: '10' })
    const health = flow('health').httpIn('GET', '/health').fn("msg.payload = 'well'; return msg").httpResponse().nodes()
    await gateway.deploy([...nodes(), ...health.map((node) => (node.type === 'tab' ? { ...node, env: [{ name: 'SLUICE_PRIORITY', value: '0', type: 'str' }] } : node))])
    const wrong = await gateway.deploy(health.map((node) => (node.type === 'tab' ? { ...node, env: [{ name: 'SLUICE_PRIORITY', value: '10', type: 'str' }] } : node)))
    expect(wrong).toMatchObject({ ok: false, problems: [{ code: 'tab.priority', flow: 'health', property: 'env' }] })
    const many = Array.from({ length: 10 }, (_, at) => gateway.call('/open', `c${at}`))
    await expect.poll(() => waiting(gateway.opsUrl)).toBe(1)
    expect(asked).toHaveLength(9)
    expect(await (await gateway.call('/health', '')).text()).toBe('well')
    await serveAll(10)
    expect((await Promise.all(many)).every(({ status }) => status === 200)).toBe(true)
  })

  test('knows a password again that it has checked a moment ago', async () => {
    await using gateway = await start()
    const N = 16384
    const salt = randomBytes(16)
    const verifier = `scrypt$${N}$8$1$${salt.toString('base64url')}$${scryptSync('pw', salt, 32, { N, r: 8, p: 1 }).toString('base64url')}`
    gateway.gateway.clients.replace({ ...callers, version: 2, applications: [...callers.applications, { ...application('basic', 'gold'), credentials: [{ kind: 'basic', name: 'ann', verifier, ...live }] }] })
    const headers = { authorization: `Basic ${Buffer.from('ann:pw').toString('base64')}` }
    const known = gateway.call('/held', 'known', undefined, { headers })
    await serveAll(1)
    expect((await known).status).toBe(200)
    const all = [gateway.call('/open', 'first')]
    await expect.poll(() => asked).toHaveLength(2)
    for (const [at, [path, as, more]] of ([['/held', 'usual', { 'x-api-key': 'usual.secret' }], ['/held', 'basic', headers]] as const).entries()) {
      all.push(gateway.call(path, as, undefined, { headers: more }))
      await expect.poll(() => waiting(gateway.opsUrl)).toBe(at + 1)
    }
    await serveAll(4)
    await Promise.all(all)
    expect(asked).toEqual(['known', 'first', 'basic', 'usual'])
  })

  test('knows who signs each request anew by the signature; a forged one waits as the least important', async () => {
    await using gateway = await start()
    const sealKey = randomBytes(32)
    gateway.gateway.clients.setKey(sealKey)
    gateway.gateway.clients.replace({ ...callers, version: 2, applications: [...callers.applications, { ...application('signer', 'gold'), credentials: [{ kind: 'hmac', id: 'h1', sealed: seal(sealKey, 'a secret', clientSecretPurpose), ...live }] }] })
    const signed = (as: string, secret: string) => {
      const [timestamp, nonce] = [String(Date.now()), randomUUID()]
      const code = createHmac('sha256', secret).update(toSignText({ method: 'GET', path: '/held', url: `/held?as=${as}`, headers: {} } as never, [], timestamp, nonce)).digest('hex')
      return { 'x-client-id': 'h1', 'x-timestamp': timestamp, 'x-nonce': nonce, 'x-sign-code': code }
    }
    const all = [gateway.call('/open', 'first')]
    await expect.poll(() => asked).toEqual(['first'])
    for (const [at, [as, headers]] of ([['usual', { 'x-api-key': 'usual.secret' }], ['forged', signed('forged', 'a guess')], ['signer', signed('signer', 'a secret')]] as const).entries()) {
      all.push(gateway.call('/held', as, undefined, { headers }))
      await expect.poll(() => waiting(gateway.opsUrl)).toBe(at + 1)
    }
    await serveAll(3)
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 200, 401, 200])
    expect(asked).toEqual(['first', 'signer', 'usual'])
  })

  test('a token that another tab believes, of an issuer that it named itself, makes nobody important here', async () => {
    const issuer = 'https://as.example'
    const [ours, theirs] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')])
    const takes = async (key: CryptoKey) => ({ methods: [{ kind: 'jwt' }, { kind: 'key header', name: 'x-api-key' }], issuers: [{ issuer, audience: 'api', algorithms: 'ES256', jwksUrl: '', jwks: JSON.stringify({ keys: [await exportJWK(key)] }) }] })
    const tab = (id: string, config: object) => flow(id).httpIn('GET', `/${id}`).node('auth', config as Record<string, unknown>, 2).node('http request', { method: 'GET', url: `${backendUrl}/{{req.query.as}}` }).fn("msg.headers = {}; return msg").httpResponse()
    await using gateway = await start()
    await gateway.deploy(estate(tab('held', await takes(ours.publicKey)), tab('elsewhere', await takes(theirs.publicKey))))
    gateway.gateway.clients.replace({ ...callers, version: 2, applications: [...callers.applications, { ...application('partner', 'gold'), credentials: [{ kind: 'jwt', issuer, subject: 'partner', ...live }] }] })
    const bearer = async (key: CryptoKey) => ({ headers: { authorization: `Bearer ${await new SignJWT({ client_id: 'partner' }).setProtectedHeader({ alg: 'ES256' }).setIssuer(issuer).setAudience('api').setExpirationTime('5m').sign(key)}` } })
    const [good, made] = await Promise.all([bearer(ours.privateKey), bearer(theirs.privateKey)])
    const once = [gateway.call('/held', 'good', undefined, good), gateway.call('/elsewhere', 'made', undefined, made)]
    await serveAll(2)
    expect((await Promise.all(once)).map(({ status }) => status)).toEqual([200, 200])

    const all = [gateway.call('/held', 'first', 'usual.secret')]
    await expect.poll(() => asked).toHaveLength(3)
    for (const [at, [as, key, more]] of ([['made', undefined, made], ['usual', 'usual.secret', {}], ['good', undefined, good]] as const).entries()) {
      all.push(gateway.call('/held', as, key, more))
      await expect.poll(() => waiting(gateway.opsUrl)).toBe(at + 1)
    }
    expect(await waitingBy(gateway.opsUrl)).toEqual(new Map([[0, 1], [5, 1], [9, 1]]))
    await serveAll(5)
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 401, 200, 200])
  })

  test('1,000 that wait while a new release comes each finish on the one they came in on', async () => {
    await using gateway = await start({ SLUICE_ADMISSION_LIMIT: '20', SLUICE_ADMISSION_RESERVE_PERCENT: '0', SLUICE_ADMISSION_MAX_WAIT_MS: '30000' })
    const before = Array.from({ length: 1020 }, (_, at) => gateway.call('/open', `b${at}`))
    await expect.poll(() => waiting(gateway.opsUrl), { timeout: 10_000 }).toBe(1000)
    await gateway.deploy(nodes('two'))
    const after = Array.from({ length: 20 }, (_, at) => gateway.call('/open', `a${at}`))
    await expect.poll(() => waiting(gateway.opsUrl), { timeout: 10_000 }).toBe(1020)
    await serveAll(1040)
    const texts = async (calls: readonly Promise<Response>[]) => new Set(await Promise.all(calls.map(async (call) => (await call).text())))
    expect([await texts(before), await texts(after)]).toEqual([new Set(['one']), new Set(['two'])])
    await expect.poll(() => gateway.gateway.deployer.inFlight).toBe(0)
  }, 30_000)

  test('a stop lets those that wait finish, and tells the rest before it cuts', async () => {
    await using gateway = await start()
    const first = gateway.call('/open', 'first')
    await expect.poll(() => asked).toEqual(['first'])
    const second = gateway.call('/open', 'second')
    await expect.poll(() => waiting(gateway.opsUrl)).toBe(1)
    const drained = gateway.gateway.drain(3000)
    const refused = await second
    expect([refused.status, (await refused.json() as { code: string }).code]).toEqual([503, 'queue.closed'])
    await serveAll(1)
    expect((await first).status).toBe(200)
    expect(await drained).toEqual({ cut: 0 })
  })
})
