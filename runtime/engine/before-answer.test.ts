import { afterEach, expect, test } from 'vitest'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { fault } from '../core/fault.ts'
import type { RunOutcome } from '../core/run.ts'
import type { Step } from '../core/step.ts'

const nodes = (step: string) => [
  { id: 't', type: 'tab', label: 'T' },
  { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['watch']] },
  { id: 'watch', type: 'work', z: 't', step: 'watch', wires: [['work']] },
  { id: 'work', type: 'work', z: 't', step, wires: [['reply']] },
  { id: 'reply', type: 'reply', z: 't', wires: [] },
]

let bare: ReturnType<typeof bareDeployer>
afterEach(() => bare.deployer.close())

function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, opened }
}

async function start(step: string, watch: Step, more: Record<string, Step> = {}, options: Parameters<typeof bareDeployer>[1] = {}) {
  bare = bareDeployer({ watch, pass: (message) => ({ out: message }), drop: () => undefined, fail: () => { throw fault('step.config', { message: 'no' }) }, ...more }, options)
  expect(await bare.deploy(nodes(step))).toMatchObject({ ok: true })
  return bare.call('/x', { payload: 'p' })
}

test.each([['pass', 'reply'], ['fail', 'fault'], ['drop', 'fault']])('who asked is told what a run comes to before its caller is (%s)', async (step, kind) => {
  const order: string[] = []
  const written = gate()
  const call = start(step, (message, run) => {
    run.beforeAnswer?.(async (outcome) => {
      order.push(outcome.kind)
      await written.opened
      order.push('written')
    })
    return { out: message }
  })
  void call.then(() => order.push('answered'))
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(order).toEqual([kind])
  written.open()
  await call
  await Promise.resolve()
  expect(order).toEqual([kind, 'written', 'answered'])
  expect(bare.deployer.inFlight).toBe(0)
})

test('the deadline does not wait for who writes an answer down', async () => {
  const answer = await start('pass', (message, run) => {
    run.beforeAnswer?.(() => new Promise(() => {}))
    return { out: message }
  }, {}, { deadlineMs: 15 })
  expect(answer.reply?.payload).toBe('p')
  expect(bare.deployer.inFlight).toBe(0)
})

test('a run that outlives its caller goes on to its answer; another is aborted', async () => {
  for (const outlives of [true, false]) {
    const outcomes: RunOutcome['kind'][] = []
    const work = gate()
    bare = bareDeployer({
      watch: (message, run) => {
        if (outlives) run.outliveCaller?.()
        run.beforeAnswer?.((outcome) => void outcomes.push(outcome.kind))
        return { out: message }
      },
      slow: (message) => work.opened.then(() => ({ out: message })),
    })
    await bare.deploy(nodes('slow'))
    bare.call('/x').hangUp(fault('client.closed'))
    work.open()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(outcomes).toEqual([outlives ? 'reply' : 'fault'])
    expect(bare.deployer.inFlight).toBe(0)
    if (outlives) await bare.deployer.close()
  }
})
