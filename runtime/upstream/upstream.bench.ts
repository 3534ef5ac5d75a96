import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { fault } from '../core/fault.ts'
import { silentLog } from '../core/log.ts'
import type { Run } from '../core/run.ts'
import { parseEgressAllow } from './egress-policy.ts'
import { createUpstream } from './upstream.ts'

/**
 * What a callout costs beside a bare `pool.request` and collecting its body. Run it as a script; the server
 * runs in the same process, so the ratio is flattered less than the absolute figures.
 */
const payload = JSON.stringify({ items: Array.from({ length: 10 }, (_, id) => ({ id, name: `item ${id}` })) })
const server = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(payload))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const upstream = createUpstream({ egress: parseEgressAllow(['127.0.0.1']) })
const pool = new Pool(url)

function runWith(abort: 'listener' | 'signal'): Run {
  const controller = abort === 'signal' ? new AbortController() : undefined
  return {
    id: 'bench', flow: 'f', revision: 'r', deadline: Date.now() + 30_000, log: silentLog, replied: false,
    get signal() {
      return (controller ?? new AbortController()).signal
    },
    ...(abort === 'listener' ? { onAbort: () => () => {} } : {}),
    context: { get: () => undefined, set() {}, keys: () => [], delete() {}, increment: () => 0, remember: () => () => {} },
    reply() {
      throw fault('flow.already_replied')
    },
    state: (_key, create) => create(),
    hold: () => () => {},
  }
}

const request = { method: 'GET', url: `${url}/v1/items?limit=10`, timeoutMs: 10_000, responseLimitBytes: 5_000_000, redirects: 0 } as const
const cases: Record<string, () => Promise<unknown>> = {
  'undici pool.request + bytes': async () => (await pool.request({ path: '/v1/items?limit=10', method: 'GET' })).body.arrayBuffer(),
  'upstream, run with onAbort': () => upstream.request(request, runWith('listener')),
  'upstream, run with a signal': () => upstream.request(request, runWith('signal')),
}

const rounds = 5
const perRound = 20_000
const lanes = 32
const best: Record<string, number> = {}
for (let round = 0; round < rounds; round += 1) {
  for (const [name, once] of Object.entries(cases)) {
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: lanes }, async () => {
      for (let i = 0; i < perRound / lanes; i += 1) await once()
    }))
    const perSecond = Math.round((perRound / (performance.now() - startedAt)) * 1000)
    best[name] = Math.max(best[name] ?? 0, perSecond)
  }
}
for (const [name, perSecond] of Object.entries(best)) console.log(`${name.padEnd(32)} ${perSecond} calls/s`)
await pool.close()
await upstream.close()
server.close()
