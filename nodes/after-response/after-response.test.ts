import { afterEach, describe, expect, it } from 'vitest'
import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Step } from '../../runtime/core/step.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { afterResponse } from './after-response.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = (...to: string[]) => ({ id: 'in', type: 'http in', z: 't', url: '/x', wires: [to] })
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }
const after = (more: object = {}) => ({ id: 'after', type: 'after response', z: 't', wires: [['log']], ...more })
const work = (id: string, step: string, ...to: string[]) => ({ id, type: 'work', z: 't', step, wires: [to] })

let bare: ReturnType<typeof bareDeployer>
let seen: Message[]
let order: string[]
afterEach(() => bare.deployer.close())

const steps: Record<string, Step> = {
  log: (message) => (seen.push(message), order.push('log'), { out: message }),
  later: async (message) => {
    await new Promise((resolve) => setTimeout(resolve, 2))
    return { out: message }
  },
  fail: () => { throw fault('upstream.connect', { host: 'x' }) },
  hang: () => new Promise(() => {}),
  listen: (message, run) => {
    run.beforeAnswer?.(async () => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      order.push('written down')
    })
    return { out: message }
  },
}

async function start(nodes: object[]) {
  seen = []
  order = []
  bare = bareDeployer(steps, { definitions: [afterResponse] })
  expect(await bare.deploy([tab, reply, ...nodes])).toMatchObject({ ok: true })
  return (message: Message = {}) => bare.call('/x', message)
}

describe('after response', () => {
  it('goes on when the caller has the answer, whoever comes first', async () => {
    for (const nodes of [[entry('after', 'slow'), work('slow', 'later', 'reply')], [entry('reply', 'slow'), work('slow', 'later', 'after')]]) {
      const ask = await start([...nodes, after(), work('log', 'log')])
      const answer = await ask({ payload: 'hello' })
      order.push('answered')
      expect(answer.reply?.payload).toBe('hello')
      await expect.poll(() => order).toEqual(['answered', 'log'])
      expect(seen[0]).toMatchObject({ payload: 'hello' })
      await expect.poll(() => bare.deployer.inFlight).toBe(0)
    }
  })

  it('knows what was answered, and waits for those who write it down first', async () => {
    const ask = await start([entry('l'), work('l', 'listen', 'after', 'reply'), after(), work('log', 'log')])
    await ask({ payload: 'x', statusCode: 202 })
    await expect.poll(() => order).toEqual(['written down', 'log'])
    expect(seen[0]?.answer).toEqual({ statusCode: 202, payload: 'x' })
  })

  it('cannot change the answer: a reply and a fault behind it reach nobody', async () => {
    const ask = await start([entry('after', 'reply'), after(), work('log', 'log', 'reply', 'f'), work('f', 'fail')])
    expect((await ask({ payload: 'once' })).reply?.payload).toBe('once')
    await expect.poll(() => bare.summaries).toMatchObject([{ on: 'after', fault: 'upstream.connect' }])
  })

  it('comes after a fault as well, and after a caller that went away', async () => {
    const ask = await start([entry('after', 'f'), after(), work('f', 'fail', 'reply'), work('log', 'log')])
    expect((await ask()).fault?.code).toBe('upstream.connect')
    await expect.poll(() => seen).toMatchObject([{ answer: { statusCode: 502, fault: 'upstream.connect' } }])
    const gone = await start([entry('after', 'h'), after(), work('h', 'hang', 'reply'), work('log', 'log')])
    gone().hangUp(fault('client.closed'))
    await expect.poll(() => seen).toMatchObject([{ answer: { fault: 'client.closed' } }])
  })

  it('has a time of its own, and keeps its deployment until it has ended', async () => {
    const ask = await start([entry('after', 'reply'), after({ limitMs: 20 }), work('log', 'hang')])
    await ask()
    expect(bare.deployer.inFlight).toBe(1)
    await expect.poll(() => bare.summaries).toMatchObject([{ on: 'after', fault: 'flow.timeout' }])
    expect(bare.deployer.inFlight).toBe(0)
  })
})
