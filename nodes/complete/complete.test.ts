import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { complete } from './complete.ts'

const entryOf = async (config: object) => complete.entry?.((await testNode(complete, config)).config)

describe('complete', () => {
  it('watches what the stock form says', async () => {
    expect(await entryOf({ scope: ['a', 'b'] })).toEqual({ on: 'complete', of: ['a', 'b'] })
  })

  it('warns when it watches nothing', () => {
    expect(checkNode(complete, { scope: [] })).toMatchObject([{ severity: 'warning', code: 'scope.empty' }])
  })

  it('refuses a scope that is none', () => {
    expect(checkNode(complete, { scope: 5 })[0]).toMatchObject({ code: 'config.invalid', property: 'scope' })
  })

  it('passes on what the engine gives it', async () => {
    expect((await testNode(complete, { scope: ['a'] })).sendNow({ payload: 1, complete: {} })).toMatchObject([{ port: 'out', message: { payload: 1 } }])
  })
})
