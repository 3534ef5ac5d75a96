import { createHmac, createHash, randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Actor, KnownDecision } from '../../control/contract.ts'
import { runCommandLine } from '../../runtime/cli/command-line.ts'
import { explainCheck } from '../../runtime/core/access/explain-check.ts'
import { refusalRemedies } from '../../runtime/core/access/refusal-remedies.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { until } from '../kit/planes.ts'
import { admin, openWhole, type Whole } from '../kit/whole-product.ts'

const byKey = { methods: [{ kind: 'key header', name: 'x-api-key' }] }
const anyOf = { methods: [{ kind: 'key header', name: 'x-api-key' }, { kind: 'key query', name: 'apikey' }, { kind: 'basic' }, { kind: 'sign code' }, { kind: 'jwt' }], issuers: [{ issuer: 'https://issuer.example', audience: 'api', algorithms: 'RS256' }] }
const guarded = (id: string, path: string) => flow(id).httpIn('GET', path).node('auth', byKey, 2)
const open = (id: string, path: string) => flow(id).httpIn('GET', path)
const ok = 'msg.payload = 1\nreturn msg'

const owner: Actor = { name: 'olga', role: 'subscriber', from: 'test' }
const stranger: Actor = { name: 'sam', role: 'subscriber', from: 'test' }
const operator: Actor = { name: 'opal', role: 'operator', from: 'test' }

let whole: Whole
const keys = new Map<string, string>()

/** An application of Olga's with a key, subscribed to the guarded APIs. */
async function application(id: string, rules: object = {}, subscribed = true): Promise<void> {
  const { consumers } = whole.control
  await consumers.applications.create({ id, name: id, organisation: 'north', owner: 'olga', rules }, admin)
  keys.set(id, (await consumers.credentials.create({ application: id, kind: 'key' }, admin)).secret as string)
  if (subscribed) await consumers.subscriptions.create({ application: id, api: 'orders', plan: 'free' }, admin)
}

beforeAll(async () => {
  whole = await openWhole()
  const { control } = whole
  const { consumers } = control
  for (const { name, role } of [owner, stranger, operator]) await control.users.create({ name, role }, 'admin')
  await control.users.create({ name: 'vera', role: 'viewer' }, 'admin')
  await whole.deploy(
    estate(
      guarded('orders-flow', '/orders').fn(ok).httpResponse(),
      guarded('limited', '/limited').node('quota', { windows: [{ limit: '1', limitType: 'num', every: 1, unit: 'hour', algorithm: 'fixed', per: 'application' }] }, 2).fn(ok).httpResponse(),
      open('spike', '/spike').node('spike arrest', { rate: '1', rateType: 'num', unit: 'minute', per: 'all' }, 2).fn(ok).httpResponse(),
      open('slots', '/slots').node('concurrency limit', { limit: '0', limitType: 'num', per: 'all' }, 2).fn(ok).httpResponse(),
      open('inner', '/inner').node('access control', { allow: ['192.0.2.0/24'] }, 2).fn(ok).httpResponse(),
      open('closed-flow', '/closed').fn(ok).httpResponse(),
      open('sessions', '/session').node('session', { operation: 'validate', session: 's' }, 2).fn(ok).httpResponse(),
      open('once', '/once').node('idempotency', {}, 2).fn(ok).httpResponse(),
      flow('any').httpIn('POST', '/any').node('auth', anyOf, 2).fn(ok).httpResponse(),
    ),
  )
  for (const id of ['north', 'south']) await consumers.organisations.create({ id, name: id }, admin)
  await consumers.members.create({ organisation: 'north', user: 'olga', role: 'subscriber' }, admin)
  await consumers.members.create({ organisation: 'south', user: 'sam', role: 'subscriber' }, admin)
  await consumers.plans.create({ id: 'free', name: 'Free', autoApprove: true }, admin)
  for (const [id, served] of [['orders', 'orders-flow'], ['closed', 'closed-flow']] as const) {
    await consumers.apis.create({ id, name: id, organisation: 'south', flow: served, visibility: 'public' }, admin)
    await consumers.apis.move(id, 'PUBLISHED', undefined, admin)
  }
  await consumers.apis.move('closed', 'BLOCKED', undefined, admin)
  await application('shop')
  await application('walled', { cidrs: ['203.0.113.0/24'] })
  const day = ((new Date().getUTCDay() + 2) % 7) + 1
  await application('clerk', { hours: { zone: 'Asia/Taipei', windows: [{ days: [day], from: '08:00', to: '17:00' }] } })
  await application('guest', {}, false)
  await application('gone')
  await whole.inStep()
}, 30_000)
afterAll(async () => await whole?.close())
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

