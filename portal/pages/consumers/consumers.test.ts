import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openControl, type OpenControl } from '../../../control/open-control.ts'
import { systemClock } from '../../../runtime/core/time/clock.ts'
import type { Log } from '../../../runtime/core/log.ts'
import { createPortal } from '../../portal.ts'

let folder: string
let control: OpenControl
let server: Server
let base: string
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }
const root = { name: 'admin', role: 'admin', from: '' } as const

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-pages-'))
  control = await openControl({ dataDir: folder, definitions: [], log: silent, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  const portal = createPortal({
    control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.7', editorPath: '/editor/', gatewayUrls: () => [], samples: [],
  })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const [name, role] of [['sue', 'subscriber'], ['vera', 'viewer'], ['anna', 'auditor'], ['carl', 'creator'], ['paul', 'publisher']] as const) await control.users.create({ name, role, password: 'open sesame 1' }, 'admin')
  const { consumers } = control
  await consumers.organisations.create({ id: 'north', name: 'North' }, root)
  await consumers.organisations.create({ id: 'south', name: 'South', fourEyes: true }, root)
  await consumers.members.create({ organisation: 'north', user: 'sue', role: 'subscriber' }, root)
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await control.close()
  await rm(folder, { recursive: true, force: true })
})

type Headers = Record<string, string>
const sessions = new Map<string, Headers>()
async function as(name: string): Promise<Headers> {
  const kept = sessions.get(name)
  if (kept) return kept
  const answer = await fetch(`${base}/sign-in`, { method: 'POST', redirect: 'manual', headers: { origin: base }, body: new URLSearchParams({ name, password: name === 'admin' ? 'open sesame' : 'open sesame 1' }) })
  expect(answer.status).toBe(303)
  const headers = { cookie: answer.headers.get('set-cookie')!.split(';')[0]!, origin: base, 'accept-language': 'en' }
  sessions.set(name, headers)
  return headers
}
const get = async (path: string, who = 'admin', more: Headers = {}) => fetch(base + path, { redirect: 'manual', headers: { ...(await as(who)), ...more } })
const read = async (path: string, who = 'admin', more: Headers = {}) => (await get(path, who, more)).text()
type FormFields = Record<string, string> | readonly (readonly [string, string])[]
const post = async (path: string, fields: FormFields = {}, who = 'admin', more: Headers = {}) =>
  fetch(base + path, { method: 'POST', redirect: 'manual', headers: { ...(await as(who)), ...more }, body: new URLSearchParams(fields as Record<string, string>) })
/** Posts and gives where the browser is sent. */
const saved = async (path: string, fields: FormFields, who = 'admin') => {
  const answer = await post(path, fields, who)
  if (answer.status !== 303) throw new Error(`${path} answered ${answer.status}: ${(await answer.text()).replace(/[\s\S]*<main/, '')}`)
  return answer.headers.get('location')!.split('?')[0]!
}
const application = (id: string, more: Record<string, string> = {}) => saved('/applications', { id, name: `App ${id}`, organisation: 'north', ...more })
const api = async (id: string, lifecycle: 'CREATED' | 'PUBLISHED' = 'PUBLISHED', organisation = 'north') => {
  await control.consumers.apis.create({ id, name: `API ${id}`, organisation, flow: `flow-${id}`, visibility: 'public' }, root)
  if (lifecycle === 'PUBLISHED') await control.consumers.apis.move(id, 'PUBLISHED', undefined, root)
}

