import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openControl, type OpenControl } from '../control/open-control.ts'
import { systemClock } from '../runtime/core/time/clock.ts'
import { silentLog } from '../runtime/core/log.ts'
import { createPortal } from './portal.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-audited-'))
let control: OpenControl
let server: Server
let base: string
let token: string

beforeAll(async () => {
  control = await openControl({ dataDir: root, definitions: [], log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  const portal = createPortal({
    control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.9', editorPath: '/editor/', gatewayUrls: () => [], samples: [],
  })
  server = createServer((request, response) => {
    if (request.url?.startsWith('/sync/')) void control.syncHandler(request, response)
    else void portal.handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  token = (await control.users.issueToken('admin', 'page', 3_600_000)).token
})
afterAll(async () => {
  server?.close()
  server?.closeAllConnections()
  await control?.close()
  rmSync(root, { recursive: true, force: true })
})

const post = async (path: string, fields: Record<string, string> = {}, as = token) =>
  await (await fetch(base + path, { method: 'POST', redirect: 'manual', headers: { authorization: `Bearer ${as}` }, body: new URLSearchParams(fields) })).text()
const newest = async () => (await control.audit.list(1))[0]

test('what is done to users is kept with who did it from where, before and after, and never a password', async () => {
  const passwords = [/<pre class="secret"><code>([^<]+)/.exec(await post('/users', { name: 'ann', role: 'viewer' }))![1]!]
  const by = { user: 'admin', from: '192.0.2.9', subject: 'users/ann' }
  expect(await newest()).toMatchObject({ ...by, action: 'user.create', after: { name: 'ann', role: 'viewer', disabled: false } })
  await post('/users/ann/role', { role: 'creator' })
  expect(await newest()).toMatchObject({ ...by, action: 'user.role', before: { role: 'viewer' }, after: { role: 'creator' } })
  await post('/users/ann/disabled', { disabled: 'true' })
  expect(await newest()).toMatchObject({ ...by, action: 'user.disable', before: { disabled: false }, after: { disabled: true } })
  await post('/users/ann/disabled', { disabled: 'false' })
  passwords.push(/<pre class="secret"><code>([^<]+)/.exec(await post('/users/ann/password'))![1]!)
  expect(await newest()).toMatchObject({ ...by, action: 'user.reset_password', detail: { user: 'ann' } })
  const own = (await control.users.issueToken('ann', 'page', 60_000)).token
  await post('/account/password', { current: passwords[1]!, next: 'a new password', again: 'a new password' }, own)
  expect(await newest()).toMatchObject({ user: 'ann', from: '192.0.2.9', subject: 'users/ann', action: 'user.change_password' })
  const all = JSON.stringify(await control.audit.list(100))
  for (const secret of [...passwords, 'a new password', 'scrypt']) expect(all).not.toContain(secret)
})

test('a gateway’s coming and going is kept, and never its token or key', async () => {
  const { token: joining } = (await (await fetch(`${base}/api/v1/gateways/join-token`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })).json()) as { token: string }
  expect(await newest()).toMatchObject({ user: 'admin', from: '192.0.2.9', action: 'gateway.token' })
  const joined = await fetch(`${base}/sync/join`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token: joining, name: 'gate', url: 'http://gate.example/' }) })
  const { gatewayId, key } = (await joined.json()) as { gatewayId: string; key: string }
  const subject = `gateways/${gatewayId}`
  expect(await newest()).toMatchObject({ user: gatewayId, subject, action: 'gateway.join', from: expect.stringContaining('127.0.0.1'), after: { id: gatewayId, name: 'gate' } })
  await post(`/gateways/${gatewayId}/revoke`)
  expect(await newest()).toMatchObject({ user: 'admin', from: '192.0.2.9', subject, action: 'gateway.revoke', before: { name: 'gate' }, after: { revokedAt: expect.any(String) } })
  const all = JSON.stringify(await control.audit.list(100))
  for (const secret of [joining, key, key.split('.')[1]!]) expect(all).not.toContain(secret)
})

test('a deploy and the way back are kept with what they changed', async () => {
  const deploy = (nodes: unknown) => fetch(`${base}/api/v1/deploy`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ nodes }) })
  await deploy([{ id: 't1', type: 'tab', label: 'One' }])
  await deploy([{ id: 't2', type: 'tab', label: 'Two' }])
  const by = { user: 'admin', from: '192.0.2.9' }
  const changes = (one: string, other: string) => [{ flow: one, change: 'added' }, { flow: other, change: 'removed' }]
  expect(await newest()).toMatchObject({ ...by, action: 'release.deploy', subject: 'releases/2', before: { release: 1 }, after: { release: 2 }, detail: { flows: changes('t2', 't1') } })
  await post('/releases/1/rollback', { comment: 'oops' })
  expect(await newest()).toMatchObject({ ...by, action: 'release.rollback', subject: 'releases/3', before: { release: 2 }, after: { release: 3 }, detail: { rollbackOf: 1, flows: changes('t1', 't2') } })
  expect(await control.audit.verify()).toMatchObject({ ok: true })
})
