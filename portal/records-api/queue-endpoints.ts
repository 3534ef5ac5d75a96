import type { Priority } from '../../runtime/core/lines/priority.ts'
import type { Endpoint } from './endpoint.ts'

const base = '/api/v1/queues'
const common = { tag: 'queues', status: 200, answer: { schema: 'Queue' } } as const
const acts = {
  pause: 'Nobody gets a turn until it is resumed; what is under way goes on, and who waits too long is refused.',
  resume: 'Turns are given again.',
  drain: 'Refuses all that wait now. Who comes later finds the queue as it was.',
} as const

/** Where calls wait for their turn, for operators. Nothing of it belongs to an organisation. */
export const queueEndpoints: readonly Endpoint[] = [
  {
    method: 'GET', path: base, operation: 'listQueues', summary: 'Lists where calls wait for their turn, on the gateways that are connected.', tag: 'queues', right: 'queues.read', status: 200, answer: { schema: 'Queue', page: true },
    handle: async ({ queues, by }) => ({ body: { items: await queues.list(by) } }),
  },
  {
    ...common, method: 'GET', path: `${base}/:id`, operation: 'getQueue', summary: 'Gives one queue, with what a call of each priority would wait now.', right: 'queues.read',
    handle: async ({ queues, id, by }) => ({ body: await queues.get(id, by) }),
  },
  ...(['pause', 'resume', 'drain'] as const).map((act): Endpoint => ({
    ...common, method: 'POST', path: `${base}/:id/${act}`, operation: `${act}Queue`, summary: acts[act], right: 'queues.write',
    handle: async ({ queues, id, by }) => ({ body: await queues.act(id, { act }, by) }),
  })),
  {
    ...common, method: 'POST', path: `${base}/:id/move`, operation: 'moveQueue', summary: 'Moves all calls of one priority that wait to another, each with the time it came.', right: 'queues.write', request: 'QueueMove',
    async handle({ queues, id, body, by }) {
      const { from, to } = body as { readonly from: Priority; readonly to: Priority }
      return { body: await queues.act(id, { act: 'move', from, to }, by) }
    },
  },
]