test('an application is registered with its rules, found by search, changed, suspended and taken out of use', async () => {
  const at = await saved('/applications', [
    ['name', 'Web shop'], ['organisation', 'north'], ['id', 'shop'], ['rules.cidrs', '203.0.113.0/24\r\n2001:db8::/32'], ['rules.validUntil', '2099-01-02T03:04'],
    ['rules.hours.zone', 'Asia/Taipei'], ['rules.hours.windows.4.days', '1'], ['rules.hours.windows.4.days', '5'], ['rules.hours.windows.4.from', '22:00'], ['rules.hours.windows.4.to', '06:00'],
    ['rules.attributes', 'region = tw\nnote=a = b'],
  ])
  expect(at).toBe('/applications/shop')
  expect((await control.consumers.applications.get('shop', root)).rules).toEqual({
    cidrs: ['203.0.113.0/24', '2001:db8::/32'], validUntil: '2099-01-02T03:04:00Z',
    hours: { zone: 'Asia/Taipei', windows: [{ days: [1, 5], from: '22:00', to: '06:00' }] }, attributes: { region: 'tw', note: 'a = b' },
  })
  expect(await read('/applications?search=web')).toContain('href="/applications/shop"')
  expect(await read('/applications?search=nothing-like-it')).not.toContain('/applications/shop"')
  // Saving the form as it is shown changes nothing.
  const before = await control.consumers.applications.get('shop', root)
  await saved('/applications/shop', formOf(await read('/applications/shop/edit')))
  expect(await control.consumers.applications.get('shop', root)).toMatchObject({ name: before.name, rules: before.rules, owner: before.owner, active: true })
  await saved('/applications/shop/active', { active: 'false' })
  expect(await read('/applications?state=suspended')).toContain('/applications/shop"')
  expect(await read('/applications/shop/retire')).toContain('action="/applications/shop/retire"')
  await saved('/applications/shop/retire', {})
  expect(await read('/applications')).not.toContain('/applications/shop"')
  expect(await read('/applications?retired=yes')).toContain('/applications/shop"')
})

test('what is wrong stands beside its field, with what was typed; a screen reader is led there', async () => {
  const answer = await post('/applications', [['name', 'Bad <b>'], ['organisation', 'north'], ['rules.cidrs', '10.0.0.0/8\nnot-a-network']])
  const text = await answer.text()
  expect(answer.status).toBe(422)
  expect(text).toMatch(/<textarea id="f-rules-cidrs"[^>]*aria-invalid="true" aria-describedby="f-rules-cidrs-hint f-rules-cidrs-error"/)
  expect(text).toMatch(/<p class="error" id="f-rules-cidrs-error">[^<]+/)
  expect(text).toContain('<a href="#f-rules-cidrs">')
  expect(text).toContain('value="Bad &lt;b&gt;"')
  expect(text).toMatch(/role="alert"/)
  expect(await read('/applications')).not.toContain('Bad')
})

test('a row more is added without scripts and without saving', async () => {
  const text = await (await post('/plans', { name: 'Half done', 'quotas.0.limit': '7', act: 'add-quota' })).text()
  expect(text).toContain('value="Half done"')
  expect(text).toContain('name="quotas.1.limit"')
  expect(await read('/plans')).not.toContain('Half done')
})

