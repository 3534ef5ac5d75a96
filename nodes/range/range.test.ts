import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { range } from './range.ts'

const limits = { minin: '0', maxin: '10', minout: '0', maxout: '100' }
const after = async (config: object, payload: unknown) => (await testNode(range, { ...limits, ...config })).sendNow({ payload })[0]?.message.payload

describe('range', () => {
  it.each([
    [{}, 5, 50],
    [{}, '15', 150],
    [{ action: 'clamp' }, 15, 100],
    [{ action: 'clamp' }, -1, 0],
    [{ action: 'roll' }, 12, 20],
    [{ action: 'roll' }, -1, 90],
    [{ action: 'drop' }, 11, undefined],
    [{ action: 'drop' }, 10, 100],
    [{ round: true, maxout: '1' }, 6, 1],
    [{ minin: '10', maxin: '0' }, 2, 80],
    [{}, 'x', undefined],
  ])('%j maps %j to %j', async (config, payload, expected) => {
    expect(await after(config, payload)).toBe(expected)
  })

  it('passes on a message without the property', async () => {
    expect((await testNode(range, limits)).sendNow({ topic: 'a' })).toEqual([{ port: 'out', message: { topic: 'a' } }])
  })

  it('refuses ends that are no numbers, and a range without width', () => {
    expect(checkNode(range, { ...limits, minin: '' })[0]).toMatchObject({ code: 'config.invalid', property: 'minin' })
    expect(checkNode(range, { ...limits, minin: '10' })).toMatchObject([{ code: 'range.empty' }])
  })
})
