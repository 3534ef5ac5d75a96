import { afterEach, describe, expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Step } from '../../runtime/core/step.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import { end } from '../end/end.ts'
import { parallel } from './parallel.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['p']] }
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }
const endNode = { id: 'end', type: 'end', z: 't', wires: [] }
const work = (id: string, step: string, to: string | string[] = 'end', more: object = {}) => ({ id, type: 'work', z: 't', step, wires: [[to].flat()], ...more })
const branch = (name: string, more: object = {}) => ({ name, ...more })
/** A parallel node `p` whose branches lead to work nodes of their names. */
const fork = (branches: object[], more: object = {}, done = 'reply') => ({ id: 'p', type: 'parallel', z: 't', branches, wires: [...branches.map((one) => [(one as { name: string }).name]), [done]], ...more })

let bare: ReturnType<typeof bareDeployer>
afterEach(async () => {
  // Whatever happened, nothing of a run is left over.
  await expect.poll(() => bare.deployer.inFlight).toBe(0)
  await bare.deployer.close()
})

/** Steps that wait for the test to let them go, by the name of the node; and what was aborted. */
function gates() {
  const waiting = new Map<string, { go(message?: Message): void; fail(error: unknown): void }>()
  const aborted: string[] = []
  const gate = (name: string): Step => (message, run) =>
    new Promise((resolve, reject) => {
      const stopListening = run.onAbort?.((reason) => {
        aborted.push(name)
        reject(reason as Error)
      })
      const answered = <T>(answer: (value: T) => void) => (value: T) => (stopListening?.(), answer(value))
      waiting.set(name, { go: answered((more: Message = {}) => resolve({ out: { ...message, payload: name, ...more } })) as (more?: Message) => void, fail: answered(reject) })
    })
  return { waiting, aborted, steps: Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, gate(name)])), of: (name: string) => waiting.get(name) as NonNullable<ReturnType<typeof waiting.get>> }
}

const steps: Record<string, Step> = {
  pass: (message) => ({ out: message }),
  fail: () => { throw fault('upstream.connect', { host: 'x' }) },
  drop: () => undefined,
  one: (message) => ({ out: { ...message, payload: 1 } }),
  two: async (message) => ({ out: { ...message, payload: 2 } }),
}

