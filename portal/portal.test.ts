import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EditorNode } from '../runtime/core/flow.ts'
import { createFakeControl, type FakeControl } from '../test/kit/fake-control.ts'
import { createPortal, type Portal } from './portal.ts'

let control: FakeControl
let portal: Portal
let server: Server
let base: string

beforeAll(async () => {
  control = createFakeControl()
  portal = createPortal({
    control, definitions: [], notYet: [{ type: 'exec', never: true }, { type: 'rbe', name: 'filter' }], secure: false, sessionMs: 3_600_000, clientOf: (request) => String(request.headers['x-client'] ?? 'peer'), editorPath: '/editor/', gatewayUrls: () => ['http://127.0.0.1:9/'],
    samples: [{ title: { en: 'Today', 'zh-TW': '今日' }, path: "/today?x='1" }],
  })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await control.flows.deploy({ nodes: flow('return msg'), user: 'admin', comment: '<b>first</b>' })
  await control.flows.deploy({ nodes: flow('return null'), user: 'eve' })
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

const flow = (func: string): EditorNode[] => [
  { id: 't1', type: 'tab', label: 'Main' },
  { id: 'n1', type: 'http in', z: 't1', method: 'get', url: '/a', x: 100, y: 100, wires: [['n2']] },
  { id: 'n2', type: 'function', z: 't1', name: 'make', func, x: 300, y: 100, wires: [[]] },
]
const call = (path: string, init: RequestInit = {}) => fetch(base + path, { redirect: 'manual', ...init })

async function signIn(name: string): Promise<Record<string, string>> {
  const answer = await call('/sign-in', { method: 'POST', headers: { origin: base }, body: new URLSearchParams({ name, password: 'open sesame', next: '/releases' }) })
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/releases'])
  return { cookie: answer.headers.get('set-cookie')!.split(';')[0]!, origin: base }
}
const page = async (path: string, headers: Record<string, string>) => (await call(path, { headers })).text()
const post = (path: string, headers: Record<string, string>, fields: Record<string, string> = {}) => call(path, { method: 'POST', headers, body: new URLSearchParams(fields) })

test('no page and no API answers anybody who has not signed in', async () => {
  for (const route of portal.routes.filter((one) => one.access !== 'public')) {
    const path = route.path.replace(/:\w+/g, '1')
    const answer = await call(path, { method: route.method, headers: { origin: base } })
    if (path.startsWith('/api/')) expect([path, answer.status]).toEqual([path, 401])
    else expect([path, answer.status, answer.headers.get('location')?.split('?')[0]]).toEqual([path, 303, '/sign-in'])
  }
  expect((await call('/no-such-page')).headers.get('location')).toContain('/sign-in')
})

test('each role sees and does what it may, and nothing more', async () => {
  const headers = { viewer: await signIn('vera'), editor: await signIn('eve') }
  const rank = { public: 0, 'signed-in': 0, viewer: 1, editor: 2, admin: 3 }
  for (const role of ['viewer', 'editor'] as const) {
    for (const route of portal.routes.filter((one) => rank[one.access] > rank[role])) {
      const answer = await call(route.path.replace(/:\w+/g, '1'), { method: route.method, headers: headers[role] })
      expect([role, route.path, answer.status]).toEqual([role, route.path, 403])
    }
  }
})

test('the session cookie is out of reach of scripts and of other sites', async () => {
  const answer = await call('/sign-in', { method: 'POST', headers: { origin: base }, body: new URLSearchParams({ name: 'eve', password: 'open sesame' }) })
  expect(answer.headers.get('set-cookie')).toMatch(/^sluice=[\w-]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/)
})

test('forms of other sites are refused, also the sign-in', async () => {
  const headers = await signIn('admin')
  for (const origin of ['http://evil.example', 'null', '']) {
    const foreign = { cookie: headers.cookie!, ...(origin ? { origin } : {}) }
    expect((await post('/users', foreign, { name: 'mallory', role: 'admin' })).status).toBe(403)
    expect((await post('/sign-in', foreign, { name: 'eve', password: 'open sesame' })).status).toBe(403)
  }
  expect(await control.users.get('mallory')).toBeUndefined()
})

test('after signing in nobody is sent to another site', async () => {
  for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)']) {
    expect((await post('/sign-in', { origin: base }, { name: 'eve', password: 'open sesame', next })).headers.get('location')).toBe('/')
  }
})

