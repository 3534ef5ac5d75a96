import { afterAll, describe, expect, it } from 'vitest'
import { change } from '../../nodes/change/change.ts'
import { respond } from '../../nodes/respond/respond.ts'
import { sort } from '../../nodes/sort/sort.ts'
import { switchNode } from '../../nodes/switch/switch.ts'
import { template } from '../../nodes/template/template.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createSandbox } from '../../runtime/sandbox/sandbox.ts'
import { memoryContexts } from '../kit/memory-context.ts'
import { testNode } from '../kit/node-tester.ts'

const sandbox = createSandbox({ log: silentLog, clock: systemClock })
afterAll(() => sandbox.close())

describe('nodes with expressions, in the real sandbox', () => {
  it('change sets what JSONata computes, with contexts and environment', async () => {
    const contexts = memoryContexts({ flow: { rate: 3 } })
    const rules = [{ t: 'set', p: 'payload', pt: 'msg', to: '$sum(payload.n) * $flowContext("rate") & $env("UNIT")', tot: 'jsonata' }]
    const [sent] = await (await testNode(change, { rules }, { sandbox, contexts, env: { UNIT: 'kg' } })).send({ payload: [{ n: 1 }, { n: 2 }], topic: 't' })
    expect(sent?.message).toEqual({ payload: '9kg', topic: 't' })
  })

  it('switch asks JSONata', async () => {
    const node = await testNode(switchNode, { rules: [{ t: 'jsonata_exp', v: '$count(payload) > 1', vt: 'jsonata' }, { t: 'jsonata_exp', v: '$I = $N - 1', vt: 'jsonata' }] }, { sandbox })
    expect((await node.send({ payload: [1, 2], parts: { id: 'a', index: 2, count: 3 } })).map(({ port }) => port)).toEqual(['0', '1'])
  })

  it('respond answers with what JSONata makes', async () => {
    const node = await testNode(respond, { body: '{ "n": payload + 1 }', bodyType: 'jsonata', headers: [{ name: 'x-n', value: 'n{{payload}}' }] }, { sandbox })
    const run = node.run()
    await node.send({ payload: 1 }, run)
    expect(JSON.parse(JSON.stringify(run.replies[0]))).toEqual({ payload: { n: 2 }, statusCode: 200, headers: { 'x-n': 'n1' } })
  })

  it('sort orders by JSONata', async () => {
    const node = await testNode(sort, { msgKeyType: 'jsonata', msgKey: 'a.b' }, { sandbox })
    expect((await node.send({ payload: [{ a: { b: 2 } }, { a: { b: 1 } }] }))[0]?.message.payload).toEqual([{ a: { b: 1 } }, { a: { b: 2 } }])
  })

  it('template fills', async () => {
    expect((await (await testNode(template, { template: '{{payload.a}}!' }, { sandbox })).send({ payload: { a: 1 } }))[0]?.message.payload).toBe('1!')
  })
})
