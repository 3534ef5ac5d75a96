import { describe, expect, it } from 'vitest'
import type { JobFacts, Jobs } from '../../runtime/core/jobs/jobs.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { testNode } from '../../test/kit/node-tester.ts'
import { jobStatus } from './job-status.ts'

const id = 'abcdefghijkl.secret'
const facts: JobFacts = { id, flow: 'f', node: 'n', revision: 'a', owner: '', state: 'done', acceptedAtMs: 0, startedAtMs: 1, endedAtMs: 2, attempt: 0, attempts: 5 }
const client = (application: string) => ({ id: application, application, organisation: 'o', environment: 'production', priority: 5, scopes: [], attributes: {} })

async function ask(more: Partial<JobFacts>, message: object = {}, request: object = {}) {
  const found = { ...facts, ...more }
  const jobs = { find: async (asked: string) => (asked === id ? found : undefined), result: async () => undefined, cancel: async () => ({ ...found, state: 'cancelled' }) } as unknown as Jobs
  const node = await testNode(jobStatus, {}, { jobs })
  const run = fakeRun({ request: { method: 'GET', path: `/jobs/${id}`, params: { job: id }, ...request } })
  await node.send({ payload: 1, ...message }, run)
  return run.replies[0]
}

describe('job status', () => {
  it('shows a job of an application, its result and its end by DELETE to that application alone', async () => {
    const owner = 'app:production:shop'
    expect(await ask({ owner }, { client: client('shop') })).toMatchObject({ statusCode: 200, payload: { id, state: 'done', result: `/jobs/${id}/result` } })
    for (const message of [{}, { client: client('other') }, { client: { ...client('shop'), environment: 'sandbox' } }, { client: 'shop' }]) {
      for (const request of [{}, { method: 'DELETE' }, { params: { '*': `${id}/result` } }]) await expect(ask({ owner }, message, request)).rejects.toMatchObject({ code: 'job.unknown', status: 404 })
    }
  })

  it('shows a job of somebody unknown to whoever has its id', async () => {
    expect(await ask({}, { client: client('any') })).toMatchObject({ statusCode: 200 })
  })

  it('shows nothing that belongs to a job only, or to a schedule', async () => {
    await expect(ask({ part: 'callback' })).rejects.toMatchObject({ code: 'job.unknown' })
    await expect(ask({ owner: 'schedule' }, { client: client('schedule') })).rejects.toMatchObject({ code: 'job.unknown' })
  })

  it('says why a job failed by its code alone', async () => {
    expect(await ask({ state: 'failed', reason: { code: 'upstream.connect', message: 'Could not connect to db.internal.' } })).toMatchObject({ payload: { state: 'failed', reason: { code: 'upstream.connect' } } })
    expect(JSON.stringify(await ask({ state: 'failed', reason: { code: 'upstream.connect', message: 'Could not connect to db.internal.' } }))).not.toContain('db.internal')
  })

  it('takes the id from :job, :id or the rest of the path', async () => {
    for (const params of [{ job: id }, { id }, { '*': id }]) expect(await ask({}, {}, { params })).toMatchObject({ statusCode: 200 })
    for (const request of [{ params: { '*': `${id}/result` } }, { params: { job: id }, path: `/jobs/${id}/result` }]) expect(await ask({}, {}, request)).toMatchObject({ statusCode: 204 })
  })

  it('has no result before the end', async () => {
    const request = { params: { '*': `${id}/result` } }
    await expect(ask({ state: 'running' }, {}, request)).rejects.toMatchObject({ code: 'job.not_ready', headers: { 'Retry-After': '2' } })
    await expect(ask({ state: 'expired' }, {}, request)).rejects.toMatchObject({ code: 'job.expired' })
  })

  it('cancels', async () => {
    expect(await ask({ state: 'pending' }, {}, { method: 'DELETE' })).toMatchObject({ statusCode: 200, payload: { state: 'cancelled' } })
  })
})
