import { fault } from '../../runtime/core/fault.ts'
import type { JobFacts } from '../../runtime/core/jobs/jobs.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode } from '../../runtime/core/node.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { Run } from '../../runtime/core/run.ts'
import { jobOwner } from '../shared/jobs/job-owner.ts'
import { toReplay, type StoredAnswer } from '../shared/caches/stored-answer.ts'

/** Methods that it answers. */
const methods = ['GET', 'HEAD', 'DELETE']

/** Answers those who ask what became of a job, gives them its result, and cancels it. */
export const jobStatus = defineNode<Record<string, never>, never>({
  type: 'job status',
  category: 'reply',
  label: { en: 'job status', 'zh-TW': '工作狀態' },
  summary: { en: 'Says what became of a job, gives its result, and cancels it.', 'zh-TW': '回應工作的狀態與結果，並可取消工作。' },
  icon: 'fa-hourglass-half',
  outputs: [],
  leaks: (_config, input) => [{ to: 'answer', what: 'cookies', labels: input.at(['cookies']) }],
  replies: true,
  faults: ['job.unknown', 'job.not_ready', 'job.cancelled', 'job.expired', 'job.unavailable', 'method.none'],
  config: { type: 'object', properties: {} },
  compile(_config, scope) {
    return async function jobStatusStep(message, run) {
      const { request } = run
      const { id, wantsResult } = readPath(request)
      const facts = id === undefined ? undefined : await scope.jobs.find(id)
      // Whose it is and that it is there are one secret.
      if (!request || !facts || facts.part !== undefined || (facts.owner !== '' && facts.owner !== jobOwner(message))) throw fault('job.unknown')
      if (!methods.includes(request.method)) throw fault('method.none', { path: request.path, method: request.method, allow: methods.join(', ') }, undefined, { Allow: methods.join(', ') })
      if (request.method === 'DELETE') give(run, message, (await scope.jobs.cancel(facts.id)) ?? facts, request)
      else if (wantsResult) await giveResult(run, message, facts)
      else give(run, message, facts, request)
      return undefined
    }

    async function giveResult(run: Run, message: Message, facts: JobFacts): Promise<void> {
      if (facts.state === 'cancelled') throw fault('job.cancelled')
      if (facts.state === 'expired') throw fault('job.expired')
      const result = facts.state === 'done' || facts.state === 'failed' ? ((await scope.jobs.result(facts.id)) as StoredAnswer | undefined) : undefined
      if (result === undefined && facts.state !== 'done') throw fault('job.not_ready', { state: facts.state }, undefined, facts.state === 'failed' ? undefined : { 'Retry-After': '2' })
      if (result === undefined) return run.reply({ ...message, statusCode: 204, headers: noStore, payload: undefined })
      const { headers, ...answer } = toReplay(message, result)
      const { 'Idempotent-Replayed': _, ...own } = headers as Record<string, unknown>
      run.reply({ ...answer, headers: { ...noStore, ...own } })
    }
  },
})

const noStore = { 'Cache-Control': 'no-store' }

/** The id that a path ends with, also when `/result` comes behind it: of `/jobs/*`, `/jobs/:job` or `/jobs/:job/result`. */
function readPath(request: RequestFacts | undefined): { readonly id: string | undefined; readonly wantsResult: boolean } {
  const { params = {}, path = '' } = request ?? {}
  const text = params['job'] ?? params['id'] ?? params['*']
  const parts = /^(?<id>[\w.-]{1,200})(?<result>\/result)?\/?$/.exec(text ?? '')?.groups
  return { id: parts?.['id'], wantsResult: parts?.['result'] !== undefined || (params['*'] === undefined && path.endsWith('/result')) }
}

function give(run: Run, message: Message, facts: JobFacts, { path }: RequestFacts): void {
  const over = facts.state !== 'pending' && facts.state !== 'running'
  run.reply({
    ...message,
    statusCode: 200,
    headers: { ...noStore, 'Content-Type': 'application/json', ...(over ? {} : { 'Retry-After': '2' }) },
    payload: toShown(facts, path.replace(/\/$/, '')),
  })
}

function toShown(facts: JobFacts, path: string): Record<string, unknown> {
  const { id, state, acceptedAtMs, startedAtMs, endedAtMs, attempt, attempts, progress, reason } = facts
  const time = (name: string, ms: number | undefined) => (ms === undefined ? {} : { [name]: new Date(ms).toISOString() })
  return {
    id, state, ...time('acceptedAt', acceptedAtMs), ...time('startedAt', startedAtMs), ...time('endedAt', endedAtMs),
    attempt, attempts, ...(progress ? { progress } : {}),
    // Texts of faults from 500 on are for operators.
    ...(reason && state === 'failed' ? { reason: { code: reason.code } } : {}),
    ...(state === 'done' ? { result: `${path}/result` } : {}),
  }
}
