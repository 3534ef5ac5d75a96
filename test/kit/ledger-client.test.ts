import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { createLedgerClient } from './ledger-client.ts'
import { Ledger } from './ledger.ts'

/** Sends `answers.length` requests to a server that answers them in order, and gives the ledger. */
async function bookAll(answers: readonly ((id: string) => { status?: number; body: unknown })[]): Promise<Ledger> {
  let next = 0
  const server = createServer((request, response) => {
    const answer = answers[next++]?.(new URL(request.url ?? '', 'http://x').searchParams.get('id') ?? '')
    response.writeHead(answer?.status ?? 200).end(JSON.stringify(answer?.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const ledger = new Ledger()
  const client = createLedgerClient({ port: (server.address() as { port: number }).port, ledger, name: 'c', path: '/x' })
  for (const _ of answers) await client.once()
  client.close()
  server.close()
  return ledger
}

test('an answer with its own id and one version is ok', async () => {
  const ledger = await bookAll([(id) => ({ body: { id, versions: [1, 1] } }), (id) => ({ body: { id, versions: [2, 2] } })])
  expect(ledger.counts.ok).toBe(2)
  expect(ledger.lost).toBe(0)
})

test('mixed versions, a version that goes back, another id, and a 5xx are each told apart', async () => {
  const ledger = await bookAll([
    (id) => ({ body: { id, versions: [2, 2] } }),
    (id) => ({ body: { id, versions: [2, 3] } }),
    (id) => ({ body: { id, versions: [1, 1] } }),
    () => ({ body: { id: 'other', versions: [2, 2] } }),
    (id) => ({ status: 503, body: { id } }),
    (id) => ({ status: 404, body: { id } }),
  ])
  expect(ledger.counts).toMatchObject({ ok: 1, wrongVersion: 2, wrongId: 1, failed: 1, refusedByServer: 1 })
  expect(ledger.samples.join()).toContain('mixes 2, 3')
})
