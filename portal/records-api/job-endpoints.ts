import { Refused } from '../../control/contract.ts'
import type { JobState } from '../../runtime/core/jobs/jobs.ts'
import type { Priority } from '../../runtime/core/lines/priority.ts'
import type { Endpoint } from './endpoint.ts'

const base = '/api/v1/jobs'
const common = { tag: 'jobs', status: 200, answer: { schema: 'AcceptedJob' } } as const
const states = ['pending', 'running', 'done', 'failed', 'expired', 'cancelled'] as const satisfies readonly JobState[]
const acts = {
  cancel: 'Ends a job that has not ended. An attempt under way is broken off; what it did stays done.',
  retry: 'Tries a dead letter again from its first attempt, and one that waits for its next attempt at once.',
} as const

const flowActs = {
  pause: 'Begins no attempt at work of a flow until it is resumed. What is under way goes on, and work is accepted as before.',
  resume: 'Goes on with the work of a flow.',
} as const

/** Accepted work, for operators. Nothing of it belongs to an organisation. */
export const jobEndpoints: readonly Endpoint[] = [
  {
    method: 'GET', path: base, operation: 'listJobs', summary: 'Lists accepted jobs, newest first; the dead letters are those that are `failed`.', tag: 'jobs', right: 'queues.read', status: 200, answer: { schema: 'AcceptedJob', page: true },
    query: [
      { name: 'state', description: 'Only those that stand so.', schema: { type: 'string', enum: states, maxLength: 20 } },
      { name: 'flow', description: 'Only those of this flow.', schema: { type: 'string', maxLength: 100 } },
      { name: 'limit', description: 'Most that are given.', schema: { type: 'integer', minimum: 1, maximum: 200 } },
    ],
    async handle({ accepted, query, by }) {
      const { state, flow, limit = 50 } = query
      if (state !== undefined && !isState(state)) throw new Refused('query.invalid', 422, `“state” is one of ${states.join(', ')}.`)
      return { body: { items: await accepted.list({ limit, ...(state === undefined ? {} : { state }), ...(typeof flow === 'string' ? { flow } : {}) }, by) } }
    },
  },
  {
    ...common, method: 'GET', path: `${base}/:id`, operation: 'getJob', summary: 'Gives one job: how it stands, never what it was given or came to.', right: 'queues.read',
    handle: async ({ accepted, id, by }) => ({ body: await accepted.get(id, by) }),
  },
  ...(['cancel', 'retry'] as const).map((act): Endpoint => ({
    ...common, method: 'POST', path: `${base}/:id/${act}`, operation: `${act}Job`, summary: acts[act], right: 'queues.write',
    handle: async ({ accepted, id, by }) => ({ body: await accepted.act(id, act, by) }),
  })),
  {
    ...common, method: 'POST', path: `${base}/:id/move`, operation: 'moveJob', summary: 'Gives a job that waits another priority: it begins before those that are less important.', right: 'queues.write', request: 'JobMove',
    handle: async ({ accepted, id, body, by }) => ({ body: await accepted.move(id, (body as { readonly to: Priority }).to, by) }),
  },
  {
    method: 'GET', path: '/api/v1/job-flows', operation: 'listJobFlows', summary: 'Lists flows with accepted work: how much waits, is under way or lies dead, and whether it is paused.', tag: 'jobs', right: 'queues.read', status: 200, answer: { schema: 'AcceptedFlow', page: true },
    handle: async ({ accepted, by }) => ({ body: { items: await accepted.flows(by) } }),
  },
  ...(['pause', 'resume'] as const).map((act): Endpoint => ({
    method: 'POST', path: `/api/v1/job-flows/:id/${act}`, operation: `${act}JobFlow`, summary: flowActs[act], tag: 'jobs', right: 'queues.write', status: 200, answer: { schema: 'AcceptedFlow' },
    handle: async ({ accepted, id, by }) => ({ body: await accepted.actOnFlow(id, act, by) }),
  })),
]

function isState(value: unknown): value is JobState {
  return (states as readonly unknown[]).includes(value)
}