test('a plan has several windows, a rate, a concurrency and a priority; its form shows them again', async () => {
  await saved('/plans', {
    id: 'gold', name: 'Gold', 'quotas.0.limit': '', 'quotas.1.limit': '1000', 'quotas.1.every': '1', 'quotas.1.unit': 'day', 'quotas.1.algorithm': 'calendar', 'quotas.1.zone': 'Asia/Taipei',
    'quotas.2.limit': '100', 'quotas.2.every': '5', 'quotas.2.unit': 'minute', 'quotas.2.algorithm': 'rolling', 'rate.perSecond': '2.5', 'rate.burst': '10', concurrency: '4', priority: '3', roles: 'subscriber', autoApprove: 'yes',
  })
  expect(await control.consumers.plans.get('gold', root)).toMatchObject({
    quotas: [{ limit: 1000, every: 1, unit: 'day', algorithm: 'calendar', zone: 'Asia/Taipei' }, { limit: 100, every: 5, unit: 'minute', algorithm: 'rolling' }],
    rate: { perSecond: 2.5, burst: 10 }, concurrency: 4, priority: 3, roles: ['subscriber'], autoApprove: true,
  })
  expect(formOf(await read('/plans/gold/edit'))).toEqual(expect.arrayContaining([['quotas.0.zone', 'Asia/Taipei'], ['quotas.1.unit', 'minute'], ['roles', 'subscriber'], ['autoApprove', 'yes']]))
  await saved('/plans', { id: 'trial', name: 'Trial', 'quotas.0.limit': '500', 'quotas.0.every': '1', 'quotas.0.unit': 'total', 'quotas.0.algorithm': 'fixed' })
  expect([await read('/plans/trial'), await (await get('/plans/trial', 'admin', { 'accept-language': 'zh-TW' })).text()]).toEqual([expect.stringContaining('500 in all'), expect.stringContaining('500 總計')])
  // The empty row is gone, so the problem is about row 0, which is what is shown.
  const odd = { name: 'Odd', 'quotas.3.limit': '', 'quotas.5.limit': '12', 'quotas.5.every': '1', 'quotas.5.unit': 'day', 'quotas.5.algorithm': 'calendar', 'quotas.5.zone': 'Asia/Atlantis' }
  const zone = await post('/plans', odd)
  expect([zone.status, /id="f-quotas-0-zone-error">([^<]+)</.exec(await zone.text())?.[1]]).toEqual([422, '“Asia/Atlantis” is no IANA time zone. Write it as Asia/Taipei or Europe/London.'])
  const priority = await (await post('/plans', { ...odd, 'quotas.5.limit': 'many', priority: '12' }, 'admin', { 'accept-language': 'zh-TW' })).text()
  expect(/id="f-priority-error">([^<]+)</.exec(priority)?.[1]).toBe('最大為 9。')
  expect(/id="f-quotas-0-limit-error">([^<]+)</.exec(priority)?.[1]).toBe('請填整數。')
})

