import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { Body } from '../../runtime/core/http/body.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { debug } from './debug.ts'

const stock = { name: 'd', active: true, tosidebar: true, console: false, tostatus: false, complete: 'false', targetType: 'msg', statusVal: '', statusType: 'auto' }

describe('debug', () => {
  it('shows the payload, another property, or the whole message', async () => {
    const one = await testNode(debug, stock, { node: { name: 'd' } })
    expect(one.sendNow({ payload: { a: 1 }, topic: 't' })).toEqual([])
    expect(one.debugged).toEqual([{ id: 'node-1', name: 'd', topic: 't', property: 'payload', msg: { a: 1 }, run: 'run-1' }])
    const other = await testNode(debug, { ...stock, complete: 'payload.a' })
    other.sendNow({ payload: { a: 5 } })
    expect(other.debugged).toMatchObject([{ property: 'payload.a', msg: 5 }])
    const full = await testNode(debug, { ...stock, complete: 'true', targetType: 'full' })
    full.sendNow({ payload: Body.ofJsonText('{"x":1}'), topic: 't' })
    expect(full.debugged[0]).toMatchObject({ msg: { payload: { x: 1 }, topic: 't' } })
    expect(full.debugged[0]).not.toHaveProperty('property')
  })

  it('shows the result of an expression', async () => {
    const sandbox = { jsonata: async () => async (message: { payload: number }) => message.payload * 2 } as unknown as Sandbox
    const node = await testNode(debug, { ...stock, complete: 'payload * 2', targetType: 'jsonata' }, { sandbox })
    await node.send(4)
    expect(node.debugged).toMatchObject([{ msg: 8 }])
  })

  it('does not fail a run whose body cannot be parsed', async () => {
    const node = await testNode(debug, stock)
    node.sendNow({ payload: Body.ofJsonBytes(Buffer.from('{')) })
    expect(String(node.debugged[0]?.msg)).toMatch(/^\[.*JSON/)
  })

  it('is silent when switched off', async () => {
    for (const off of [{ active: false }, { tosidebar: false }]) {
      const node = await testNode(debug, { ...stock, ...off })
      node.sendNow(1)
      expect(node.debugged).toEqual([])
    }
  })

  it('shows a status, not too often, and stops with its deployment', async () => {
    const node = await testNode(debug, { ...stock, tostatus: true })
    node.sendNow('first')
    node.sendNow('second')
    node.sendNow('a text that is far too long to be shown')
    expect(node.statuses.map(({ status }) => status.text)).toEqual(['first'])
    await node.clock.advance(200)
    expect(node.statuses.map(({ status }) => status.text)).toEqual(['first', 'a text that is far too long to b...'])
    await node.retire()
    expect(node.clock.pending).toBe(0)
  })

  it('counts', async () => {
    const node = await testNode(debug, { ...stock, tostatus: true, statusType: 'counter' })
    for (let i = 0; i < 3; i += 1) node.sendNow(i)
    await node.clock.advance(200)
    expect(node.statuses.map(({ status }) => status.text)).toEqual(['1', '3'])
  })

  it('shows errors red and statuses as they are, and does not answer its own', async () => {
    const node = await testNode(debug, { ...stock, tostatus: true })
    node.sendNow({ payload: 1, error: { message: 'broke' } })
    await node.clock.advance(200)
    node.sendNow({ status: { fill: 'green', shape: 'dot', text: 'fine', source: { id: 'other' } } })
    await node.clock.advance(200)
    node.sendNow({ status: { text: 'mine', source: { id: 'node-1' } } })
    await node.clock.advance(200)
    expect(node.statuses.map(({ status }) => status)).toEqual([{ fill: 'red', shape: 'dot', text: 'broke' }, { fill: 'green', shape: 'dot', text: 'fine' }])
  })

  it('refuses what does not parse', () => {
    expect(checkNode(debug, { ...stock, complete: 'a..b' })).toMatchObject([{ code: 'value.path' }])
    expect(checkNode(debug, { ...stock, complete: '(', targetType: 'jsonata' })).toMatchObject([{ code: 'expression.syntax' }])
  })
})
