import { expect, test } from 'vitest'
import { end } from '../../nodes/end/end.ts'
import { parallel } from '../../nodes/parallel/parallel.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import type { Run } from '../core/run.ts'
import type { Step } from '../core/step.ts'
import { BranchRun } from './branch-run.ts'
import { EngineRun } from './engine-run.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['p']] }
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }
const endNode = { id: 'end', type: 'end', z: 't', wires: [] }
const work = (id: string, step: string, to = 'end') => ({ id, type: 'work', z: 't', step, wires: [[to]] })
const fork = { id: 'p', type: 'parallel', z: 't', branches: [{ name: 'a' }, { name: 'b' }], wires: [['a'], ['b'], ['reply']] }

/** What only the engine does with a run. */
const engineOnly = new Set(['constructor', 'reason', 'fail', 'open', 'close', 'abort', 'expire', 'path', 'passed', 'call', 'returnTo'])

test('whatever a step can do with a run it can do in a branch', () => {
  const missing = Object.getOwnPropertyNames(EngineRun.prototype).filter((name) => !engineOnly.has(name) && !(name in BranchRun.prototype))
  expect(missing).toEqual([])
})

async function look(step: Step) {
  const bare = bareDeployer({ look: step, pass: (message) => ({ out: message }) }, { definitions: [parallel, end] })
  expect(await bare.deploy([tab, entry, reply, endNode, fork, work('a', 'look'), work('b', 'look')])).toMatchObject({ ok: true })
  const answer = await bare.call('/x', { payload: 1 })
  await expect.poll(() => bare.deployer.inFlight).toBe(0)
  await bare.deployer.close()
  return answer
}

test('branches are one run: its id, its context, its notes and what it has once; what nodes collect is each branch’s own', async () => {
  const runs: Run[] = []
  const key = {}
  await look((message, run) => {
    runs.push(run)
    run.context.set('seen', Number(run.context.get('seen') ?? 0) + 1)
    run.state(key, () => ({ n: 0 })).n += 1
    run.state(key, () => ({ n: 0 }), 'run').n += 1
    return { out: { ...message, payload: [run.context.get('seen'), run.state(key, () => ({ n: 0 })).n, run.state(key, () => ({ n: 0 }), 'run').n] } }
  }).then(({ reply: answer }) => expect(answer?.payload).toEqual({ a: [1, 1, 1], b: [2, 1, 2] }))
  const [one, other] = runs as [Run, Run]
  expect(one.id).toBe(other.id)
  expect(one).not.toBe(other)
})

test('a hold keeps the branch open, and what it sends later is still part of it', async () => {
  const answer = await look(async (message, run) => {
    const letGo = run.hold()
    await new Promise((resolve) => setTimeout(resolve, 2))
    letGo()
    letGo()
    return { out: { ...message, payload: 'held' } }
  })
  expect(answer.reply?.payload).toEqual({ a: 'held', b: 'held' })
})

test('a step that sends several times is drained within its branch', async () => {
  const answer = await look(async function* (message) {
    for (const payload of [1, 2, 3]) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      yield { out: { ...message, payload } }
    }
  } as Step)
  expect(answer.reply?.payload).toEqual({ a: 1, b: 1 })
})

test('a flow that is called from a branch returns into it', async () => {
  const bare = bareDeployer({ add: (message) => ({ out: { ...message, payload: `${String(message.payload)}+` } }) }, { definitions: [parallel, end] })
  const nodes = [
    tab, entry, reply, endNode, fork,
    { id: 'a', type: 'link call', z: 't', links: ['li'], wires: [['end']] }, { id: 'b', type: 'link call', z: 't', links: ['li'], wires: [['end']] },
    { id: 'li', type: 'link in', z: 't', wires: [['add']] }, work('add', 'add', 'lo'), { id: 'lo', type: 'link out', z: 't', mode: 'return', wires: [] },
  ]
  expect(await bare.deploy(nodes)).toMatchObject({ ok: true })
  expect((await bare.call('/x', { payload: 'x' })).reply?.payload).toEqual({ a: 'x+', b: 'x+' })
  await expect.poll(() => bare.deployer.inFlight).toBe(0)
  await bare.deployer.close()
})

test('the signal of a branch is aborted with the run, and not when the branch has ended well', async () => {
  const signals: AbortSignal[] = []
  await look((message, run) => (signals.push(run.signal), { out: message }))
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
})
