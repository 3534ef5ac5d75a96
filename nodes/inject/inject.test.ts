import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { inject } from './inject.ts'

const entriesOf = async (config: object) => inject.entry?.((await testNode(inject, config)).config)

describe('inject', () => {
  it('is reached by its button always, and by the clock as configured', async () => {
    expect(await entriesOf({ repeat: '', crontab: '', once: false })).toEqual([{ on: 'manual' }])
    expect(await entriesOf({ repeat: '5', once: true, onceDelay: '0.5' })).toEqual([{ on: 'manual' }, { on: 'start', delayMs: 500 }, { on: 'interval', everyMs: 5000 }])
    expect(await entriesOf({ crontab: '*/5 8-12 * * 1,2' })).toEqual([{ on: 'manual' }, { on: 'cron', cron: '*/5 8-12 * * 1,2' }])
  })

  it('sets its properties in order', async () => {
    const sandbox = { jsonata: async () => (message: { n: number }) => message.n + 1 } as unknown as Sandbox
    const node = await testNode(inject, { props: [{ p: 'n', v: '1', vt: 'num' }, { p: 'payload.a[0]', v: '{"x":[1]}', vt: 'json' }, { p: 'now', v: '', vt: 'date' }, { p: 'e', v: 'ENV', vt: 'env' }, { p: 'm', v: 'n + 1', vt: 'jsonata' }, { p: '' }] }, { env: { ENV: 'v' }, sandbox })
    expect((await node.send({ _msgid: 'x' }))[0]?.message).toEqual({ _msgid: 'x', n: 1, payload: { a: [{ x: [1] }] }, now: node.clock.now(), e: 'v', m: 2 })
  })

  it('takes payload and topic as older and stock forms write them', async () => {
    const stock = await testNode(inject, { props: [{ p: 'payload' }, { p: 'topic', vt: 'str' }], payload: '5', payloadType: 'num', topic: 't' })
    expect(stock.sendNow({})[0]?.message).toEqual({ payload: 5, topic: 't' })
    const old = await testNode(inject, { payload: 'x', payloadType: 'str', topic: '' })
    expect(old.sendNow({})[0]?.message).toEqual({ payload: 'x', topic: '' })
  })

  it('takes other values from a press of the button', async () => {
    const node = await testNode(inject, { props: [{ p: 'payload', v: 'config', vt: 'str' }] })
    expect((await node.send({ __user_inject_props__: [{ p: 'payload', v: 'true', vt: 'bool' }] }))[0]?.message).toEqual({ payload: true })
    await expect(node.send({ __user_inject_props__: [{ p: 'payload', v: '{', vt: 'json' }] })).rejects.toMatchObject({ code: 'step.config' })
    expect((await node.send({ __user_inject_props__: [null, 'x', { p: 5 }] }))[0]?.message).toEqual({})
  })

  it.each([
    [{ crontab: 'every day' }, 'inject.cron'],
    [{ repeat: '3000000' }, 'inject.interval'],
    [{ repeat: 'often' }, 'config.invalid'],
    [{ props: [{ p: 'a..b', v: '' }] }, 'value.path'],
    [{ props: [{ p: '__proto__.x', v: '' }] }, 'value.path'],
    [{ props: [{ p: 'a', v: '{', vt: 'json' }] }, 'value.json'],
    [{ props: [{ p: 'a', v: '(', vt: 'jsonata' }] }, 'expression.syntax'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(inject, config)).toMatchObject([{ code }])
  })
})
