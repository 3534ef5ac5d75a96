import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { linkIn } from './link-in.ts'

describe('link in', () => {
  it('takes what the stock form writes', async () => {
    expect((await testNode(linkIn, { name: 'a', links: ['x'] })).config.links).toEqual(['x'])
    expect((await testNode(linkIn, {})).config.links).toEqual([])
  })

  it('refuses links that are no ids', () => {
    expect(checkNode(linkIn, { links: [5] })[0]).toMatchObject({ code: 'config.invalid', property: 'links' })
  })
})
