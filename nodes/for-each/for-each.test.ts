import { afterEach, describe, expect, it } from 'vitest'
import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Step } from '../../runtime/core/step.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { bareSandbox } from '../../test/kit/bare-sandbox.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import { end } from '../end/end.ts'
import { join } from '../join/join.ts'
import { forEach } from './for-each.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['each']] }
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }
const endNode = { id: 'end', type: 'end', z: 't', wires: [] }
const each = (more: object = {}) => ({ id: 'each', type: 'for each', z: 't', name: 'stations', wires: [['a'], ['reply']], ...more })
const work = (id: string, step: string, to = 'end') => ({ id, type: 'work', z: 't', step, wires: [[to]] })

let bare: ReturnType<typeof bareDeployer>
afterEach(async () => {
  await expect.poll(() => bare.deployer.inFlight).toBe(0)
  await bare.deployer.close()
})

async function ask(nodes: object[], steps: Record<string, Step>, message: Message, options: Parameters<typeof bareDeployer>[1] = {}) {
  bare = bareDeployer(steps, { definitions: [forEach, end, join], sandbox: bareSandbox(), ...options })
  expect(await bare.deploy([tab, entry, reply, endNode, ...nodes])).toMatchObject({ ok: true })
  return bare.call('/x', message)
}

const double: Step = (message) => ({ out: { ...message, payload: Number(message.payload) * 2 } })
const oddFails: Step = (message) => {
  if (Number(message.payload) % 2 === 1) throw fault('upstream.connect', { host: String(message.payload) })
  return { out: message }
}

describe('for each', () => {
  it('gives the results in the order of the list, whatever ends first', async () => {
    const slowly: Step = async (message) => {
      const { index, count } = message.item as { index: number; count: number }
      for (let i = index; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve))
      return { out: { ...message, payload: `${String(message.payload)}${index}` } }
    }
    const answer = await ask([each({ parallel: 4 }), work('a', 'slowly')], { slowly }, { payload: ['a', 'b', 'c', 'd', 'e'], kept: true })
    expect(answer.reply).toMatchObject({ payload: ['a0', 'b1', 'c2', 'd3', 'e4'], kept: true })
    expect(answer.reply).not.toHaveProperty('item')
  })

  it('has no more items under way than it is told', async () => {
    let now = 0
    let most = 0
    const count: Step = async (message) => {
      most = Math.max(most, (now += 1))
      await new Promise((resolve) => setTimeout(resolve, 1))
      now -= 1
      return { out: message }
    }
    await ask([each({ parallel: 3 }), work('a', 'count')], { count }, { payload: Array.from({ length: 20 }, (_, i) => i) })
    expect(most).toBe(3)
  })

  it('goes through many thousand items that answer at once without a deep stack', async () => {
    const payload = Array.from({ length: 20_000 }, (_, i) => i)
    const answer = await ask([each({ maxItems: 100_000 }), work('a', 'double')], { double }, { payload }, { freeze: false })
    expect((answer.reply as { payload: number[] }).payload.at(-1)).toBe(39_998)
  })

  it('takes the list from an expression, and an empty one as it is', async () => {
    expect((await ask([each({ items: '[1..payload.n]', itemsType: 'jsonata' }), work('a', 'double')], { double }, { payload: { n: 3 } })).reply?.payload).toEqual([2, 4, 6])
    await bare.deployer.close()
    expect((await ask([each(), work('a', 'double')], { double }, { payload: [] })).reply?.payload).toEqual([])
  })

  it('fails with the first fault, and the others are cancelled', async () => {
    const aborted: unknown[] = []
    const hang: Step = (message, run) => (message.payload === 3 ? oddFails(message, run) : new Promise((_, reject) => run.onAbort?.((reason) => (aborted.push(message.payload), reject(reason as Error)))))
    const answer = await ask([each({ parallel: 3 }), work('a', 'hang')], { hang }, { payload: [2, 4, 3, 6] })
    expect(answer.fault).toMatchObject({ code: 'upstream.connect', at: { node: 'a' } })
    expect(aborted).toEqual([2, 4])
  })

  it('leaves out what fails and says so, or collects the faults in their places', async () => {
    const skipped = await ask([each({ onError: 'skip' }), work('a', 'oddFails')], { oddFails }, { payload: [1, 2, 3, 4] })
    expect(skipped.reply).toMatchObject({ payload: [2, 4], warnings: [{ part: 'stations 0', used: 'nothing' }, { part: 'stations 2' }] })
    await bare.deployer.close()
    const collected = await ask([each({ onError: 'collect' }), work('a', 'oddFails')], { oddFails }, { payload: [1, 2, 3] })
    expect(collected.reply).toMatchObject({ payload: [null, 2, null], errors: [{ index: 0, code: 'upstream.connect', status: 502, facts: { host: '1' } }, { index: 2 }] })
  })

  it('leaves out an item of which nothing comes back', async () => {
    const answer = await ask([each(), work('a', 'even')], { even: (message) => (Number(message.payload) % 2 === 0 ? { out: message } : undefined) }, { payload: [1, 2, 3, 4] })
    expect(answer.reply?.payload).toEqual([2, 4])
  })

  it('gives each item a time of its own', async () => {
    const hang: Step = (message) => (message.payload === 'slow' ? new Promise(() => {}) : { out: message })
    const answer = await ask([each({ onError: 'collect', timeoutMs: 10 }), work('a', 'hang')], { hang }, { payload: ['slow', 'quick'] }, { deadlineMs: 150 })
    expect(answer.reply).toMatchObject({ payload: [null, 'quick'], errors: [{ index: 0, code: 'branch.timeout' }] })
  })

  it('shares the deadline of the run', async () => {
    const hang: Step = () => new Promise(() => {})
    expect((await ask([each({ parallel: 2 }), work('a', 'hang')], { hang }, { payload: [1, 2, 3] }, { deadlineMs: 20 })).fault?.code).toBe('flow.timeout')
  })

  it('refuses what is no list, and lists that are too long', async () => {
    expect((await ask([each(), work('a', 'double')], { double }, { payload: { a: 1 } })).fault).toMatchObject({ code: 'each.input', facts: { is: 'an object' } })
    await bare.deployer.close()
    expect((await ask([each({ maxItems: 2 }), work('a', 'double')], { double }, { payload: [1, 2, 3] })).fault).toMatchObject({ code: 'each.too_many', status: 422 })
  })

  it('keeps what one item collects from the others', async () => {
    const two: Step = async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return { out: ['x', 'y'].map((payload) => ({ ...message, payload: `${String(message.payload)}${payload}` })) }
    }
    const collect = { id: 'j', type: 'join', z: 't', mode: 'custom', build: 'array', count: 2, wires: [['end']] }
    const answer = await ask([each({ parallel: 3 }), work('a', 'two', 'j'), collect], { two }, { payload: ['a', 'b', 'c'] })
    expect(answer.reply?.payload).toEqual([['ax', 'ay'], ['bx', 'by'], ['cx', 'cy']])
  })

  it('refuses an expression that does not compile', () => {
    expect(checkNode(forEach, { items: '[1..', itemsType: 'jsonata' })).toMatchObject([{ code: 'expression.syntax' }])
    expect(checkNode(forEach, { parallel: 100 })).toMatchObject([{ code: 'config.invalid' }])
  })
})
