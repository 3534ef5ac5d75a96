import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { globalPolicy } from './global-policy.ts'

describe('global policy', () => {
  it('runs before the APIs, for all of them, unless it says otherwise', async () => {
    expect((await testNode(globalPolicy, {})).config).toEqual({ when: 'before', order: 0, paths: [], methods: [] })
  })

  it('takes what its form writes', async () => {
    expect((await testNode(globalPolicy, { when: 'before', order: '5', paths: ['/orders'], methods: ['post', ' get '] })).config).toMatchObject({ order: 5, methods: ['POST', 'GET'] })
  })

  it('says which field cannot be', () => {
    expect(checkNode(globalPolicy, { when: 'between' })).toMatchObject([{ code: 'config.invalid', property: 'when' }])
    expect(checkNode(globalPolicy, { order: 'first' })[0]).toMatchObject({ code: 'config.invalid', property: 'order' })
    expect(checkNode(globalPolicy, { paths: ['orders'] })).toMatchObject([{ code: 'config.invalid' }])
    expect(checkNode(globalPolicy, { methods: ['FETCH'] })[0]).toMatchObject({ code: 'config.invalid' })
  })

  it.each([['paths', { paths: ['/orders'] }], ['methods', { methods: ['GET'] }]])('after the APIs it cannot choose by %s: a reply may be many routes’', (property, config) => {
    expect(checkNode(globalPolicy, { when: 'after', ...config })).toMatchObject([{ code: 'policy.filter', property }])
  })
})
