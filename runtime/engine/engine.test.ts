import { afterEach, describe, expect, test } from 'vitest'
import { fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { Step } from '../core/step.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = (to: string | string[], url = '/x') => ({ id: `in${url}`, type: 'http in', z: 't', url, wires: [[to].flat()] })
const work = (id: string, step: string, to: string | string[] | string[][], more: object = {}) => ({
  id, type: 'work', z: 't', step, wires: Array.isArray(to) && Array.isArray(to[0]) ? to : [[to].flat()], ...more,
})
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }

const steps: Record<string, Step> = {
  pass: (message) => ({ out: message }),
  add: (message) => ({ out: { ...message, payload: Number(message.payload ?? 0) + 1 } }),
  later: async (message) => ({ out: { ...message, payload: `${String(message.payload ?? '')}later` } }),
  drop: () => undefined,
  fail: () => { throw new Error('broken on purpose') },
  failLater: async () => { throw fault('step.config', { message: 'later' }) },
  never: () => new Promise(() => {}),
  untilGone: (_message, run) => new Promise((_resolve, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason as Error))),
  three: (message) => ({ out: [1, 2, 3].map((payload) => ({ ...message, payload })) }),
  async *drip(message) { for (const payload of [1, 2, 3]) yield { out: { ...message, payload } } },
  two: (message) => ({ a: { ...message, payload: 'a' }, b: { ...message, payload: 'b' } }),
  mutate: (message) => { (message as { payload: unknown }).payload = 'changed'; return { out: message } },
  code: (message) => ({ out: { ...message, payload: (message.error as { code: string }).code } }),
  source: (message) => ({ out: { ...message, payload: (message.error as { source: { id: string } }).source.id } }),
}

let bare: ReturnType<typeof bareDeployer>
afterEach(() => bare.deployer.close())

async function ask(nodes: object[], message: Message = {}, options: Parameters<typeof bareDeployer>[1] = {}, more: Record<string, Step> = {}) {
  bare = bareDeployer({ ...steps, ...more }, options)
  const deployed = await bare.deploy([tab, ...nodes])
  expect(deployed).toMatchObject({ ok: true })
  return bare.call('/x', message)
}

