import { afterEach, describe, expect, it } from 'vitest'
import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Step } from '../../runtime/core/step.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { checkNode } from '../../test/kit/node-tester.ts'
import { end } from '../end/end.ts'
import { parallel } from '../parallel/parallel.ts'
import { toMatcher } from './patterns.ts'
import { tryNode } from './try.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['try']] }
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }
const endNode = { id: 'end', type: 'end', z: 't', wires: [] }
const tryOf = (wires: string[], more: object = {}) => ({ id: 'try', type: 'try', z: 't', wires: wires.map((id) => (id === '' ? [] : [id])), ...more })
const work = (id: string, step: string, to = 'end') => ({ id, type: 'work', z: 't', step, wires: [[to]] })

let bare: ReturnType<typeof bareDeployer>
let seen: string[]
afterEach(async () => {
  await expect.poll(() => bare.deployer.inFlight).toBe(0)
  await bare.deployer.close()
})

const steps: Record<string, Step> = {
  good: (message) => ({ out: { ...message, payload: 'good' } }),
  fail: () => { throw fault('upstream.connect', { host: 'x' }) },
  failLater: async () => { throw fault('upstream.timeout', { host: 'x', afterMs: 1 }) },
  mend: (message) => ({ out: { ...message, payload: (message.error as { code: string }).code } }),
  clean: (message) => (seen.push(`clean ${(message.error as { code?: string } | undefined)?.code ?? '-'}`), { out: message }),
  cleanLater: async (message) => {
    await new Promise((resolve) => setTimeout(resolve, 2))
    seen.push('cleaned')
    return { out: message }
  },
  hang: () => new Promise(() => {}),
  see: (message) => (seen.push('seen'), { out: message }),
}

async function start(nodes: object[], options: Parameters<typeof bareDeployer>[1] = {}) {
  seen = []
  bare = bareDeployer(steps, { definitions: [tryNode, end, parallel], ...options })
  expect(await bare.deploy([tab, entry, reply, endNode, ...nodes])).toMatchObject({ ok: true })
  return (message: Message = {}) => bare.call('/x', message)
}

describe('try', () => {
  it('goes on with what its body came to', async () => {
    const ask = await start([tryOf(['a', 'm', 'f', 'reply']), work('a', 'good'), work('m', 'mend'), work('f', 'clean')])
    expect((await ask()).reply?.payload).toBe('good')
    expect(seen).toEqual(['clean -'])
  })

  it('mends the faults that it catches', async () => {
    for (const [step, code] of [['fail', 'upstream.connect'], ['failLater', 'upstream.timeout']]) {
      const ask = await start([tryOf(['a', 'm', 'f', 'reply'], { catches: ['upstream.*'] }), work('a', step as string), work('m', 'mend'), work('f', 'clean')])
      expect((await ask()).reply?.payload).toBe(code)
      expect(seen).toEqual([`clean ${code}`])
      await bare.deployer.close()
    }
  })

  it('lets other faults go on, after finally', async () => {
    const ask = await start([tryOf(['a', 'm', 'f', 'reply'], { catches: ['404', 'custom.*'] }), work('a', 'fail'), work('m', 'mend'), work('f', 'clean')])
    expect((await ask()).fault).toMatchObject({ code: 'upstream.connect', at: { node: 'a' } })
    expect(seen).toEqual(['clean upstream.connect'])
  })

  it('goes on with a fault of what was to mend one', async () => {
    const ask = await start([tryOf(['a', 'm', 'f', 'reply']), work('a', 'fail'), work('m', 'failLater'), work('f', 'clean')])
    expect((await ask()).fault?.code).toBe('upstream.timeout')
    expect(seen).toEqual(['clean upstream.timeout'])
  })

  it('hands what it does not catch to a Catch node around it', async () => {
    const ask = await start([tryOf(['a', '', '', 'reply'], { catches: ['404'] }), work('a', 'fail'), { id: 'k', type: 'catch', z: 't', wires: [['m']] }, work('m', 'mend', 'reply')])
    expect((await ask()).reply?.payload).toBe('upstream.connect')
  })

  it('does what must be done in the end when the caller goes away, in a run of its own', async () => {
    const ask = await start([tryOf(['a', 'm', 'f', 'reply']), work('a', 'hang'), work('m', 'mend'), work('f', 'cleanLater')])
    ask().hangUp(fault('client.closed'))
    await expect.poll(() => seen).toEqual(['cleaned'])
    await expect.poll(() => bare.deployer.inFlight).toBe(0)
    expect(bare.summaries).toMatchObject([{ on: 'after', node: 'try' }])
    expect(bare.summaries[0]?.fault).toBeUndefined()
  })

  it('does so at the deadline as well, and when a branch around it is cancelled', async () => {
    const late = await start([tryOf(['a', '', 'f', 'reply']), work('a', 'hang'), work('f', 'cleanLater')], { deadlineMs: 15 })
    expect((await late()).fault?.code).toBe('flow.timeout')
    await expect.poll(() => seen).toEqual(['cleaned'])
    await expect.poll(() => bare.deployer.inFlight).toBe(0)
    await bare.deployer.close()
    const inner = { id: 'try', type: 'parallel', z: 't', join: 'any', branches: [{ name: 'x' }, { name: 'y' }], wires: [['good'], ['inner'], ['reply']] }
    const ask = await start([inner, work('good', 'cleanLater'), { ...tryOf(['a', '', 'f', 'end']), id: 'inner' }, work('a', 'hang'), work('f', 'cleanLater')], { deadlineMs: 200 })
    expect((await ask()).reply).toBeDefined()
    await expect.poll(() => seen).toEqual(['cleaned', 'cleaned'])
    // The step that never answers is ended by the deadline.
    await expect.poll(() => bare.deployer.inFlight).toBe(0)
  })

  it('is content when its body answers the caller', async () => {
    const ask = await start([tryOf(['a', '', 'f', 'see']), work('a', 'good', 'reply'), work('f', 'clean'), work('see', 'see', 'reply')])
    expect((await ask()).reply?.payload).toBe('good')
    expect(seen).toEqual(['clean -'])
  })

  it('tells codes and statuses by pattern', () => {
    const timeout = fault('upstream.timeout', {})
    expect([['*'], ['upstream.*'], ['upstream.timeout'], ['5xx'], ['504'], ['404', 'upstream.*']].map((patterns) => toMatcher(patterns)(timeout))).toEqual([true, true, true, true, true, true])
    expect([[], ['upstream'], ['upstream.time'], ['4xx'], ['500'], ['up.*']].map((patterns) => toMatcher(patterns)(timeout))).toEqual([false, false, false, false, false, false])
    expect(checkNode(tryNode, { catches: ['upstream.*', '5xx', '*', '404'] })).toEqual([])
    expect(checkNode(tryNode, { catches: ['200', 'no way'] }).map(({ code }) => code)).toEqual(['try.pattern', 'try.pattern'])
  })
})
