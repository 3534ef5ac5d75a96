import { expect, it } from 'vitest'
import type { JobProgress } from '../../runtime/core/jobs/jobs.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { jobProgress } from './job-progress.ts'

async function say(config: object, message: object): Promise<JobProgress[]> {
  const said: JobProgress[] = []
  const run = Object.assign(fakeRun(), { job: { id: 'a', attempt: 1, key: 'k', callKey: () => 'c', progress: (progress: JobProgress) => void said.push(progress) } })
  const node = await testNode(jobProgress, config)
  expect(node.sendNow(message, run)).toEqual([{ port: 'out', message }])
  return said
}

it('says how far the job is, in percent and in words', async () => {
  expect(await say({ percent: 'payload', percentType: 'msg', text: 'half', textType: 'str' }, { payload: 50 })).toEqual([{ percent: 50, text: 'half' }])
})

it('keeps to 0 to 100 and to 200 characters, and leaves out what is no number', async () => {
  expect(await say({ percent: 'payload', percentType: 'msg', text: 'topic', textType: 'msg' }, { payload: 900, topic: 'x'.repeat(500) })).toEqual([{ percent: 100, text: 'x'.repeat(200) }])
  expect(await say({ percent: 'payload', percentType: 'msg' }, { payload: 'much' })).toEqual([{}])
})

it('lets messages of other runs pass', async () => {
  const node = await testNode(jobProgress, { percent: '1' })
  expect(node.sendNow({ payload: 1 })).toEqual([{ port: 'out', message: { payload: 1 } }])
})

it('is refused with an expression that cannot be read', () => {
  expect(checkNode(jobProgress, { percent: '(', percentType: 'jsonata' })).toHaveLength(1)
})
