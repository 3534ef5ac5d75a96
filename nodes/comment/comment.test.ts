import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { comment } from './comment.ts'

describe('comment', () => {
  it('takes what the stock form writes', async () => {
    expect((await testNode(comment, { name: 'a', info: '# b' })).ports).toEqual([])
    expect(checkNode(comment, { info: 5 })).toMatchObject([{ code: 'config.invalid' }])
  })
})
