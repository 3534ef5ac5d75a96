import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

const live = flow('live').httpIn('GET', '/live').fn('msg.payload = "live"\nreturn msg').httpResponse()

/** What must be refused: the flow, the node to paint, and words that the reason has to hold. */
const refused: Readonly<Record<string, { nodes: readonly unknown[]; at?: string; says: RegExp }>> = {
  'a record that is no object': { nodes: ['nonsense'], says: /object/i },
  'a record without an id': { nodes: [{ type: 'tab', label: 'x' }], says: /id/i },
  'two records of one id': { nodes: [...flow('twin').httpIn('GET', '/t').httpResponse().nodes(), ...flow('twin').httpIn('GET', '/u').httpResponse().nodes()], says: /twin/ },
  'an unknown node type': { nodes: flow('a').httpIn('GET', '/a').node('no such node').httpResponse().nodes(), at: 'a.2', says: /no such node/ },
  'a core node that is not there yet': { nodes: flow('a').httpIn('GET', '/a').node('batch').httpResponse().nodes(), at: 'a.2', says: /batch.*not available yet/i },
  'a core node that would reach the machine': { nodes: flow('a').httpIn('GET', '/a').node('exec').httpResponse().nodes(), at: 'a.2', says: /exec.*not run here/i },
  'a duplicate route': { nodes: flow('a').httpIn('GET', '/live').httpResponse().nodes(), at: 'a.1', says: /\/live/ },
  'the same route by another parameter name': { nodes: estate(flow('a').httpIn('GET', '/p/:id').httpResponse(), flow('b').httpIn('GET', '/p/:other').httpResponse()), says: /\/p\// },
  'a wire to nowhere': { nodes: flow('a').httpIn('GET', '/a', { wires: undefined }).fn('return msg').nodes().map((node) => (node.type === 'function' ? { ...node, wires: [['gone']] } : node)), at: 'a.2', says: /gone|nowhere|wire/i },
  'a script that does not compile': { nodes: flow('a').httpIn('GET', '/a').fn('const x = 1\nreturn {').httpResponse().nodes(), at: 'a.2', says: /line|unexpected/i },
  'a JSONata expression that does not compile': { nodes: flow('a').httpIn('GET', '/a').change({ t: 'set', p: 'payload', pt: 'msg', to: '$sum(', tot: 'jsonata' }).httpResponse().nodes(), at: 'a.2', says: /expression|jsonata|expected/i },
  'a missing subflow': { nodes: flow('a').httpIn('GET', '/a').node('subflow:gone').httpResponse().nodes(), at: 'a.2', says: /subflow/i },
  'an http in from which no reply can be reached': { nodes: flow('a').httpIn('GET', '/a').fn('return msg').nodes(), at: 'a.1', says: /reply|respond|answer/i },
  'a bad config': { nodes: flow('a').httpIn('GET', '/a').node('switch', { rules: 'not a list', property: 'payload' }).httpResponse().nodes(), at: 'a.2', says: /rules/i },
  'a function with npm modules': { nodes: flow('a').httpIn('GET', '/a').fn('return msg', { libs: [{ var: 'fs', module: 'fs' }] }).httpResponse().nodes(), at: 'a.2', says: /module|lib/i },
}

describe('refused at deploy, with node, reason and remedy; the live version stays', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway({ nodes: live.nodes() })
  })
  afterAll(() => gateway?.close())

  test.each(Object.keys(refused))('%s', async (name) => {
    const { nodes, at, says } = refused[name] as (typeof refused)[string]
    const problems = await errorsOf(gateway, [...live.nodes(), ...nodes] as EditorNode[])
    expect(problems.length).toBeGreaterThan(0)
    const [first] = problems
    if (at !== undefined) expect(problems.map((problem) => problem.node)).toContain(at)
    expect(problems.map((problem) => problem.message).join(' ')).toMatch(says)
    for (const problem of problems) {
      expect(problem.message.length).toBeGreaterThan(10)
      expect(problem.remedy).toMatch(/^[A-Z“].*\.$/s)
    }
    expect(first?.code).toMatch(/^[a-z]+(\.[a-z_]+)+$/)
    const reply = await fetch(`${gateway.url}/live`)
    expect(await reply.text()).toBe('live')
  })

  test('doubtful things are warned about and go live: a loop, a side branch without a reply', async () => {
    const looping = flow('loop').httpIn('GET', '/loop').fn('msg.n = (msg.n || 0) + 1\nreturn msg.n < 3 ? [msg, null] : [null, msg]', {}, 2).as('round').port(1).httpResponse().from('round').to('round')
    const side = flow('side').httpIn('GET', '/side').branches((one) => one.httpResponse(), (one) => one.fn('return msg'))
    const result = await gateway.deploy([...live.nodes(), ...estate(looping, side)])
    expect(result.ok).toBe(true)
    expect((await fetch(`${gateway.url}/side`)).status).toBe(200)
    expect((await fetch(`${gateway.url}/loop`)).status).toBe(200)
  })
})

/** Problems of a deploy: those of the compiler, or what `prepare` says. */
async function errorsOf(gateway: TestGateway, nodes: EditorNode[]) {
  const { checkFlows } = await import('../../runtime/compile/check.ts')
  const { definitions } = await import('../../nodes/index.ts')
  const { notYet } = await import('../../nodes/not-yet.ts')
  const checked = checkFlows(nodes, definitions, notYet).filter((problem) => problem.severity === 'error')
  if (checked.length > 0) return checked
  const result = await gateway.deploy(nodes)
  return result.ok ? [] : result.problems.filter((problem) => problem.severity === 'error')
}
