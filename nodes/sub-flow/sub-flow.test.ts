import { afterEach, describe, expect, it } from 'vitest'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Step } from '../../runtime/core/step.ts'
import { toRevisions } from '../../runtime/compile/check.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { bareSandbox } from '../../test/kit/bare-sandbox.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import { end } from '../end/end.ts'
import { subFlowIn } from '../sub-flow-in/sub-flow-in.ts'
import { subFlow } from './sub-flow.ts'

const inputs = { type: 'object', required: ['station'], additionalProperties: false, properties: { station: { type: 'string' }, lang: { type: 'string' } } }
const outputs = { type: 'object', required: ['bikes'], properties: { bikes: { type: 'integer' } } }
const called = (step = 'look', more: object = {}) => [
  { id: 'lib', type: 'tab', label: 'Stations', ...more },
  { id: 'begin', type: 'sub-flow in', z: 'lib', name: 'station', inputSchema: inputs, outputSchema: outputs, wires: [['look']] },
  { id: 'look', type: 'work', z: 'lib', step, wires: [['back']] },
  { id: 'back', type: 'end', z: 'lib', wires: [] },
]
const caller = (more: object = {}) => [
  { id: 't', type: 'tab', label: 'T' },
  { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['call']] },
  { id: 'call', type: 'sub-flow', z: 't', name: 'one station', flow: 'begin', parameters: [{ name: 'station', value: 'payload.id' }, { name: 'lang', value: 'payload.lang' }], target: 'payload.found', wires: [['reply']], ...more },
  { id: 'reply', type: 'reply', z: 't', wires: [] },
]

let bare: ReturnType<typeof bareDeployer>
let seen: Message[]
afterEach(async () => {
  await expect.poll(() => bare.deployer.inFlight).toBe(0)
  await bare.deployer.close()
})

const steps: Record<string, Step> = {
  look: (message) => (seen.push(message), { out: { ...message, payload: { bikes: 3 }, more: 'stays inside' } }),
  wrong: (message) => ({ out: { ...message, payload: { bikes: 'three' } } }),
  hang: () => new Promise(() => {}),
  drop: () => undefined,
}

async function deploy(nodes: object[]) {
  seen = []
  bare = bareDeployer(steps, { definitions: [subFlow, subFlowIn, end], sandbox: bareSandbox() })
  const result = await bare.deploy(nodes)
  return result.ok ? [] : (result.problems as readonly Problem[])
}

describe('sub-flow', () => {
  it('calls a flow with its inputs alone, and takes what it gives back and nothing else', async () => {
    expect(await deploy([...called(), ...caller()])).toEqual([])
    const { reply } = await bare.call('/x', { payload: { id: 'A' }, secret: 1, _msgid: 'm' })
    expect(seen).toEqual([{ payload: { station: 'A' }, _msgid: 'm' }])
    expect(reply).toEqual({ payload: { id: 'A', found: { bikes: 3 } }, secret: 1, _msgid: 'm' })
  })

  it('holds inputs and outcome to what the flow declares', async () => {
    await deploy([...called(), ...caller()])
    expect((await bare.call('/x', { payload: { id: 5 } })).fault).toMatchObject({ code: 'subflow.input', facts: { at: '/station' }, at: { node: 'begin' } })
    await bare.deployer.close()
    await deploy([...called('wrong'), ...caller()])
    expect((await bare.call('/x', { payload: { id: 'A' } })).fault).toMatchObject({ code: 'subflow.output', facts: { at: '/bikes' }, at: { node: 'back' } })
  })

  it('gives the whole payload, when it is told to', async () => {
    await deploy([...called(), ...caller({ inputsFrom: 'payload' })])
    expect((await bare.call('/x', { payload: { station: 'B' } })).reply?.payload).toEqual({ station: 'B', found: { bikes: 3 } })
  })

  it('says so when nothing comes back, and gives up in time', async () => {
    await deploy([...called('drop'), ...caller()])
    expect((await bare.call('/x', { payload: { id: 'A' } })).fault).toMatchObject({ code: 'branch.no_result', facts: { branch: 'one station' } })
    await bare.deployer.close()
    bare = bareDeployer(steps, { definitions: [subFlow, subFlowIn, end], sandbox: bareSandbox(), deadlineMs: 100 })
    await bare.deploy([...called('hang'), ...caller({ timeoutMs: 10 })])
    expect((await bare.call('/x', { payload: { id: 'A' } })).fault).toMatchObject({ code: 'branch.timeout', status: 504 })
  })

  it('refuses a deploy with another revision than the one it is pinned to, and says which there is', async () => {
    const revision = toRevisions(called() as never).find(({ document }) => document.id === 'lib')?.hash as string
    expect(await deploy([...called(), ...caller({ revision: revision.slice(0, 12) })])).toEqual([])
    await bare.deployer.close()
    const [problem] = await deploy([...called('look', { info: 'changed' }), ...caller({ revision: revision.slice(0, 12) })])
    expect(problem).toMatchObject({ severity: 'error', code: 'subflow_call.pinned', flow: 't', node: 'call', property: 'revision' })
    expect(problem?.remedy).toMatch(/[0-9a-f]{12}/)
  })

  it('goes on with flows from before its rows and schemas had names of their own', async () => {
    const old = (node: any) => {
      const { inputSchema, outputSchema, parameters, ...rest } = node
      return { ...rest, ...(inputSchema ? { inputs: inputSchema, outputs: outputSchema } : {}), ...(parameters ? { inputs: parameters } : {}) }
    }
    const problems = await deploy([...called(), ...caller({ parameters: [{ name: 'lang', value: 'payload' }] })].map(old))
    expect(problems.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toEqual(['subflow_call.missing_input'])
    await bare.deployer.close()
  })

  it('refuses calls of nothing, in a circle, without what is needed, and with what nobody knows', async () => {
    const codes = async (nodes: object[]) => {
      const found = (await deploy(nodes)).filter(({ severity }) => severity === 'error').map(({ code }) => code)
      await bare.deployer.close()
      return found
    }
    expect(await codes(caller())).toEqual(['subflow_call.nowhere'])
    expect(await codes([...called(), ...caller({ parameters: [{ name: 'lang', value: 'payload' }, { name: 'colour', value: 'payload' }] })])).toEqual(['subflow_call.missing_input', 'subflow_call.unknown_input'])
    const again = { id: 'again', type: 'sub-flow', z: 'lib', flow: 'begin', inputsFrom: 'payload', wires: [['back']] }
    const circle = [...called().map((node) => (node.id === 'look' ? { ...node, wires: [['again']] } : node)), again]
    expect(await codes([...circle, ...caller()])).toEqual(['subflow_call.recursive'])
    expect(checkNode(subFlow, {})).toMatchObject([{ code: 'subflow_call.none' }])
  })

  it('stays within an organisation', async () => {
    const of = (id: string) => ({ env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: id }] })
    const own = caller().map((node) => (node.type === 'tab' ? { ...node, ...of('a') } : node))
    const problems = await deploy([...called('look', of('b')), ...own])
    expect(problems.map(({ code }) => code)).toContain('link.foreign')
    await bare.deployer.close()
    expect(await deploy([...called('look', of('a')), ...own])).toEqual([])
  })
})