async function call(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const reply = await fetch(whole.url + path, { method, headers })
  const text = await reply.text()
  const problem = (text.startsWith('{') ? JSON.parse(text) : {}) as { code?: string; decision?: string }
  return { status: reply.status, requestId: reply.headers.get('x-request-id'), text, ...problem }
}
const as = (id: string) => ({ 'x-api-key': keys.get(id) as string })
const why = (id: string, by: Actor = operator) => whole.control.decisions.get(id, by)
const decider = ({ checks, decidedBy }: KnownDecision) => checks[decidedBy]
const stored = async () => (await whole.control.decisions.list({ limit: 200 }, admin)).items

describe('every refusal carries an id that explains it at once', () => {
  const cases: [name: string, refuse: () => ReturnType<typeof call>, code: string, check: object, more?: object][] = [
    ['no credential', () => call('/orders'), 'auth.missing', { check: 'key', passed: false, reason: 'not there' }, { api: 'orders', provider: 'south' }],
    ['a wrong key', () => call('/orders', { 'x-api-key': 'slk_nobody.nothing' }), 'auth.invalid_key', { check: 'key', passed: false }],
    ['a wrong secret of somebody’s key', () => call('/orders', { 'x-api-key': `${keys.get('shop')!.split('.')[0]}.wrong` }), 'auth.invalid_key', { check: 'key' }, { application: 'shop', organisation: 'north' }],
    ['an address outside the client’s networks', () => call('/orders', as('walled')), 'ip.denied', { check: 'network', ip: '127.0.0.1', networks: ['203.0.113.0/24'] }, { application: 'walled' }],
    ['outside service hours', () => call('/orders', as('clerk')), 'plan.hours', { check: 'service hours', zone: 'Asia/Taipei', opensAtMs: expect.any(Number) }, { passesAtMs: expect.any(Number) }],
    ['no subscription', () => call('/orders', as('guest')), 'auth.not_subscribed', { check: 'subscription', reason: 'no subscription' }, { application: 'guest' }],
    ['a quota that is used up', async () => (await call('/limited', as('shop')), call('/limited', as('shop'))), 'quota.exceeded', { check: 'counter', per: 'application', limit: 1, used: 1, remaining: 0 }, { passesAtMs: expect.any(Number), application: 'shop' }],
    ['calls too fast', async () => (await call('/spike'), call('/spike')), 'spike.exceeded', { check: 'rate', per: 'all' }, { passesAtMs: expect.any(Number) }],
    ['too many at the same time', () => call('/slots'), 'concurrency.exceeded', { check: 'lease', limit: 0 }],
    ['access control', () => call('/inner'), 'ip.denied', { check: 'allowed', ip: '127.0.0.1', networks: ['192.0.2.0/24'] }, { nodeType: 'access control' }],
    ['a closed API', () => call('/closed'), 'api.blocked', { check: 'API', api: 'closed', lifecycle: 'BLOCKED' }, { api: 'closed' }],
    ['no session', () => call('/session'), 'session.none', { check: 'session' }],
    ['no idempotency key', () => call('/once'), 'idem.missing', { check: 'idempotency key' }],
  ]
  test.each(cases)('%s', async (_name, refuse, code, check, more = {}) => {
    const refused = await refuse()
    expect(refused.code).toBe(code)
    expect(refused.decision).toBe(refused.requestId)
    // At once: whether control was told of it yet or not.
    const decision = await why(refused.decision as string)
    expect(decision).toMatchObject({ id: refused.decision, run: refused.requestId, code, status: refused.status, ip: '127.0.0.1', gateway: expect.any(String), ...more })
    expect(decider(decision)).toMatchObject({ passed: false, ...check })
    expect(Object.keys(refusalRemedies)).toContain(code)
    for (const language of ['en', 'zh-TW'] as const) {
      for (const one of decision.checks) {
        const { name, found } = explainCheck(one, language)
        expect(`${name} ${found}`).not.toMatch(/undefined|\?|\[object|NaN/)
        if (language === 'zh-TW') expect(name + found).toMatch(/\p{Script=Han}|^API/u)
      }
    }
    await until(async () => (await stored()).some(({ id }) => id === refused.decision))
  })

  test('a credential that was taken back, an application that is switched off', async () => {
    const { consumers } = whole.control
    const { items } = await consumers.credentials.list({ application: 'gone' }, admin)
    await consumers.credentials.setActive(items[0]!.id, false, undefined, admin)
    await whole.inStep()
    const revoked = await call('/orders', as('gone'))
    expect(await why(revoked.decision as string)).toMatchObject({ application: 'gone', code: revoked.code })
    expect(decider(await why(revoked.decision as string))).toMatchObject({ passed: false })
    await consumers.credentials.setActive(items[0]!.id, true, undefined, admin)
    await consumers.applications.patch('gone', { active: false }, undefined, admin)
    await whole.inStep()
    const off = await call('/orders', as('gone'))
    expect(decider(await why(off.decision as string))).toMatchObject({ check: 'application', passed: false, application: 'gone' })
  })
})

test('a key that was revoked is called so, by whoever still has it; a wrong secret of it is wrong', async () => {
  const { consumers } = whole.control
  const { credential, secret = '' } = await consumers.credentials.create({ application: 'shop', kind: 'key' }, admin)
  await consumers.credentials.revoke(credential.id, undefined, admin)
  await whole.inStep()
  const refused = await call('/orders', { 'x-api-key': secret })
  expect([refused.status, refused.code]).toEqual([401, 'auth.revoked'])
  expect(await why(refused.decision as string)).toMatchObject({ application: 'shop', code: 'auth.revoked' })
  expect(decider(await why(refused.decision as string))).toMatchObject({ check: 'credential', passed: false, kind: 'key' })
  expect((await call('/orders', { 'x-api-key': `${secret.split('.')[0]}.wrong` })).code).toBe('auth.invalid_key')
  expect((await call('/orders', as('shop'))).status).toBe(200)
})

describe('who may see it', () => {
  test('the owner of the application sees what concerns the call; others see that there is nothing', async () => {
    const { decision } = await call('/orders', as('guest'))
    const seen = await why(decision as string, owner)
    expect(seen).toMatchObject({ code: 'auth.not_subscribed', application: 'guest', ip: '127.0.0.1' })
    expect(seen.checks.length).toBeGreaterThan(1)
    for (const hidden of ['flow', 'node', 'gateway']) expect(seen).not.toHaveProperty(hidden)
    for (const by of [stranger, { name: 'vera', role: 'viewer', from: 'test' } as const]) {
      await expect(why(decision as string, by)).rejects.toMatchObject({ code: 'record.none', status: 404 })
      expect((await whole.control.decisions.list({}, by)).items).toEqual([])
      expect((await whole.control.decisions.list({ application: 'guest' }, by)).items).toEqual([])
    }
    const anonymous = await call('/orders')
    await expect(why(anonymous.decision as string, owner)).rejects.toMatchObject({ status: 404 })
    await until(async () => (await whole.control.decisions.list({ application: 'guest' }, owner)).items.some(({ id }) => id === decision))
    const own = await whole.control.decisions.list({ limit: 200 }, owner)
    expect(own.items.every(({ organisation }) => organisation === 'north')).toBe(true)
  })

  test('an operator of the provider’s organisation sees refusals of its API, whosever the application is', async () => {
    await whole.control.users.create({ name: 'olaf', role: 'subscriber' }, 'admin')
    await whole.control.consumers.members.create({ organisation: 'south', user: 'olaf', role: 'operator' }, admin)
    const olaf: Actor = { name: 'olaf', role: 'subscriber', from: 'test' }
    const { decision } = await call('/orders', as('guest'))
    expect(await why(decision as string, olaf)).toMatchObject({ application: 'guest', flow: 'orders-flow' })
    const elsewhere = await call('/limited', as('shop'))
    await expect(why(elsewhere.decision as string, olaf)).rejects.toMatchObject({ status: 404 })
  })

  test('lists of networks in a flow are nobody’s but the provider’s', async () => {
    await whole.deploy(estate(guarded('orders-flow', '/orders').node('access control', { allow: ['198.51.100.7'] }, 2).fn(ok).httpResponse(), open('closed-flow', '/closed').fn(ok).httpResponse()))
    const { decision } = await call('/orders', as('shop'))
    expect(JSON.stringify(await why(decision as string))).toContain('198.51.100.7')
    expect(JSON.stringify(await why(decision as string, owner))).not.toContain('198.51.100.7')
  })
})

test('the list goes page by page, newest first, and can be narrowed', async () => {
  for (let one = 0; one < 5; one++) await call('/orders', as('guest'))
  await until(async () => (await whole.control.decisions.list({ application: 'guest', limit: 200 }, admin)).items.length >= 5)
  const seen: KnownDecision[] = []
  let cursor: string | undefined
  do {
    const page = await whole.control.decisions.list({ application: 'guest', code: 'auth.not_subscribed', limit: 2, ...(cursor ? { cursor } : {}) }, admin)
    seen.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined)
  expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length)
  expect(seen.map(({ at }) => at)).toEqual(seen.map(({ at }) => at).toSorted((a, b) => b - a))
  expect(seen.every(({ code, application }) => code === 'auth.not_subscribed' && application === 'guest')).toBe(true)
  expect((await whole.control.decisions.list({ from: '2099-01-01T00:00:00Z' }, admin)).items).toEqual([])
  for (const wrong of [{ cursor: 'x' }, { from: 'soon' }]) await expect(whole.control.decisions.list(wrong, admin)).rejects.toMatchObject({ code: 'query.invalid', status: 422 })
})

