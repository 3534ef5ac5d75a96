import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openControl, type OpenControl } from '../../control/open-control.ts'
import { definitions } from '../../nodes/index.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createPortal } from '../portal.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-data-flows-'))
const root = { name: 'admin', role: 'admin', from: '192.0.2.7' } as const
const release = { id: 'free', z: 't', type: 'release label', name: 'own name', fields: [{ by: 'label', field: 'name' }], reason: 'People see their <own> name.', wires: [['out']] }
const nodes = [
  { id: 't', type: 'tab', label: 'People' },
  { id: 'in', z: 't', type: 'http in', name: 'register', method: 'post', url: '/people', labels: [{ path: 'payload.pid', label: 'pid' }, { path: '$.name', label: 'name' }], wires: [['hide']] },
  { id: 'hide', z: 't', type: 'mask', fields: [{ by: 'label', field: 'pid', how: 'keep', last: 3 }], wires: [['free']] },
  release,
  { id: 'out', z: 't', type: 'http response', wires: [] },
]
let control: OpenControl
let server: Server
let base: string
let token: string

beforeAll(async () => {
  control = await openControl({ dataDir: folder, definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  const portal = createPortal({ control, definitions, notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.7', editorPath: '/editor/', gatewayUrls: () => [], samples: [] })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await control.users.create({ name: 'anna', role: 'auditor' }, 'admin')
  token = (await control.users.issueToken('anna', 'page', 3_600_000)).token
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await control?.close()
  rmSync(folder, { recursive: true, force: true })
})

const get = async (headers: Record<string, string> = {}) => (await fetch(`${base}/data-flows`, { headers: { authorization: `Bearer ${token}`, ...headers } })).text()
const deploy = async (flow: readonly object[]) => control.flows.deploy({ nodes: flow, rev: (await control.flows.current(root)).rev, user: root } as never)

test('auditors see which label comes in where, goes where, is protected how and released why; programs get the same', async () => {
  expect(await get({ 'accept-language': 'en' })).toContain('No flow that you may see takes labelled data.')
  await deploy(nodes)
  const [page, chinese] = [await get({ 'accept-language': 'en' }), await get({ 'accept-language': 'zh-TW' })]
  expect(page).toContain('<th scope="col">Comes in at</th>')
  expect(page).toContain('Reason: People see their &lt;own&gt; name.')
  expect(page).toContain('href="/editor/#flow/t/node/hide"')
  expect(chinese).toContain('<h1>資料流</h1>')
  expect(JSON.parse(await get({ accept: 'application/json' }))).toMatchObject({
    items: [{
      flow: 't', label: 'People', routes: ['POST /people'],
      data: [
        { label: 'name', from: { node: 'in', path: '$.name' }, protected: [{ node: 'free', by: 'released', reason: release.reason }], leaves: [{ node: 'out', to: 'answer', as: 'released' }] },
        { label: 'pid', from: { node: 'in', path: 'payload.pid' }, passes: [{ node: 'hide', at: ['payload.pid'], inClear: true }, { node: 'free', inClear: false }, { node: 'out', inClear: false }], protected: [{ node: 'hide', by: 'mask' }], leaves: [{ node: 'out', to: 'answer', as: 'mask' }] },
      ],
    }],
  })
})

test('a deploy that releases a label, or no longer does, is in the audit log with who, flow, node, labels and reason', async () => {
  const told = async () => (await control.consumers.audit.list({ action: 'release.deploy', limit: 1 }, root)).items[0]
  expect(await told()).toMatchObject({ user: 'admin', detail: { labelReleases: [{ flow: 't', node: 'free', name: 'own name', change: 'added', released: ['name'], reason: release.reason }] } })
  await deploy(nodes.map((node) => (node.id === 'free' ? { ...node, reason: 'Because the law says so.' } : node)))
  expect(await told()).toMatchObject({ detail: { labelReleases: [{ node: 'free', change: 'changed', reason: 'Because the law says so.' }] } })
})

test('a flow that would let labelled data out is refused, and the place, the origin and the remedy are said', async () => {
  await expect(deploy(nodes.map((node) => (node.id === 'hide' ? { ...node, d: true } : node.id === 'in' ? { ...node, wires: [['free']] } : node)))).rejects.toMatchObject({
    code: 'deploy.refused',
    problems: expect.arrayContaining([expect.objectContaining({ code: 'label.leak', node: 'out', message: expect.stringContaining('labelled “pid” into the answer') as string, remedy: expect.stringContaining('mask') as string })]) as unknown,
  })
})
