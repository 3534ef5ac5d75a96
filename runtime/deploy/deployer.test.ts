import { afterEach, describe, expect, test } from 'vitest'
import type { Message } from '../core/message.ts'
import type { Step } from '../core/step.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
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

  test('keeps a deployment for those that wait to enter it, and tells them when it is forced out', async () => {
    bare = bareDeployer({ gate: (message) => ({ out: message }) }, { drainMs: 10 })
    await bare.deploy(flow('a', 1))
    const old = bare.deployer.current()!
    const told: string[] = []
    const leave = old.expect!((reason) => told.push(`first ${reason.code}`))
    const leaveLate = old.expect!((reason) => {
      told.push(`second ${reason.code}`)
      leaveLate()
    })
    leave()
    leave()
    await bare.deploy(flow('a', 2))
    await Promise.resolve()
    expect([bare.retired, bare.deployer.inFlight]).toEqual([[], 1])
    await expect.poll(() => told).toEqual(['second gateway.draining'])
    await expect.poll(() => bare.retired).toEqual(['a-0'])
    expect(bare.deployer.inFlight).toBe(0)
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

  test('brings changed secrets of the global environment to the flows', async () => {
    bare = bareDeployer({})
    const nodes = [{ id: 'a', type: 'tab', label: 'a' }, { id: 'in', type: 'http in', z: 'a', url: '/a', wires: [['e']] }, { id: 'e', type: 'env', z: 'a', name: 'TOKEN', wires: [['r']] }, { id: 'r', type: 'reply', z: 'a', wires: [] }, { id: 'gc', type: 'global-config', env: [{ name: 'TOKEN', type: 'cred', value: '' }] }]
    for (const secret of ['one', 'two']) {
      await bare.deploy(nodes, { gc: { map: { TOKEN: secret } } })
      expect((await bare.call('/a')).reply?.payload).toBe(secret)
    }
  })

  test('refuses a secret that does not fit where it is filled in, without saying it', async () => {
    bare = bareDeployer({})
    const nodes = [{ id: 'a', type: 'tab', label: 'a', env: [{ name: 'URL', type: 'cred', value: '' }] }, { id: 'in', type: 'http in', z: 'a', url: '${URL}', wires: [['r']] }, { id: 'r', type: 'reply', z: 'a', wires: [] }]
    const refused = await bare.deploy(nodes, { a: { URL: 12_345 } })
    expect(refused).toMatchObject({ ok: false, problems: [{ code: 'config.invalid', flow: 'a', node: 'in', property: 'url' }] })
    expect(JSON.stringify(refused)).not.toContain('12345')
  })

  test('brings secrets of a subflow instance to its inside, each instance its own', async () => {
    bare = bareDeployer({})
    const template = [{ id: 'S', type: 'subflow', name: 'S', in: [{ wires: [{ id: 's' }] }], out: [{ wires: [{ id: 's', port: 0 }] }], env: [{ name: 'TOKEN', type: 'cred', value: '' }] }, { id: 's', type: 'env', z: 'S', name: 'TOKEN', wires: [[]] }]
    const use = (id: string) => [{ id, type: 'tab', label: id }, { id: `${id}-in`, type: 'http in', z: id, url: `/${id}`, wires: [[`${id}-i`]] }, { id: `${id}-i`, type: 'subflow:S', z: id, env: [{ name: 'TOKEN', type: 'cred', value: '' }], wires: [[`${id}-r`]] }, { id: `${id}-r`, type: 'reply', z: id, wires: [] }]
    await bare.deploy([...use('a'), ...use('b'), ...template], { 'a-i': { TOKEN: 'of a' }, S: { TOKEN: 'of the template' } })
    expect((await bare.call('/a')).reply?.payload).toBe('of a')
    expect((await bare.call('/b')).reply?.payload).toBe('of the template')
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

describe('a prepared release', () => {
  test('that was made twice at once is linked once, and retired once', async () => {
    bare = bareDeployer({ gate: (message) => ({ out: message }) })
    const releases = await Promise.all([bare.deployer.prepare(bare.toRelease(flow('a', 1))), bare.deployer.prepare(bare.toRelease(flow('a', 1)))])
    expect(bare.retired).toEqual(['a-0']) // the spare one
    for (const prepared of releases) if (prepared.ok) bare.deployer.commit(prepared.prepared)
    expect((await bare.call('/a', { payload: 'served' })).reply?.payload).toBe('served')
    await bare.deployer.close()
    expect(bare.retired).toEqual(['a-0', 'a-0'])
  })

  test('is committed or thrown away once; what is asked for again changes nothing', async () => {
    bare = bareDeployer({ gate: (message) => ({ out: message }) })
    const result = await bare.deployer.prepare(bare.toRelease(flow('a', 1)))
    if (!result.ok) throw new Error('refused')
    bare.deployer.commit(result.prepared)
    bare.deployer.commit(result.prepared)
    await bare.deployer.discard(result.prepared)
    await new Promise((resolve) => setImmediate(resolve))
    expect(bare.retired).toEqual([])
    expect((await bare.call('/a', { payload: 'served' })).reply?.payload).toBe('served')
  })
})

test('a run with a deadline of its own, longer than the gateway’s, is not cut short by a deploy', async () => {
  const clock = fakeClock()
  const held = gate()
  bare = bareDeployer({ gate: held.step }, { clock, deadlineMs: 1_000 })
  const slowly = (payload: number) => flow('a', payload).map((node) => (node.type === 'tab' ? { ...node, env: [{ name: 'SLUICE_DEADLINE_MS', type: 'num', value: '60000' }] } : node))
  await bare.deploy(slowly(1))
  const slow = bare.call('/a', { payload: 'whole' })
  await bare.deploy(slowly(2))
  await clock.advance(50_000)
  held.open()
  expect((await slow).reply?.payload).toBe('whole')
})

describe('what a flow starts by itself', () => {
  const timed = (everyMs: number, more: object = {}) => [{ id: 'a', type: 'tab', label: 'a' }, { id: 'tick', type: 'tick', z: 'a', everyMs, onceMs: 10, wires: [['n']], ...more }, { id: 'n', type: 'work', z: 'a', step: 'note', wires: [[]] }]
  const other = (note: string) => [{ id: 'b', type: 'tab', label: note }]
  const count = (on: string) => bare.summaries.filter((summary) => summary.on === on).length

  test('starts once however often it is part of a deploy, and stops when it is replaced', async () => {
    const clock = fakeClock()
    bare = bareDeployer({ note: () => undefined }, { clock })
    await bare.deploy([...timed(1_000), ...other('one')])
    await bare.deploy([...timed(1_000), ...other('two')])
    await clock.advance(3_500)
    expect({ start: count('start'), interval: count('interval') }).toEqual({ start: 1, interval: 3 })
    await bare.deploy(other('three'))
    await clock.advance(5_000)
    expect({ start: count('start'), interval: count('interval') }).toEqual({ start: 1, interval: 3 })
  })

  test('starts again when a release that was left comes back', async () => {
    const clock = fakeClock()
    bare = bareDeployer({ note: () => undefined }, { clock })
    await bare.deploy(timed(1_000))
    await bare.deploy(other('none'))
    await bare.deploy(timed(1_000))
    await clock.advance(1_500)
    expect({ start: count('start'), interval: count('interval') }).toEqual({ start: 1, interval: 1 })
  })

  test('waits for the commit with what On Start code sends, and never sends it when the release is not wanted', async () => {
    const seen: unknown[] = []
    bare = bareDeployer({ note: (message) => (seen.push(message.payload), undefined) })
    const starting = (payload: number) => [{ id: 'a', type: 'tab', label: 'a' }, { id: 's', type: 'starter', z: 'a', wires: [['n']] }, { id: 'n', type: 'work', z: 'a', step: 'note', note: payload, wires: [[]] }]
    const first = await bare.deployer.prepare(bare.toRelease(starting(1)))
    const second = await bare.deployer.prepare(bare.toRelease(starting(2)))
    expect(seen).toEqual([])
    if (second.ok) await bare.deployer.discard(second.prepared)
    if (first.ok) bare.deployer.commit(first.prepared)
    expect(seen).toEqual(['started'])
    expect(bare.summaries).toMatchObject([{ on: 'emit', flow: 'a', node: 's', release: 1, revision: expect.any(String) }])
  })
})

describe('commands of the editor', () => {
  test('the button of a debug node holds until its flow is deployed anew, also for a node in a subflow', async () => {
    bare = bareDeployer({ through: (message) => ({ out: message }) })
    const nodes = (note: string) => [
      { id: 'a', type: 'tab', label: 'a' }, { id: 'in', type: 'http in', z: 'a', url: '/a', wires: [['d']] }, { id: 'd', type: 'debug', z: 'a', note, wires: [['r']] }, { id: 'r', type: 'reply', z: 'a', wires: [] },
      { id: 'b', type: 'tab', label: 'b' }, { id: 'b-in', type: 'http in', z: 'b', url: '/b', wires: [['b-i']] }, { id: 'b-i', type: 'subflow:S', z: 'b', wires: [['b-r']] }, { id: 'b-r', type: 'reply', z: 'b', wires: [] },
      { id: 'S', type: 'subflow', name: 'S', in: [{ wires: [{ id: 's' }] }], out: [{ wires: [{ id: 's', port: 0 }] }] }, { id: 's', type: 'debug', z: 'S', wires: [[]] },
    ]
    const shown = async () => [(await bare.call('/a')).reply?.payload, (await bare.call('/b')).reply?.payload]
    await bare.deploy(nodes('one'))
    expect(await shown()).toEqual([true, true])
    for (const node of ['d', 's']) await bare.deployer.command({ do: 'debug', node, active: false })
    expect(await shown()).toEqual([false, false])
    await bare.deploy(nodes('two'))
    expect(await shown()).toEqual([true, false])
  })

  test('a switch of what is no debug node is refused', async () => {
    bare = bareDeployer({})
    await bare.deploy([{ id: 'a', type: 'tab', label: 'a' }, { id: 'tick', type: 'tick', z: 'a', wires: [[]] }])
    for (const node of ['tick', 'gone', '']) await expect(bare.deployer.command({ do: 'debug', node, active: true })).rejects.toThrow(/no debug node/)
  })

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
