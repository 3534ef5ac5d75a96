import { describe, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { startGateway } from '../kit/gateway.ts'

const jsonata = (name: string, value: string) => ({ name, type: 'jsonata', value })
const asks = (id: string, z: string, name: string, more: object = {}) => ({
  id, type: 'change', z, rules: [{ t: 'set', p: `payload.${name}`, pt: 'msg', to: name, tot: 'env' }], ...more,
})

/** Answers with the variables that three nodes see: on the tab, in a group, in a subflow. */
const nodes = (expression = '$uppercase($env("CITY"))'): EditorNode[] => [
  { id: 'g', type: 'global-config', env: [jsonata('EVERYWHERE', '{ "list": [1..3] }')] },
  { id: 't', type: 'tab', label: 'Tab', env: [{ name: 'CITY', type: 'str', value: 'Taipei' }, jsonata('LOUD', expression), { name: 'VIA', type: 'env', value: 'LOUD' }] },
  { id: 'gr', type: 'group', z: 't', nodes: ['b'], env: [jsonata('LOUD', '$env("LOUD") & "!"')] },
  { id: 'in', type: 'http in', z: 't', url: '/env', method: 'get', wires: [['clear']] },
  { id: 'clear', type: 'change', z: 't', rules: [{ t: 'set', p: 'payload', pt: 'msg', to: '{}', tot: 'json' }], wires: [['a']] },
  asks('a', 't', 'VIA', { wires: [['b']] }),
  asks('b', 't', 'LOUD', { g: 'gr', wires: [['c']] }),
  asks('c', 't', 'EVERYWHERE', { wires: [['i']] }),
  { id: 'i', type: 'subflow:S', z: 't', env: [{ name: 'N', type: 'num', value: '4' }], wires: [['out']] },
  { id: 'out', type: 'http response', z: 't', wires: [] },
  { id: 'S', type: 'subflow', name: 'S', in: [{ wires: [{ id: 's' }] }], out: [{ wires: [{ id: 's', port: 0 }] }], env: [{ name: 'N', type: 'num', value: '0' }, jsonata('SQUARE', '$env("N") * $env("N")')] },
  asks('s', 'S', 'SQUARE', { wires: [[]] }),
]

describe('a variable whose value is JSONata', () => {
  test('is computed at the deploy and read like any other, on tabs, in groups, in subflows and everywhere', async () => {
    await using gateway = await startGateway({ nodes: nodes() })
    expect(await (await fetch(`${gateway.url}/env`)).json()).toEqual({ VIA: 'TAIPEI', LOUD: 'TAIPEI!', EVERYWHERE: { list: [1, 2, 3] }, SQUARE: 16 })
  })

  test('refuses the deploy by name when it does not compile, fails, or takes too long', async () => {
    await using gateway = await startGateway({ nodes: nodes() })
    for (const [expression, code] of [['(', 'expression.syntax'], ['$number("x")', 'expression.error'], ['($f := function($n) { $f($n + 1) }; $f(0))', /^script\.|^expression\./]] as const) {
      const refused = await gateway.deploy(nodes(expression))
      expect(refused).toMatchObject({ ok: false, problems: [{ severity: 'error', code: typeof code === 'string' ? code : expect.stringMatching(code), flow: 't', property: 'env', message: expect.stringContaining('“LOUD”'), remedy: expect.stringMatching(/\S/) }] })
    }
    expect((await fetch(`${gateway.url}/env`)).status).toBe(200)
  })

  test('cannot say how a flow is reached: routes are settled before', async () => {
    await using gateway = await startGateway()
    const refused = await gateway.deploy(nodes('"/somewhere"').map((node) => (node.id === 'in' ? { ...node, url: '${LOUD}' } : node)))
    expect(refused).toMatchObject({ ok: false, problems: [{ node: 'in', remedy: 'Use a variable with a plain value there.' }] })
  })
})
