import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { createFakeVaultDesk } from '../../test/kit/fake-vault-desk.ts'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import type { VaultDesk } from '../../vault/contract.ts'
import { openControl, type ControlOptions, type OpenControl } from '../open-control.ts'

let folder: string
let control: OpenControl
const clock = fakeClock()
async function start(options: Partial<ControlOptions>) {
  control = await openControl({ dataDir: folder, definitions, log: silentLog, clock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, ...options })
}
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'sluice-missing-'))))
afterEach(async () => {
  await control.close()
  await rm(folder, { recursive: true, force: true })
})

const flows = (organisation?: string): EditorNode[] =>
  estate(
    flow('a', organisation === undefined ? {} : { env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }] }).httpIn('POST', '/a')
      .node('tokenize', { domain: 'people', fields: [{ path: '$.id' }, { path: '$.n', domain: 'gone' }, { path: '$.x', domain: 'cards' }, { path: '$.y', mode: 'mask', domain: 'none' }] })
      .node('crypto', { operation: 'sign', key: 'seal' }, 2).httpResponse(),
  )
const deploy = async () => (await control.flows.deploy({ nodes: flows(), user: 'admin' })).warnings.filter(({ code }) => /^(domain|key)\./.test(code)).map(({ severity, code, flow: place, node, property }) => [severity, code, place, node, property].join(' '))
const all = ['warning domain.unknown a a.2 domain', 'warning domain.shredded a a.2 fields', 'warning key.unknown a a.3 key']

test('a deploy goes through and says which domains and keys the vault does not have, on their nodes; a check says the same', async () => {
  const desk = createFakeVaultDesk()
  await start({ vault: desk })
  for (const name of ['cards', 'gone']) await desk.domains.put(name, {}, 'admin')
  await desk.domains.shred('gone', 'admin')
  expect(await deploy()).toEqual(all)
  expect((await control.flows.check(flows())).flatMap(({ code, node, property }) => (/^(domain|key)\./.test(code) ? [`warning ${code} a ${node} ${property}`] : []))).toEqual(all)
  await desk.domains.put('people', {}, 'admin')
  await desk.keys.create('seal', { kind: 'ed25519' }, 'admin')
  expect(await deploy()).toEqual([all[1]])
  await desk.keys.setState('seal', 'disabled', 'admin')
  expect(await deploy()).toEqual([all[1], 'warning key.disabled a a.3 key'])
  expect((await control.releases.rollback(1, 'admin', '')).warnings.map(({ code }) => code)).toEqual(expect.arrayContaining(['domain.shredded', 'key.disabled']))
})

test('a vault that is away, or does not answer, keeps nobody from deploying and raises no doubt', async () => {
  const desk = createFakeVaultDesk()
  desk.failure = new Error('away')
  await start({ vault: desk })
  expect(await deploy()).toEqual([])
  await control.close()
  const silent = { domains: { list: () => new Promise(() => {}) }, keys: { list: () => new Promise(() => {}) } } as unknown as VaultDesk
  await start({ vault: silent })
  let over = false
  const deployed = deploy().finally(() => (over = true))
  while (!over) await clock.advance(1000)
  expect(await deployed).toEqual([])
})

test('flows that name nothing of the vault ask it nothing', async () => {
  let asked = 0
  await start({ vault: new Proxy({} as VaultDesk, { get: () => void asked++ }) })
  await control.flows.deploy({ nodes: estate(flow('a').httpIn('GET', '/a').httpResponse()), user: 'admin' })
  expect(asked).toBe(0)
})
