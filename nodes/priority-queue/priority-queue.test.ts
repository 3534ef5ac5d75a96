import { describe, expect, it } from 'vitest'
import { createMemoryLines } from '../../runtime/schedule/memory-lines.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { priorityQueue } from './priority-queue.ts'

const types = { r: 'resource' }

async function open(config: object = {}, resource: object = { slots: 1 }, options: NodeTestOptions = {}) {
  const clock = fakeClock()
  const lines = createMemoryLines(clock)
  const node = await testNode(priorityQueue, { resource: 'r', priority: 'priority', priorityType: 'msg', ...config }, { clock, lines, types, wired: ['admitted'], configNodes: { r: { type: 'resource', config: { name: 'host', ...resource } } }, ...options })
  const order: string[] = []
  /** Comes by; what became of it is written down under its name. */
  const come = (name: string, priority?: unknown, more: object = {}) => {
    const run = fakeRun({ id: name, ...more })
    const done = node.send(priority === undefined ? {} : { priority }, run).then(
      (sent) => void order.push(`${name} ${sent.map(({ port }) => port).join() || 'nothing'}`),
      (error: { code: string }) => void order.push(`${name} ${error.code}`),
    )
    return { run, done }
  }
  return { node, clock, lines, order, come, next: () => clock.advance(0) }
}

