import fc from 'fast-check'
import { expect, test } from 'vitest'
import { end } from '../../nodes/end/end.ts'
import { forEach } from '../../nodes/for-each/for-each.ts'
import { parallel } from '../../nodes/parallel/parallel.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { Step } from '../core/step.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['s']] }
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }
const endNode = { id: 'end', type: 'end', z: 't', wires: [] }

/** What happens to one of the steps that wait, or to the whole run. */
type Event = { readonly kind: 'finish' | 'fail' | 'drop'; readonly at: number } | { readonly kind: 'hang up' }

const events = (names: number) => fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.record({ kind: fc.constantFrom('finish' as const, 'fail' as const, 'drop' as const), at: fc.nat({ max: names - 1 }) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'hang up' as const }) },
  ),
  { maxLength: names * 2 },
)

/** A step that waits for the test, by what `nameOf` says; what is aborted gives up by itself. */
function gate(nameOf: (message: Message) => number) {
  const waiting = new Map<number, (kind: 'finish' | 'fail' | 'drop') => void>()
  const aborted: number[] = []
  const step: Step = (message, run) =>
    new Promise((resolve, reject) => {
      const name = nameOf(message)
      const stopListening = run.onAbort?.((reason) => {
        waiting.delete(name)
        aborted.push(name)
        reject(reason as Error)
      })
      waiting.set(name, (kind) => {
        waiting.delete(name)
        stopListening?.()
        if (kind === 'fail') reject(fault('upstream.connect', { host: String(name) }))
        else resolve(kind === 'drop' ? undefined : { out: { ...message, payload: `r${name}` } })
      })
    })
  return { step, waiting, aborted }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Plays the events; says what was answered, and holds that nothing is left over, whatever happened. */
async function play(nodes: object[], steps: Record<string, Step>, message: Message, { waiting }: Pick<ReturnType<typeof gate>, 'waiting'>, list: readonly Event[]) {
  const bare = bareDeployer(steps, { definitions: [parallel, forEach, end], freeze: false })
  const deployed = await bare.deploy([tab, entry, reply, endNode, ...nodes])
  if (!deployed.ok) throw new Error(JSON.stringify(deployed.problems))
  const answers: { reply?: Message; fault?: { code: string } }[] = []
  const call = bare.call('/x', message)
  void call.then((answer) => answers.push(answer))
  await settled()
  for (const event of list) {
    if (answers.length > 0) break
    if (event.kind === 'hang up') call.hangUp(fault('client.closed'))
    else waiting.get(event.at)?.(event.kind)
    await settled()
  }
  const before = answers.length
  // Whoever still waits is let go: a scope that was left open would keep the run.
  for (let round = 0; waiting.size > 0 && round < 100; round += 1) {
    for (const letGo of waiting.values()) letGo('drop')
    await settled()
  }
  await settled()
  const leftOver = bare.deployer.inFlight
  await bare.deployer.close()
  expect(leftOver).toBe(0)
  return { answer: before > 0 ? answers[0] : undefined, count: answers.length }
}

test('a parallel node, whatever its branches do in whatever order, answers once, as the rule says, and leaves nothing behind', async () => {
  const plan = fc.integer({ min: 1, max: 4 }).chain((size) => fc.record({
    required: fc.array(fc.boolean(), { minLength: size, maxLength: size }),
    join: fc.constantFrom('all', 'any', 'quorum'),
    needed: fc.integer({ min: 1, max: size }),
    late: fc.constantFrom('cancel', 'ignore'),
    list: events(size),
  }))
  await fc.assert(fc.asyncProperty(plan, async ({ required, join, needed, late, list }) => {
    const gated = gate((message) => message.branchOf as number)
    const names = required.map((_, at) => `b${at}`)
    const mark = (at: number): Step => (message) => ({ out: { ...message, branchOf: at } })
    const steps: Record<string, Step> = { gate: gated.step, ...Object.fromEntries(names.map((_, at) => [`mark${at}`, mark(at)])) }
    const node = { id: 's', type: 'parallel', z: 't', join, needed, late, branches: required.map((one, at) => ({ name: names[at], ifFails: one ? 'fail' : 'default', value: '"d"' })), wires: [...names.map((name) => [name]), ['reply']] }
    const nodes = [node, ...names.map((id, at) => ({ id, type: 'work', z: 't', step: `mark${at}`, wires: [['gate']] })), { id: 'gate', type: 'work', z: 't', step: 'gate', wires: [['end']] }]
    const { answer, count } = await play(nodes, steps, { payload: 1 }, gated, list)

    // The same by hand: one event after the other, until it is decided.
    const states: ('open' | 'ok' | 'failed')[] = required.map(() => 'open')
    let expected: { payload?: unknown; code?: string; gone?: true } | undefined
    for (const event of list) {
      if (expected) break
      if (event.kind === 'hang up') {
        expected = { gone: true }
        break
      }
      if (states[event.at] !== 'open') continue
      states[event.at] = event.kind === 'finish' ? 'ok' : 'failed'
      const came = states.filter((state) => state === 'ok').length
      const open = states.filter((state) => state === 'open').length
      const results = () => Object.fromEntries(states.flatMap((state, at) => (state === 'ok' ? [[names[at], `r${at}`]] : required[at] ? [] : [[names[at], 'd']])))
      if (join === 'all') {
        if (states[event.at] === 'failed' && required[event.at]) expected = { code: event.kind === 'fail' ? 'upstream.connect' : 'branch.no_result' }
        else if (open === 0) expected = { payload: results() }
      } else {
        const wanted = join === 'any' ? 1 : needed
        if (came >= wanted) expected = { payload: join === 'any' ? `r${event.at}` : results() }
        else if (came + open < wanted) expected = { code: 'parallel.too_few' }
      }
    }
    expect(count).toBe(expected?.gone ? 0 : 1)
    if (!expected || expected.gone) expect(answer).toBeUndefined()
    else if (expected.code) expect(answer?.fault?.code).toBe(expected.code)
    else expect(answer?.reply?.payload).toEqual(expected.payload)
    // What had not come back is aborted exactly when nobody waits for it any more.
    const open = states.flatMap((state, at) => (state === 'open' ? [at] : []))
    if (expected) expect(gated.aborted.toSorted((a, b) => a - b)).toEqual(expected.gone || expected.code || late === 'cancel' ? open : [])
  }), { numRuns: 150 })
}, 20_000)

test('a for each node, whatever its items do in whatever order, keeps the order, gives each result once, and leaves nothing behind', async () => {
  const plan = fc.integer({ min: 0, max: 6 }).chain((size) => fc.record({
    size: fc.constant(size),
    at: fc.integer({ min: 1, max: 4 }),
    onError: fc.constantFrom('fail', 'skip', 'collect'),
    list: events(Math.max(1, size)),
  }))
  await fc.assert(fc.asyncProperty(plan, async ({ size, at: parallelism, onError, list }) => {
    const gated = gate(({ item }) => (item as { index: number }).index)
    const nodes = [{ id: 's', type: 'for each', z: 't', parallel: parallelism, onError, wires: [['gate'], ['reply']] }, { id: 'gate', type: 'work', z: 't', step: 'gate', wires: [['end']] }]
    const { answer, count } = await play(nodes, { gate: gated.step }, { payload: Array.from({ length: size }, (_, item) => item) }, gated, list)

    const states: ('waiting' | 'open' | 'ok' | 'failed' | 'dropped')[] = Array.from({ length: size }, (_, item) => (item < parallelism ? 'open' : 'waiting'))
    let expected: { payload?: unknown; code?: string; gone?: true } | undefined = size === 0 ? { payload: [] } : undefined
    for (const event of list) {
      if (expected) break
      if (event.kind === 'hang up') {
        expected = { gone: true }
        break
      }
      if (states[event.at] !== 'open') continue
      states[event.at] = event.kind === 'finish' ? 'ok' : event.kind === 'fail' ? 'failed' : 'dropped'
      if (event.kind === 'fail' && onError === 'fail') expected = { code: 'upstream.connect' }
      else if (states.includes('waiting')) states[states.indexOf('waiting')] = 'open'
      else if (!states.includes('open')) {
        expected = { payload: states.flatMap((state, item) => (state === 'ok' ? [`r${item}`] : onError === 'collect' ? [null] : [])) }
      }
    }
    expect(count).toBe(expected?.gone ? 0 : 1)
    if (!expected || expected.gone) expect(answer).toBeUndefined()
    else if (expected.code) expect(answer?.fault?.code).toBe(expected.code)
    else expect(answer?.reply?.payload).toEqual(expected.payload)
    const open = states.flatMap((state, item) => (state === 'open' ? [item] : []))
    if (expected?.gone || expected?.code) expect(gated.aborted.toSorted((a, b) => a - b)).toEqual(open)
  }), { numRuns: 150 })
}, 20_000)