describe('a run', () => {
  test('goes through synchronous and asynchronous steps and answers once', async () => {
    const answer = await ask([entry('a'), work('a', 'add', 'b'), work('b', 'later', 'c'), work('c', 'pass', 'reply'), reply])
    expect(answer.reply?.payload).toBe('1later')
  })

  test('of ten thousand steps in a line does not overflow the stack', async () => {
    const line = Array.from({ length: 10_000 }, (_unused, index) => work(`n${index}`, 'add', index === 9_999 ? 'reply' : `n${index + 1}`))
    const answer = await ask([entry('n0'), ...line, reply], {}, { hopLimit: 20_000 })
    expect(answer.reply?.payload).toBe(10_000)
  })

  test('that ends without a reply is answered at once with flow.no_reply', async () => {
    const answer = await ask([entry('a'), work('a', 'drop', 'reply'), reply])
    expect(answer.fault?.code).toBe('flow.no_reply')
    expect(bare.logged.some(({ text, facts }) => text.includes('without a reply') && 'path' in facts)).toBe(true)
  })

  test('waits for a slow branch before it says that nobody replied', async () => {
    const answer = await ask([entry(['a', 'b']), work('a', 'drop', 'reply'), work('b', 'later', 'reply'), reply])
    expect(answer.reply?.payload).toBe('later')
  })

  test('whose step throws is answered with a fault that names flow and node', async () => {
    const answer = await ask([entry('a'), work('a', 'fail', 'reply'), reply])
    expect(answer.fault).toMatchObject({ code: 'step.error', at: { flow: 't', node: 'a' } })
  })

  test('that replies twice keeps the first reply and logs the second as a fault', async () => {
    const answer = await ask([entry(['one', 'two']), work('one', 'pass', 'reply'), work('two', 'pass', 'reply'), reply], { payload: 'first' })
    expect(answer.reply?.payload).toBe('first')
    expect(bare.logged.some(({ facts }) => (facts as { code?: string }).code === 'flow.already_replied')).toBe(true)
  })

  test('is ended by its deadline, and its signal tells the steps', async () => {
    const answer = await ask([entry('a'), work('a', 'untilGone', 'reply'), reply], {}, { deadlineMs: 20 })
    expect(answer.fault?.code).toBe('flow.timeout')
    expect(bare.deployer.inFlight).toBe(0)
  })

  test('a flow sets its own deadline', async () => {
    bare = bareDeployer(steps)
    await bare.deploy([{ ...tab, env: [{ name: 'SLUICE_DEADLINE_MS', type: 'num', value: '15' }] }, entry('a'), work('a', 'never', 'reply'), reply])
    expect((await bare.call('/x')).fault?.facts.limitMs).toBe(15)
  })

  test('whose client is gone aborts its steps and is not answered', async () => {
    bare = bareDeployer(steps)
    await bare.deploy([tab, entry('a'), work('a', 'untilGone', 'reply'), reply])
    let answered = false
    const call = bare.call('/x')
    void call.then(() => (answered = true))
    call.hangUp(fault('client.closed'))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect({ answered, inFlight: bare.deployer.inFlight }).toEqual({ answered: false, inFlight: 0 })
    expect(bare.summaries).toEqual([]) // the front writes the line of a request, also of one that was given up
  })

  test('tells whoever asked that it has ended, once, on every way there is', async () => {
    const ends: string[] = []
    const ask2 = (step: string, options: Parameters<typeof ask>[2] = {}) => ask([entry('w'), work('w', 'watch', 'a'), work('a', step, 'reply'), reply], {}, options, {
      watch: (message, run) => {
        run.onEnd?.((end) => ends.push(`${step} ${end.status ?? '-'} ${end.fault?.code ?? '-'}`))
        return { out: message }
      },
    })
    for (const step of ['pass', 'later', 'drop', 'fail', 'failLater']) await ask2(step)
    await ask2('never', { deadlineMs: 15 })
    expect(ends).toEqual(['pass 200 -', 'later 200 -', 'drop 500 flow.no_reply', 'fail 500 step.error', 'failLater 500 step.config', 'never 504 flow.timeout'])
    ends.length = 0
    await bare.deploy([tab, entry('w'), work('w', 'watch', 'a'), work('a', 'untilGone', 'reply'), reply])
    bare.call('/x').hangUp(fault('client.closed'))
    expect(ends).toEqual(['never - client.closed'])
  })

  test('that goes round in a circle is ended by the hop limit', async () => {
    const answer = await ask([entry('a'), work('a', 'pass', 'b'), work('b', 'pass', ['a', 'c']), work('c', 'drop', 'reply'), reply])
    expect(answer.fault?.code).toBe('flow.hops')
  })

  test('that walks for long lets others have their turn', async () => {
    let elsewhere = 0
    const other = setInterval(() => elsewhere++, 1)
    const slowly: Step = (message) => {
      const until = performance.now() + 1
      while (performance.now() < until);
      return { out: message }
    }
    const answer = await ask([entry('a'), work('a', 'slowly', ['a', 'b']), work('b', 'drop', 'reply'), reply], {}, { hopLimit: 300 }, { slowly })
    clearInterval(other)
    expect(answer.fault?.code).toBe('flow.hops')
    expect(elsewhere).toBeGreaterThan(1)
  })

  test('that goes round in a circle and doubles each time is ended, with one line in the log', async () => {
    const answer = await ask([entry('a'), work('a', 'pass', ['a', 'a', 'b']), work('b', 'drop', 'reply'), reply], {}, { hopLimit: 50 })
    expect(answer.fault?.code).toBe('flow.hops')
    await expect.poll(() => bare.deployer.inFlight, { timeout: 10_000 }).toBe(0)
    expect(bare.logged.filter(({ level, facts }) => level === 'error' && (facts as { code?: string }).code === 'flow.hops').length).toBeLessThanOrEqual(2)
  })
})