test('pages speak the language chosen, else the browser’s', async () => {
  expect(await page('/sign-in', { 'accept-language': 'zh-Hant-TW,zh;q=0.9' })).toContain('<html lang="zh-TW">')
  expect(await page('/sign-in', { 'accept-language': 'fr' })).toContain('<html lang="en">')
  const chosen = (await post('/language', { origin: base }, { language: 'zh-TW', next: '/sign-in' })).headers.get('set-cookie')!
  expect(await page('/sign-in', { cookie: chosen.split(';')[0]!, 'accept-language': 'en' })).toContain('使用者名稱')
})

test('an administrator adds a user, whose password is shown once, and takes the account away again', async () => {
  const headers = await signIn('admin')
  const made = await (await post('/users', headers, { name: 'newbie', role: 'viewer' })).text()
  const password = /class="secret"><code>([^<]+)</.exec(made)![1]!
  expect(await control.users.authenticate('newbie', password, '')).toMatchObject({ name: 'newbie', role: 'viewer' })
  expect(await page('/users', headers)).not.toContain(password)
  await post('/users/newbie/role', headers, { role: 'editor' })
  await post('/users/newbie/disabled', headers, { disabled: 'true' })
  expect(await control.users.get('newbie')).toMatchObject({ role: 'editor', disabled: true })
  expect((await post('/users/admin/disabled', headers, { disabled: 'true' })).status).toBe(409)
})

test('a release page draws both versions and tells the properties that differ; what people typed stays text', async () => {
  const headers = await signIn('vera')
  const text = await page('/releases/2', headers)
  expect(text.match(/<svg class="canvas"/g)).toHaveLength(2)
  expect(text).toContain('<g class="changed"><title>make (function): changed</title>')
  expect(text).toContain('<pre class="before">return msg</pre>')
  expect(text).toContain('<pre class="after">return null</pre>')
  expect(await page('/releases', headers)).toContain('&lt;b&gt;first&lt;/b&gt;')
})

test('a release page says who calls which flow, at which revision', async () => {
  const text = await page('/releases/1', await signIn('vera'))
  expect(text).toMatch(/id="calls"[^]*Weather · by county[^]*aaaaaaaaaaaa[^]*Old app · ask[^]*bbbbbbbbbbbb[^]*pinned/)
  expect(await page('/releases/2', await signIn('vera'))).not.toContain('id="calls"')
})

test('rolling back asks first, then puts the release live', async () => {
  const headers = await signIn('eve')
  expect(await page('/releases/1/rollback', headers)).toContain('action="/releases/1/rollback"')
  const answer = await post('/releases/1/rollback', headers, { comment: 'back' })
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/releases/3?done'])
  expect((await control.flows.current()).nodes).toEqual(flow('return msg'))
})

test('one flow of a release is brought back by itself', async () => {
  const headers = await signIn('eve')
  const first = (await control.releases.get(1))!.nodes
  await control.flows.deploy({ nodes: [...flow('return null'), { id: 'later', type: 'tab', label: 'Later' }], user: 'admin' })
  expect(await page('/releases/1/rollback', headers)).toContain('name="flow" value="t1"')
  const answer = await post('/releases/1/rollback', headers, { flow: 't1' })
  expect(answer.headers.get('location')).toMatch(/^\/releases\/\d+\?done=flow$/)
  const { nodes } = await control.flows.current()
  expect(nodes.map(({ id }) => id).toSorted()).toEqual([...first.map(({ id }) => id), 'later'].toSorted())
  expect(nodes.find(({ id }) => id === 'n2')).toEqual(first.find(({ id }) => id === 'n2'))
  await control.releases.rollback(1, 'admin')
})

test('a gateway’s join token is shown once; revoking asks first', async () => {
  const headers = await signIn('admin')
  expect(await (await post('/gateways/join-token', headers)).text()).toMatch(/SLUICE_GATEWAY_TOKEN=join-/)
  expect(await page('/gateways', headers)).not.toContain('TOKEN=join-')
  expect(await page('/gateways', headers)).toMatch(/out of touch[^]*version 7[^]*turns callers away/)
  expect(await page('/gateways/g2/revoke', headers)).toContain('gateway-2')
  await post('/gateways/g2/revoke', headers)
  expect((await control.gateways.list()).map((one) => one.id)).toEqual(['g1'])
})

test('operators see what flows keep and purge it from the page of gateways; others see nothing of it', async () => {
  const headers = await signIn('admin')
  expect(await page('/gateways', headers)).toMatch(/id="caches"[^]*Bikes[^]*gateway-1: 12/)
  const purged = await (await post('/gateways/caches/purge', headers, { of: 'flow:default:tab', by: 'tags', which: 'bikes, shops' })).text()
  expect(purged).toMatch(/Entries that went: 7[^]*gateway-2: It is not connected/)
  expect((await post('/gateways/caches/purge', headers, { of: '', by: 'key', which: ' ' })).status).toBe(400)
  expect(await page('/gateways', await signIn('vera'))).not.toContain('id="caches"')
})

