import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { linkCall } from './link-call.ts'

describe('link call', () => {
  it('takes what the stock form writes', async () => {
    expect((await testNode(linkCall, { name: '', links: ['x'], linkType: 'static', timeout: '30' })).config).toMatchObject({ links: ['x'], timeout: 30 })
    expect((await testNode(linkCall, { links: 'x', timeout: '' })).config).toMatchObject({ links: ['x'], timeout: 30 })
    expect((await testNode(linkCall, { links: [], linkType: 'dynamic' })).config.linkType).toBe('dynamic')
  })

  it('refuses a call of nothing, and a time limit that is none', () => {
    expect(checkNode(linkCall, { links: [] })).toMatchObject([{ code: 'link.none' }])
    expect(checkNode(linkCall, { links: ['x'], timeout: '-1' })).toMatchObject([{ code: 'config.invalid', property: 'timeout' }])
  })
})