describe('what a node sends', () => {
  test('goes out by port, in drawn order', async () => {
    const seen: unknown[] = []
    bare = bareDeployer({ ...steps, note: (message) => { seen.push(message.payload); return { out: message } } })
    await bare.deploy([tab, entry('two'), work('two', 'two', [['x'], ['y']], { ports: ['a', 'b'] }), work('x', 'note', 'reply'), work('y', 'note', []), reply])
    expect((await bare.call('/x')).reply?.payload).toBe('a')
    expect(seen).toEqual(['a', 'b'])
  })

  test('as a list arrives message by message, and so does what it sends over time', async () => {
    for (const step of ['three', 'drip']) {
      const seen: unknown[] = []
      const answer = await ask([entry('a'), work('a', step, 'n'), work('n', 'note', 'reply'), reply], {}, {}, {
        note: (message) => { seen.push(message.payload); return seen.length === 3 ? { out: message } : undefined },
      })
      expect({ step, seen, last: answer.reply?.payload }).toEqual({ step, seen: [1, 2, 3], last: 3 })
      await bare.deployer.close()
    }
  })

  test('cannot be changed by another node: a step that tries fails', async () => {
    const answer = await ask([entry('a'), work('a', 'mutate', 'reply'), reply], { payload: 'original' })
    expect(answer.fault?.code).toBe('step.error')
  })
})

describe('faults', () => {
  const caught = (more: object, id = 'catch', to = 'c') => ({ id, type: 'catch', z: 't', wires: [[to]], ...more })

  test('go to the Catch node of the flow, which may answer', async () => {
    const answer = await ask([entry('a'), work('a', 'failLater', 'reply'), caught({}), work('c', 'code', 'reply'), reply])
    expect(answer.reply?.payload).toBe('step.config')
  })

  test('go to a Catch node that names the node, not to one that names another', async () => {
    const nodes = (scope: string[]) => [entry('a'), work('a', 'fail', 'reply'), caught({ scope }), work('c', 'source', 'reply'), reply]
    expect((await ask(nodes(['a']))).reply?.payload).toBe('a')
    await bare.deployer.close()
    expect((await ask(nodes(['reply']))).fault?.code).toBe('step.error')
  })

  test('go to the Catch node of the group first when only it is meant for the group', async () => {
    const group = { id: 'g', type: 'group', z: 't', nodes: ['a', 'catch'] }
    const answer = await ask([group, entry('a'), work('a', 'fail', 'reply', { g: 'g' }), caught({ scope: 'group', g: 'g' }), work('c', 'source', 'reply'), reply])
    expect(answer.reply?.payload).toBe('a')
    await bare.deployer.close()
    const outside = await ask([group, entry('a'), work('a', 'fail', 'reply'), caught({ scope: 'group', g: 'g' }), work('c', 'source', 'reply'), reply])
    expect(outside.fault?.code).toBe('step.error')
  })

  test('reach an uncaught-only Catch node just when no other took them', async () => {
    const both = [entry('a'), work('a', 'fail', 'reply'), caught({ scope: ['a'] }), work('c', 'code', 'reply'), caught({ uncaught: true }, 'catch2', 'd'), work('d', 'fail', []), reply]
    expect((await ask(both)).reply?.payload).toBe('step.error')
    await bare.deployer.close()
    const alone = [entry('a'), work('a', 'fail', 'reply'), caught({ uncaught: true }), work('c', 'code', 'reply'), reply]
    expect((await ask(alone)).reply?.payload).toBe('step.error')
  })

  test('are left to the other Catch nodes by an uncaught-only one that was drawn before them', async () => {
    const answer = await ask([caught({ uncaught: true }, 'late', 'l'), work('l', 'fail', 'reply'), entry('a'), work('a', 'fail', 'reply'), caught({}), work('c', 'source', 'reply'), reply])
    expect(answer.reply?.payload).toBe('a')
    expect(bare.logged.some(({ facts }) => (facts as { node?: string }).node === 'l')).toBe(false)
  })

  test('inside nested groups go to the innermost Catch node first, outwards from there', async () => {
    const groups = [{ id: 'g', type: 'group', z: 't', nodes: ['h', 'outer'] }, { id: 'h', type: 'group', z: 't', g: 'g', nodes: ['a', 'inner'] }]
    const seen: unknown[] = []
    const note = (id: string) => ({ ...work(`n-${id}`, 'note', id === 'flow' ? 'reply' : []), mark: id })
    await ask([...groups, caught({}, 'flow', 'n-flow'), caught({ scope: 'group', g: 'g' }, 'outer', 'n-outer'), caught({ scope: 'group', g: 'h' }, 'inner', 'n-inner'), entry('a'), work('a', 'fail', 'reply', { g: 'h' }), note('flow'), note('outer'), note('inner'), reply], {}, {}, {
      note: (message, run) => { seen.push((run as unknown as { taken: { id: string }[] }).taken.at(-1)?.id); return { out: message } },
    })
    expect(seen).toEqual(['n-inner', 'n-outer', 'n-flow'])
  })

  test('count how often the same node failed on the same message', async () => {
    const counted: unknown[] = []
    await ask([entry('a'), work('a', 'fail', 'reply'), caught({}, 'catch', 'n'), work('n', 'note', 'a'), reply], {}, { hopLimit: 10 }, {
      note: (message) => { counted.push((message.error as { source: { count: number } }).source.count); return { out: message } },
    })
    expect(counted.slice(0, 3)).toEqual([1, 2, 3])
  })

  test('in a Catch flow that feeds itself end with the caller answered', async () => {
    const answer = await ask([entry('a'), work('a', 'fail', 'reply'), caught({}, 'catch', 'a2'), work('a2', 'fail', 'reply'), reply])
    expect(answer.fault).toBeDefined()
  })
})