async function start(nodes: object[], more: Record<string, Step> = {}, options: Parameters<typeof bareDeployer>[1] = {}) {
  bare = bareDeployer({ ...steps, ...more }, { definitions: [parallel, end], ...options })
  expect(await bare.deploy([tab, entry, reply, endNode, ...nodes])).toMatchObject({ ok: true })
  return (message: Message = {}) => bare.call('/x', message)
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('parallel', () => {
  it('does its branches at once and gives their results by name, in the order of the branches', async () => {
    const { steps: gated, waiting, of } = gates()
    const ask = await start([fork([branch('a'), branch('b'), branch('c')]), work('a', 'a'), work('b', 'b'), work('c', 'c')], gated)
    const answer = ask({ payload: 'asked', more: true })
    expect([...waiting.keys()]).toEqual(['a', 'b', 'c'])
    of('c').go({ statusCode: 203 })
    of('a').go()
    of('b').go()
    const { reply: message } = await answer
    expect(message).toMatchObject({ payload: { a: 'a', b: 'b', c: 'c' }, more: true, branches: { c: { ok: true, statusCode: 203 } } })
    expect(Object.keys(message?.payload as object)).toEqual(['a', 'b', 'c'])
    expect(message).not.toHaveProperty('statusCode')
    expect(message).not.toHaveProperty('warnings')
  })

  it('never mixes callers, whatever the order in which their branches come back', async () => {
    const waiting: { who: unknown; branch: string; go: () => void }[] = []
    const wait = (name: string): Step => (message) => new Promise((resolve) => waiting.push({ who: message.payload, branch: name, go: () => resolve({ out: { ...message, payload: `${String(message.payload)}${name}` } }) }))
    const ask = await start([fork([branch('a'), branch('b')]), work('a', 'a'), work('b', 'b')], { a: wait('a'), b: wait('b') })
    const callers = ['x', 'y', 'z'].map((payload) => ask({ payload }))
    // The stock join node would build x's answer of y's part here.
    const order = [1, 2, 5, 0, 4, 3]
    for (const at of order) {
      waiting[at]?.go()
      await settled()
    }
    expect((await Promise.all(callers)).map((answer) => answer.reply?.payload)).toEqual([{ a: 'xa', b: 'xb' }, { a: 'ya', b: 'yb' }, { a: 'za', b: 'zb' }])
  })

  it('answers 200 with a default and says so when an optional branch fails; the others are not cancelled', async () => {
    const { steps: gated, aborted, of } = gates()
    const ask = await start([fork([branch('a'), branch('air', { ifFails: 'default', value: '{"pm25":null}' })]), work('a', 'a'), work('air', 'b')], gated)
    const answer = ask()
    of('b').fail(fault('upstream.status', { host: 'air', status: 503, expected: '200' }))
    await settled()
    expect(aborted).toEqual([])
    of('a').go()
    const { reply: message } = await answer
    expect(message?.payload).toEqual({ a: 'a', air: { pm25: null } })
    expect(message?.warnings).toEqual([{ code: 'upstream.status', part: 'air', title: 'Upstream answered unexpectedly', used: 'default' }])
    expect(message?.branches).toEqual({ a: { ok: true }, air: { ok: false, error: { code: 'upstream.status', status: 502, title: 'Upstream answered unexpectedly' } } })
  })

  it('takes a body that cannot be read as a failure of its branch', async () => {
    const broken: Step = (message) => ({ out: { ...message, payload: Body.ofJsonBytes(Buffer.from('{"half":')) } })
    const ask = await start([fork([branch('a', { ifFails: 'default', value: '0' }), branch('b')]), work('a', 'broken'), work('b', 'one')], { broken })
    expect((await ask()).reply?.payload).toEqual({ a: 0, b: 1 })
  })

  it('leaves a body unread where it is told to', async () => {
    const body = Body.ofJsonBytes(Buffer.from('{"a":1}'))
    const ask = await start([fork([branch('a', { unread: true }), branch('b')]), work('a', 'raw'), work('b', 'one')], { raw: (message) => ({ out: { ...message, payload: body } }) })
    expect((await ask()).reply?.payload).toEqual({ a: body, b: 1 })
    expect(body.parsed).toBe(false)
  })

  it('fails once for all when a required branch fails, and cancels the others', async () => {
    const { steps: gated, aborted, of } = gates()
    const ask = await start([fork([branch('a'), branch('b'), branch('c')]), work('a', 'a'), work('b', 'b'), work('c', 'c')], gated)
    const answer = ask()
    of('b').fail(fault('upstream.dns', { host: 'b' }))
    const { fault: failed } = await answer
    expect(failed).toMatchObject({ code: 'upstream.dns', at: { node: 'b' } })
    expect(aborted).toEqual(['a', 'c'])
    await expect.poll(() => bare.deployer.inFlight).toBe(0)
    expect(bare.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
  })

  it('hands the fault of a required branch to a Catch node around it once, with the place where it happened', async () => {
    const seen: unknown[] = []
    const ask = await start(
      [fork([branch('a'), branch('b')]), work('a', 'fail'), work('b', 'fail'), { id: 'k', type: 'catch', z: 't', wires: [['see']] }, work('see', 'see', 'reply')],
      { see: (message) => (seen.push(message.error), { out: { ...message, payload: 'caught' } }) },
    )
    expect((await ask({ payload: 'asked' })).reply).toMatchObject({ payload: 'caught' })
    expect(seen).toMatchObject([{ code: 'upstream.connect', source: { id: 'a' } }])
  })

  it('lets a Catch node inside the branch mend it', async () => {
    const ask = await start([fork([branch('a'), branch('b')]), work('a', 'fail'), work('b', 'one'), { id: 'k', type: 'catch', z: 't', scope: ['a'], wires: [['mend']] }, work('mend', 'two')])
    expect((await ask()).reply?.payload).toEqual({ a: 2, b: 1 })
  })

  it('does not hand a fault that a branch may have to the Catch node around it', async () => {
    const ask = await start([fork([branch('a', { ifFails: 'default', value: '7' }), branch('b')]), work('a', 'fail'), work('b', 'one'), { id: 'k', type: 'catch', z: 't', wires: [['c']] }, work('c', 'pass', 'reply')])
    expect((await ask()).reply?.payload).toEqual({ a: 7, b: 1 })
  })

  it('takes a branch that ends without a result as failed, and says how to mend it', async () => {
    const ask = await start([fork([branch('a'), branch('b')]), work('a', 'drop'), work('b', 'one')])
    expect((await ask()).fault).toMatchObject({ code: 'branch.no_result', facts: { branch: 'a' } })
  })

  it('counts the first message that comes back of a branch, and no other', async () => {
    const ask = await start([fork([branch('a'), branch('b')]), work('a', 'pass', ['one', 'two']), work('one', 'one'), work('two', 'two'), work('b', 'two')])
    expect((await ask()).reply?.payload).toEqual({ a: 1, b: 2 })
  })

  it('goes on with the first of any, and cancels the rest; only when all fail it fails', async () => {
    const { steps: gated, aborted, of } = gates()
    const ask = await start([fork([branch('a'), branch('b'), branch('c')], { join: 'any' }), work('a', 'a'), work('b', 'b'), work('c', 'c')], gated)
    const first = ask()
    of('a').fail(fault('upstream.dns', { host: 'a' }))
    await settled()
    of('c').go()
    expect((await first).reply).toMatchObject({ payload: 'c', branch: 'c' })
    expect(aborted).toEqual(['b'])
    const second = ask()
    for (const name of ['a', 'b', 'c']) of(name).fail(fault('upstream.dns', { host: name }))
    expect((await second).fault).toMatchObject({ code: 'parallel.too_few', facts: { came: 0, needed: 1, failures: { a: 'upstream.dns', b: 'upstream.dns', c: 'upstream.dns' } } })
  })

  it('goes on with a quorum, and fails as soon as it cannot be reached', async () => {
    const { steps: gated, aborted, of } = gates()
    const ask = await start([fork([branch('a'), branch('b'), branch('c', { ifFails: 'default', value: '9' })], { join: 'quorum', needed: 2 }), work('a', 'a'), work('b', 'b'), work('c', 'c')], gated)
    const first = ask()
    of('b').go()
    of('a').go()
    expect((await first).reply?.payload).toEqual({ a: 'a', b: 'b', c: 9 })
    expect(aborted).toEqual(['c'])
    const second = ask()
    of('a').fail(fault('upstream.dns', { host: 'a' }))
    of('b').fail(fault('upstream.dns', { host: 'b' }))
    expect((await second).fault).toMatchObject({ code: 'parallel.too_few', facts: { needed: 2 } })
    expect(aborted).toEqual(['c', 'c'])
  })

  it('goes on at its deadline with what is there; a required branch that is late fails it', async () => {
    const { steps: gated, aborted, of } = gates()
    const ask = await start([fork([branch('a'), branch('b', { ifFails: 'default', value: '0' })], { deadlineMs: 20 }), work('a', 'a'), work('b', 'b')], gated)
    const first = ask()
    of('a').go()
    expect((await first).reply).toMatchObject({ payload: { a: 'a', b: 0 }, warnings: [{ code: 'branch.timeout', part: 'b' }] })
    expect(aborted).toEqual(['b'])
    const second = ask()
    of('b').go()
    expect((await second).fault).toMatchObject({ code: 'branch.timeout', facts: { branch: 'a', afterMs: 20 } })
  })

  it('gives one branch a time of its own, which its callouts see as their deadline', async () => {
    const deadlines: number[] = []
    const see = (gated: Step): Step => (message, run) => (deadlines.push(run.deadline), gated(message, run))
    const { steps: gated, aborted, of } = gates()
    const ask = await start([fork([branch('a', { timeoutMs: 15, ifFails: 'default', value: '"late"' }), branch('b')]), work('a', 'a'), work('b', 'b')], { a: see(gated.a as Step), b: see(gated.b as Step) })
    const answer = ask()
    await expect.poll(() => aborted).toEqual(['a'])
    of('b').go()
    expect((await answer).reply?.payload).toEqual({ a: 'late', b: 'b' })
    expect((deadlines[1] as number) - (deadlines[0] as number)).toBeGreaterThan(1000)
  })

  it('lets late branches go on where it is told to ignore them', async () => {
    const { steps: gated, aborted, of } = gates()
    const ask = await start([fork([branch('a'), branch('b')], { join: 'any', late: 'ignore' }), work('a', 'a'), work('b', 'b')], gated)
    const answer = ask()
    of('a').go()
    expect((await answer).reply?.payload).toBe('a')
    expect(bare.deployer.inFlight).toBe(1)
    of('b').go()
    await expect.poll(() => bare.deployer.inFlight).toBe(0)
    expect(aborted).toEqual([])
  })

  it('aborts what a branch called and nothing else: the branch around it and its neighbours go on', async () => {
    const { steps: gated, aborted, of } = gates()
    const inner = { id: 'q', type: 'parallel', z: 't', branches: [branch('c', { timeoutMs: 10, ifFails: 'default', value: '"late"' }), branch('d')], wires: [['c'], ['d'], ['end']] }
    const ask = await start([fork([branch('q'), branch('b')]), inner, work('b', 'b'), work('c', 'c'), work('d', 'd')], gated)
    const answer = ask()
    await expect.poll(() => aborted).toEqual(['c'])
    of('d').go()
    of('b').go()
    expect((await answer).reply?.payload).toEqual({ q: { c: 'late', d: 'd' }, b: 'b' })
    expect(aborted).toEqual(['c'])
  })

  it('takes down branches inside a branch with it', async () => {
    const { steps: gated, aborted, of } = gates()
    const inner = { id: 'q', type: 'parallel', z: 't', branches: [branch('c'), branch('d')], wires: [['c'], ['d'], ['end']] }
    const ask = await start([fork([branch('q'), branch('b')]), inner, work('b', 'b'), work('c', 'c'), work('d', 'd')], gated)
    const answer = ask()
    of('b').fail(fault('upstream.dns', { host: 'b' }))
    expect((await answer).fault?.code).toBe('upstream.dns')
    expect(aborted.toSorted()).toEqual(['c', 'd'])
  })

  it('is over when its caller goes away: every callout is aborted', async () => {
    const { steps: gated, aborted } = gates()
    const ask = await start([fork([branch('a'), branch('b')], { deadlineMs: 60_000 }), work('a', 'a'), work('b', 'b')], gated)
    ask().hangUp(fault('client.closed'))
    expect(aborted).toEqual(['a', 'b'])
  })

  it('lets a branch answer the caller itself', async () => {
    const ask = await start([fork([branch('a'), branch('b')], {}, 'never'), work('a', 'one', 'reply'), work('b', 'two'), work('never', 'fail')])
    expect((await ask()).reply?.payload).toBe(1)
  })

  it('gives the last good value of the same caller and request, never of another', async () => {
    let works = true
    const air: Step = (message, run) => {
      if (!works) throw fault('upstream.connect', { host: 'air' })
      return { out: { ...message, payload: { for: (run as Run).request?.headers.authorization } } }
    }
    const node = fork([branch('a', { ifFails: 'last good', value: '"none"' }), branch('b')])
    await start([node, work('a', 'air'), work('b', 'one')], { air })
    const as = async (who: string, payload: unknown) => {
      const deployment = bare.deployer.current()
      const found = deployment?.routes.find('GET', '/x', '')
      if (!deployment || found?.kind !== 'found') throw new Error('no route')
      return new Promise<Message>((resolve, reject) => {
        deployment.enter(found.route, { id: who, request: { method: 'GET', path: '/x', originalUrl: '/x', headers: { authorization: who, 'user-agent': String(Math.random()) } } as never, message: { payload }, reply: resolve, fail: reject })
      })
    }
    expect((await as('me', 1)).payload).toEqual({ a: { for: 'me' }, b: 1 })
    works = false
    const again = await as('me', 1)
    expect(again).toMatchObject({ payload: { a: { for: 'me' }, b: 1 }, warnings: [{ part: 'a', used: 'last good' }] })
    expect(Object.isFrozen((again.payload as { a: object }).a)).toBe(true)
    expect((await as('me', 2)).payload).toMatchObject({ a: 'none' })
    expect((await as('you', 1)).payload).toMatchObject({ a: 'none' })
  })

  it('that leads into itself for ever is ended', async () => {
    const ask = await start([fork([branch('p'), branch('b')]), work('b', 'one')])
    expect((await ask()).fault?.code).toBe('flow.nested')
  })

  it('refuses what cannot be meant', () => {
    const codes = (config: object) => checkNode(parallel, config).map(({ code }) => code)
    expect(codes({ branches: [] })).toEqual(['parallel.no_branch'])
    expect(codes({ branches: [branch('a'), branch('a'), branch('done'), branch('')] })).toEqual(['parallel.same_name', 'parallel.name', 'parallel.name'])
    expect(codes({ branches: [branch('a', { value: '{' })] })).toEqual(['value.json'])
    expect(codes({ branches: [branch('a')], join: 'quorum', needed: 2 })).toEqual(['parallel.quorum'])
    expect(codes({ branches: [branch('a'), branch('b')] })).toEqual([])
  })
})