test('a key is shown once, rotated with a grace for the old one, and revoked; no page shows it again', async () => {
  await application('keys')
  const made = await (await post('/applications/keys/credentials', { form: 'key', kind: 'key', environment: 'production', label: 'first' })).text()
  const secret = secretIn(made)
  expect(secret).toMatch(/^[^.]+\.[^.]+$/)
  expect(made).toContain(`data-copy="${secret}"`)
  expect(await read('/applications/keys')).not.toContain(secret.split('.')[1])
  const id = /credentials\/([^/"]+)\/rotate"/.exec(made)![1]!
  expect(await read(`/applications/keys/credentials/${id}/rotate`)).toContain('<option value="86400000">')
  const rotated = await (await post(`/applications/keys/credentials/${id}/rotate`, { oldEndsInMs: '86400000' })).text()
  expect(secretIn(rotated)).not.toBe(secret)
  const live = async () => (await control.consumers.credentials.list({ application: 'keys' }, root)).items
  expect((await live()).filter((one) => one.expiresAt !== undefined)).toHaveLength(1)
  // A third live one is refused beside the form.
  const third = await post('/applications/keys/credentials', { form: 'key', kind: 'key', environment: 'production' })
  expect(third.status).toBe(409)
  expect(await third.text()).toContain('role="alert"')
  expect(await read(`/applications/keys/credentials/${id}/revoke`)).toContain('class="danger"')
  await saved(`/applications/keys/credentials/${id}/revoke`, {})
  expect((await live()).map((one) => one.id)).not.toContain(id)
})

test('a credential is found only below its own application', async () => {
  await application('mine')
  await application('other')
  const { credential } = await control.consumers.credentials.create({ application: 'other', kind: 'key' }, root)
  expect((await post(`/applications/mine/credentials/${credential.id}/revoke`)).status).toBe(404)
  expect((await get(`/applications/mine/credentials/${credential.id}/rotate`)).status).toBe(404)
  expect((await control.consumers.credentials.get(credential.id, root)).active).toBe(true)
})

test('other kinds of credentials are issued, and refused beside the field', async () => {
  await application('kinds')
  const basic = await (await post('/applications/kinds/credentials', { form: 'other', kind: 'basic', environment: 'sandbox', name: 'shop-user' })).text()
  expect(secretIn(basic).length).toBeGreaterThan(15)
  const pin = await post('/applications/kinds/credentials', { form: 'other', kind: 'certificate', environment: 'production', fingerprint: 'AB' })
  const text = await pin.text()
  expect(pin.status).toBe(422)
  expect(text).toContain('id="other-fingerprint-error"')
  expect(text).toMatch(/<details open>\s*<summary>/)
  const pair = generateKeyPairSync('ed25519')
  const pem = { good: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(), bad: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
  const wrong = await (await post('/applications/kinds/credentials', { form: 'other', kind: 'public-key', environment: 'production', name: 'kept-words', publicKey: pem.bad })).text()
  expect(wrong).toContain('kept-words')
  expect(wrong).toContain('id="other-publicKey-error"')
  expect(wrong).not.toContain(pem.bad.split('\n')[1])
  expect(await (await post('/applications/kinds/credentials', { form: 'other', kind: 'public-key', environment: 'production', name: 'kinds-2026', publicKey: pem.good })).text()).toContain('kinds-2026')
})

test('only legal moves of an API are offered, and what is not offered is refused', async () => {
  await saved('/apis', { id: 'moves', name: 'Moves', organisation: 'north', flow: 'tab-moves', visibility: 'public', tags: 'a, b，c' })
  expect((await control.consumers.apis.get('moves', root)).tags).toEqual(['a', 'b', 'c'])
  const offered = async () => [...(await read('/apis/moves')).matchAll(/name="to" value="(\w+)"|move\?to=(\w+)"/g)].map((match) => String(match[1] ?? match[2])).toSorted()
  expect(await offered()).toEqual(['PROTOTYPED', 'PUBLISHED'])
  await saved('/apis/moves/move', { to: 'PUBLISHED' })
  expect(await offered()).toEqual(['BLOCKED', 'DEPRECATED'])
  const illegal = await post('/apis/moves/move', { to: 'CREATED' })
  expect(illegal.status).toBe(422)
  expect(await illegal.text()).toContain('role="alert"')
  await saved('/apis/moves/move', { to: 'DEPRECATED' })
  expect(await read('/apis/moves/move?to=RETIRED')).toContain('action="/apis/moves/move"')
  await saved('/apis/moves/move', { to: 'RETIRED' })
  expect(await offered()).toEqual([])
})

test('where four eyes are wanted a publication waits for the second person', async () => {
  await api('eyes', 'CREATED', 'south')
  await saved('/apis/eyes/move', { to: 'PUBLISHED' }, 'paul')
  expect((await control.consumers.apis.get('eyes', root))).toMatchObject({ lifecycle: 'CREATED', requested: { to: 'PUBLISHED', by: 'paul' } })
  expect((await post('/apis/eyes/decide', { agree: 'yes' }, 'paul')).status).toBe(403)
  expect(await read('/apis/eyes')).toContain('action="/apis/eyes/decide"')
  await saved('/apis/eyes/decide', { agree: 'yes' })
  expect((await control.consumers.apis.get('eyes', root)).lifecycle).toBe('PUBLISHED')
})

test('the flow of an API is a link into the editor', async () => {
  const tab = { id: 'tab1', type: 'tab', label: 'Orders' }
  await control.flows.deploy({ nodes: [tab], user: 'admin' })
  await saved('/apis', { id: 'drawn', name: 'Drawn', organisation: 'north', flow: 'tab1', visibility: 'public' })
  expect(await read('/apis/drawn')).toContain('href="/editor/#flow/tab1"')
  expect(await read('/apis?new')).toContain('<option value="tab1">Orders (tab1)</option>')
})

test('versions of an API have a family, and an application is held to one of them', async () => {
  for (const version of ['1', '2']) {
    expect(await saved('/apis', { id: `bills-${version}`, name: `Bills ${version}`, organisation: 'north', flow: `bills-${version}`, visibility: 'public', apiVersion: `v${version}`, family: 'bills', ...(version === '1' ? { sunset: '2099-01-02T03:04' } : {}) })).toBe(`/apis/bills-${version}`)
  }
  for (const to of ['PUBLISHED', 'DEPRECATED'] as const) await control.consumers.apis.move('bills-1', to, undefined, root)
  const page = await read('/apis/bills-1')
  for (const shown of ['Family', 'bills', 'Deprecated since', 'Stops being served']) expect(page).toContain(shown)
  await application('held', { pins: 'bills = v1' })
  expect(await control.consumers.applications.get('held', root)).toMatchObject({ pins: { bills: 'v1' } })
  expect(await read('/applications/held')).toContain('<code>bills</code> = v1')
  expect(await read('/applications/held/edit')).toContain('>bills = v1</textarea>')
  const { version } = await control.consumers.applications.get('held', root)
  const wrong = await (await post('/applications/held', { name: 'Held', organisation: 'north', version: String(version), pins: 'bills = v7' })).text()
  expect(wrong).toMatch(/<textarea id="f-pins"[^>]*aria-invalid="true"[^>]*>bills = v7</)
  expect(wrong).toContain('There is no API of the family “bills” in the version “v7”.')
})

test('how an application gets tokens is said in its form, shown with what is wrong, kept by who may not say it, and taken away', async () => {
  const fields = (more: readonly (readonly [string, string])[]) => [['name', 'Tokens'], ['organisation', 'north'], ['id', 'tokens'], ['oauth', 'shown'], ...more] as const
  const wrong = await post('/applications', fields([['oauth.grants', 'authorization_code'], ['oauth.redirectUris', 'http://shop.example/cb']]))
  expect([wrong.status, await wrong.text()]).toEqual([422, expect.stringMatching(/id="f-oauth-redirectUris-error"[^<]*>[^<]*neither https/)])
  const at = await saved('/applications', fields([['owner', 'sue'], ['oauth.grants', 'refresh_token'], ['oauth.grants', 'authorization_code'], ['oauth.redirectUris', 'https://shop.example/cb\r\nhttp://127.0.0.1:7777/cb'], ['oauth.scopes', 'read\r\nrecords.read'], ['oauth.legacyPassword', 'yes']]))
  const oauth = { grants: ['authorization_code', 'refresh_token'], redirectUris: ['https://shop.example/cb', 'http://127.0.0.1:7777/cb'], scopes: ['read', 'records.read'], legacyPassword: true }
  expect((await control.consumers.applications.get('tokens', root)).oauth).toEqual(oauth)
  expect(await read(at)).toContain('https://shop.example/cb')
  expect(await read(at, 'admin', { cookie: `${(await as('admin'))['cookie']}; sluice-language=zh-TW` })).toContain('授權伺服器的權杖')
  // Its owner does not widen it, and changing the rest leaves it alone.
  expect(await read(`${at}/edit`, 'sue')).not.toContain('oauth.grants')
  await saved(at, { name: 'Tokens of Sue', organisation: 'north', owner: 'sue', version: String((await control.consumers.applications.get('tokens', root)).version) }, 'sue')
  expect((await control.consumers.applications.get('tokens', root)).oauth).toEqual(oauth)
  expect(await read(`${at}/edit`)).toMatch(/value="authorization_code" checked/)
  await saved(at, [['name', 'Tokens'], ['organisation', 'north'], ['owner', 'sue'], ['oauth', 'shown'], ['version', String((await control.consumers.applications.get('tokens', root)).version)]])
  expect((await control.consumers.applications.get('tokens', root)).oauth).toBeUndefined()
})

test('a claimed certificate waits to be confirmed by somebody who may do so everywhere, who may take it over', async () => {
  await control.consumers.members.create({ organisation: 'north', user: 'carl', role: 'publisher' }, root)
  await application('claims')
  await application('holder')
  const claim = { form: 'other', kind: 'certificate', environment: 'production', san: 'DNS:pay.north.example' }
  await post('/applications/holder/credentials', claim)
  await post('/applications/claims/credentials', claim, 'carl')
  expect(await read('/applications/claims', 'carl')).toContain('to be confirmed')
  expect(await read('/applications/claims', 'carl')).not.toContain('/confirm"')
  const [credential] = (await control.consumers.credentials.list({ application: 'claims' }, root)).items
  const at = `/applications/claims/credentials/${credential!.id}/confirm`
  expect((await post(at, { version: '1' }, 'carl')).status).toBe(403)
  expect(await read('/applications/claims')).toContain(`href="${at}"`)
  expect(await read(at)).toContain('name="takeOver"')
  expect((await post(at, { version: '1' })).status).toBe(409)
  await saved(at, { version: '1', takeOver: 'true' })
  expect(await read('/applications/claims')).not.toContain('to be confirmed')
  expect((await control.consumers.credentials.list({ application: 'holder' }, root)).items).toEqual([])
})

test('scopes of an API are lines of its form', async () => {
  const at = await saved('/apis', { name: 'Money', organisation: 'north', id: 'money', flow: 'flow-money', scopes: 'pay\r\nrefund | publisher, admin | Pay money back' })
  expect((await control.consumers.apis.get('money', root)).scopes).toEqual({ pay: {}, refund: { roles: ['publisher', 'admin'], description: 'Pay money back' } })
  expect(await read(`${at}/edit`)).toContain('refund | publisher, admin | Pay money back')
  const wrong = await post('/apis', { name: 'Bad', organisation: 'north', flow: 'flow-bad', scopes: 'refund | chief |' })
  expect(wrong.status).toBe(422)
})

test('a subscription waits, and is approved from the list or refused with a reason', async () => {
  await api('orders')
  await control.consumers.plans.create({ id: 'basic', name: 'Basic' }, root)
  await application('one', { owner: 'sue' })
  await application('two')
  await saved('/applications/one/subscriptions', { target: 'api:orders', plan: 'basic', comment: 'for the shop' }, 'sue')
  await control.consumers.subscriptions.create({ application: 'two', api: 'orders', plan: 'basic' }, { name: 'paul', role: 'publisher', from: '' }).catch(() => {})
  const waiting = await read('/subscriptions')
  expect(waiting).toContain('for the shop')
  const [, id] = /action="\/subscriptions\/([^/"]+)\/decide"/.exec(waiting)!
  expect(await read(`/subscriptions/${id}`)).toContain('name="reason"')
  await saved(`/subscriptions/${id}/decide`, { act: 'approve', back: 'list' })
  expect(await control.consumers.subscriptions.get(decodeURIComponent(id!), root)).toMatchObject({ state: 'approved', decidedBy: 'admin' })
  await saved(`/subscriptions/${id}/decide`, { act: 'refuse', reason: 'unpaid' })
  expect(await read('/applications/one', 'sue')).toContain('unpaid')
  const again = await post('/applications/one/subscriptions', { target: 'api:nothing', plan: 'basic' }, 'sue')
  expect([404, 409, 422]).toContain(again.status)
  expect(await again.text()).toContain('id="subscribe-target-error"')
})

test('a subscriber sees and keeps own applications, and nothing of others', async () => {
  await application('hers', { owner: 'sue' })
  await application('not-hers')
  const list = await read('/applications', 'sue')
  expect(list).toContain('/applications/hers"')
  expect(list).not.toContain('/applications/not-hers"')
  expect((await get('/applications/not-hers', 'sue')).status).toBe(404)
  expect(secretIn(await (await post('/applications/hers/credentials', { form: 'key', kind: 'key', environment: 'sandbox' }, 'sue')).text())).toBeTruthy()
  expect((await get('/', 'sue')).headers.get('location')).toBe('/applications')
  for (const path of ['/releases', '/gateways', '/users', '/audit']) expect([path, (await get(path, 'sue')).status]).toEqual([path, 403])
  expect(list).not.toContain('href="/releases"')
})

test('who may not write is offered no form and refused when he sends one', async () => {
  await application('looked-at')
  const text = await read('/applications/looked-at', 'vera')
  expect(text).not.toContain('/edit"')
  expect(text).not.toContain('/credentials"')
  for (const [path, fields] of [['/applications/looked-at', { name: 'x', organisation: 'north' }], ['/applications', { name: 'x', organisation: 'north' }], ['/plans', { name: 'x' }], ['/applications/looked-at/credentials', { kind: 'key' }], ['/organisations', { name: 'x' }], ['/applications/looked-at/active', { active: 'false' }]] as const) {
    expect([path, (await post(path, fields, 'vera')).status]).toEqual([path, 403])
  }
  expect((await control.consumers.applications.get('looked-at', root)).version).toBe(1)
})

test('forms of other sites are refused', async () => {
  expect((await post('/plans', { name: 'Foreign' }, 'admin', { origin: 'http://evil.example' })).status).toBe(403)
  expect((await post('/applications/keys/credentials', { kind: 'key' }, 'admin', { origin: 'http://evil.example' })).status).toBe(403)
})

test('a stale form keeps what was typed, shows what is stored and who did it, and saving again wins', async () => {
  await application('stale')
  const form = formOf(await read('/applications/stale/edit'))
  await control.consumers.applications.patch('stale', { description: 'theirs' }, undefined, { name: 'paul', role: 'publisher', from: '' })
  const mine = [...form.filter(([name]) => name !== 'description'), ['description', 'mine'] as const]
  const answer = await post('/applications/stale', mine)
  const text = await answer.text()
  expect(answer.status).toBe(412)
  expect(text).toContain('paul')
  expect(text).toContain('theirs')
  expect(text).toMatch(/<textarea id="f-description"[^>]*>mine</)
  await saved('/applications/stale', formOf(text))
  expect((await control.consumers.applications.get('stale', root)).description).toBe('mine')
  const button = await post('/applications/stale/active', { active: 'false', version: '1' })
  expect([button.status, (await button.text()).includes('nothing was done')]).toEqual([412, true])
})

test('groups and products hold APIs and are subscribed to as one', async () => {
  await api('member-api')
  await saved('/groups', [['id', 'set'], ['name', 'Set'], ['organisation', 'north'], ['apis', 'member-api']])
  await saved('/products', [['id', 'bundle'], ['name', 'Bundle'], ['organisation', 'north'], ['groups', 'set']])
  expect(await control.consumers.products.get('bundle', root)).toMatchObject({ apis: [], groups: ['set'] })
  await control.consumers.plans.create({ id: 'free', name: 'Free', autoApprove: true }, root)
  await application('bundled')
  await saved('/applications/bundled/subscriptions', { target: 'product:bundle', plan: 'free' })
  expect(await read('/applications/bundled')).toContain('href="/products/bundle"')
  expect(formOf(await read('/groups/set/edit'))).toContainEqual(['apis', 'member-api'])
})

test('members of an organisation are added and removed on its page', async () => {
  await saved('/organisations', { id: 'east', name: 'East' })
  await saved('/organisations/east/members', { user: 'carl', role: 'creator' })
  const text = await read('/organisations/east')
  expect(text).toContain('carl')
  const nobody = await post('/organisations/east/members', { user: 'nobody-here', role: 'creator' })
  expect(nobody.status).toBeGreaterThanOrEqual(400)
  expect(await nobody.text()).toContain('id="member-user-error"')
  await saved(decodeURIComponent(/action="(\/organisations\/east\/members\/[^"]+)"/.exec(text)![1]!), {})
  expect((await control.consumers.members.list({ organisation: 'east' }, root)).items).toEqual([])
})

test('the audit log tells who did what from where, never a secret, and says whether it is whole', async () => {
  await application('audited')
  const secret = secretIn(await (await post('/applications/audited/credentials', { kind: 'key', environment: 'production' })).text())
  const text = await read('/audit?subject=applications/audited', 'anna')
  expect(text).toContain('192.0.2.7')
  expect(await read('/audit', 'anna')).not.toContain(secret.split('.')[1])
  expect(await (await post('/audit/verify', {}, 'anna')).text()).toMatch(/class="notice good"[^>]*>The log is whole/)
  expect((await get('/audit', 'vera')).status).toBe(403)
})

test('every page is there in both languages, with a label for every field', async () => {
  await application('spoken')
  await saved('/plans', { id: 'spoken', name: 'Spoken' })
  await api('spoken')
  const paths = ['applications', 'plans', 'apis', 'groups', 'products', 'organisations'].flatMap((kind) => [`/${kind}`, `/${kind}?new`])
  for (const path of [...paths, '/subscriptions', '/subscriptions?state=', '/audit', '/applications/spoken', '/applications/spoken/edit', '/plans/spoken', '/apis/spoken', '/apis/spoken/edit', '/organisations/north', '/organisations/north/edit']) {
    const chinese = await read(path, 'admin', { 'accept-language': 'zh-TW' })
    expect(chinese).toContain('<html lang="zh-TW">')
    expect(chinese).toMatch(/用戶端/)
    const english = await read(path)
    expect([path, /[\u4e00-\u9fff]/.exec(english.replace('繁體中文', ''))?.[0]]).toEqual([path, undefined])
    expect([path, unlabelled(english)]).toEqual([path, []])
    const ids = [...english.matchAll(/ id="([^"]+)"/g)].map((match) => match[1])
    expect([path, ids.filter((id, i) => ids.indexOf(id) !== i)]).toEqual([path, []])
  }
})

test('lists go on beyond one page', async () => {
  for (let i = 0; i < 60; i++) await control.consumers.plans.create({ id: `many-${String(i).padStart(2, '0')}`, name: `Many ${i}` }, root)
  const first = await read('/plans?search=many')
  const next = /href="(\/plans\?[^"]*cursor=[^"]+)" rel="next"/.exec(first)![1]!.replaceAll('&amp;', '&')
  const second = await read(next)
  expect(first.match(/href="\/plans\/many-/g)).toHaveLength(50)
  expect(second.match(/href="\/plans\/many-/g)).toHaveLength(10)
})

function secretIn(text: string): string {
  return /class="secret"><code>([^<]+)</.exec(text)?.[1] ?? ''
}

/** What a browser would send of the form of a record, as it stands. */
function formOf(text: string): [string, string][] {
  const form = /<form method="post" action="[^"]*" class="card record">([\s\S]*?)<\/form>/.exec(text)![1]!
  const fields: [string, string][] = []
  const plain = (value: string) => value.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
  for (const [tag, content = ''] of form.matchAll(/<input [^>]*>|<textarea [^>]*>([\s\S]*?)<\/textarea>|<select [^>]*>[\s\S]*?<\/select>/g)) {
    const name = / name="([^"]+)"/.exec(tag)![1]!
    if (tag.startsWith('<textarea')) fields.push([name, plain(content)])
    else if (tag.startsWith('<select')) fields.push([name, plain((/<option value="([^"]*)" selected/.exec(tag) ?? /<option value="([^"]*)"/.exec(tag))?.[1] ?? '')])
    else if (!/type="checkbox"/.test(tag) || / checked/.test(tag)) fields.push([name, plain(/ value="([^"]*)"/.exec(tag)?.[1] ?? '')])
  }
  return fields
}

/** Fields that a screen reader could not name. */
function unlabelled(text: string): string[] {
  const outside = text.replace(/<label(?: [^>]*)?>(?:(?!<\/label>)[\s\S])*<(?:input|select|textarea)(?:(?!<\/label>)[\s\S])*<\/label>/g, '')
  return [...outside.matchAll(/<(?:input|select|textarea) [^>]*>/g)].map((match) => match[0]).filter((tag) => {
    if (/type="hidden"/.test(tag) || /aria-label="/.test(tag)) return false
    const id = / ?id="([^"]+)"/.exec(tag)?.[1]
    return id === undefined || !text.includes(`<label for="${id}"`)
  })
}
