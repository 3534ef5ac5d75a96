import { afterEach, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import type { Refused } from '../../control/contract.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { estate, flow, set } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { openPlanes, type Planes } from '../kit/planes.ts'

let planes: Planes
let gateways: TestGateway[] = []
afterEach(async () => {
  await planes.close()
  for (const gateway of gateways) await gateway.close()
  gateways = []
})

/** A gateway of a busy machine is not taken for behind: what is asked after a deploy is of that deploy. */
const limits = { silenceMs: 10_000, heartbeatMs: 100, commandMs: 500 }

/** A gateway that runs what control deploys. */
async function join(folder?: string): Promise<TestGateway> {
  const gateway = await startGateway()
  gateways.push(gateway)
  await planes.connected({ deployer: gateway.gateway.deployer as never, ...(folder === undefined ? {} : { folder }) })
  return gateway
}

/** A flow that others call, with a route and a timer of its own that must be there once. */
const called = (text: string) => flow('greet')
  .node('sub-flow in', { name: 'greeting' }).as('begin').node('change', { rules: [set('payload', text)] }).node('end', {}, 0)
  .line().httpIn('GET', '/own').node('change', { rules: [set('payload', `own ${text}`)] }).httpResponse()
const caller = (id: string, revision = '') => flow(id).httpIn('GET', `/${id}`).node('sub-flow', { name: `call of ${id}`, flow: 'begin', revision, inputsFrom: 'payload' }).as(`${id}-call`).httpResponse()
const deploy = async (...flows: readonly ReturnType<typeof flow>[]) => await planes.control.flows.deploy({ nodes: estate(...flows) as EditorNode[], user: 'admin' })
const errorsOf = (refused: unknown) => ({ code: (refused as Refused).code, status: (refused as Refused).status, problems: (refused as Refused).problems.filter(({ severity }) => severity === 'error') })
const ask = async (gateway: TestGateway, path: string) => await (await fetch(`${gateway.url}${path}`)).text()
const callsNow = async () => (await planes.control.releases.get((await planes.control.releases.list())[0]!.id))!.calls

/** Of the flow that is called. */
async function deployedRevision(): Promise<string> {
  return (await callsNow())[0]!.revision!
}

test('two revisions of a flow run side by side: callers move one by one, over deploys, restarts and rollbacks', async () => {
  planes = await openPlanes({ definitions, limits })
  const one = await join()
  await deploy(called('first'), caller('a'), caller('b'))
  const first = await deployedRevision()
  expect([await ask(one, '/a'), await ask(one, '/b'), await ask(one, '/own')]).toEqual(['first', 'first', 'own first'])

  // b stays where it is while the flow and a move on.
  const moved = await deploy(called('second'), caller('a'), caller('b', first.slice(0, 10)))
  expect(moved.warnings.filter(({ flow: one }) => one !== 'greet' && one !== 'a' && one !== 'b')).toEqual([])
  expect([await ask(one, '/a'), await ask(one, '/b'), await ask(one, '/own')]).toEqual(['second', 'first', 'own second'])
  expect(await callsNow()).toMatchObject([{ label: 'greet', name: 'greeting', calls: [{ label: 'a', pinned: false }, { label: 'b', name: 'call of b', revision: first, pinned: true }] }])
  expect((await planes.control.flows.current()).nodes.some(({ id }) => id.includes('@'))).toBe(false)

  // Once more, with a deploy that changes something else, on a control that was started again and a gateway that joins then.
  await planes.stop()
  await planes.start()
  await expect.poll(async () => (await planes.control.gateways.list()).every(({ connected }) => connected)).toBe(true)
  const two = await join()
  await expect.poll(() => ask(two, '/b')).toBe('first')
  await deploy(called('third'), caller('a'), caller('b', first))
  for (const gateway of [one, two]) expect([await ask(gateway, '/a'), await ask(gateway, '/b')]).toEqual(['third', 'first'])

  // b moves as well, and nothing of the first is left; a rollback brings it back.
  const last = await deploy(called('third'), caller('a'), caller('b'))
  expect([await ask(one, '/b'), [...(one.gateway.deployer.current() as unknown as { pipelines: Map<string, unknown> }).pipelines.keys()]]).toEqual(['third', ['greet', 'a', 'b']])
  await planes.control.releases.rollback(last.release - 1, 'admin')
  expect([await ask(one, '/a'), await ask(one, '/b')]).toEqual(['third', 'first'])
  // The flow itself goes; who was pinned to it goes on, and nobody else may come.
  await deploy(caller('b', first))
  expect(await ask(one, '/b')).toBe('first')
  expect(await callsNow()).toMatchObject([{ calls: [{ label: 'b', revision: first }] }])
}, 20_000)

test('a deploy that pins a call to a revision that was never deployed, or to too little of one, is refused with place and remedy', async () => {
  planes = await openPlanes({ definitions, limits })
  await deploy(called('first'), caller('a'))
  for (const pin of ['0123456789', 'abc', 'no hash at all']) {
    const refused = await deploy(called('first'), caller('a', pin)).catch((thrown: unknown) => thrown as Refused)
    expect(errorsOf(refused)).toMatchObject({ code: 'deploy.refused', status: 422, problems: [{ code: 'subflow_call.pinned', node: 'a-call', property: 'revision', remedy: expect.stringContaining('8 characters') }] })
  }
  const reserved = await planes.control.flows.deploy({ nodes: [{ id: 't@0123456789ab', type: 'tab', label: 'x', pinOf: { flow: 't', revision: '0123456789ab' } }], user: 'admin' }).catch((thrown: unknown) => thrown as Refused)
  expect(reserved).toMatchObject({ problems: [{ code: 'flow.reserved' }] })
})

test('an earlier revision that does not compile any more refuses the deploy, said of the flow as it was drawn', async () => {
  planes = await openPlanes({ definitions, limits })
  const shared = (id: string) => ({ id, type: 'upstream', name: 'shared', targets: [{ url: 'http://127.0.0.1:9', weight: 1 }] })
  const asking = (text: string, upstream = 'up') => flow('greet').node('sub-flow in').as('begin').node('service callout', { upstream, url: `/${text}` }, 3).as('ask').node('end', {}, 0)
  const withShared = async (nodes: readonly EditorNode[], id: string) => await planes.control.flows.deploy({ nodes: [...nodes, shared(id)] as EditorNode[], user: 'admin' })
  await withShared(estate(asking('one'), caller('b')) as EditorNode[], 'up')
  const revision = await deployedRevision()
  const refused = await withShared(estate(asking('two', 'other'), caller('b', revision)) as EditorNode[], 'other').catch((thrown: unknown) => thrown as Refused)
  expect(errorsOf(refused)).toMatchObject({ code: 'deploy.refused', problems: [{ flow: 'greet', node: 'ask', message: expect.stringMatching(/^“greet @[0-9a-f]{8}”, to which others are pinned/) }] })
})
