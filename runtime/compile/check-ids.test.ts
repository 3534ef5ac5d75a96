import { expect, test } from 'vitest'
import { bareDeployer, bareNodes } from '../../test/kit/bare-deployer.ts'
import { checkFlows } from './check.ts'

const definitions = bareNodes({})
const tab = (id: string, organisation?: string) => ({ id, type: 'tab', label: id, ...(organisation ? { env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }] } : {}) })
const node = (id: string, type: string, z: string, more: object = {}) => ({ id, type, z, wires: [], ...more })
/** A subflow that everybody may use, and which the bank does: its inside is there as `used-…`. */
const shared = [{ id: 'S', type: 'subflow', name: 'Shared', in: [], out: [] }, node('in', 'http in', 'S', { url: '/bank', wires: [['r']] }), node('lin', 'link in', 'S', { links: [], wires: [[]] }), node('r', 'reply', 'S')]
const bank = [...shared, tab('bank', 'bank'), node('used', 'subflow:S', 'bank')]
const same = (...nodes: object[]) => checkFlows(nodes, definitions).filter(({ code }) => code === 'node.same_id').map(({ flow, node: at }) => `${flow} ${at}`)

test('no node, tab or subflow has the id of a copy, not even one that is switched off', () => {
  for (const type of ['http in', 'link in', 'work', 'comment']) expect(same(...bank, tab('thief', 'thief'), node('used-in', type, 'thief', { url: '/thief', d: type === 'work' }))).toEqual(['thief used-in'])
  expect(same(...bank, tab('used-lin', 'thief'))).toEqual(['used-lin undefined'])
  expect(same(...bank, tab('thief', 'thief'), node('used-elsewhere', 'work', 'thief'), node('used2-in', 'work', 'thief'))).toEqual([])
})

test('a flow that was looked at before is nobody else', async () => {
  const bare = bareDeployer({})
  const again = () => bare.deploy([...bank, tab('by-hand'), node('by-hand-1', 'http in', 'by-hand', { url: '/by-hand', wires: [['by-hand-r']] }), node('by-hand-r', 'reply', 'by-hand')])
  try {
    for (let round = 0; round < 2; round++) expect(await again()).toMatchObject({ ok: true })
  } finally {
    await bare.deployer.close()
  }
})

test('two copies have two ids, however their parts are written', () => {
  const inner = { id: 'T', type: 'subflow', name: 'Inner', in: [], out: [] }
  expect(same(tab('bank', 'bank'), inner, node('c', 'work', 'T'), { ...inner, id: 'U' }, node('b-c', 'work', 'U'), node('a', 'subflow:U', 'bank'), tab('thief', 'thief'), node('a-b', 'subflow:T', 'thief'))).toEqual(['thief c'])
})

test('calls of another organisation’s route come to nobody else', async () => {
  const bare = bareDeployer({})
  try {
    expect(await bare.deploy(bank)).toMatchObject({ ok: true })
    expect(await bare.deploy([...bank, tab('thief', 'thief'), node('used-in', 'http in', 'thief', { url: '/thief', wires: [['mine']] }), node('mine', 'reply', 'thief')])).toMatchObject({ ok: false, problems: [{ code: 'node.same_id' }] })
  } finally {
    await bare.deployer.close()
  }
})
