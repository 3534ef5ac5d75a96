import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { catchNode } from './catch.ts'

const entryOf = async (config: object) => catchNode.entry?.((await testNode(catchNode, config)).config)

describe('catch', () => {
  it('watches what the stock form says', async () => {
    expect(await entryOf({ name: '', scope: null, uncaught: false })).toEqual({ on: 'fault', of: 'flow', uncaught: false })
    expect(await entryOf({ scope: 'group' })).toEqual({ on: 'fault', of: 'group', uncaught: false })
    expect(await entryOf({ scope: ['a', 'b'] })).toEqual({ on: 'fault', of: ['a', 'b'], uncaught: false })
    expect(await entryOf({ scope: null, uncaught: true })).toEqual({ on: 'fault', of: 'flow', uncaught: true })
  })

  it('warns when it watches nothing', () => {
    expect(checkNode(catchNode, { scope: [] })).toMatchObject([{ severity: 'warning', code: 'scope.empty' }])
  })

  it('refuses a scope that is none', () => {
    expect(checkNode(catchNode, { scope: 5 })[0]).toMatchObject({ code: 'config.invalid', property: 'scope' })
  })

  it('passes on what the engine gives it', async () => {
    expect((await testNode(catchNode, { scope: ['a'] })).sendNow({ payload: 1, error: {} })).toMatchObject([{ port: 'out', message: { payload: 1 } }])
  })
})
