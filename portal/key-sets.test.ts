import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compactVerify, createRemoteJWKSet } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenControl, openControl } from '../control/open-control.ts'
import { silentLog } from '../runtime/core/log.ts'
import { fakeClock } from '../test/kit/fake-clock.ts'
import { memoryEnvelope, memoryRecords } from '../test/kit/vault-memory.ts'
import type { VaultDesk } from '../vault/contract.ts'
import { createKeyring } from '../vault/keys/keyring.ts'
import { createPortal } from './portal.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-key-sets-'))
const clock = fakeClock()
const ring = createKeyring({ records: memoryRecords().records, envelope: memoryEnvelope(), clock })
let asked = 0
let isAway = false
const keys: VaultDesk['keys'] = {
  ...ring.desk.keys,
  uses: async () => [],
  async list() {
    asked += 1
    if (isAway) throw Object.assign(new Error('away'), { code: 'vault.unavailable', status: 503 })
    return ring.desk.keys.list()
  },
}
let control: OpenControl
let server: Server
let base: string

beforeAll(async () => {
  control = await openControl({ dataDir: folder, definitions: [], log: silentLog, clock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, vault: { keys } as VaultDesk })
  const portal = createPortal({ control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.7', editorPath: '/editor/', gatewayUrls: () => [], samples: [] })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await ring.desk.keys.create('sign', { kind: 'ed25519', set: 'partners' }, 'ann')
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await control?.close()
  rmSync(folder, { recursive: true, force: true })
})

const get = (path: string, headers: Record<string, string> = {}) => fetch(base + path, { headers })

test('whoever knows the name of a key set verifies what was signed, without signing in, and follows a rotation', async () => {
  const jwks = createRemoteJWKSet(new URL(`${base}/key-sets/partners/jwks.json`), { cooldownDuration: 0 })
  const signed = async () => ((await ring.ask({ do: 'sign', key: 'sign', form: 'jws', data: 'aGk' })) as { data: string }).data
  expect((await compactVerify(await signed(), jwks)).protectedHeader).toEqual({ alg: 'EdDSA', kid: 'sign.1' })
  await ring.desk.keys.rotate('sign', 'ann')
  await clock.advance(10_000)
  expect((await compactVerify(await signed(), jwks)).protectedHeader).toEqual({ alg: 'EdDSA', kid: 'sign.2' })
})

test('a key set is kept by caches, and sent again only when it has changed', async () => {
  const first = await get('/key-sets/partners/jwks.json')
  expect([first.status, first.headers.get('content-type'), first.headers.get('cache-control'), first.headers.get('access-control-allow-origin')]).toEqual([200, 'application/jwk-set+json', 'public, max-age=60', '*'])
  const etag = first.headers.get('etag') as string
  const known = await get('/key-sets/partners/jwks.json', { 'if-none-match': `"x", W/${etag}` })
  expect([known.status, await known.text()]).toEqual([304, ''])
  await ring.desk.keys.setState('sign', 'disabled', 'ann', 1)
  await clock.advance(10_000)
  const changed = await get('/key-sets/partners/jwks.json', { 'if-none-match': etag })
  expect(await changed.json()).toMatchObject({ keys: [{ kid: 'sign.2', use: 'sig', alg: 'EdDSA' }] })
})

test('a set that is not there is 404, however many are tried, and costs the vault nothing', async () => {
  await get('/key-sets/partners/jwks.json')
  asked = 0
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => get(`/key-sets/none-${i}/jwks.json`)))
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 404))
  expect(await answers[0]?.json()).toMatchObject({ code: 'key_set.unknown' })
  expect(asked).toBe(0)
})

test('while the vault is away the last known set is given, for an hour', async () => {
  isAway = true
  await clock.advance(60_000)
  expect((await get('/key-sets/partners/jwks.json')).status).toBe(200)
  await clock.advance(3_600_000)
  const away = await get('/key-sets/partners/jwks.json')
  expect([away.status, away.headers.get('cache-control')]).toEqual([503, 'no-store'])
  isAway = false
  await clock.advance(5_000)
  expect((await get('/key-sets/partners/jwks.json')).status).toBe(200)
})