describe('Complete and Status nodes', () => {
  test('a Complete node hears that the node it names has finished', async () => {
    const answer = await ask([entry('a'), work('a', 'drop', []), { id: 'done', type: 'complete', z: 't', scope: ['a'], wires: [['reply']] }, reply], { payload: 'in' })
    expect(answer.reply).toMatchObject({ payload: 'in', complete: { source: { id: 'a' } } })
  })

  describe('a Complete node hears of', () => {
    const done = (id: string) => ({ id: 'done', type: 'complete', z: 't', scope: [id], wires: [['reply']] })
    const heard = async (id: string, nodes: object[]) => expect((await ask([...nodes, done(id), reply], { payload: 'in' })).reply).toMatchObject({ payload: 'in', complete: { source: { id } } })

    test('a junction', () => heard('j', [entry('j'), { id: 'j', type: 'junction', z: 't', wires: [['end']] }, work('end', 'drop', [])]))
    test('a link out node and a link in node of its tab', async () => {
      const nodes = [entry('out'), { id: 'out', type: 'link out', z: 't', mode: 'link', links: ['in'], wires: [] }, { id: 'in', type: 'link in', z: 't', links: ['out'], wires: [['end']] }, work('end', 'drop', [])]
      await heard('out', nodes)
      await bare.deployer.close()
      await heard('in', nodes)
    })
    test('a link out node that leads to another tab', () => heard('out', [entry('out'), { id: 'out', type: 'link out', z: 't', mode: 'link', links: ['far'], wires: [] }, { id: 'u', type: 'tab', label: 'U' }, { id: 'far', type: 'link in', z: 'u', links: [], wires: [[]] }]))
    test('a link call, once, and the link out node that returns to it', async () => {
      const nodes = [
        entry('call'), { id: 'call', type: 'link call', z: 't', links: ['sub'], wires: [['end']] }, work('end', 'drop', []), { id: 'sub', type: 'link in', z: 't', links: [], wires: [['twice']] },
        work('twice', 'pass', ['back', 'back']), { id: 'back', type: 'link out', z: 't', mode: 'return', links: [], wires: [] },
      ]
      await heard('back', nodes)
      await bare.deployer.close()
      let heardOf = 0
      await ask([...nodes, { ...done('call'), wires: [['count']] }, work('count', 'count', 'reply'), reply], {}, {}, { count: (message) => (heardOf++, { out: message }) })
      expect(heardOf).toBe(1)
    })
    test('nothing that it is wired to itself: they would set each other off for ever', async () => {
      const answer = await ask([entry('j'), { id: 'j', type: 'junction', z: 't', wires: [['reply']] }, { id: 'done', type: 'complete', z: 't', scope: ['j'], wires: [['j']] }, reply], { payload: 'in' })
      expect(answer.reply).toEqual({ payload: 'in' })
    })
  })

  test('a Status node hears a status in the run that caused it', async () => {
    const answer = await ask([entry('s'), { id: 's', type: 'teller', z: 't', wires: [[]] }, { id: 'st', type: 'status', z: 't', wires: [['reply']] }, reply])
    expect(answer.reply).toMatchObject({ status: { text: 'told', source: { id: 's' } } })
    expect(bare.events).toContainEqual({ kind: 'status', node: 's', flow: 't', status: { text: 'told' } })
  })
})

