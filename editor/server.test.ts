import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { definitions } from '../nodes/index.ts'
import { createFakeControl, type FakeControl } from '../test/kit/fake-control.ts'
import { RawConnection } from '../test/kit/raw-http.ts'
import { createControlServer, type ControlServer } from './server.ts'

let control: FakeControl
let server: ControlServer
let base: string
let dataDir: string

/** Every route that the stock application registers, in whichever of its parts: mounted parts cannot be walked from outside. */
const routes: { readonly path: string | RegExp; readonly methods: Readonly<Record<string, boolean>> }[] = []

beforeAll(async () => {
  const router = (createRequire(import.meta.url)('express') as { Router: { route(path: string | RegExp): (typeof routes)[number] } }).Router
  const stock = router.route
  router.route = function route(path) {
    const made = stock.call(this, path)
    routes.push(made)
    return made
  }
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-editor-'))
  control = createFakeControl()
  server = createControlServer({
    control, definitions, notYet: [{ type: 'exec', never: true }],
    options: {
      host: '127.0.0.1', port: 0, dataDir, gatewayUrls: () => ['http://127.0.0.1:9'], sessionMs: 600_000,
      clientOf: (request) => String(request.headers['x-forwarded-for'] ?? request.socket.remoteAddress),
    },
    handlers: { '/sync/': (_request, response) => response.end('sync') },
  })
  base = (await server.listen()).url
})
beforeEach(() => {
  control.findProblems = () => []
  control.answerCommand = () => ({ result: {} })
  control.commands.length = 0
})
afterAll(async () => {
  await server.close()
  await rm(dataDir, { recursive: true, force: true })
})

const call = (path: string, init: RequestInit = {}) => fetch(new URL(path, base), { redirect: 'manual', ...init })

async function tokenOf(username: string): Promise<string> {
  const answer = await call('editor/auth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: 'node-red-admin', grant_type: 'password', scope: '*', username, password: 'open sesame' }),
  })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { access_token: string }).access_token
}

async function cookieOf(name: string): Promise<string> {
  const answer = await call('sign-in', { method: 'POST', headers: { origin: base.slice(0, -1) }, body: new URLSearchParams({ name, password: 'open sesame' }) })
  expect(answer.status).toBe(303)
  return answer.headers.get('set-cookie')!.split(';')[0]!
}

const bearer = (token: string, more: Record<string, string> = {}) => ({ authorization: `Bearer ${token}`, 'content-type': 'application/json', ...more })
const tab = { id: 't1', type: 'tab', label: 'One' }

test('no route of the editor answers anybody who has not signed in, save its static files and the sign-in itself', async () => {
  const open: string[] = []
  const asked = routes.flatMap((route) => Object.keys(route.methods).map((method) => ({ method: method.toUpperCase(), path: example(route.path) })))
  for (const { method, path } of asked) {
    const answer = await call(`editor${path}`, { method, ...(method === 'POST' || method === 'PUT' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {}) })
    await answer.arrayBuffer()
    const goesToSignIn = answer.status === 303 && answer.headers.get('location')!.startsWith('/sign-in')
    if (answer.status !== 401 && !goesToSignIn) open.push(`${method} ${path} ${answer.status}`)
  }
  expect(asked.length).toBeGreaterThan(60)
  // What to ask for, and the sign-in itself, which refuses nobody's name.
  expect([...new Set(open)]).toEqual(['GET /auth/login 200', 'POST /auth/token 403'])
})

test('the palette holds exactly the nodes that can be deployed, and each of them loads', async () => {
  const sets = await server.editor!.nodeSets()
  expect(sets.filter((set) => set.err)).toEqual([])
  expect(sets.every((set) => set.module === 'node-red')).toBe(true)
  expect(new Set(sets.flatMap((set) => set.types))).toEqual(new Set([...definitions.map((one) => one.type), 'unknown', 'global-config'].filter((type) => type !== 'junction')))
})

