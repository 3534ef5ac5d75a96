import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ClientChange } from '../../runtime/core/access/clients.ts'
import { silentLog, type Log } from '../../runtime/core/log.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { createAudit } from '../audit.ts'
import { Refused, type Actor } from '../contract.ts'
import { openStore, type Store } from '../store/store.ts'
import { openConsumers } from './open-consumers.ts'

const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const dataDir = mkdtempSync(join(tmpdir(), 'sluice-open-consumers-'))
const clock = fakeClock(Date.UTC(2026, 0, 1))
const first = { id: 'k1', key: randomBytes(32) }
const cost = { n: 1024 }
let store: Store
beforeAll(async () => {
  store = await openStore({ dataDir })
})
afterAll(async () => {
  await store?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

test('a change whose reading back failed reaches gateways a moment later, and nothing is lost between', async () => {
  let failing = false
  const consumersTable = {
    ...store.consumers,
    byIds: async (kind: string, ids: readonly string[]) => {
      if (failing) throw new Refused('store.unavailable', 503, 'away')
      return await store.consumers.byIds(kind, ids)
    },
  }
  const consumers = await openConsumers({ store: { ...store, consumers: consumersTable }, audit: createAudit(store, clock), clock, log: silentLog, keys: { current: first, older: [] }, cost })
  const changes: ClientChange[] = []
  consumers.onChange((change) => changes.push(change))
  await consumers.organisations.create({ id: 'shop', name: 'Shop' }, admin)
  failing = true
  await consumers.applications.create({ id: 'one', name: 'One', organisation: 'shop' }, admin)
  await consumers.applications.create({ id: 'two', name: 'Two', organisation: 'shop' }, admin)
  expect(changes.flatMap((change) => Object.keys(change.applications ?? {}))).toEqual([])
  failing = false
  await clock.advance(2000)
  for (let turns = 0; turns < 200 && changes.length < 2; turns++) await new Promise((resolve) => setImmediate(resolve))
  expect(Object.keys(changes.at(-1)?.applications ?? {}).sort()).toEqual(['one', 'two'])
  expect(consumers.snapshot().version).toBe(changes.at(-1)?.version)
  consumers.close()
})

test('a listener that fails keeps nothing from the others', async () => {
  const consumers = await openConsumers({ store, audit: createAudit(store, clock), clock, log: silentLog, keys: { current: first, older: [] }, cost })
  const heard: number[] = []
  consumers.onChange(() => {
    throw new Error('broken')
  })
  const stop = consumers.onChange(({ version }) => heard.push(version))
  await consumers.applications.patch('one', { name: 'Uno' }, undefined, admin)
  stop()
  await consumers.applications.patch('one', { name: 'Eins' }, undefined, admin)
  expect(heard).toEqual([consumers.snapshot().version - 1])
  consumers.close()
})

test('signing secrets outlive a new credential key when the old one is at hand, and say so in the log when it is not', async () => {
  const lines: string[] = []
  const log: Log = { ...silentLog, error: (_facts: unknown, text: string) => void lines.push(text) }
  const audit = createAudit(store, clock)
  const second = { id: 'k2', key: randomBytes(32) }
  const open = (current: typeof first, older: readonly (typeof first)[]) => openConsumers({ store, audit, clock, log, keys: { current, older }, cost })
  const before = await open(first, [])
  const renewed = await open(second, [first])
  expect(renewed.clientKey.equals(before.clientKey)).toBe(true)
  expect((await open(second, [])).clientKey.equals(before.clientKey)).toBe(true)
  expect(lines).toEqual([])
  expect((await open({ id: 'k3', key: randomBytes(32) }, [])).clientKey.equals(before.clientKey)).toBe(false)
  expect(lines.length).toBe(1)
})
