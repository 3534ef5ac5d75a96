import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { status } from './status.ts'

const entryOf = async (config: object) => status.entry?.((await testNode(status, config)).config)

describe('status', () => {
  it('watches what the stock form says', async () => {
    expect(await entryOf({ name: '', scope: null, uncaught: false })).toEqual({ on: 'status', of: 'flow' })
    expect(await entryOf({ scope: 'group' })).toEqual({ on: 'status', of: 'group' })
    expect(await entryOf({ scope: ['a', 'b'] })).toEqual({ on: 'status', of: ['a', 'b'] })
  })

  it('warns when it watches nothing', () => {
    expect(checkNode(status, { scope: [] })).toMatchObject([{ severity: 'warning', code: 'scope.empty' }])
  })

  it('refuses a scope that is none', () => {
    expect(checkNode(status, { scope: 5 })[0]).toMatchObject({ code: 'config.invalid', property: 'scope' })
  })

  it('passes on what the engine gives it', async () => {
    expect((await testNode(status, { scope: ['a'] })).sendNow({ payload: 1, status: {} })).toMatchObject([{ port: 'out', message: { payload: 1 } }])
  })
})
