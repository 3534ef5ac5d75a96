import { describe, expect, it } from 'vitest'
import { bareSandbox } from '../../test/kit/bare-sandbox.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { branch } from './branch.ts'

const ways = [{ name: 'child', condition: 'payload.age < 18' }, { name: 'senior', condition: 'payload.age >= 65' }]
const taken = async (payload: unknown, config: object = { ways }) => (await (await testNode(branch, config, { sandbox: bareSandbox() })).send({ payload })).map(({ port }) => port)

describe('branch', () => {
  it('goes the way of the first condition that holds, else the last', async () => {
    expect(await taken({ age: 3 })).toEqual(['child'])
    expect(await taken({ age: 80 })).toEqual(['senior'])
    expect(await taken({ age: 40 })).toEqual(['else'])
    expect(await taken({ age: 3 }, { ways: [{ name: 'a', condition: 'true' }, ...ways] })).toEqual(['a'])
  })

  it('takes what is not there as no, and anything but yes or no as a mistake', async () => {
    expect(await taken({}, { ways: [{ name: 'vip', condition: 'payload.vip' }] })).toEqual(['else'])
    await expect(taken({ vip: 'yes' }, { ways: [{ name: 'vip', condition: 'payload.vip' }] })).rejects.toMatchObject({ code: 'condition.type', facts: { is: '"yes"' } })
  })

  it('sends the message as it came', async () => {
    const message = { payload: { age: 1 } }
    const [sent] = await (await testNode(branch, { ways }, { sandbox: bareSandbox() })).send(message)
    expect(sent?.message).toBe(message)
  })

  it('says what is wrong', () => {
    const codes = (rows: object[]) => checkNode(branch, { ways: rows }).map(({ code }) => code)
    expect(codes([{ name: 'a', condition: '' }])).toEqual(['branch.no_condition'])
    expect(codes([{ name: 'else', condition: 'true' }, { name: 'b', condition: 'true' }, { name: 'b', condition: '1 =' }])).toEqual(['branch.name', 'branch.name', 'expression.syntax'])
  })
})
