import { describe, expect, it } from 'vitest'
import { Fault, toFault } from '../../runtime/core/fault.ts'
import { bareSandbox } from '../../test/kit/bare-sandbox.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { raiseFault } from './raise-fault.ts'

async function raised(config: object, message: object): Promise<Fault> {
  try {
    await (await testNode(raiseFault, config, { sandbox: bareSandbox() })).send(message)
  } catch (thrown) {
    return toFault(thrown)
  }
  throw new Error('nothing was raised')
}

describe('raise fault', () => {
  it('ends the way with a fault of the flow’s own', async () => {
    const caught = await raised(
      { code: 'custom.out_of_stock', status: 409, title: 'Out of stock', detail: 'None of {{payload.item}} is left.', facts: [{ name: 'item', value: 'payload.item', valueType: 'msg' }, { name: 'soon', value: 'payload.when', valueType: 'msg' }] },
      { payload: { item: 'umbrella' } },
    )
    expect(caught).toBeInstanceOf(Fault)
    expect(caught).toMatchObject({ code: 'custom.out_of_stock', status: 409, title: 'Out of stock', message: 'None of umbrella is left.', facts: { item: 'umbrella' } })
    expect(Object.keys(caught.facts)).toEqual(['item'])
  })

  it('says its title where there is no detail, and computes one', async () => {
    expect((await raised({ title: 'No such thing' }, {})).message).toBe('No such thing.')
    expect((await raised({ detail: '"Only " & payload.n', detailType: 'jsonata' }, { payload: { n: 2 } })).message).toBe('Only 2')
  })

  it('takes codes of its own namespace alone, statuses of errors, and facts that hide nothing', () => {
    const codes = (config: object) => checkNode(raiseFault, config).map(({ code }) => code)
    expect(codes({ code: 'auth.missing' })).toEqual(['fault.code'])
    expect(codes({ code: 'custom.Bad Code' })).toEqual(['fault.code'])
    expect(codes({ status: 200 })).toEqual(['config.invalid'])
    expect(codes({ title: ' ' })).toEqual(['fault.title'])
    expect(codes({ facts: [{ name: 'detail', value: 'payload' }, { name: '__proto__', value: 'payload' }] })).toEqual(['fault.fact', 'fault.fact'])
    expect(codes({})).toEqual([])
  })
})
