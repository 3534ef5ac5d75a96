import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { rightsByRole } from '../control/consumers/rights.ts'
import type { Actor, ControlEvent, Role } from '../control/contract.ts'
import { openControl, type OpenControl } from '../control/open-control.ts'
import { definitions } from '../nodes/index.ts'
import { systemClock } from '../runtime/core/time/clock.ts'
import type { EditorNode } from '../runtime/core/flow.ts'
import { silentLog } from '../runtime/core/log.ts'
import { createControlServer, type ControlServer } from './server.ts'

const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const dataDir = mkdtempSync(join(tmpdir(), 'sluice-flow-rights-'))
const tokens = new Map<string, string>()
let control: OpenControl
let server: ControlServer
let base: string
/** What happens at gateways, as the editor is told. */
let tell: (event: ControlEvent) => void = () => {}

/** Own role, and roles in organisations. */
const people: Readonly<Record<string, { readonly role: Role; readonly in?: Readonly<Record<string, 'creator' | 'viewer' | 'publisher' | 'admin' | 'operator'>> }>> = {
  eve: { role: 'editor' },
  sue: { role: 'subscriber', in: { shop: 'creator' } },
  vic: { role: 'viewer', in: { shop: 'publisher' } },
  amy: { role: 'operator', in: { shop: 'admin' } },
  bo: { role: 'subscriber', in: { shop: 'creator', bank: 'creator' } },
  val: { role: 'subscriber', in: { shop: 'viewer' } },
  nob: { role: 'subscriber' },
}