test('Node-RED tooling signs in, reads and writes flows by the standard admin API, both versions', async () => {
  const headers = bearer(await tokenOf('eve'))
  const put = await call('editor/flows', { method: 'POST', headers, body: JSON.stringify([tab]) })
  expect(put.status).toBe(204)
  const v1 = await (await call('editor/flows', { headers })).json()
  expect(v1).toEqual([tab])
  const v2 = (await (await call('editor/flows', { headers: { ...headers, 'node-red-api-version': 'v2' } })).json()) as { rev: string }
  expect(v2).toEqual({ flows: [tab], rev: expect.stringMatching(/^[0-9a-f]{64}$/) })
  const next = await call('editor/flows', { method: 'POST', headers: { ...headers, 'node-red-api-version': 'v2' }, body: JSON.stringify({ flows: [{ ...tab, label: 'Two' }], rev: v2.rev }) })
  expect(await next.json()).toMatchObject({ rev: expect.not.stringContaining(v2.rev), release: 2 })
  expect(control.deploys.at(-1)).toMatchObject({ user: { name: 'eve', role: 'editor', from: '127.0.0.1' }, rev: v2.rev })
})

test('an attempt to sign in counts against the address that the server is told to see, by the editor, the page and the API', async () => {
  control.signInsFrom.length = 0
  const from = (address: string) => ({ 'x-forwarded-for': address, origin: base.slice(0, -1), 'content-type': 'application/json' })
  await call('editor/auth/token', { method: 'POST', headers: from('192.0.2.1'), body: JSON.stringify({ grant_type: 'password', username: 'eve', password: 'wrong' }) })
  await call('api/v1/token', { method: 'POST', headers: from('192.0.2.2'), body: JSON.stringify({ name: 'eve', password: 'wrong' }) })
  await call('sign-in', { method: 'POST', headers: { 'x-forwarded-for': '192.0.2.3', origin: base.slice(0, -1) }, body: new URLSearchParams({ name: 'eve', password: 'wrong' }) })
  expect(control.signInsFrom).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3'])
})

