import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { subFlowIn } from './sub-flow-in.ts'

const inputs = { type: 'object', required: ['station'], properties: { station: { type: 'string' } } }

describe('sub-flow in', () => {
  it('lets in what fits its inputs, and names the place of what does not', async () => {
    const node = await testNode(subFlowIn, { inputSchema: inputs })
    expect(await node.send({ payload: { station: 'A' } })).toHaveLength(1)
    await expect(node.send({ payload: { station: 1 } })).rejects.toMatchObject({ code: 'subflow.input', facts: { at: '/station' } })
    await expect(node.send({ payload: {} })).rejects.toMatchObject({ code: 'subflow.input' })
  })

  it('looks at what goes back before it does', async () => {
    let look: (message: object) => void = () => {}
    const node = await testNode(subFlowIn, { outputSchema: { type: 'object', required: ['bikes'] } })
    await node.send({ payload: {} }, Object.assign(fakeRun(), { beforeBranchEnds: (given: typeof look) => (look = given) }))
    expect(() => look({ payload: { bikes: 1 } })).not.toThrow()
    expect(() => look({ payload: {} })).toThrow(expect.objectContaining({ code: 'subflow.output' }) as Error)
  })

  it('refuses a schema that does not compile', () => {
    expect(checkNode(subFlowIn, { inputSchema: { type: 'strange' } })).toMatchObject([{ code: 'schema.invalid', property: 'inputSchema' }])
    expect(checkNode(subFlowIn, { inputSchema: inputs, outputSchema: null })).toEqual([])
  })
})