describe('links', () => {
  const other = { id: 'u', type: 'tab', label: 'U' }

  test('reach a link in on another tab', async () => {
    const answer = await ask([other, entry('out'), { id: 'out', type: 'link out', z: 't', links: ['in'], wires: [] }, { id: 'in', type: 'link in', z: 'u', links: ['out'], wires: [['w']] }, { ...work('w', 'add', 'r'), z: 'u' }, { ...reply, id: 'r', z: 'u' }])
    expect(answer.reply?.payload).toBe(1)
  })

  test('count when either end names the other, also across tabs and also when the other tab changes', async () => {
    const nodes = (links: string[]) => [other, entry('out'), { id: 'out', type: 'link out', z: 't', links: [], wires: [] }, { id: 'in', type: 'link in', z: 'u', links, wires: [['w']] }, { ...work('w', 'add', 'r'), z: 'u' }, { ...reply, id: 'r', z: 'u' }]
    expect((await ask(nodes(['out']))).reply?.payload).toBe(1)
    expect(await bare.deploy([tab, ...nodes([])])).toMatchObject({ ok: false, problems: [{ code: 'reply.unreachable' }] })
  })

  test('inside a subflow stay inside their own instance', async () => {
    const template = [{ id: 'S', type: 'subflow', name: 'S', in: [{ wires: [{ id: 'so' }] }], out: [{ wires: [{ id: 'si', port: 0 }] }] }, { id: 'so', type: 'link out', z: 'S', links: ['si'], wires: [] }, { id: 'si', type: 'link in', z: 'S', links: ['so'], wires: [[]] }]
    const answer = await ask([entry('i'), { id: 'i', type: 'subflow:S', z: 't', wires: [['reply']] }, { id: 'j', type: 'subflow:S', z: 't', wires: [['x']] }, work('x', 'fail', []), reply, ...template], { payload: 'mine' })
    expect(answer.reply?.payload).toBe('mine')
  })

  const callee = [{ id: 'sub', type: 'link in', z: 'u', name: 'adder', links: [], wires: [['w']] }, { ...work('w', 'later', 'back'), z: 'u' }, { id: 'back', type: 'link out', z: 'u', mode: 'return', links: [], wires: [] }]
  const caller = (more: object) => [entry('call'), { id: 'call', type: 'link call', z: 't', links: ['sub'], linkType: 'static', timeout: '30', wires: [['reply']], ...more }, reply]

  test('a link call comes back with what the called flow made, without its own marks', async () => {
    const answer = await ask([other, ...caller({}), ...callee])
    expect(answer.reply?.payload).toBe('later')
    expect(answer.reply).not.toHaveProperty('_linkSource')
  })

  test('a dynamic link call finds its target by name', async () => {
    const answer = await ask([other, ...caller({ links: [], linkType: 'dynamic' }), ...callee], { target: 'adder' })
    expect(answer.reply?.payload).toBe('later')
  })

  test('nested link calls come back in order', async () => {
    const nested = [{ id: 'sub', type: 'link in', z: 'u', links: [], wires: [['call2']] }, { id: 'call2', type: 'link call', z: 'u', links: ['sub2'], wires: [['back']] }, { id: 'back', type: 'link out', z: 'u', mode: 'return', links: [], wires: [] }, { id: 'sub2', type: 'link in', z: 'u', links: [], wires: [['w']] }, { ...work('w', 'add', 'back'), z: 'u' }]
    expect((await ask([other, ...caller({}), ...nested])).reply?.payload).toBe(1)
  })

  test('a link call that calls itself without end is ended, with a stack that stays small', async () => {
    const nodes = [entry('call'), { id: 'call', type: 'link call', z: 't', links: ['sub'], wires: [['reply']] }, reply, { id: 'sub', type: 'link in', z: 't', links: [], wires: [['again']] }, { id: 'again', type: 'link call', z: 't', links: ['sub'], wires: [['back']] }, { id: 'back', type: 'link out', z: 't', mode: 'return', links: [], wires: [] }]
    const answer = await ask(nodes)
    expect(answer.fault).toMatchObject({ code: 'flow.hops', at: { node: 'again' } })
    expect(bare.deployer.inFlight).toBe(0)
    expect(bare.logged.length).toBeLessThan(300)
  })

  test('a return that no link call waits for is a fault', async () => {
    const answer = await ask([entry('back'), { id: 'back', type: 'link out', z: 't', mode: 'return', links: [], wires: [] }, work('x', 'drop', 'reply'), { id: 'c', type: 'catch', z: 't', wires: [['reply']] }, reply])
    expect(answer.reply).toMatchObject({ error: { code: 'step.config', source: { id: 'back' } } })
  })

  test('a link call that nothing can answer faults at once instead of waiting', async () => {
    const answer = await ask([other, ...caller({}), { id: 'sub', type: 'link in', z: 'u', links: [], wires: [['w']] }, { ...work('w', 'drop', []), z: 'u' }])
    expect(answer.fault).toMatchObject({ code: 'flow.no_return', at: { node: 'call' } })
  })

  test('a link call that takes too long faults at its node', async () => {
    const answer = await ask([other, ...caller({ timeout: '0.01' }), { id: 'sub', type: 'link in', z: 'u', links: [], wires: [['w']] }, { ...work('w', 'never', []), z: 'u' }])
    expect(answer.fault?.code).toBe('flow.no_return')
  })
})