test('a sign-in lasts as long as the setting says, for tokens and cookies', async () => {
  const token = await call('editor/auth/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ grant_type: 'password', username: 'eve', password: 'open sesame' }) })
  expect(await token.json()).toMatchObject({ expires_in: 600 })
  const page = await call('sign-in', { method: 'POST', headers: { origin: base.slice(0, -1) }, body: new URLSearchParams({ name: 'eve', password: 'open sesame' }) })
  expect(page.headers.get('set-cookie')).toContain('Max-Age=600;')
})

test('a deploy on top of an outdated revision is answered so that the editor opens its merge dialog', async () => {
  const headers = bearer(await tokenOf('eve'), { 'node-red-api-version': 'v2' })
  const answer = await call('editor/flows', { method: 'POST', headers, body: JSON.stringify({ flows: [tab], rev: 'old' }) })
  expect([answer.status, await answer.json()]).toEqual([409, { code: 'version_mismatch', message: expect.any(String) }])
})

test('a refused deploy names every node with reason and remedy', async () => {
  const problem = { severity: 'error', code: 'script.syntax', node: 'n1', message: 'Unexpected token.', remedy: 'Mend line 2.' } as const
  control.findProblems = () => [problem]
  const headers = bearer(await tokenOf('eve'), { 'node-red-api-version': 'v2' })
  const answer = await call('editor/flows', { method: 'POST', headers, body: JSON.stringify({ flows: [tab] }) })
  expect([answer.status, await answer.json()]).toEqual([422, { code: 'deploy.refused', message: expect.any(String), problems: [problem] }])
})

test('a viewer reads flows but neither deploys, injects nor switches debug nodes', async () => {
  const headers = bearer(await tokenOf('vera'))
  expect((await call('editor/flows', { headers })).status).toBe(200)
  for (const path of ['editor/flows', 'editor/inject/n1', 'editor/debug/n1/enable', 'editor/flow', 'editor/library/local/flows/a']) {
    expect([path, (await call(path, { method: 'POST', headers, body: '[]' })).status]).toEqual([path, 401])
  }
  expect(control.commands).toEqual([])
})

test('inject and debug buttons reach the gateways', async () => {
  const headers = bearer(await tokenOf('eve'))
  await control.flows.deploy({ nodes: [tab, ...['n2', 'a', 'b'].map((id) => ({ id, type: 'debug', z: 't1' })), { id: 'n1', type: 'inject', z: 't1' }], user: 'eve' })
  expect((await call('editor/inject/n1', { method: 'POST', headers, body: '{"__user_inject_props__":[{"p":"payload"}]}' })).status).toBe(200)
  expect((await call('editor/debug/n2/disable', { method: 'POST', headers })).status).toBe(201)
  expect((await call('editor/debug/enable', { method: 'POST', headers, body: '{"nodes":["a","b","a","gone"]}' })).status).toBe(200)
  for (const path of ['gone/enable', 'n1/disable']) expect((await call(`editor/debug/${path}`, { method: 'POST', headers })).status).toBe(404)
  expect(control.commands).toEqual([
    { do: 'inject', node: 'n1', props: [{ p: 'payload' }] },
    { do: 'debug', node: 'n2', active: false }, { do: 'debug', node: 'a', active: true }, { do: 'debug', node: 'b', active: true },
  ])
  control.answerCommand = () => ({ error: 'The node is not there.' })
  expect((await call('editor/inject/gone', { method: 'POST', headers, body: '{}' })).status).toBe(404)
})

test('a path that cannot be decoded is the caller’s mistake, wherever it leads', async () => {
  const headers = bearer(await tokenOf('eve'))
  for (const path of ['inject/%zz', 'debug/%zz/enable', 'debug/%E0%A4%A/disable', 'flow/%zz', 'context/flow/%zz', 'library/local/flows/%']) {
    for (const method of ['POST', 'GET']) {
      const answer = await call(`editor/${path}`, { method, headers, ...(method === 'POST' ? { body: '{}' } : {}) })
      expect([path, method, answer.status, await answer.json()]).toEqual([path, method, 400, { code: 'request.malformed', message: expect.stringContaining('percent-encoding') }])
    }
  }
  expect(control.commands).toEqual([])
})

test('a path that is none is the caller’s mistake, and one that is written in another way leads nowhere else', async () => {
  const { hostname, port } = new URL(base)
  const connection = new RawConnection(hostname, Number(port))
  const raw = async (target: string) => await connection.exchange(`GET ${target} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  for (const target of ['//', '//[', '/\\', 'http://[']) expect([target, (await raw(target)).status]).toEqual([target, 400])
  // The connection is still good, and so is whoever shares it.
  expect((await raw('/sign-in')).status).toBe(200)
  for (const target of ['/editor/settings\\..\\flows', '/editor/flows/..%5c..%5cred', '/editor/red/../flows', '/editor/red\\..\\flows', '/editor/vendor/%2e%2e/settings']) expect([target, (await raw(target)).status]).toEqual([target, 401])
  expect((await raw('/sync/../sign-in')).body.toString()).not.toBe('sync')
  connection.close()
  const headers = bearer(await tokenOf('admin'))
  for (const [method, path] of [['GET', 'settings/USER/keys'], ['GET', 'Projects'], ['POST', 'NODES'], ['DELETE', 'Nodes/node-red'], ['POST', 'settings/user/Keys/']] as const) {
    expect([path, await (await call(`editor/${path}`, { method, headers, ...(method === 'POST' ? { body: '{}' } : {}) })).json()]).toEqual([path, { code: 'not_found', message: 'Not offered here.' }])
  }
})

test('context is read from and deleted in the gateways', async () => {
  const headers = bearer(await tokenOf('eve'))
  control.answerCommand = () => ({ result: { count: 3 } })
  expect(await (await call('editor/context/flow/t1', { headers })).json()).toEqual({ memory: { count: { msg: '3', format: 'number' } } })
  expect((await call('editor/context/flow/t1/count', { method: 'DELETE', headers })).status).toBe(204)
  expect(control.commands.at(-1)).toEqual({ do: 'context.delete', scope: 'flow', id: 't1', key: 'count' })
})

test('who signed in on the page is signed in to the editor', async () => {
  const cookie = await cookieOf('eve')
  expect((await call('editor/', { headers: { cookie } })).status).toBe(200)
  expect(await (await call('editor/settings', { headers: { cookie } })).json()).toMatchObject({ user: { username: 'eve' } })
})

test('a page elsewhere cannot act with its reader’s cookie', async () => {
  const cookie = await cookieOf('eve')
  const body = JSON.stringify([tab])
  for (const headers of [{ origin: 'http://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site', origin: base.slice(0, -1) }, {}]) {
    const answer = await call('editor/flows', { method: 'POST', headers: { cookie, 'content-type': 'text/plain', ...headers } as Record<string, string>, body })
    expect(answer.status).toBe(403)
  }
  const own = { cookie, 'content-type': 'application/json', origin: base.slice(0, -1) }
  expect((await call('editor/flows', { method: 'POST', headers: own, body })).status).toBe(204)
})

test('signing out in the editor ends the session for good', async () => {
  const cookie = await cookieOf('eve')
  const out = await call('editor/auth/revoke', { method: 'POST', headers: { cookie, origin: base.slice(0, -1) }, body: new URLSearchParams({ token: '' }) })
  expect([out.status, await out.json()]).toEqual([200, { redirect: '/sign-in' }])
  expect((await call('editor/settings', { headers: { cookie } })).status).toBe(401)
})

test('a disabled user’s token stops working at once', async () => {
  const token = await tokenOf('vera')
  await control.users.setDisabled('vera', true, 'admin')
  expect((await call('editor/flows', { headers: bearer(token) })).status).toBe(401)
  await control.users.setDisabled('vera', false, 'admin')
})

test('an open editor hears at once that its session has ended, and asks to sign in; nobody else’s does', async () => {
  const open = async (name: string) => {
    const socket = new WebSocket(`${base.replace('http', 'ws')}editor/comms`, { headers: { origin: base.slice(0, -1), cookie: await cookieOf(name) } })
    const seen: string[] = []
    socket.on('message', (data) => seen.push(String(data)))
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send(JSON.stringify({ subscribe: '#' }))
    await expect.poll(() => seen.length).toBeGreaterThan(0)
    return { socket, seen }
  }
  const [vera, eve] = [await open('vera'), await open('eve')]
  const closed = new Promise((resolve) => vera.socket.once('close', resolve))
  await control.users.setDisabled('vera', true, 'admin')
  await closed
  expect(vera.seen.at(-1)).toBe('{"auth":"fail"}')
  expect(eve.socket.readyState).toBe(WebSocket.OPEN)
  await control.users.setDisabled('vera', false, 'admin')
  const signedOut = new Promise((resolve) => eve.socket.once('close', resolve))
  await control.users.resetPassword('eve', 'admin', 'open sesame')
  await signedOut
  expect(eve.seen.at(-1)).toBe('{"auth":"fail"}')
})

test('statuses, debug lines and the right revision reach a signed-in editor; a foreign origin does not get in', async () => {
  const url = `${base.replace('http', 'ws')}editor/comms`
  const refused = new WebSocket(url, { headers: { origin: 'http://evil.example', cookie: await cookieOf('eve') } })
  expect(await new Promise((resolve) => refused.once('error', (error) => resolve(error.message)))).toContain('403')

  const socket = new WebSocket(url, { headers: { origin: base.slice(0, -1), cookie: await cookieOf('vera') } })
  const seen: { topic: string; data: unknown }[] = []
  socket.on('message', (data) => seen.push(...(JSON.parse(String(data)) as typeof seen)))
  await new Promise((resolve) => socket.once('open', resolve))
  socket.send(JSON.stringify({ subscribe: '#' }))
  control.emit({ kind: 'status', gateway: 'g1', node: 'n1', flow: 't1', status: { fill: 'red', shape: 'dot', text: 'slow' } })
  control.emit({ kind: 'debug', gateway: 'g1', flow: 't1', entry: { id: 'n2', property: 'payload', msg: { long: 'x'.repeat(5000) } } })
  control.emit({ kind: 'release', release: 9, rev: 'abc', user: 'eve' })
  await expect.poll(() => seen.map(({ topic }) => topic)).toEqual(expect.arrayContaining(['notification/runtime-state', 'status/n1', 'debug', 'notification/runtime-deploy']))
  // Until it hears this, the editor does not let anybody press the button of an inject or debug node.
  expect(seen).toContainEqual({ topic: 'notification/runtime-state', data: { state: 'start', deploy: false } })
  expect(seen).toContainEqual({ topic: 'status/n1', data: { fill: 'red', shape: 'dot', text: 'slow' } })
  expect(seen).toContainEqual({ topic: 'notification/runtime-deploy', data: { revision: 'abc' } })
  const debug = seen.find((one) => one.topic === 'debug')!.data as { id: string; format: string; msg: string }
  expect(debug).toMatchObject({ id: 'n2', z: 't1', property: 'payload', format: 'Object' })
  expect((JSON.parse(debug.msg) as { long: string }).long).toHaveLength(1003)
  socket.close()
})

test('a status outlives releases that leave its flow alone, and goes with one that changes it', async () => {
  const flow = (id: string, info: string) => ({ id, type: 'tab', label: id, info })
  const seenOf = async () => {
    const socket = new WebSocket(`${base.replace('http', 'ws')}editor/comms`, { headers: { origin: base.slice(0, -1), cookie: await cookieOf('vera') } })
    const seen: { topic: string; data: unknown }[] = []
    socket.on('message', (data) => seen.push(...(JSON.parse(String(data)) as typeof seen)))
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send(JSON.stringify({ subscribe: '#' }))
    await expect.poll(() => seen.some((one) => one.topic === 'notification/runtime-state')).toBe(true)
    socket.close()
    return seen.filter((one) => one.topic === 'status/kept').map((one) => one.data)
  }
  await control.flows.deploy({ nodes: [flow('kept-on', 'a'), flow('other', 'a')], user: 'eve' })
  control.emit({ kind: 'status', gateway: 'g1', node: 'kept', flow: 'kept-on', status: { fill: 'red', text: 'refused for a while' } })
  await control.flows.deploy({ nodes: [flow('kept-on', 'a'), flow('other', 'b')], user: 'eve' })
  expect(await seenOf()).toEqual([{ fill: 'red', text: 'refused for a while' }])
  await control.flows.deploy({ nodes: [flow('kept-on', 'b'), flow('other', 'b')], user: 'eve' })
  expect(await seenOf()).toEqual([])
})

test('a socket that nobody signed in gets nothing', async () => {
  const socket = new WebSocket(`${base.replace('http', 'ws')}editor/comms`)
  const seen: string[] = []
  socket.on('message', (data) => seen.push(String(data)))
  await new Promise((resolve) => socket.once('open', resolve))
  control.emit({ kind: 'status', gateway: 'g1', node: 'n1', flow: 't1', status: { text: 'secret' } })
  socket.send(JSON.stringify({ subscribe: 'status/#' }))
  await new Promise((resolve) => socket.once('close', resolve))
  expect(seen).toEqual(['{"auth":"fail"}'])
})

test('every answer carries the security headers, and given handlers keep their paths', async () => {
  for (const path of ['', 'sign-in', 'editor/red/style.min.css', 'nowhere']) {
    const { headers } = await call(path)
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('x-powered-by')).toBeNull()
  }
  expect((await call('sign-in')).headers.get('content-security-policy')).not.toContain('unsafe')
  expect((await call('editor/')).headers.get('content-security-policy')).not.toContain('unsafe-eval')
  expect(await (await call('sync/anything')).text()).toBe('sync')
})

test('the editor speaks Traditional Chinese, with names for our categories', async () => {
  const headers = bearer(await tokenOf('eve'))
  const texts = (await (await call('editor/locales/editor?lng=zh-TW', { headers })).json()) as { palette: { label: Record<string, string> } }
  expect(texts.palette.label).toMatchObject({ entry: '入口', callout: '呼叫外部服務' })
  const html = await (await call('editor/nodes', { headers: { ...headers, accept: 'text/html', 'accept-language': 'zh-TW' } })).text()
  expect(html).toContain('data-template-name="http in"')
  const helps = [...html.matchAll(/<script [^>]*data-help-name\s*=\s*['"]([^'"]+)['"][^>]*>([\s\S]*?)<\/script>/g)]
  const inEnglish = definitions.filter((one) => !helps.some(([, type, text]) => type === one.type && /[\u4e00-\u9fff]/.test(text!)))
  expect(inEnglish.map((one) => one.type)).toEqual([])
})

/** A path that a route matches, with its parameters filled in. */
function example(path: string | RegExp): string {
  if (typeof path === 'string') return path.replace(/:(\w+)\(([^|)]+)[^)]*\)/g, '$2').replace(/:\w+\??/g, 'x').replace('*', 'x')
  const first = /^\^\\\/(\w+)/.exec(path.source)?.[1] ?? 'x'
  return `/${first}/x/x`
}

test('a connection is kept for longer than load balancers and clients write on it', async () => {
  const answer = await call('sync/')
  expect(Number(/timeout=(\d+)/.exec(answer.headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThan(60)
})
