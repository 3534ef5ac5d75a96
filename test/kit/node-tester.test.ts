import { describe, expect, it } from 'vitest'
import { fault } from '../../runtime/core/fault.ts'
import { defineNode } from '../../runtime/core/node.ts'
import type { Step } from '../../runtime/core/step.ts'
import { checkNode, testNode } from './node-tester.ts'

const text = { en: 'x', 'zh-TW': 'x' }
const nodeOf = (step: Step, extra: object = {}) =>
  defineNode<any>({
    type: 'sample', category: 'transform', label: text, summary: text, outputs: ['out'],
    config: { type: 'object', properties: { factor: { type: 'number', default: 2 } } },
    compile: () => step,
    ...extra,
  })

describe('testNode', () => {
  it('gives what a step sends, at once, later, or one after the other', async () => {
    for (const step of [
      (message) => ({ out: [message, message] }),
      async (message) => ({ out: [message, message] }),
      async function* (message) {
        yield { out: message }
        yield { out: message }
      },
    ] as Step[]) {
      expect(await (await testNode(nodeOf(step))).send(1)).toEqual([{ port: 'out', message: { payload: 1 } }, { port: 'out', message: { payload: 1 } }])
    }
  })

  it('fills defaults and refuses configs that do not fit', async () => {
    expect((await testNode(nodeOf(() => undefined))).config).toEqual({ factor: 2 })
    await expect(testNode(nodeOf(() => undefined), { factor: 'x' })).rejects.toThrow(/refused/)
    expect(checkNode(nodeOf(() => undefined), { factor: 'x' })).toMatchObject([{ code: 'config.invalid', property: 'factor' }])
  })

  it('fails on a port that is not there', async () => {
    await expect((await testNode(nodeOf((message) => ({ nowhere: message })))).send(1)).rejects.toThrow(/port “nowhere”/)
  })

  it('fails when the step changes its input', async () => {
    const changing = await testNode(nodeOf((message) => { (message as { payload: unknown }).payload = 2; return undefined }))
    await expect(changing.send(1)).rejects.toThrow()
    const deep = await testNode(nodeOf((message) => { (message.payload as Buffer)[0] = 2; return undefined }))
    await expect(deep.send(Buffer.from([1]))).rejects.toThrow(/changed the message/)
  })

  it('fails on problems that help nobody', () => {
    const check = () => [{ code: 'a', message: 'undefined is wrong.', remedy: 'Mend it.' }]
    expect(() => checkNode(nodeOf(() => undefined, { check }), {})).toThrow(/unfilled/)
  })

  it('rejects with a fault when a step throws, and says when a sandbox is missing', async () => {
    await expect((await testNode(nodeOf(() => { throw fault('step.config', { message: 'on purpose' }) }))).send(1)).rejects.toMatchObject({ code: 'step.config' })
    const needy = nodeOf(() => undefined, { compile: (_: unknown, scope: any) => scope.sandbox.jsonata('1', {}) })
    await expect(testNode(needy)).rejects.toThrow(/needs a sandbox/)
  })

  it('holds time', async () => {
    const later = await testNode(nodeOf(() => undefined, {
      compile: (_: unknown, scope: any) => (message: any) => new Promise((resolve) => scope.clock.setTimer(() => resolve({ out: message }), 5000)),
    }))
    const sent = later.send(1)
    await later.clock.advance(5000)
    expect(await sent).toHaveLength(1)
  })
})
