import { afterEach, expect, test } from 'vitest'
import { Refused } from '../../control/contract.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { openPlanes, until, type Planes } from '../kit/planes.ts'

let planes: Planes
afterEach(async () => await planes.close())

const estate = (text = 'one'): EditorNode[] => [
  { id: 't1', type: 'tab', label: 'First' },
  { id: 't2', type: 'tab', label: 'Second' },
  { id: 'a', type: 'comment', z: 't1', name: text },
  { id: 'b', type: 'comment', z: 't2', name: 'stays' },
]
const compile = {
  read: (nodes: unknown) => ({ nodes: nodes as EditorNode[], problems: [] }),
  split: (await import('../../runtime/compile/split.ts')).splitFlows,
  assemble: () => [],
}
const deploy = (nodes: EditorNode[], rest: { rev?: string } = {}) => planes.control.flows.deploy({ nodes, user: 'admin', ...rest })

test('a deploy goes live on every connected gateway, and only what changed travels', async () => {
  planes = await openPlanes({ compile })
  const one = await planes.connected()
  const two = await planes.connected()
  const first = await deploy(estate())
  expect(first.live.length).toBe(2)
  expect(first.behind).toEqual([])
  const second = await deploy(estate('two'), { rev: first.rev })
  expect(second.release).toBe(2)
  for (const { deployer } of [one, two]) {
    expect(deployer.commits.map(({ manifest }) => manifest.id)).toEqual([1, 2])
    const [before, after] = deployer.commits
    expect(after?.revisions[1]).toBe(before?.revisions[1])
    expect(after?.revisions[0]?.document.nodes[1]?.name).toBe('two')
  }
  expect((await planes.control.gateways.list()).map(({ state, release }) => [state, release])).toEqual([['live', 2], ['live', 2]])
  expect(await planes.control.flows.current()).toEqual({ nodes: estate('two'), rev: second.rev })
})

test('one gateway that refuses refuses the deploy for all, and nothing changes anywhere', async () => {
  planes = await openPlanes({ compile })
  const one = await planes.connected()
  const two = await planes.connected()
  const { rev } = await deploy(estate())
  two.deployer.behaviour.refuse = { severity: 'error', code: 'script.syntax', node: 'a', message: 'It does not compile.', remedy: 'Mend it.' }
  const failed = await deploy(estate('broken')).catch((thrown: unknown) => thrown as Refused)
  expect(failed).toBeInstanceOf(Refused)
  expect(failed).toMatchObject({ code: 'deploy.refused', status: 422, problems: [{ code: 'script.syntax', node: 'a' }] })
  expect(await planes.control.flows.current()).toEqual({ nodes: estate(), rev })
  await until(() => one.deployer.discarded.length === 1)
  expect(one.deployer.commits.length).toBe(1)
  expect((await planes.control.releases.list()).length).toBe(1)
  two.deployer.behaviour.refuse = undefined
  expect((await deploy(estate('mended'))).live.length).toBe(2)
})