test('`sluice why` tells it line by line, and --json as data', async () => {
  const { decision } = await call('/orders', as('clerk'))
  vi.stubEnv('SLUICE_TOKEN', (await whole.control.users.issueToken('opal', 'cli', 60_000)).token)
  let out = ''
  vi.spyOn(process.stdout, 'write').mockImplementation(((text: string | Uint8Array) => ((out += String(text)), true)) as never)
  vi.spyOn(process.stderr, 'write').mockImplementation((() => true) as never)
  expect(await runCommandLine(['why', decision as string, '--url', whole.controlUrl])).toBe(0)
  expect(out).toContain('plan.hours (403 Outside service hours)')
  expect(out).toMatch(/✓ API key: good/)
  expect(out).toMatch(/✗ Service hours: closed: \w{3} 08:00–17:00 Asia\/Taipei; opens again \d{4}-\d\d-\d\d \(\w{3}\) 08:00 Asia\/Taipei {2}← this decided/)
  expect(out).toMatch(/Passes: \d{4}-\d\d-\d\d \(\w{3}\) 08:00 Asia\/Taipei\nRemedy: /)
  out = ''
  expect(await runCommandLine(['why', decision as string, '--json', '--url', whole.controlUrl])).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ id: decision, code: 'plan.hours' })
  expect(await runCommandLine(['why', 'nothing', '--url', whole.controlUrl])).toBe(1)
})

