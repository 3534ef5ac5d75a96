import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { linkOut } from './link-out.ts'

describe('link out', () => {
  it('takes what the stock form writes', async () => {
    expect((await testNode(linkOut, { name: 'a', mode: 'link', links: ['x'] })).config).toMatchObject({ mode: 'link', links: ['x'] })
    expect((await testNode(linkOut, { mode: 'return', links: [] })).config.mode).toBe('return')
  })

  it('warns when it leads nowhere', () => {
    expect(checkNode(linkOut, { mode: 'link', links: [] })).toMatchObject([{ severity: 'warning', code: 'link.none' }])
    expect(checkNode(linkOut, { mode: 'return', links: [] })).toEqual([])
  })
})
