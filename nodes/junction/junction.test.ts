import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { junction } from './junction.ts'

describe('junction', () => {
  it('passes every message on', async () => {
    expect(checkNode(junction, {})).toEqual([])
    expect((await testNode(junction, {})).sendNow(1)).toEqual([{ port: 'out', message: { payload: 1 } }])
  })
})
