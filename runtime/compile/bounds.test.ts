import { expect, test } from 'vitest'
import { bareDeployer, bareNodes } from '../../test/kit/bare-deployer.ts'
import { checkFlows } from './check.ts'

const definitions = bareNodes({})
const http = (next: string, tab = {}) => [
  { id: 't', type: 'tab', label: 'T', ...tab },
  { id: 'in', type: 'http in', z: 't', url: '/x', wires: [[next]] },
  { id: 'r', type: 'reply', z: 't', wires: [] },
]
const errors = (nodes: unknown) => checkFlows(nodes, definitions).filter(({ severity }) => severity === 'error').map(({ code }) => code)

/** `levels` subflows, each with ten instances of the next. */
function nested(levels: number) {
  return Array.from({ length: levels }, (_, level) => [
    { id: `s${level}`, type: 'subflow', name: `s${level}`, in: [{ wires: [{ id: `s${level}-0` }] }], out: [{ wires: [{ id: `s${level}-0`, port: 0 }] }] },
    ...Array.from({ length: 10 }, (_, n) => ({ id: `s${level}-${n}`, type: level === levels - 1 ? 'guard' : `subflow:s${level + 1}`, z: `s${level}`, wires: [[]] })),
  ]).flat()
}

test('subflows that multiply beyond all bounds are refused, however deep they go', () => {
  const instance = { id: 'i', type: 'subflow:s0', z: 't', wires: [['r']] }
  expect(errors([...http('i'), instance, ...nested(2)])).toEqual([])
  expect(errors([...http('i'), instance, ...nested(15)])).toContain('subflow.too_many')
})

test('the bound is one for all flows of a release together', () => {
  const tabs = Array.from({ length: 12 }, (_, n) => [
    { id: `t${n}`, type: 'tab', label: 'T' },
    { id: `in${n}`, type: 'http in', z: `t${n}`, url: `/${n}`, wires: [[`i${n}`]] },
    { id: `i${n}`, type: 'subflow:s0', z: `t${n}`, wires: [[`r${n}`]] },
    { id: `r${n}`, type: 'reply', z: `t${n}`, wires: [] },
  ]).flat()
  expect(errors([...tabs, ...nested(4)])).toContain('subflow.too_many')
  expect(errors([...tabs.slice(0, 4), ...nested(4)])).toEqual([])
})

test('a subflow output far beyond all ports costs nothing', () => {
  const subflow = { id: 's', type: 'subflow', name: 's', in: [{ wires: [{ id: 'g' }] }], out: [{ wires: [{ id: 'g', port: 4e9 }, { id: 'g', port: 0 }] }] }
  expect(errors([...http('i'), { id: 'i', type: 'subflow:s', z: 't', wires: [['r']] }, subflow, { id: 'g', type: 'guard', z: 's', wires: [[]] }])).toEqual([])
})

test('junctions that double a message row by row are refused at deploy', async () => {
  const rows = 40
  const junctions = Array.from({ length: rows }, (_, row) => ['a', 'b'].map((side) => ({ id: `${side}${row}`, type: 'junction', z: 't', wires: [row === rows - 1 ? ['r'] : [`a${row + 1}`, `b${row + 1}`]] }))).flat()
  const bare = bareDeployer({})
  expect(await bare.deploy([...http('a0'), ...junctions] as never)).toMatchObject({ ok: false, problems: [{ code: 'wire.too_many', flow: 't' }] })
  await bare.deployer.close()
})

test('environment entries that double each other have no value, at once', async () => {
  const env = Array.from({ length: 48 }, (_, n) => ({ name: `A${n}`, type: n === 47 ? 'str' : 'env', value: n === 47 ? 'x' : `\${A${n + 1}}\${A${n + 1}}` }))
  const bare = bareDeployer({})
  expect(await bare.deploy([...http('e', { env }), { id: 'e', type: 'env', name: 'A40', z: 't', wires: [['r']] }] as never)).toMatchObject({ ok: true })
  expect(String((await bare.call('/x')).reply?.payload).length).toBeLessThan(2_000_000)
  await bare.deployer.close()
})

test.each(['constructor', 'toString', 'hasOwnProperty'])('a tab or node called “%s” has no credentials but its own', async (id) => {
  const nodes = [
    { id, type: 'tab', label: 'T', env: [{ name: 'name', type: 'cred', value: 'given' }] },
    { id: 'in', type: 'http in', z: id, url: '/x', wires: [['e']] },
    { id: 'e', type: 'env', name: 'name', z: id, wires: [['r']] },
    { id: 'r', type: 'reply', z: id, wires: [] },
  ]
  const bare = bareDeployer({})
  await bare.deploy(nodes as never, { other: { name: 'secret' } })
  expect((await bare.call('/x')).reply?.payload).toBe('given')
  await bare.deployer.close()
})
