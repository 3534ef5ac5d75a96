import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { openControl, type OpenControl } from '../open-control.ts'

let folder: string
let control: OpenControl
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-bring-back-'))
  control = await openControl({ dataDir: folder, definitions, log: silentLog, clock: fakeClock(), adminPassword: 'open sesame', passwordCost: { n: 1024 } })
})
afterEach(async () => {
  await control.close()
  await rm(folder, { recursive: true, force: true })
})

const tab = (id: string, text: string, more: object = {}): EditorNode[] => [
  { id, type: 'tab', label: id.toUpperCase() },
  { id: `${id}-in`, type: 'http in', z: id, url: `/${id}`, method: 'get', wires: [[`${id}-call`]] },
  { id: `${id}-call`, type: 'http request', z: id, name: text, method: 'GET', ret: 'txt', url: 'https://example.org/', authType: 'basic', ...more, wires: [[`${id}-out`]] },
  { id: `${id}-out`, type: 'http response', z: id, wires: [] },
]
const deploy = (...tabs: EditorNode[][]) => control.flows.deploy({ nodes: tabs.flat(), user: 'admin' })
const now = async () => (await control.flows.current()).nodes
const names = async () => (await now()).flatMap((node) => (node.type === 'http request' ? [String(node.name)] : []))

test('one flow goes back, in its place; what others deployed since stays, and so do credentials', async () => {
  await deploy(tab('a', 'a1', { credentials: { user: 'u', password: 'p' } }), tab('b', 'b1'))
  await deploy(tab('a', 'a2'), tab('b', 'b2'), tab('c', 'c1'))
  const result = await control.releases.rollback(1, 'admin', undefined, 'a')
  expect(await names()).toEqual(['a1', 'b2', 'c1'])
  expect(await control.flows.credentials('http request', 'a-call')).toEqual({ user: 'u', has_password: true })
  const [info] = await control.releases.list()
  expect(info).toMatchObject({ id: result.release, comment: '“A” as in release 1', changed: [{ flow: 'a', change: 'changed' }] })
  // What comes after goes on from here, not from the release that the flow was taken of.
  expect(info).not.toHaveProperty('rollbackOf')
  expect((await control.audit.list(1))[0]).toMatchObject({ action: 'release.rollback', detail: { broughtBack: { flow: 'a', release: 1 } } })
})

test('a flow that is gone comes back, one that was not there yet goes, one that never was is 404', async () => {
  await deploy(tab('a', 'a1'), tab('b', 'b1'))
  await deploy(tab('b', 'b2'), tab('c', 'c1'))
  await control.releases.rollback(1, 'admin', '', 'a')
  expect(await names()).toEqual(['b2', 'c1', 'a1'])
  await control.releases.rollback(1, 'admin', '', 'c')
  expect(await names()).toEqual(['b2', 'a1'])
  for (const flow of ['none', 'global']) await expect(control.releases.rollback(1, 'admin', '', flow)).rejects.toMatchObject({ code: 'release.flow', status: 404 })
})

test('a flow that does not fit what is there now is refused with its place, and nothing changes', async () => {
  await deploy(tab('a', 'a1'))
  await deploy(tab('b', 'b1').map((node) => (node.type === 'http in' ? { ...node, url: '/a' } : node)))
  await expect(control.releases.rollback(1, 'admin', '', 'a')).rejects.toMatchObject({ code: 'deploy.refused', problems: expect.arrayContaining([expect.objectContaining({ severity: 'error', code: 'route.duplicate', node: 'a-in' })]) })
  expect(await names()).toEqual(['b1'])
})