test('changing the password ends the session', async () => {
  control.addUser('carl', 'viewer', 'open sesame')
  const headers = await signIn('carl')
  expect((await post('/account/password', headers, { current: 'open sesame', next: 'a', again: 'b' })).status).toBe(422)
  expect((await post('/account/password', headers, { current: 'wrong', next: 'new one', again: 'new one' })).status).toBe(422)
  expect((await post('/account/password', headers, { current: 'open sesame', next: 'new one', again: 'new one' })).status).toBe(200)
  expect((await call('/account', { headers })).status).toBe(303)
})

test('sample lines are ready for a shell whatever their address holds', async () => {
  expect(await page('/', await signIn('vera'))).toContain('curl &#39;http://127.0.0.1:9/today?x=&#39;\\&#39;&#39;1&#39;')
})

test('the command line deploys, merges, checks and rolls back with a token, and is refused with problem documents', async () => {
  const json = (path: string, body: unknown, token = '') =>
    call(`/api/v1/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) }, body: JSON.stringify(body) })
  const { token } = (await (await json('token', { name: 'eve', password: 'open sesame' })).json()) as { token: string }
  const other = { id: 't2', type: 'tab', label: 'Second' }
  expect(await (await json('deploy', { merge: [other], comment: 'by hand' }, token)).json()).toMatchObject({ release: expect.any(Number) })
  expect((await control.flows.current()).nodes.map((node) => node.id)).toEqual(['t1', 'n1', 'n2', 't2'])
  expect(control.deploys.at(-1)).toMatchObject({ user: { name: 'eve', role: 'editor' }, comment: 'by hand' })
  expect(await (await json('check', { nodes: [other] }, token)).json()).toEqual({ problems: [] })
  expect(await (await json('rollback', { release: 1 }, token)).json()).toMatchObject({ release: expect.any(Number) })
  const refused = await json('deploy', { nodes: [{ id: 5 }] }, token)
  expect([refused.status, refused.headers.get('content-type')]).toEqual([422, 'application/problem+json; charset=utf-8'])
  expect(await refused.json()).toMatchObject({ code: 'flows.malformed', status: 422 })
  const none = await call('/api/v1/releases')
  expect([none.status, await none.json()]).toEqual([401, expect.objectContaining({ code: 'auth.required' })])
  expect((await call('/api/v1/deploy', { headers: { authorization: `Bearer ${token}` } })).headers.get('allow')).toBe('POST')
})

test('the list of documents tells nodes that are not available yet from those that are refused for good', async () => {
  const list = await page('/docs', await signIn('vera'))
  const [, missing = '', refused = ''] = /not available yet<\/h2>([\s\S]*)refused for good<\/h2>([\s\S]*)/.exec(list) ?? []
  expect([missing.includes('<li>filter</li>'), missing.includes('exec')]).toEqual([true, false])
  expect([refused.includes('<li>exec</li>'), refused.includes('filter')]).toEqual([true, false])
})

test('guides and node pages are read in the reader’s language; every link on the list of documents leads to a page', async () => {
  const headers = await signIn('vera')
  for (const [language, guide, help] of [['en', 'Your first API', 'Properties'], ['zh-TW', '第一個 API', '屬性']] as const) {
    const spoken = { ...headers, cookie: `${headers.cookie}; sluice-language=${language}`, 'accept-language': language }
    expect(await page('/docs/guides/first-api', spoken)).toContain(guide)
    expect(await page('/docs/nodes/transform', spoken)).toContain(help)
    const list = await page('/docs', spoken)
    const links = [...list.matchAll(/href="(\/docs\/[^"]+)"/g)].map((match) => match[1]!)
    expect(links.length).toBeGreaterThan(30)
    const answers = await Promise.all(links.map(async (link) => [link, (await call(link, { headers: spoken })).status]))
    expect(answers.filter(([, status]) => status !== 200)).toEqual([])
  }
  expect((await call('/docs/..%2f..%2f/README', { headers })).status).toBe(404)
})

test('guides show their drawings, and nothing else is sent as one', async () => {
  const headers = await signIn('vera')
  const [, picture = ''] = /<img src="([^"]+)" alt="[^"]+">/.exec(await page('/docs/guides/priority', headers)) ?? []
  const sent = await call(picture, { headers })
  expect([sent.status, sent.headers.get('content-type')]).toEqual([200, 'image/svg+xml'])
  expect((await sent.text()).startsWith('<svg')).toBe(true)
  for (const other of ['/docs/images/..%2fREADME.md', '/docs/images/editor.png', '/docs/images/none.svg']) expect((await call(other, { headers })).status).toBe(404)
})
