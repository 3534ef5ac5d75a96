import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { globalConfig } from './global-config.ts'

describe('global config', () => {
  it('takes what the stock form writes', async () => {
    expect((await testNode(globalConfig, { env: [{ name: 'A', value: '1', type: 'str' }], modules: {} })).config.env).toHaveLength(1)
    expect((await testNode(globalConfig, {})).config.env).toEqual([])
  })

  it('warns of a name that is there twice', () => {
    const one = { name: 'A', value: '1', type: 'str' }
    expect(checkNode(globalConfig, { env: [one, one] })).toMatchObject([{ severity: 'warning', code: 'env.repeated' }])
  })
})
