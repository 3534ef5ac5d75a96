import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createSandbox } from '../../runtime/sandbox/sandbox.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { functionNode } from './function.ts'

const sandbox = createSandbox({ log: silentLog, clock: systemClock })
afterAll(() => sandbox.close())

describe('function', () => {
  it('has as many outputs as its config says, and takes configs of older versions', async () => {
    const node = await testNode(functionNode, { func: 'return [msg, null, { payload: 2 }]', outputs: '3', timeout: '', libs: null }, { sandbox })
    expect(node.ports).toEqual(['0', '1', '2'])
    const sent = await node.send({ payload: 1 })
    expect(sent.map(({ port }) => port)).toEqual(['0', '2'])
  })

  it('runs On Start and On Stop, shows status and reports errors', async () => {
    const node = await testNode(
      functionNode,
      { func: `node.error('careful', msg); node.status({ text: 'busy' }); return msg`, initialize: `node.send({ payload: 'up' })`, finalize: `flow.set('down', true)` },
      { sandbox },
    )
    await node.send({ payload: 1 })
    expect(node.emitted.map(({ port }) => port)).toEqual(['0'])
    expect(node.errors.map(({ fault }) => fault.message)).toEqual(['careful'])
    expect(node.statuses[0]?.status).toEqual({ text: 'busy' })
    await node.retire()
    expect(node.contexts.flow.get('down')).toBe(true)
  })

  it.each([
    [{ func: 'return msg\n}' }, 'script.syntax', /line 2/],
    [{ func: 'return msg', initialize: 'let x = (' }, 'script.syntax', /On Start/],
    [{ func: 'return msg', finalize: 'await 1' }, 'script.syntax', /On Stop/],
    [{ func: 'const msg = 1' }, 'script.syntax', /line 1/],
    [{ func: '}); (function () {' }, 'script.syntax', /line 1/],
    [{ func: 'return msg', libs: [{ var: 'fs', module: 'fs' }] }, 'script.libs', /fs/],
  ])('refuses %j at deploy', (config, code, text) => {
    const [problem] = checkNode(functionNode, config)
    expect(problem?.code).toBe(code)
    expect(problem?.message).toMatch(text)
  })
})