beforeAll(async () => {
  const opened = await openControl({ dataDir, definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  control = opened
  // Events come from gateways: here the test is one.
  const listening = { ...opened, on: (listener: (event: ControlEvent) => void) => ((tell = listener), opened.on(listener)) }
  for (const id of ['shop', 'bank']) await control.consumers.organisations.create({ id, name: id }, admin)
  for (const [name, { role, in: member = {} }] of Object.entries(people)) {
    await control.users.create({ name, role }, 'admin')
    for (const [organisation, as] of Object.entries(member)) await control.consumers.members.create({ organisation, user: name, role: as }, admin)
    tokens.set(name, (await control.users.issueToken(name, 'editor', 3_600_000)).token)
  }
  server = createControlServer({ control: listening, definitions, options: { host: '127.0.0.1', port: 0, dataDir, gatewayUrls: () => [], clientOf: () => '192.0.2.9' } })
  base = (await server.listen()).url
})
afterAll(async () => {
  await server?.close()
  await control?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const env = (organisation: string) => [{ name: 'SLUICE_ORGANISATION', value: organisation, type: 'str' }]
const comment = (id: string, z: string, name = 'as drawn') => ({ id, type: 'comment', z, name, x: 100, y: 100, wires: [] })

/** In an order in which documents interleave. */
const estate: readonly EditorNode[] = [
  { id: 't-bank', type: 'tab', label: 'Accounts', env: env('bank') },
  { id: 't-shop', type: 'tab', label: 'Orders', env: env('shop') },
  { id: 't-free', type: 'tab', label: 'Everybody’s', env: [] },
  { id: 's-bank', type: 'subflow', name: 'Ledger', env: env('bank'), in: [], out: [] },
  { id: 's-free', type: 'subflow', name: 'Shared', env: [], in: [], out: [] },
  { id: 'shared', type: 'tls-config', name: 'Shared' },
  comment('b1', 't-bank'),
  comment('s1', 't-shop'),
  { id: 'b2', type: 'http request', z: 't-bank', authType: 'basic', url: 'https://bank.example', method: 'GET', ret: 'txt', x: 1, y: 1, wires: [[]] },
  comment('f1', 't-free'),
  { id: 'b3', type: 'subflow:s-bank', z: 't-bank', x: 1, y: 1, wires: [] },
  { id: 's2', type: 'http request', z: 't-shop', authType: 'basic', url: 'https://shop.example', method: 'GET', ret: 'txt', x: 1, y: 1, wires: [[]] },
  comment('sb1', 's-bank'),
]

beforeEach(async () => {
  const credentials = { user: 'clerk', password: 'vault-42' }
  await control.flows.deploy({ nodes: estate.map((node) => (node.id === 'b2' || node.id === 's2' ? { ...node, credentials } : node)), user: 'test' })
})

async function call(who: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(new URL(path, base), {
    method, headers: { authorization: `Bearer ${tokens.get(who)}`, 'node-red-api-version': 'v2', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, text, json: text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as any) : undefined }
}
async function seen(who: string): Promise<{ flows: EditorNode[]; rev: string }> {
  const { status, json } = await call(who, 'GET', 'editor/flows')
  expect(status).toBe(200)
  return json
}
/** Deploys what somebody sees after a change, as the editor does: all of it, with the revision it came with. */
async function deploy(who: string, edit: (flows: EditorNode[]) => EditorNode[]) {
  const { flows, rev } = await seen(who)
  return await call(who, 'POST', 'editor/flows', { flows: edit(flows), rev })
}
const change = (id: string, set: Record<string, unknown>) => (flows: EditorNode[]) => flows.map((node) => (node.id === id ? { ...node, ...set } : node))
const without = (...ids: string[]) => (flows: EditorNode[]) => flows.filter(({ id, z }) => !ids.includes(id) && !ids.includes(z ?? ''))
const whole = async () => (await control.flows.current()).nodes

test('a deploy that is refused tells nothing of flows that are not to be seen', async () => {
  const reply = (z: string) => ({ id: `${z}-r`, type: 'http response', z, name: '', statusCode: '', headers: {}, x: 1, y: 1, wires: [] })
  const entry = (z: string, url: string, wires: string[]) => ({ id: `${z}-in`, type: 'http in', z, name: '', url, method: 'get', x: 1, y: 1, wires: [wires] })
  await control.flows.deploy({ nodes: [...estate, entry('t-bank', '/vault/:account', ['t-bank-r']), reply('t-bank')], user: 'test' })
  for (const url of ['/vault/:account', '/orders']) {
    const { status, text, json } = await deploy('sue', (flows) => [...flows, entry('t-shop', url, url === '/orders' ? [] : ['t-shop-r']), reply('t-shop')])
    expect([status, json.problems.length > 0]).toEqual([422, true])
    expect(text).not.toMatch(/t-bank|Accounts|Ledger/)
  }
  expect((await deploy('eve', (flows) => [...flows, entry('t-shop', '/orders', [])])).json.problems.map(({ flow }: { flow: string }) => flow)).toContain('t-bank')
})

test('a deploy in which a call could mean a path of another organisation is refused on the node that is new', async () => {
  const entry = (z: string, url: string) => ({ id: `${z}-in`, type: 'http in', z, name: '', url, method: 'get', x: 1, y: 1, wires: [[`${z}-r`]] })
  const reply = (z: string) => ({ id: `${z}-r`, type: 'http response', z, name: '', statusCode: '', headers: {}, x: 1, y: 1, wires: [] })
  await control.flows.deploy({ nodes: [...estate, entry('t-bank', '/vault/:account'), reply('t-bank')], user: 'test' })
  const { status, text, json } = await deploy('sue', (flows) => [...flows, entry('t-shop', '/vault/7'), reply('t-shop')])
  expect([status, json.problems.filter(({ severity }: { severity: string }) => severity === 'error')]).toMatchObject([422, [{ code: 'route.overlap', flow: 't-shop', node: 't-shop-in', property: 'url' }]])
  expect(text).not.toMatch(/t-bank|Accounts/)
  expect((await deploy('sue', (flows) => [...flows, entry('t-shop', '/shop/7'), reply('t-shop')])).status).toBe(200)
})

test('a member sees the flows of the own organisation and what belongs to nobody; who looks everywhere sees all; who is nobody, nothing', async () => {
  const own = ['t-shop', 't-free', 's-free', 'shared', 's1', 'f1', 's2']
  for (const who of ['sue', 'val']) expect((await seen(who)).flows.map(({ id }) => id)).toEqual(own)
  for (const who of ['vic', 'amy', 'eve', 'bo']) expect((await seen(who)).flows).toEqual(estate)
  const answers = await Promise.all(['editor/', 'editor/flows', 'editor/settings', 'editor/credentials/http%20request/s2'].map((path) => call('nob', 'GET', path)))
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401])
  expect((await call('sue', 'GET', 'editor/flow/t-bank')).status).toBe(404)
  expect((await call('sue', 'GET', 'editor/flow/t-shop')).json.label).toBe('Orders')
  expect((await call('sue', 'GET', 'editor/settings')).json.user.permissions).toContain('flows.write')
  expect((await call('val', 'GET', 'editor/settings')).json.user.permissions).not.toContain('flows.write')
})

test('what a member does not see is neither lost nor moved when she deploys', async () => {
  const same = await deploy('sue', (flows) => flows)
  expect([same.status, await whole()]).toEqual([200, estate])
  expect((await deploy('sue', change('s1', { name: 'drawn anew' }))).status).toBe(200)
  expect(await whole()).toEqual(change('s1', { name: 'drawn anew' })([...estate]))
  const added = await deploy('sue', (flows) => [...without('s1')(flows), comment('s3', 't-shop')])
  expect(added.status).toBe(200)
  expect((await whole()).map(({ id }) => id)).toEqual([...without('s1')([...estate]).map(({ id }) => id), 's3'])
  expect((await call('eve', 'GET', 'editor/credentials/http%20request/b2')).json).toEqual({ user: 'clerk', has_password: true })
})

test('somebody else’s deploy in between is a conflict, also when it changed only what she does not see', async () => {
  const { flows, rev } = await seen('sue')
  expect((await deploy('eve', change('b1', { name: 'meanwhile' }))).status).toBe(200)
  expect((await call('sue', 'POST', 'editor/flows', { flows, rev })).json.code).toBe('version_mismatch')
  expect((await call('sue', 'POST', 'editor/flows', { flows })).status).toBe(200)
  expect((await whole()).find(({ id }) => id === 'b1')?.name).toBe('meanwhile')
})

test('nothing but the own organisation’s tabs is changed by its members, whichever way they try; all of it is refused by name', async () => {
  const tries: readonly (readonly [who: string, edit: (flows: EditorNode[]) => EditorNode[], flow: string | undefined])[] = [
    ['vic', change('b1', { name: 'x' }), 't-bank'],
    ['amy', change('t-bank', { label: 'x' }), 't-bank'],
    ['vic', without('t-bank'), 't-bank'],
    ['vic', change('b1', { z: 't-shop' }), 't-bank'],
    ['vic', (flows) => [...flows, comment('new', 't-bank')], 't-bank'],
    ['vic', (flows) => [...flows, { id: 'new', type: 'tab', label: 'New', env: env('bank') }], 'new'],
    ['vic', change('b2', { credentials: { password: 'mine now' } }), 't-bank'],
    ['vic', change('s-bank', { name: 'x' }), 's-bank'],
    ['sue', change('t-shop', { env: env('bank') }), 't-shop'],
    ['sue', change('t-shop', { env: [] }), 't-shop'],
    ['sue', change('t-free', { env: env('shop') }), 't-free'],
    ['sue', change('f1', { name: 'x' }), 't-free'],
    ['sue', without('t-free'), 't-free'],
    ['sue', change('s-free', { name: 'x' }), 's-free'],
    ['sue', change('shared', { name: 'x' }), 'global'],
    ['sue', without('shared'), 'global'],
    ['sue', (flows) => [...flows, { id: 'mine', type: 'tls-config', name: 'Mine' }], 'global'],
    // What is not shown to her she has to guess; it is not hers for that.
    ['sue', (flows) => [...flows, comment('new', 't-bank')], undefined],
    ['sue', (flows) => [...flows, { id: 'new', type: 'subflow:s-bank', z: 't-shop', x: 1, y: 1, wires: [] }], 't-shop'],
  ]
  for (const [index, [who, edit, flow]] of tries.entries()) {
    const { status, json } = await deploy(who, edit)
    expect([index, status, json.code, json.problems?.[0].flow]).toEqual([index, 403, 'deploy.not_yours', flow])
    expect(json.problems[0]).toMatchObject({ severity: 'error', code: 'deploy.not_yours', message: expect.stringMatching(/\.$/), remedy: expect.stringMatching(/\.$/) })
    expect(await whole()).toEqual(estate)
  }
  const taken = await deploy('sue', (flows) => [...flows, comment('b1', 't-shop')])
  expect([taken.status, taken.json.code]).toEqual([422, 'deploy.refused'])
  const hidden = await deploy('sue', (flows) => [...flows, comment('new', 't-bank')])
  expect(hidden.text).not.toContain('Accounts')
  const deep = await deploy('vic', change('b1', { name: 'x' }))
  expect(deep.json.problems).toMatchObject([{ flow: 't-bank', node: 'b1', message: '“Accounts” belongs to the organisation bank: you may not change it.' }])
  expect((await call('eve', 'GET', 'editor/credentials/http%20request/b2')).json).toEqual({ user: 'clerk', has_password: true })
})

test('the editor’s own way of writing flows again is no change of theirs', async () => {
  const flows = (await seen('vic')).flows.map((node) => (node.id === 'b1' ? { ...node, info: '', g: undefined, env: [] } : node)).toReversed()
  const tabsFirst = [...flows.filter(({ type }) => type === 'tab').toReversed(), ...flows.filter(({ type }) => type !== 'tab')]
  expect((await call('vic', 'POST', 'editor/flows', { flows: change('s1', { name: 'mine' })(tabsFirst) })).status).toBe(200)
  const now = await whole()
  expect(now.find(({ id }) => id === 'b1')).toEqual(estate.find(({ id }) => id === 'b1'))
  expect(now.filter(({ z }) => z === 't-bank').map(({ id }) => id)).toEqual(['b1', 'b2', 'b3'])
})

test('a new tab goes to the one organisation that its author draws for; who draws for several has to say', async () => {
  const tab = { id: 'new', type: 'tab', label: 'New', env: [] }
  const made = await deploy('sue', (flows) => [...flows, tab, { id: 'sub', type: 'subflow', name: 'Mine', in: [], out: [], env: [] }])
  expect(made.json).toMatchObject({ given: { new: 'shop', sub: 'shop' }, warnings: expect.arrayContaining([expect.objectContaining({ code: 'deploy.organisation_given', flow: 'new' })]) })
  expect((await seen('sue')).flows.find(({ id }) => id === 'new')?.env).toEqual(env('shop'))
  expect((await deploy('sue', without('new', 'sub'))).status).toBe(200)

  const open = await deploy('bo', (flows) => [...flows, tab])
  expect([open.status, open.json.problems]).toEqual([403, [expect.objectContaining({ code: 'deploy.no_organisation', flow: 'new', remedy: expect.stringContaining('SLUICE_ORGANISATION') })]])
  expect((await deploy('bo', (flows) => [...flows, { ...tab, env: env('bank') }])).status).toBe(200)
  expect((await deploy('bo', change('new', { env: env('shop') }))).status).toBe(200)
  // A file that does not speak of the environment leaves a tab where it is.
  const { env: _env, ...bare } = tab
  expect((await deploy('bo', (flows) => flows.map((node) => (node.id === 'new' ? bare : node)))).status).toBe(200)
  expect((await whole()).find(({ id }) => id === 'new')?.env).toEqual(env('shop'))
})

test('the same holds for the endpoints of one flow, for the JSON API and for going back to an earlier release', async () => {
  const added = await call('sue', 'POST', 'editor/flow', { label: 'By API', nodes: [], configs: [] })
  expect(added.status).toBe(200)
  const { id } = added.json
  expect((await whole()).find((node) => node.id === id)).toMatchObject({ label: 'By API', env: env('shop') })
  expect((await call('sue', 'PUT', `editor/flow/${id}`, { id, label: 'Again', nodes: [], configs: [] })).status).toBe(200)
  expect((await call('sue', 'DELETE', `editor/flow/${id}`)).status).toBe(204)
  expect((await call('sue', 'PUT', 'editor/flow/t-free', { id: 't-free', label: 'x', nodes: [], configs: [] })).json).toMatchObject({ code: 'deploy.not_yours' })
  expect((await call('sue', 'DELETE', 'editor/flow/t-bank')).status).toBe(404)
  expect((await call('vic', 'DELETE', 'editor/flow/t-bank')).status).toBe(403)

  expect((await call('sue', 'GET', 'api/v1/flows')).json.nodes.map((node: EditorNode) => node.id)).not.toContain('t-bank')
  expect((await call('sue', 'POST', 'api/v1/deploy', { merge: [{ ...estate[1], label: 'Merged' }, comment('s1', 't-shop')] })).status).toBe(200)
  expect((await call('sue', 'POST', 'api/v1/deploy', { merge: [{ ...estate[2], label: 'Merged' }] })).json).toMatchObject({ status: 403, code: 'deploy.not_yours' })
  expect((await call('sue', 'POST', 'api/v1/check', { nodes: (await seen('sue')).flows })).json).toEqual({ problems: expect.any(Array) })
  for (const path of ['deploy', 'check', 'rollback']) expect([path, (await call('nob', 'POST', `api/v1/${path}`, { nodes: [], release: 1 })).status]).toEqual([path, 403])
  expect((await call('val', 'POST', 'api/v1/deploy', { nodes: [] })).status).toBe(403)

  const [before] = await control.releases.list({ limit: 1 })
  expect((await deploy('sue', change('s1', { name: 'a mistake' }))).status).toBe(200)
  expect((await call('sue', 'POST', `api/v1/releases/${before!.id}/rollback`, {})).status).toBe(200)
  expect((await deploy('eve', change('b1', { name: 'bank’s' }))).status).toBe(200)
  const refused = await call('sue', 'POST', `api/v1/releases/${before!.id}/rollback`, {})
  expect(refused.json).toMatchObject({ status: 403, code: 'deploy.not_yours' })
  expect(refused.text).not.toContain('Accounts')
  expect((await whole()).find((node) => node.id === 'b1')?.name).toBe('bank’s')
  // One flow by itself: hers, whatever others have deployed since, and not theirs.
  expect((await deploy('sue', change('s1', { name: 'another mistake' }))).status).toBe(200)
  expect((await call('sue', 'POST', `api/v1/releases/${before!.id}/rollback`, { flow: 't-bank' })).json).toMatchObject({ status: 403, code: 'deploy.not_yours' })
  expect((await call('sue', 'POST', `api/v1/releases/${before!.id}/rollback`, { flow: 't-shop' })).status).toBe(200)
  expect((await whole()).find((node) => node.id === 's1')?.name).not.toBe('another mistake')
  expect((await whole()).find((node) => node.id === 'b1')?.name).toBe('bank’s')
})

test('buttons, context and credentials of another organisation’s nodes are out of reach', async () => {
  const debug = (id: string, z: string) => ({ id, type: 'debug', z, active: true, complete: 'payload', x: 1, y: 1, wires: [] })
  const inject = (id: string, z: string) => ({ id, type: 'inject', z, props: [], x: 1, y: 1, wires: [[]] })
  await control.flows.deploy({ nodes: [...estate, ...['bank', 'shop', 'free'].flatMap((one) => [debug(`d-${one}`, `t-${one}`), inject(`i-${one}`, `t-${one}`)])], user: 'test' })
  const refusedFor = async (who: string, method: string, paths: readonly string[]) => {
    const answers = await Promise.all(paths.map(async (path) => [path, (await call(who, method, `editor/${path}`, method === 'POST' ? {} : undefined)).status] as const))
    return answers.filter(([, status]) => status === 401 || status === 403).map(([path]) => path)
  }
  const buttons = ['bank', 'shop', 'free'].flatMap((one) => [`inject/i-${one}`, `debug/d-${one}/enable`])
  const others = buttons.filter((path) => !path.includes('-shop'))
  // No gateway is there to answer; what matters is that the right is not what is missing.
  expect(await refusedFor('vic', 'POST', buttons)).toEqual(others)
  expect(await refusedFor('eve', 'POST', buttons)).toEqual([])
  expect(await refusedFor('val', 'POST', buttons)).toEqual(buttons)
  // Nodes that one does not even see are answered as those that nobody has.
  expect(await refusedFor('sue', 'POST', buttons)).toEqual(others.filter((path) => path !== 'debug/d-bank/enable'))
  const answer = async (path: string) => {
    const { status, text } = await call('sue', 'POST', path, {})
    return [status, text]
  }
  for (const path of ['editor/debug/ID/enable', 'editor/inject/ID']) expect(await answer(path.replace('ID', path.includes('debug') ? 'd-bank' : 'i-bank'))).toEqual(await answer(path.replace('ID', 'nowhere')))
  expect((await call('vic', 'POST', 'editor/debug/enable', { nodes: ['d-shop', 'd-bank'] })).status).toBe(401)

  const contexts = ['context/flow/t-bank', 'context/node/b1', 'context/flow/t-shop', 'context/node/s1', 'context/global']
  expect(await refusedFor('sue', 'GET', contexts)).toEqual(['context/flow/t-bank', 'context/node/b1', 'context/global'])
  expect(await refusedFor('vic', 'GET', contexts)).toEqual([])
  const keys = contexts.map((path) => `${path}/key`)
  expect(await refusedFor('vic', 'DELETE', keys)).toEqual(['context/flow/t-bank/key', 'context/node/b1/key', 'context/global/key'])

  const credentials = (who: string, id: string) => call(who, 'GET', `editor/credentials/http%20request/${id}`)
  expect((await credentials('sue', 's2')).json).toEqual({ user: 'clerk', has_password: true })
  for (const id of ['b2', 'nowhere']) expect((await credentials('sue', id)).json).toEqual({})
  expect((await call('sue', 'POST', 'editor/library/local/flows/mine', {})).status).toBe(401)
})

test('statuses and debug lines are told to those who may see the flow', async () => {
  const listen = async (who: string) => {
    const socket = new WebSocket(`${base.replace('http', 'ws')}editor/comms`, { headers: { authorization: `Bearer ${tokens.get(who)}` } })
    const topics: string[] = []
    socket.on('message', (data) => {
      const told = [JSON.parse(String(data)) as { topic?: string; data?: { id?: string } }].flat()
      topics.push(...told.map((one) => (one.topic === 'debug' ? `debug of ${one.data?.id}` : (one.topic ?? ''))))
    })
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send(JSON.stringify({ auth: tokens.get(who) }))
    socket.send(JSON.stringify({ subscribe: '#' }))
    await expect.poll(() => topics.includes('notification/runtime-state')).toBe(true)
    return { socket, of: (part: string) => topics.filter((topic) => topic.includes(part)).toSorted() }
  }
  const status = (flow: string) => ({ kind: 'status', gateway: 'g', node: `n-${flow}`, flow, status: { text: 'busy' } }) as const
  tell(status('t-bank'))
  const [sue, vic] = [await listen('sue'), await listen('vic')]
  for (const flow of ['t-bank', 't-bank/instance', 't-shop', 't-free', 'gone']) {
    tell(status(flow))
    tell({ kind: 'debug', gateway: 'g', flow, entry: { id: `d-${flow}`, property: 'payload', msg: 'secret' } })
  }
  await expect.poll(() => vic.of('debug of').length).toBe(5)
  await expect.poll(() => sue.of('debug of')).toEqual(['debug of d-t-free', 'debug of d-t-shop'])
  expect(sue.of('status/')).toEqual(['status/n-t-free', 'status/n-t-shop'])
  for (const { socket } of [sue, vic]) socket.close()
})

test('every role, own or in an organisation, is answered by every endpoint of flows what the table of rights says, and nothing more', async () => {
  await control.flows.deploy({ nodes: [...estate, ...['bank', 'shop'].map((one) => ({ id: `i-${one}`, type: 'inject', z: `t-${one}`, props: [], x: 1, y: 1, wires: [[]] }))], user: 'test' })
  type Rights = (right: 'flows.read' | 'flows.write') => boolean
  interface Try { readonly what: string; readonly may: (everywhere: Rights, shop: Rights) => boolean; ask(who: string): Promise<{ status: number }> }
  const either = (right: 'flows.read' | 'flows.write') => (everywhere: Rights, shop: Rights) => everywhere(right) || shop(right)
  const all = (right: 'flows.read' | 'flows.write') => (everywhere: Rights) => everywhere(right)
  const renamed = (id: string) => async (who: string) => {
    const nodes = change(id, { name: `by ${who}` })([...(await whole())])
    // What she sees, and what she guesses.
    return await call(who, 'POST', 'api/v1/deploy', { nodes: nodes.filter(({ id: one }) => one === id || (seenIds.get(who)?.has(one) ?? true)) })
  }
  const seenIds = new Map<string, Set<string>>()
  const get = (path: string) => (who: string) => call(who, 'GET', path)
  const press = (path: string) => (who: string) => call(who, 'POST', path, {})
  const tries: readonly Try[] = [
    { what: 'open the editor', may: either('flows.read'), ask: get('editor/settings') },
    { what: 'read flows', may: either('flows.read'), ask: get('editor/flows') },
    { what: 'read flows by the API', may: either('flows.read'), ask: get('api/v1/flows') },
    { what: 'check flows', may: either('flows.read'), ask: press('api/v1/check') },
    { what: 'read the own tab', may: either('flows.read'), ask: get('editor/flow/t-shop') },
    { what: 'read another’s tab', may: all('flows.read'), ask: get('editor/flow/t-bank') },
    { what: 'deploy the own tab', may: either('flows.write'), ask: renamed('s1') },
    { what: 'deploy another’s tab', may: all('flows.write'), ask: renamed('b1') },
    { what: 'deploy what is shared', may: all('flows.write'), ask: renamed('f1') },
    { what: 'delete another’s tab', may: all('flows.write'), ask: (who) => call(who, 'DELETE', 'editor/flow/t-none') },
    { what: 'press the own button', may: either('flows.write'), ask: press('editor/inject/i-shop') },
    { what: 'press another’s button', may: all('flows.write'), ask: press('editor/inject/i-bank') },
    { what: 'read the own context', may: either('flows.read'), ask: get('editor/context/flow/t-shop') },
    { what: 'read another’s context', may: all('flows.read'), ask: get('editor/context/flow/t-bank') },
    { what: 'read global context', may: all('flows.read'), ask: get('editor/context/global') },
    { what: 'delete the own context', may: either('flows.write'), ask: (who) => call(who, 'DELETE', 'editor/context/flow/t-shop/key') },
    { what: 'delete another’s context', may: all('flows.write'), ask: (who) => call(who, 'DELETE', 'editor/context/node/b1/key') },
    { what: 'delete global context', may: all('flows.write'), ask: (who) => call(who, 'DELETE', 'editor/context/global/key') },
    { what: 'write the library', may: all('flows.write'), ask: press('editor/library/local/flows/kept') },
  ]
  // Without a gateway commands find nobody, and a tab that is not there cannot be deleted: neither is for lack of right.
  const refuses = (status: number) => status === 401 || status === 403
  const unexpected: string[] = []
  const roles = Object.keys(rightsByRole) as Role[]
  const visitors = [...roles.map((own) => [own, undefined] as const), ...roles.filter((role) => role !== 'editor' && role !== 'data-officer').map((member) => ['subscriber', member] as const)]
  for (const [own, member] of visitors) {
    const who = `${own}-${member ?? 'none'}`
    await control.users.create({ name: who, role: own }, 'admin')
    if (member) await control.consumers.members.create({ organisation: 'shop', user: who, role: member as 'viewer' }, admin)
    tokens.set(who, (await control.users.issueToken(who, 'editor', 3_600_000)).token)
    const everywhere: Rights = (right) => own !== 'subscriber' && rightsByRole[own].includes(right)
    const shop: Rights = (right) => member !== undefined && rightsByRole[member].includes(right)
    if (!everywhere('flows.read') && shop('flows.read')) seenIds.set(who, new Set((await seen(who)).flows.map(({ id }) => id)))
    for (const { what, may, ask } of tries) {
      const { status } = await ask(who)
      const hidden = status === 404 && what.includes('another’s')
      const fits = may(everywhere, shop) ? !refuses(status) : refuses(status) || hidden || (status === 422 && what.startsWith('deploy'))
      if (!fits) unexpected.push(`${who} may ${may(everywhere, shop) ? '' : 'not '}${what}: ${status}`)
    }
  }
  expect(unexpected).toEqual([])
}, 60_000)

test('an id that begins like another’s gives no right to what is called by the longer one', async () => {
  const instances = [{ id: 'led', type: 'subflow:s-free', z: 't-shop', x: 1, y: 1, wires: [] }, { id: 'led-ger', type: 'subflow:s-free', z: 't-bank', x: 1, y: 1, wires: [] }]
  await control.flows.deploy({ nodes: [...estate, ...instances], user: 'test' })
  const asked = async (id: string) => (await call('sue', 'GET', `editor/context/node/${id}`)).status
  expect([await asked('led-x'), await asked('led-ger'), await asked('led-ger-x')]).toEqual([503, 403, 403])
})

test('roles follow the records at once: who is taken out of the organisation draws for it no more', async () => {
  await control.consumers.members.retire('shop:sue', undefined, admin)
  expect((await call('sue', 'GET', 'editor/flows')).status).toBe(401)
  await control.consumers.members.create({ organisation: 'shop', user: 'sue', role: 'creator' }, admin)
  expect((await deploy('sue', change('s1', { name: 'back' }))).status).toBe(200)
})

test('an API record claims a flow of its own organisation, and what belongs to nobody only for those who make APIs everywhere', async () => {
  const create = async (who: string, flow: string, organisation = 'shop') => {
    const { status, json } = await call(who, 'POST', 'api/v1/apis', { name: `${who} ${flow}`, organisation, flow })
    return status === 201 ? 201 : [status, json.problems?.[0].pointer, json.problems?.[0].remedy]
  }
  const refused = [422, '/flow', expect.stringContaining('SLUICE_ORGANISATION')]
  expect(await create('sue', 't-bank')).toEqual(refused)
  expect(await create('sue', 't-free')).toEqual(refused)
  expect(await create('sue', 'not-there-yet')).toEqual(refused)
  expect(await create('eve', 't-bank')).toEqual(refused)
  expect(await create('bo', 't-bank')).toEqual(refused)
  expect(await create('sue', 't-shop')).toBe(201)
  expect(await create('eve', 't-free')).toBe(201)
  expect(await create('eve', 'not-there-yet')).toBe(201)
  expect((await call('eve', 'PATCH', '/api/v1/apis/eve-t-free', { flow: 't-bank' }, { 'if-match': '*' })).json.problems[0].pointer).toBe('/flow')

  const moved = await deploy('eve', change('t-shop', { env: env('bank') }))
  expect([moved.status, moved.json.code, moved.json.problems]).toEqual([422, 'deploy.claimed', [expect.objectContaining({ flow: 't-shop', message: expect.stringContaining('“sue-t-shop” of the organisation shop') })]])
  const newcomer = await deploy('bo', (flows) => [...flows, { id: 'not-there-yet', type: 'tab', label: 'Grabbed', env: env('bank') }])
  expect(newcomer.json.code).toBe('deploy.claimed')
  expect(await whole()).toEqual(estate)
  expect((await deploy('eve', change('t-bank', { env: [] }))).status).toBe(200)
})

test('a tab that names an organisation which is not there is deployed with a remark', async () => {
  const made = await deploy('eve', (flows) => [...flows, { id: 'typo', type: 'tab', label: 'Typo', env: env('shopp') }])
  expect(made.json.warnings).toContainEqual(expect.objectContaining({ code: 'deploy.no_such_organisation', flow: 'typo', severity: 'warning' }))
})

test('the audit log says from where a deploy came, what it changed, and whose it was', async () => {
  await deploy('sue', change('s1', { name: 'audited' }))
  const [entry] = await control.audit.list(1)
  const [release] = await control.releases.list({ limit: 1 })
  expect(entry).toMatchObject({
    user: 'sue', action: 'release.deploy', from: '192.0.2.9', organisation: 'shop', subject: `releases/${release!.id}`,
    before: { release: release!.id - 1 }, after: { release: release!.id, hash: release!.hash },
    detail: { release: release!.id, flows: [{ flow: 't-shop', label: 'Orders', change: 'changed' }] },
  })
  expect(await control.audit.verify()).toMatchObject({ ok: true })
})
