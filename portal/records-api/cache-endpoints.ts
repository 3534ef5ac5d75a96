import type { CachePurge } from '../../control/contract.ts'
import type { Endpoint } from './endpoint.ts'

const base = '/api/v1/caches'

/** What flows keep for a while, for operators. Nothing of it belongs to an organisation. */
export const cacheEndpoints: readonly Endpoint[] = [
  {
    method: 'GET', path: base, operation: 'listCaches', summary: 'Lists the caches that flows use, on the gateways that are connected.', tag: 'caches', right: 'caches.purge', status: 200, answer: { schema: 'FlowCache', page: true },
    handle: async ({ caches, by }) => ({ body: { items: await caches.list(by) } }),
  },
  {
    method: 'POST', path: `${base}/purge`, operation: 'purgeCaches', summary: 'Forgets values and answers by tag, by key or all, on all gateways, and says how many went where.', tag: 'caches', right: 'caches.purge', request: 'CachePurge', status: 200, answer: { schema: 'CachePurged' },
    handle: async ({ caches, body, by }) => ({ body: await caches.purge(body as CachePurge, by) }),
  },
]
