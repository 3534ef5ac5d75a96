import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { wait } from './wait.ts'

async function start(config: object) {
  const node = await testNode(wait, config)
  const begin = node.clock.elapsed()
  const out: string[] = []
  return { node, out, send: (message: object, run = fakeRun()) => node.send(message, run).then((sent) => (sent.length > 0 && out.push(`${node.clock.elapsed() - begin} ${String(sent[0]?.message.payload)}`), sent)) }
}

describe('wait', () => {
  it('holds a message for a time that is written, or that it brings along', async () => {
    const { node, out, send } = await start({ value: '50' })
    void send({ payload: 'a' })
    await node.clock.advance(100)
    expect(out).toEqual(['50 a'])
    const own = await start({ value: 'ms', valueType: 'msg' })
    void own.send({ payload: 'b', ms: '20' })
    void own.send({ payload: 'c', ms: 0 })
    await own.node.clock.advance(100)
    expect(own.out).toEqual(['0 c', '20 b'])
  })

  it('holds it until a moment, which may be over', async () => {
    const { node, out, send } = await start({ until: 'at', value: 'at', valueType: 'msg' })
    void send({ payload: 'a', at: new Date(node.clock.now() + 30).toISOString() })
    void send({ payload: 'b', at: node.clock.now() + 10 })
    void send({ payload: 'c', at: '2001-01-01T00:00:00Z' })
    await node.clock.advance(100)
    expect(out).toEqual(['0 c', '10 b', '30 a'])
  })

  it('fails at once when the deadline comes first', async () => {
    const { node, send } = await start({ value: '500' })
    await expect(send({ payload: 'a' }, fakeRun({ deadline: node.clock.now() + 100 }))).rejects.toMatchObject({ code: 'wait.too_long', status: 504, facts: { waitMs: 500, leftMs: 100 } })
  })

  it('forgets a message whose caller is gone', async () => {
    const { node, send } = await start({ value: '500' })
    const run = fakeRun()
    const held = send({ payload: 'a' }, run)
    run.abort()
    expect(await held).toEqual([])
    expect(node.clock.pending).toBe(0)
  })

  it('says what is no time', async () => {
    const { send } = await start({ value: 'payload', valueType: 'msg' })
    await expect(send({ payload: 'soon' })).rejects.toMatchObject({ code: 'step.config' })
    expect(checkNode(wait, { value: '-1' })).toMatchObject([{ code: 'wait.time' }])
    expect(checkNode(wait, { value: '' })).toMatchObject([{ code: 'wait.time' }])
  })
})
