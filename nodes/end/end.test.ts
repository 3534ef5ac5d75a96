import { expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { testNode } from '../../test/kit/node-tester.ts'
import { end } from './end.ts'

it('takes a message back to the branch it travels in', async () => {
  const back: unknown[] = []
  const node = await testNode(end)
  expect(await node.send({ payload: 1 }, Object.assign(fakeRun(), { endBranch: (message: unknown) => void back.push(message) }))).toEqual([])
  expect(back).toEqual([{ payload: 1 }])
})

it('says so when there is no branch around it', async () => {
  await expect((await testNode(end)).send({ payload: 1 })).rejects.toMatchObject({ code: 'branch.outside' })
})