test('pages explain it in both languages', async () => {
  const { decision } = await call('/orders', as('clerk'))
  const { token } = await whole.control.users.issueToken('opal', 'page', 60_000)
  const page = async (path: string, language: string) => await (await fetch(whole.controlUrl + path, { headers: { authorization: `Bearer ${token}`, 'accept-language': language } })).text()
  const en = await page(`/decisions/${decision}`, 'en')
  expect(en).toContain('Why was this call refused?')
  expect(en).toContain('opens again')
  expect(en).toContain('Call within the service hours')
  const zh = await page(`/decisions/${decision}`, 'zh-TW')
  for (const text of ['這個呼叫為什麼被拒絕？', '服務時間', '再度開放', '不在服務時間內']) expect(zh).toContain(text)
  await until(async () => (await page('/decisions?code=plan.hours', 'en')).includes(`/decisions/${decision}`))
  expect(await page('/applications/clerk', 'en')).toContain('/decisions?application=clerk')
})

test('no secret that a caller sends is in a decision or in the log, whatever kind it is', async () => {
  await whole.deploy(estate(flow('any').httpIn('POST', '/any').node('auth', anyOf, 2).fn(ok).httpResponse(), open('limited', '/keyed').node('quota', { key: [{ value: 'req.headers.x-secret', valueType: 'msg' }], windows: [{ limit: '0', limitType: 'num', every: 1, unit: 'hour', algorithm: 'fixed', per: 'key' }] }, 2).fn(ok).httpResponse()))
  const secret = `s3cret${randomBytes(9).toString('hex')}`
  const body = `body-${secret}`
  const jwt = [{ alg: 'RS256', kid: secret }, { iss: 'https://issuer.example', sub: secret }, {}].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const sent: Record<string, string>[] = [
    { 'x-api-key': `${keys.get('shop')!.split('.')[0]}.${secret}` }, { 'x-api-key': secret }, { authorization: `Basic ${Buffer.from(`ann:${secret}`).toString('base64')}` }, { authorization: `Bearer ${secret}` }, { authorization: `Bearer ${jwt}` },
    { 'x-client-id': secret, 'x-timestamp': String(Math.floor(Date.now() / 1000)), 'x-nonce': secret, 'x-sign-code': createHmac('sha256', secret).update('x').digest('hex') }, { cookie: `session=${secret}`, 'x-secret': secret },
  ]
  // At once: who guesses is answered late.
  const ids = await Promise.all(
    sent.map(async (headers) => {
      const reply = await fetch(`${whole.url}/any?apikey=${secret}&q=${secret}`, { method: 'POST', headers, body })
      return ((await reply.json()) as { decision: string }).decision
    }),
  )
  ids.push((await call('/keyed', { 'x-secret': secret })).decision as string)
  const told = JSON.stringify(await Promise.all(ids.map((id) => why(id))))
  await until(async () => {
    const known = new Set((await stored()).map(({ id }) => id))
    return ids.every((id) => known.has(id))
  })
  const forms = [secret, Buffer.from(`ann:${secret}`).toString('base64'), jwt.split('.')[1]!, createHash('sha256').update(secret).digest('base64url'), createHash('sha256').update(JSON.stringify([secret])).digest('base64url')]
  const kept = JSON.stringify(await stored())
  for (const form of forms) for (const text of [told, kept, whole.printed()]) expect(text).not.toContain(form)
})

