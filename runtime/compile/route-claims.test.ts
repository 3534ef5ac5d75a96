import { expect, test } from 'vitest'
import { bareDeployer, bareNodes } from '../../test/kit/bare-deployer.ts'
import { defineNode } from '../core/node.ts'
import type { EditorNode } from '../core/flow.ts'
import { createAssembler } from './assemble.ts'
import { createCatalogue } from './catalogue.ts'
import { toRevisions } from './check.ts'

const compiled: string[] = []
const asker = defineNode({
  type: 'asker', category: 'protect', config: { type: 'object' }, outputs: ['out'],
  label: { en: 'x', 'zh-TW': 'x' }, summary: { en: 'x', 'zh-TW': 'x' },
  claims: () => [{ kind: 'bearer' }, { kind: 'basic' }, { kind: 'key', header: 'x-api-key' }],
  compile(_config, scope) {
    compiled.push(scope.node.id)
    return (message) => ({ out: message })
  },
})

const tab = (id: string, organisation?: string) => ({ id, type: 'tab', label: id, ...(organisation ? { env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }] } : {}) })
const node = (z: string, id: string, type: string, wires: string[], more: object = {}) => ({ id, type, z, wires: [wires], ...more })
const route = (z: string, first: string, more: object = {}) => [node(z, `${z}-in`, 'http in', [first], { url: `/${z}`, ...more }), { id: `${z}-r`, type: 'reply', z, wires: [] }]
const back = (z: string) => ({ id: `${z}-back`, type: 'link out', z, mode: 'return', links: [], wires: [] })
const policy = (organisation: string) => [tab('P', organisation), node('P', 'p', 'global policy', ['P-a']), node('P', 'P-a', 'asker', ['P-back']), back('P')]

/** Claims of the route of tab `t`, as `kind node`. */
function claimsOf(nodes: readonly object[]): string[] {
  const assemble = createAssembler(createCatalogue([...bareNodes({}), asker]))
  const { flows, problems } = assemble(toRevisions(nodes as EditorNode[]))
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  return flows.flatMap(({ routes }) => routes).filter(({ flow }) => flow === 't').flatMap(({ claims }) => claims ?? []).map((claim) => ('node' in claim ? `${claim.kind} ${claim.node}` : claim.kind)).toSorted()
}

test.each<[string, object[], number]>([
  ['on its own tab, each once', [tab('t'), ...route('t', 'a'), node('t', 'a', 'asker', ['b']), node('t', 'b', 'asker', ['t-r'])], 2],
  ['in each copy of a subflow', [
    { ...tab('S'), type: 'subflow', name: 'S', in: [{ x: 0, y: 0, wires: [{ id: 's' }] }], out: [{ x: 0, y: 0, wires: [{ id: 's', port: 0 }] }] }, node('S', 's', 'asker', []),
    tab('t'), ...route('t', 'one'), node('t', 'one', 'subflow:S', ['two']), node('t', 'two', 'subflow:S', ['t-r']),
  ], 2],
  ['on a tab that is called', [tab('u'), node('u', 'u-li', 'link in', ['u-a'], { links: [] }), node('u', 'u-a', 'asker', ['u-back']), back('u'), tab('t'), ...route('t', 'c'), node('t', 'c', 'link call', ['t-r'], { links: ['u-li'] })], 1],
  ['on the tab of a global policy', [...policy('shop'), tab('t', 'shop'), ...route('t', 't-r')], 1],
])('a route names the nodes that know its callers by the ids they go by at run time: %s', async (_where, nodes, count) => {
  const claims = claimsOf(nodes)
  const named = claims.filter((claim) => claim.startsWith('bearer ')).map((claim) => claim.slice('bearer '.length))
  expect(named).toHaveLength(count)
  // What the records say by themselves is asked once, whoever asks.
  expect(claims.filter((claim) => claim === 'key')).toHaveLength(1)
  compiled.length = 0
  const bare = bareDeployer({}, { definitions: [asker] })
  try {
    expect(await bare.deploy(nodes as EditorNode[])).toMatchObject({ ok: true })
    expect(compiled.toSorted()).toEqual(named)
  } finally {
    await bare.deployer.close()
  }
})

test('a tab of another organisation that is called says nothing of whose tokens are believed; what the records say, it may', () => {
  const called = (organisation?: string) => [tab('u', organisation), node('u', 'u-li', 'link in', ['u-a'], { links: ['h-out'] }), node('u', 'u-a', 'asker', [])]
  const caller = [tab('t', 'shop'), ...route('t', 'o'), node('t', 'o', 'link out', [], { links: ['h-li'] }), node('t', 'w', 'asker', ['t-r'])]
  const between = [tab('h'), node('h', 'h-li', 'link in', ['h-out'], { links: ['o'] }), node('h', 'h-out', 'link out', [], { links: ['u-li'] })]
  const bearers = (organisation?: string) => claimsOf([...called(organisation), ...between, ...caller.map((one) => ('url' in one ? { ...one, wires: [['o', 'w']] } : one))]).filter((claim) => claim !== 'key')
  expect(bearers('thief')).toEqual(['basic u-a', 'basic w', 'bearer w'])
  expect(bearers('shop')).toEqual(['basic u-a', 'basic w', 'bearer u-a', 'bearer w'])
  expect(bearers()).toEqual(['basic u-a', 'basic w', 'bearer u-a', 'bearer w'])
})