describe('subflows', () => {
  const template = [
    { id: 'S', type: 'subflow', name: 'S', in: [{ wires: [{ id: 's1' }] }], out: [{ wires: [{ id: 's2', port: 0 }] }, { wires: [{ id: 'S', port: 0 }] }], env: [{ name: 'GREETING', type: 'str', value: 'hello' }] },
    { id: 's1', type: 'env', z: 'S', name: 'GREETING', wires: [['s2']] },
    { id: 's2', type: 'work', z: 'S', step: 'pass', wires: [[]] },
  ]
  const use = (more: object = {}) => ({ id: 'i', type: 'subflow:S', z: 't', wires: [['reply'], []], ...more })

  test('run as copies with their own environment, the instance over the template', async () => {
    expect((await ask([entry('i'), use(), reply, ...template])).reply?.payload).toBe('hello')
    await bare.deployer.close()
    expect((await ask([entry('i'), use({ env: [{ name: 'GREETING', type: 'str', value: 'hi' }] }), reply, ...template])).reply?.payload).toBe('hi')
  })

  test('pass an input straight to an output', async () => {
    expect((await ask([entry('i'), use({ wires: [[], ['reply']] }), reply, ...template], { payload: 'through' })).reply?.payload).toBe('through')
  })

  test('a fault inside goes to a Catch node around the instance, which sees the node that failed', async () => {
    const broken = template.map((node) => (node.id === 's2' ? { ...node, step: 'fail' } : node))
    const answer = await ask([entry('i'), use(), { id: 'catch', type: 'catch', z: 't', wires: [['c']] }, work('c', 'source', 'reply'), reply, ...broken])
    expect(answer.reply?.payload).toBe('i-s2')
  })

  test('a fault inside is left to the Catch node inside, when there is one', async () => {
    const guarded = [...template.map((node) => (node.id === 's2' ? { ...node, step: 'fail' } : node)), { id: 'sc', type: 'catch', z: 'S', scope: ['s2'], wires: [['s3']] }, { id: 's3', type: 'work', z: 'S', step: 'source', wires: [[]] }]
    const withOutput = guarded.map((node) => (node.id === 'S' ? { ...node, out: [{ wires: [{ id: 's3', port: 0 }] }] } : node))
    const answer = await ask([entry('i'), use(), { id: 'catch', type: 'catch', z: 't', wires: [['c']] }, work('c', 'drop', 'reply'), reply, ...withOutput])
    expect(answer.reply?.payload).toBe('i-s2')
  })

  test('a Complete node inside hears its own instance alone', async () => {
    const completing = [...template.filter(({ id }) => id !== 'S'), { ...template[0], out: [{ wires: [{ id: 'sd', port: 0 }] }] }, { id: 'sd', type: 'complete', z: 'S', scope: ['s1'], wires: [[]] }]
    const answer = await ask([entry('i'), use(), { ...use({ wires: [['other'], []] }), id: 'j' }, work('other', 'fail', []), reply, ...completing])
    expect(answer.reply).toMatchObject({ complete: { source: { id: 'i-s1' } } })
  })

  test('what reaches the status output is the status of the instance; those inside stay inside', async () => {
    const status = [{ ...template[0], out: [], status: { wires: [{ id: 's2', port: 0 }] } }, ...template.slice(1), { id: 's0', type: 'teller', z: 'S', wires: [['s1']] }].map((node) => (node.id === 'S' ? { ...node, in: [{ wires: [{ id: 's0' }, { id: 's1' }] }] } : node))
    const answer = await ask([entry('i'), use({ wires: [] }), { id: 'st', type: 'status', z: 't', wires: [['reply']] }, reply, ...status])
    expect(answer.reply).toMatchObject({ status: { text: 'hello', source: { id: 'i' } } })
    expect(bare.events).toContainEqual({ kind: 'status', node: 'i', flow: 't', status: { text: 'hello' } })
  })

  test('may be nested, and may not contain themselves', async () => {
    const outer = [{ id: 'O', type: 'subflow', name: 'O', in: [{ wires: [{ id: 'o1' }] }], out: [{ wires: [{ id: 'o1', port: 0 }] }] }, { id: 'o1', type: 'subflow:S', z: 'O', wires: [[]] }]
    expect((await ask([entry('i'), { ...use(), type: 'subflow:O' }, reply, ...template, ...outer])).reply?.payload).toBe('hello')
    const recursive = [{ id: 'R', type: 'subflow', name: 'R', in: [{ wires: [{ id: 'r1' }] }], out: [] }, { id: 'r1', type: 'subflow:R', z: 'R', wires: [[]] }]
    expect(await bare.deploy([tab, entry('i'), { ...use(), type: 'subflow:R' }, reply, ...recursive])).toMatchObject({ ok: false, problems: expect.arrayContaining([expect.objectContaining({ code: 'subflow.recursive' })]) })
  })
})

describe('environment', () => {
  const read = (name: string, more: object = {}) => [entry('e'), { id: 'e', type: 'env', z: 't', name, wires: [['reply']], ...more }, reply]

  test('comes from group, tab, global config and the allow-list, in that order, and from nowhere else', async () => {
    const around = [{ id: 'g', type: 'group', z: 't', nodes: ['e'], env: [{ name: 'A', type: 'str', value: 'group' }] }, { id: 'gc', type: 'global-config', env: [{ name: 'B', type: 'num', value: '7' }] }]
    expect((await ask([...around, ...read('A', { g: 'g' })])).reply?.payload).toBe('group')
    await bare.deployer.close()
    expect((await ask([...around, ...read('B')])).reply?.payload).toBe(7)
    await bare.deployer.close()
    expect((await ask(read('ALLOWED'), {}, { env: { ALLOWED: 'yes' } })).reply?.payload).toBe('yes')
    await bare.deployer.close()
    expect((await ask(read('PATH'))).reply?.payload).toBeUndefined()
  })
})