describe('priority queue', () => {
  it('lets calls through at once while there is room, without a promise', async () => {
    const { node } = await open({}, { slots: 2 })
    expect(node.sendNow({ priority: 9 }, fakeRun({ id: 'a' })).map(({ port }) => port)).toEqual(['admitted'])
    expect(node.sendNow({ priority: 0 }, fakeRun({ id: 'b' })).map(({ port }) => port)).toEqual(['admitted'])
  })

  it('of one organisation has nothing to do with what another calls its resource', async () => {
    const clock = fakeClock()
    const lines = createMemoryLines(clock)
    const of = (organisation: string | undefined, resource: object) => open({}, {}, { clock, lines, configNodes: { r: { type: 'resource', config: { name: 'host', ...resource }, ...(organisation ? { organisation } : {}) } } })
    const bank = await of('bank', { slots: 1 })
    const thief = await of('thief', { slots: 5, maxDepth: 0 })
    const shared = [await of(undefined, { slots: 1 }), await of(undefined, { slots: 1 })] as const
    for (const one of [bank, thief, shared[0]]) one.come('first', 5)
    await bank.next()
    for (const one of [bank, thief, shared[1]]) one.come('second', 5)
    await bank.next()
    expect([bank.order, thief.order, shared[0].order, shared[1].order]).toEqual([['first admitted'], ['first admitted', 'second admitted'], ['first admitted'], []])
  })

  it('gives the next turn to the most important, then to who came first', async () => {
    const { come, order, next } = await open()
    const first = come('first', 9)
    const [nine, five, zero, zero2] = [come('nine', 9), come('five', 5), come('zero', 0), come('zero2', 0)]
    for (const one of [first, zero, zero2, five, nine]) {
      await next()
      one.run.end()
    }
    await nine.done
    expect(order).toEqual(['first admitted', 'zero admitted', 'zero2 admitted', 'five admitted', 'nine admitted'])
  })

  it('refuses who has waited as long as it may, and says in whole seconds and in milliseconds when to come again', async () => {
    const { come, order, clock, node } = await open({ maxWaitMs: 500 })
    come('first', 5)
    const late = come('late', 5)
    await clock.advance(499)
    expect(order).toEqual(['first admitted'])
    await clock.advance(2)
    expect(order).toEqual(['first admitted', 'late queue.expired'])
    expect(late.run.replyHeaders).toMatchObject({ 'Retry-After': '1', 'X-Retry-After-Ms': expect.stringMatching(/^\d+$/) as string })
    expect(node.decisions.get('late')).toMatchObject({ code: 'queue.expired', checks: [{ check: 'turn', resource: 'host', reason: 'expired', underWay: 1 }] })
  })

  it('refuses at once who cannot make it, and waits for nobody past the deadline of the call', async () => {
    const { come, order, clock } = await open({ maxWaitMs: 500 })
    const first = come('first', 5)
    await clock.advance(400)
    first.run.end() // a slot is held for 400 ms
    const second = come('second', 5)
    come('third', 5)
    await clock.advance(1)
    expect(order).toEqual(['first admitted', 'second admitted'])
    const fourth = come('fourth', 5)
    await clock.advance(1)
    expect(order.at(-1)).toBe('fourth queue.hopeless')
    expect(Number(fourth.run.replyHeaders['X-Retry-After-Ms'])).toBe(800)
    come('dying', 0, { deadline: clock.now() + 50 })
    await clock.advance(60)
    expect(order.at(-1)).toMatch(/^dying queue\.(hopeless|expired)$/)
    second.run.end()
  })

  it('gives the place of the least important to somebody more important when the line is full', async () => {
    const { come, order, next } = await open({}, { slots: 1, maxDepth: 2 })
    come('first', 5)
    come('seven', 7)
    come('nine', 9)
    come('eight', 8)
    await next()
    expect(order).toEqual(['first admitted', 'nine queue.evicted'])
    come('last', 9)
    await next()
    expect(order.at(-1)).toBe('last queue.full')
  })

  it('forgets a caller who leaves, and gives the slot back on every way a run can end', async () => {
    const { come, order, next, lines } = await open()
    const first = come('first', 5)
    const gone = come('gone', 0)
    const second = come('second', 9)
    gone.run.abort()
    await next()
    first.run.end()
    await next()
    expect(order).toEqual(['first admitted', 'gone nothing', 'second admitted'])
    second.run.end()
    expect(lines.find('host')?.facts()).toMatchObject({ waiting: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], active: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] })
  })

  it('takes the priority of the caller’s plan; a caller nobody knows is the least important', async () => {
    const { node, order, next } = await open({ priority: '', priorityType: 'client' })
    const runs = ['first', 'stranger', 'vip'].map((id) => fakeRun({ id }))
    const send = (run: ReturnType<typeof fakeRun>, client?: object) => node.send(client ? { client } : {}, run).then(() => order.push(run.id))
    void send(runs[0]!)
    void send(runs[1]!)
    void send(runs[2]!, { priority: 0 })
    await next()
    runs[0]!.end()
    await next()
    expect(order).toEqual(['first', 'vip'])
  })

  it('refuses a priority that is none', async () => {
    const { come, order, next } = await open()
    come('ten', 10)
    come('text', 'VIP')
    come('none')
    await next()
    expect(order.toSorted()).toEqual(['none queue.priority', 'ten queue.priority', 'text queue.priority'])
  })

  it('shows under the node how many wait and are under way, at most once a second', async () => {
    const { come, node, clock } = await open()
    const shown = () => node.statuses.map(({ status }) => (status as { text?: string }).text)
    const first = come('first', 5)
    const second = come('second', 5)
    for (let n = 0; n < 5; n += 1) come(`more ${n}`, 9)
    await clock.advance(100)
    expect(shown()).toEqual(['6 waiting · 1/1 under way'])
    first.run.end()
    await clock.advance(0)
    second.run.end()
    await clock.advance(900)
    expect(shown()).toHaveLength(1)
    await clock.advance(200)
    expect(shown().slice(1)).toEqual(['4 waiting · 1/1 under way'])
    await clock.advance(5000)
    expect(shown()).toHaveLength(2) // nothing has changed
  })

  it('gives each message of a run its own slot', async () => {
    const { node, lines } = await open({}, { slots: 3 })
    const run = fakeRun({ id: 'one' })
    for (let i = 0; i < 3; i += 1) node.sendNow({ priority: 5 }, run)
    expect(lines.find('host')?.facts().active[5]).toBe(3)
    run.end()
    expect(lines.find('host')?.facts().active[5]).toBe(0)
  })

  it('shares a line among nodes that name the same resource, and takes it away with the last of them', async () => {
    const first = await open()
    const second = await open({}, { slots: 1 }, { clock: first.clock, lines: first.lines })
    const held = first.come('first', 5)
    second.come('second', 5)
    await first.next()
    expect(second.order).toEqual([])
    await first.node.retire()
    held.run.end()
    await first.next()
    expect(second.order).toEqual(['second admitted'])
    second.come('third', 5)
    await second.node.retire()
    await first.next()
    expect(second.order.at(-1)).toBe('third queue.closed')
    expect(first.lines.list()).toEqual([])
  })

  it('holds calls as TSMP does, by priority and calls per second', async () => {
    const { come, order, clock } = await open({ compat: 'tsmp', resource: '' })
    for (let i = 0; i < 20; i += 1) come(`zero${i}`, 0)
    await clock.advance(1000)
    expect(order.length).toBe(20)
    for (let i = 0; i < 20; i += 1) come(`nine${i}`, 9)
    await clock.advance(10)
    expect(order.length).toBeLessThan(40) // 9 × 20 … 40 calls per second ÷ 200 = about a second
    await clock.advance(2000)
    expect(order.length).toBe(40)
  })

  it('is refused at deploy without a resource that is there, and with a priority outside 0 to 9', () => {
    const codesOf = (config: object) => checkNode(priorityQueue, config, { types }).map(({ code, property }) => `${code} ${property ?? ''}`)
    expect(codesOf({})).toEqual(['config.missing resource'])
    expect(codesOf({ resource: 'nowhere' })).toEqual(['config.missing resource'])
    expect(codesOf({ resource: 'r', priority: '10', priorityType: 'num' })).toEqual(['queue.priority priority'])
    expect(codesOf({ resource: 'r', priority: '-1', priorityType: 'num' })).toEqual(['queue.priority priority'])
    expect(codesOf({ resource: 'r', maxWaitMs: -1 })[0]).toMatch(/^config\.invalid/)
    expect(codesOf({ resource: 'r' })).toEqual([])
  })
})
