import { afterAll, beforeAll, expect, test } from 'vitest'
import { DeployRefused } from '../kit/admin-client.ts'
import { startEstateWith, type Estate } from '../kit/estate.ts'
import { createLedgerClient } from '../kit/ledger-client.ts'
import { Ledger } from '../kit/ledger.ts'
import { broken, versioned } from './versioned-flow.ts'

const requests = 50_000
const deploys = 50
const isBroken = (version: number) => version % 10 === 5

let estate: Estate
beforeAll(async () => {
  estate = await startEstateWith(versioned(0))
})
afterAll(() => estate?.stop())

test('50,000 requests over 50 deploys, 5 of them broken: none fails, none mixes versions', async () => {
  const ledger = new Ledger()
  let live = 0
  const clients = Array.from({ length: 12 }, (_, index) =>
    createLedgerClient({
      port: estate.gatewayPort, ledger, name: `c${index}`, path: '/versions', closeEach: index % 3 === 0, liveVersion: () => live,
    }),
  )
  const running = clients.map((client) => client.run())
  const inFlight: Promise<void>[] = []
  const slowLedger = new Ledger()
  let refused = 0

  for (let version = 1; version <= deploys; version++) {
    // Requests that sleep ten seconds are in flight when the next version comes.
    if (version % 10 === 1) {
      const client = createLedgerClient({ port: estate.gatewayPort, ledger: slowLedger, name: `slow${version}`, path: '/slow' })
      inFlight.push(client.once('', 30_000).finally(() => client.close()))
    }
    if (isBroken(version)) {
      await expect(estate.admin.deploy(broken(version))).rejects.toBeInstanceOf(DeployRefused)
      refused++
    } else {
      await estate.admin.deploy(versioned(version))
      live = version
    }
    const share = Math.ceil((version / deploys) * requests)
    while (ledger.total < share) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  for (const client of clients) client.stop()
  await Promise.all(running)
  await Promise.all(inFlight)

  expect(ledger.samples).toEqual([])
  expect(ledger.total).toBeGreaterThanOrEqual(requests)
  expect(ledger.lost).toBe(0)
  expect(refused).toBe(5)
  expect([...ledger.versions.keys()].filter(isBroken)).toEqual([])
  // Each good version but perhaps the start answered somebody.
  expect(ledger.versions.size).toBeGreaterThan(40)
  // The long ones finished, each on the one version it began on although up to fifty came after it.
  expect(slowLedger.samples).toEqual([])
  expect(slowLedger.counts.ok).toBe(5)
}, 240_000)
