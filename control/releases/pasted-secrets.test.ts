import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import type { Refused } from '../contract.ts'
import { openControl, type ControlOptions, type OpenControl } from '../open-control.ts'

const lines: string[] = []
const add = (facts: object, text: string) => void lines.push(JSON.stringify(facts) + text)
const log = { debug: add, info: add, warn: add, error: add }
let folder: string
let control: OpenControl
async function start(options: Partial<ControlOptions> = {}) {
  control = await openControl({ dataDir: folder, definitions, log, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, ...options })
}
beforeEach(async () => {
  lines.length = 0
  folder = await mkdtemp(join(tmpdir(), 'sluice-pasted-'))
})
afterEach(async () => {
  await control.close()
  await rm(folder, { recursive: true, force: true })
})

/** Put together here, so that no secret scanner takes it for a real one. */
const key = `sk_${'live'}_4eC39HqLyjWDarjtT1zdp7dc`
const tab = (id: string, func: string, notSecret = ''): EditorNode[] => [
  { id, type: 'tab', label: id, env: notSecret === '' ? [] : [{ name: 'SLUICE_NOT_SECRET', type: 'str', value: notSecret }] },
  { id: `${id}-f`, type: 'function', z: id, name: 'pay', func, outputs: 1, wires: [[]] },
]
const deploy = (nodes: EditorNode[]) => control.flows.deploy({ nodes, user: 'admin' })

test('a deploy with a pasted secret is refused on the node, with what to do and without the secret; the check says the same', async () => {
  await start()
  const nodes = tab('a', `msg.key = '${key}'\nreturn msg`)
  const refused = (await deploy(nodes).catch((thrown: unknown) => thrown)) as Refused
  expect(refused).toMatchObject({ code: 'deploy.refused', status: 422, problems: [{ severity: 'error', code: 'secret.pasted', flow: 'a', node: 'a-f', property: 'func', message: expect.stringContaining('a Stripe key'), remedy: expect.stringContaining('{{secret:name}}') }] })
  expect(JSON.stringify([refused, refused.message, ...lines])).not.toContain(key)
  await expect(control.releases.list()).resolves.toEqual([])
  expect((await control.flows.check(nodes)).map(({ code, severity }) => `${severity} ${code}`)).toContain('error secret.pasted')
})

test('whoever says in the tab that a place holds no secret may deploy it, and the audit log has it', async () => {
  await start()
  await deploy(tab('a', `msg.key = '${key}'\nreturn msg`, 'a-f/func'))
  expect((await control.audit.list(1))[0]).toMatchObject({ action: 'release.deploy', detail: { notSecret: ['a-f/func'] } })
  await deploy(tab('a', `msg.key = '${key}' \nreturn msg`, 'a-f/func'))
  expect((await control.audit.list(1))[0]?.detail).not.toHaveProperty('notSecret')
})

test('a secret that lay in a flow before it was looked for is a warning, until that flow is changed', async () => {
  const { createCompile } = await import('./compile.ts')
  const { pasted: _looks, ...before } = createCompile(definitions)
  await start({ compile: before })
  const old = tab('a', `msg.key = '${key}'\nreturn msg`)
  await deploy(old)
  await control.close()
  await start()
  const { warnings } = await deploy([...old, ...tab('b', 'return msg')])
  expect(warnings.filter(({ node }) => node)).toMatchObject([{ severity: 'warning', code: 'secret.pasted', flow: 'a', node: 'a-f' }])
  await expect(deploy([...tab('a', `msg.key = "${key}"\nreturn msg`), ...tab('b', 'return msg')])).rejects.toMatchObject({ code: 'deploy.refused' })
  await expect(control.releases.rollback(1, 'admin')).resolves.toMatchObject({ release: 3 })
})

test('shared credentials that a flow of an organisation sends where it likes are refused in a flow that changes, and a warning where it is so already', async () => {
  const { createCompile } = await import('./compile.ts')
  const { lent: _looks, ...before } = createCompile(definitions)
  const flow = (url: string, hosts: readonly string[] = []): EditorNode[] => [
    { id: 't', type: 'tab', label: 't', env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: 'shop' }] },
    { id: 'in', type: 'http in', z: 't', method: 'get', url: '/t', wires: [['c']] },
    { id: 'c', type: 'service callout', z: 't', url, auth: 'a', wires: [['out'], [], []] },
    { id: 'out', type: 'http response', z: 't', wires: [] },
    { id: 'a', type: 'callout auth', name: 'partner', kind: 'bearer', ...(hosts.length > 0 ? { hosts } : {}) },
  ]
  await start({ compile: before })
  await deploy(flow('https://api.example/1'))
  await control.close()
  await start()
  const { warnings } = await deploy([...flow('https://api.example/1'), ...tab('b', 'return msg')])
  expect(warnings.filter(({ code }) => code.startsWith('callout.auth'))).toMatchObject([{ severity: 'warning', code: 'callout.auth_lent', flow: 't', property: 'auth' }])
  await expect(deploy(flow('https://evil.example'))).rejects.toMatchObject({ code: 'deploy.refused', problems: [{ severity: 'error', code: 'callout.auth_lent', node: 'c', remedy: expect.stringContaining('May be sent to') }] })
  expect((await control.flows.check(flow('https://evil.example'))).map(({ code, severity }) => `${severity} ${code}`)).toContain('error callout.auth_lent')
  await expect(deploy(flow('https://evil.example', ['api.example']))).rejects.toMatchObject({ problems: expect.arrayContaining([expect.objectContaining({ severity: 'error', code: 'callout.auth_host', node: 'c' })]) })
  expect((await deploy(flow('https://api.example/2', ['api.example']))).warnings.filter(({ code }) => code.startsWith('callout.auth'))).toEqual([])
})
