import { expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { freePort } from '../kit/free-port.ts'
import { startGateway } from '../kit/gateway.ts'

const resource = (slots: number) => [{ id: 'host', type: 'resource', name: 'host', slots, order: 'strict', scope: 'gateway', maxDepth: 100 }]

async function start(slots: number, settings: Readonly<Record<string, string>> = {}) {
  const port = await freePort()
  const call = (path: string) => ({ method: 'GET', url: `http://127.0.0.1:${port}${path}` })
  const queue = { resource: 'host', priority: '5', priorityType: 'num', maxWaitMs: 20_000 }
  const nodes = estate(
    // Holds a slot while it calls itself by a flow in between that knows nothing of it.
    flow('loop').httpIn('GET', '/loop').node('priority queue', queue, 2).node('http request', call('/between')).fn('msg.headers = {}; return msg').httpResponse(),
    flow('between').httpIn('GET', '/between').node('http request', call('/end')).fn('msg.headers = {}; return msg').httpResponse(),
    flow('end').httpIn('GET', '/end').node('priority queue', queue, 2).fn("msg.payload = 'end'; return msg").httpResponse(),
    flow('direct').httpIn('GET', '/direct').node('http request', call('/end')).fn('msg.headers = {}; return msg').httpResponse(),
  )
  const gateway = await startGateway({ nodes: [...resource(slots), ...nodes] as never, settings: { SLUICE_GATEWAY_PORT: String(port), SLUICE_EGRESS_ALLOW: `127.0.0.1:${port}`, ...settings } })
  return gateway
}

test('a flow that calls itself while it holds the last slot is told at once', async () => {
  await using gateway = await start(1)
  const answer = await fetch(`${gateway.url}/loop`)
  expect([answer.status, await answer.json()]).toEqual([508, expect.objectContaining({ code: 'queue.self' })])
  // The slot is free again.
  expect(await (await fetch(`${gateway.url}/direct`)).text()).toBe('end')
})

test('with a slot to spare it goes on', async () => {
  await using gateway = await start(2)
  const answer = await fetch(`${gateway.url}/loop`)
  expect([answer.status, await answer.text()]).toEqual([200, 'end'])
})

test('so is one that calls this gateway while it is at its limit, soon', async () => {
  await using gateway = await start(10, { SLUICE_ADMISSION: 'fixed', SLUICE_ADMISSION_LIMIT: '1', SLUICE_ADMISSION_MAX_WAIT_MS: '20000' })
  const answer = await fetch(`${gateway.url}/direct`)
  expect([answer.status, await answer.json()]).toEqual([508, expect.objectContaining({ code: 'queue.self' })])
})

test('a mark that somebody made up is none', async () => {
  await using gateway = await start(1)
  expect((await fetch(`${gateway.url}/end`, { headers: { 'Sluice-Holding': 'A'.repeat(27) } })).status).toBe(200)
})
