import { afterEach, describe, expect, it } from 'vitest'
import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Step } from '../../runtime/core/step.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { bareSandbox } from '../../test/kit/bare-sandbox.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import { end } from '../end/end.ts'
import { whileNode } from './while.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['w']] }
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }
const endNode = { id: 'end', type: 'end', z: 't', wires: [] }
const loop = (more: object = {}) => ({ id: 'w', type: 'while', z: 't', condition: 'payload < 3', wires: [['a'], ['reply']], ...more })
const work = (id: string, step: string, to = 'end') => ({ id, type: 'work', z: 't', step, wires: [[to]] })

let bare: ReturnType<typeof bareDeployer>
afterEach(async () => {
  await expect.poll(() => bare.deployer.inFlight).toBe(0)
  await bare.deployer.close()
})

async function ask(nodes: object[], steps: Record<string, Step>, message: Message, options: Parameters<typeof bareDeployer>[1] = {}) {
  bare = bareDeployer(steps, { definitions: [whileNode, end], sandbox: bareSandbox(), ...options })
  expect(await bare.deploy([tab, entry, reply, endNode, ...nodes])).toMatchObject({ ok: true })
  return bare.call('/x', message)
}

const add: Step = (message) => ({ out: { ...message, payload: Number(message.payload) + 1, seen: [...((message.seen as number[] | undefined) ?? []), message.iteration] } })

describe('while', () => {
  it('goes round while its condition holds, each time with what came back', async () => {
    const { reply: message } = await ask([loop(), work('a', 'add')], { add }, { payload: 0 })
    expect(message).toMatchObject({ payload: 3, seen: [0, 1, 2] })
    expect(message).not.toHaveProperty('iteration')
  })

  it('looks before, and so maybe never, or after, and so once at least', async () => {
    expect((await ask([loop(), work('a', 'add')], { add }, { payload: 5 })).reply?.payload).toBe(5)
    await bare.deployer.close()
    expect((await ask([loop({ check: 'after' }), work('a', 'add')], { add }, { payload: 5 })).reply?.payload).toBe(6)
  })

  it('ends at its bound with a fault, or goes on with what there is', async () => {
    expect((await ask([loop({ condition: 'true', max: 5 }), work('a', 'add')], { add }, { payload: 0 })).fault).toMatchObject({ code: 'while.limit', status: 508, facts: { times: 5 } })
    await bare.deployer.close()
    expect((await ask([loop({ condition: 'true', max: 5, onLimit: 'done' }), work('a', 'add')], { add }, { payload: 0 })).reply?.payload).toBe(5)
  })

  it('ends at its time, and aborts what its body does', async () => {
    const aborted: unknown[] = []
    const hang: Step = (_message, run) => new Promise((_, reject) => run.onAbort?.((reason) => (aborted.push(1), reject(reason as Error))))
    expect((await ask([loop({ condition: 'true', maxMs: 15 }), work('a', 'hang')], { hang }, { payload: 0 })).fault).toMatchObject({ code: 'while.limit', facts: { afterMs: 15 } })
    expect(aborted).toEqual([1])
  })

  it('pauses between two times, and is cut short with its run', async () => {
    const call = ask([loop({ condition: 'true', pauseMs: 60_000 }), work('a', 'add')], { add }, { payload: 0 }, { deadlineMs: 30 })
    expect((await call).fault?.code).toBe('flow.timeout')
  })

  it('hands on a fault of its body', async () => {
    const fail: Step = () => { throw fault('upstream.connect', { host: 'x' }) }
    expect((await ask([loop(), work('a', 'fail')], { fail }, { payload: 0 })).fault).toMatchObject({ code: 'upstream.connect', at: { node: 'a' } })
  })

  it('says so when nothing comes back', async () => {
    expect((await ask([loop(), work('a', 'drop')], { drop: () => undefined }, { payload: 0 })).fault?.code).toBe('branch.no_result')
  })

  it('refuses a condition that is no yes or no', async () => {
    expect((await ask([loop({ condition: 'payload + 1' }), work('a', 'add')], { add }, { payload: 0 })).fault).toMatchObject({ code: 'condition.type', facts: { is: '1' } })
    expect(checkNode(whileNode, {})).toMatchObject([{ code: 'while.no_condition' }])
    expect(checkNode(whileNode, { condition: 'payload <' })).toMatchObject([{ code: 'expression.syntax' }])
  })
})
