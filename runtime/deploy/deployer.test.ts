import { afterEach, describe, expect, test } from 'vitest'
import type { Message } from '../core/message.ts'
import type { Step } from '../core/step.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'

let bare: ReturnType<typeof bareDeployer>
afterEach(() => bare.deployer.close())

/** A step that waits until the test lets it go on. */
function gate() {
  const waiting: (() => void)[] = []
  const step: Step = (message) => new Promise((resolve) => waiting.push(() => resolve({ out: message })))
  return { step, open: () => waiting.splice(0).forEach((go) => go()), get waiting() { return waiting.length } }
}

const flow = (id: string, payload: unknown, steps: string[] = ['gate']) => [
  { id, type: 'tab', label: id },
  { id: `${id}-in`, type: 'http in', z: id, url: `/${id}`, wires: [[`${id}-0`]] },
  ...steps.map((step, index) => ({ id: `${id}-${index}`, type: 'work', z: id, step, note: payload, wires: [[index === steps.length - 1 ? `${id}-reply` : `${id}-${index + 1}`]] })),
  { id: `${id}-reply`, type: 'reply', z: id, wires: [] },
]

describe('a deploy', () => {
  test('lets a run that began before it finish on its own deployment', async () => {
    const { step, open } = gate()
    bare = bareDeployer({ gate: step, old: (message) => ({ out: { ...message, payload: 'old' } }), new: (message) => ({ out: { ...message, payload: 'new' } }) })
    await bare.deploy(flow('a', 1, ['gate', 'old']))
    const before = bare.call('/a')
    await bare.deploy(flow('a', 2, ['gate', 'new']))
    const after = bare.call('/a')
    open()
    expect({ before: (await before).reply?.payload, after: (await after).reply?.payload }).toEqual({ before: 'old', after: 'new' })
  })

  test('keeps the pipelines that did not change, and retires those that did once their runs have ended', async () => {
    const held = gate()
    bare = bareDeployer({ gate: held.step })
    await bare.deploy([...flow('a', 1), ...flow('b', 1)])
    const slow = bare.call('/a')
    await bare.deploy([...flow('a', 2), ...flow('b', 1)])
    await Promise.resolve()
    expect(bare.retired).toEqual([])
    held.open()
    await slow
    await new Promise((resolve) => setImmediate(resolve))
    expect(bare.retired).toEqual(['a-0'])
  })

  test('that fails anywhere changes nothing and closes what it opened', async () => {
    bare = bareDeployer({ gate: (message) => ({ out: message }) })
    await bare.deploy(flow('a', 1))
    const hash = bare.deployer.live()?.hash
    const refused = await bare.deploy([...flow('a', 2), ...flow('b', 1, ['gate', 'missing'])])
    expect(refused).toMatchObject({ ok: false, problems: [{ node: 'b-1', flow: 'b', severity: 'error' }] })
    expect(bare.deployer.live()?.hash).toBe(hash)
    expect(bare.retired.sort()).toEqual(['a-0', 'b-0'])
    expect((await bare.call('/a', { payload: 'still' })).reply?.payload).toBe('still')
  })

  test('that is prepared and not wanted can be thrown away', async () => {
    bare = bareDeployer({ gate: (message) => ({ out: message }) })
    const prepared = await bare.deployer.prepare(bare.toRelease(flow('a', 1)))
    if (prepared.ok) await bare.deployer.discard(prepared.prepared)
    expect({ live: bare.deployer.live(), retired: bare.retired }).toEqual({ live: undefined, retired: ['a-0'] })
  })

  test('brings changed credentials to the node that uses them and to no other', async () => {
    bare = bareDeployer({ gate: (message) => ({ out: message }) })
    await bare.deploy([...flow('a', 1), ...flow('b', 1)], { 'a-0': { password: 'one' } })
    await bare.deploy([...flow('a', 1), ...flow('b', 1)], { 'a-0': { password: 'two' } })
    await new Promise((resolve) => setImmediate(resolve))
    expect(bare.retired).toEqual(['a-0'])
  })

  test('ends runs of the old deployment that outlast the drain limit', async () => {
    bare = bareDeployer({ gate: () => new Promise(() => {}), ok: (message) => ({ out: message }) }, { drainMs: 10 })
    await bare.deploy(flow('a', 1))
    const stuck = bare.call('/a')
    await bare.deploy(flow('a', 2, ['ok']))
    expect((await stuck).fault?.code).toBe('gateway.draining')
    expect((await bare.call('/a')).reply).toBeDefined()
  })
})

describe('commands of the editor', () => {
  test('an inject button starts a run at its node, and only when the node is live', async () => {
    const seen: Message[] = []
    bare = bareDeployer({ note: (message) => (seen.push(message), undefined) })
    await bare.deploy([{ id: 'a', type: 'tab', label: 'a' }, { id: 'tick', type: 'tick', z: 'a', wires: [['n']] }, { id: 'n', type: 'work', z: 'a', step: 'note', wires: [[]] }])
    await bare.deployer.command({ do: 'inject', node: 'tick' })
    expect(seen).toHaveLength(1)
    expect(bare.summaries).toMatchObject([{ on: 'manual', flow: 'a', node: 'tick' }])
    await expect(bare.deployer.command({ do: 'inject', node: 'gone' })).rejects.toThrow(/not part of the live release/)
  })
})
