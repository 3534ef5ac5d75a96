import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { delay } from './delay.ts'

/** Sends payloads through one node, each in a run of its own, and notes what comes out when. */
async function start(config: object) {
  const node = await testNode(delay, config)
  const begin = node.clock.elapsed()
  const out: string[] = []
  const send = (message: unknown, run = fakeRun()) => {
    const sent = node.send(message, run).then((all) => {
      for (const { port, message: { payload } } of all) out.push(`${node.clock.elapsed() - begin} ${port} ${payload as string}`)
      return all
    })
    return sent
  }
  return { node, out, send }
}

describe('delay', () => {
  it('holds each message for a fixed time', async () => {
    const { node, out, send } = await start({ pauseType: 'delay', timeout: '2', timeoutUnits: 'seconds' })
    void send('a')
    await node.clock.advance(1_000)
    void send('b')
    await node.clock.advance(5_000)
    expect(out).toEqual(['2000 out a', '3000 out b'])
  })

  it('holds for msg.delay, or at random within bounds', async () => {
    const variable = await start({ pauseType: 'delayv', timeout: '5' })
    void variable.send({ payload: 'a', delay: '300' })
    void variable.send({ payload: 'b', delay: -1 })
    void variable.send({ payload: 'c', delay: 'soon' })
    await variable.node.clock.advance(10_000)
    expect(variable.out).toEqual(['0 out b', '300 out a', '5000 out c'])
    const random = await start({ pauseType: 'random', randomFirst: 1, randomLast: 2, randomUnits: 'milliseconds' })
    for (let i = 0; i < 20; i += 1) void random.send(i)
    await random.node.clock.advance(2)
    expect(random.out).toHaveLength(20)
  })

  it('is told to drop or to let go', async () => {
    const { node, out, send } = await start({ pauseType: 'delay', timeout: 5 })
    void send('a')
    void send('b')
    await send({ flush: 1 })
    await send({ reset: true })
    await node.clock.advance(10_000)
    expect(out).toEqual(['0 out a'])
    expect(node.clock.pending).toBe(0)
  })

  it('forgets a message whose caller is gone', async () => {
    const { node, out, send } = await start({ pauseType: 'delay', timeout: 5 })
    const run = fakeRun()
    const held = send('a', run)
    run.abort()
    expect(await held).toEqual([])
    expect(node.clock.pending).toBe(0)
    expect(out).toEqual([])
  })

  it('lets one message through in a time, the others wait in line, over all runs', async () => {
    const { node, out, send } = await start({ pauseType: 'rate', rate: '2', nbRateUnits: '1', rateUnits: 'second' })
    const gone = fakeRun()
    void send('a')
    void send('b')
    void send('x', gone)
    void send('c')
    void send({ payload: 'first', toFront: true })
    gone.abort()
    await node.clock.advance(5_000)
    void send('d')
    await node.clock.advance(0)
    expect(out).toEqual(['0 out a', '500 out first', '1000 out b', '1500 out c', '5000 out d'])
  })

  it('takes commands in line: flush, reset, rate', async () => {
    const { node, out, send } = await start({ pauseType: 'rate', rate: 1, allowrate: true })
    for (const payload of ['a', 'b', 'c', 'd', 'e']) void send(payload)
    await send({ flush: 2 })
    await node.clock.advance(1_000)
    await send({ reset: 1 })
    void send({ payload: 'f', rate: 100 })
    void send('g')
    await node.clock.advance(2_000)
    expect(out).toEqual(['0 out a', '0 out b', '0 out c', '1000 out d', '1000 out f', '1100 out g'])
  })

  it('drops what is too much, or sends it to the second output', async () => {
    const dropping = await start({ pauseType: 'rate', rate: 1, drop: true })
    const second = await start({ pauseType: 'rate', rate: 1, drop: true, outputs: 2 })
    for (const { send, node } of [dropping, second]) {
      void send('a')
      void send('b')
      await node.clock.advance(1_500)
      void send('c')
      await node.clock.advance(0)
    }
    expect(dropping.out).toEqual(['0 out a', '1500 out c'])
    expect(second.out).toEqual(['0 out a', '0 dropped b', '1500 out c'])
  })

  it('lets bursts through', async () => {
    const { node, out, send } = await start({ pauseType: 'burst', rate: 2, nbRateUnits: 3, outputs: 2 })
    for (const payload of ['a', 'b', 'c']) void send(payload)
    await node.clock.advance(3_000)
    void send('d')
    await node.clock.advance(0)
    expect(out).toEqual(['0 out a', '0 out b', '0 dropped c', '3000 out d'])
  })

  it('sends the newest of each topic, one or all at a beat', async () => {
    const one = await start({ pauseType: 'queue', rate: 1, outputs: 2 })
    const all = await start({ pauseType: 'timed', rate: 1 })
    for (const { send, node } of [one, all]) {
      await node.clock.advance(400)
      void send({ topic: 'x', payload: 'x1' })
      void send({ topic: 'y', payload: 'y1' })
      void send({ topic: 'x', payload: 'x2' })
      await node.clock.advance(5_000)
    }
    expect(one.out).toEqual(['400 dropped x1', '1000 out x2', '2000 out y1'])
    expect(all.out).toEqual(['1000 out x2', '1000 out y1'])
  })

  it('holds no more than its limit', async () => {
    const { send, node } = await start({ pauseType: 'delay', timeout: 5 })
    const run = fakeRun()
    for (let i = 0; i < 10_000; i += 1) void node.step({ payload: i }, run)
    await expect(send('one more')).rejects.toMatchObject({ code: 'flow.sequence_too_large' })
    run.abort()
  })

  it('says what is wrong', () => {
    expect(checkNode(delay, { pauseType: 'rate', rate: 0 })).toMatchObject([{ code: 'delay.rate' }])
    expect(checkNode(delay, { pauseType: 'random', randomFirst: 5, randomLast: 1 })).toMatchObject([{ code: 'delay.random' }])
    expect(checkNode(delay, { timeout: 'soon' })).toMatchObject([{ code: 'config.invalid' }])
    expect(checkNode(delay, { timeout: -1 })).toMatchObject([{ code: 'config.invalid' }])
  })
})