test('while control is away the newest wait, and reach it when it is back', async () => {
  await whole.stop()
  await until(() => whole.sync.state().connection === 'away')
  const missed: string[] = []
  for (let one = 0; one < 20; one++) missed.push((await call('/keyed')).decision as string)
  await whole.start()
  await until(async () => {
    const known = new Set((await stored()).map(({ id }) => id))
    return missed.every((id) => known.has(id))
  })
  expect(await why(missed[0] as string)).toMatchObject({ code: 'quota.exceeded' })
}, 20_000)

test('of a flood control is told a share, and every id is explained all the same', async () => {
  const begun = Date.now()
  const ids: string[] = []
  for (let round = 0; round < 30; round++) ids.push(...(await Promise.all(Array.from({ length: 20 }, () => call('/keyed')))).map(({ decision }) => decision as string))
  const { decisions, dropped } = whole.gateway.decisions.queue.peek(1)
  await until(() => whole.gateway.decisions.queue.peek(1).decisions.length === 0)
  for (const id of ids) expect((await why(id)).code).toBe('quota.exceeded')
  expect(ids.length).toBe(600)
  const rows = (await whole.control.decisions.list({ code: 'quota.exceeded', from: new Date(begun).toISOString(), limit: 200 }, admin)).items.length
  expect(rows).toBeLessThanOrEqual(100 + (20 * (Date.now() - begun)) / 1000)
  expect(decisions.length + dropped).toBeGreaterThan(0)
}, 30_000)
