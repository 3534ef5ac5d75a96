import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { Viewer } from '../../runtime/core/secrets/vault.ts'
import { openVault } from '../../vault/open-vault.ts'
import type { OpenVault } from '../../vault/parts.ts'
import { createVaultServer, type VaultServer } from '../../vault/server.ts'
import { createVaultClient } from './vault-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-desk-'))
const token = 'control-token-of-at-least-32-characters'
const trust = () => ({ token })
const gateway = 'gateway-token-of-at-least-32-characters'
const canary = 'canary-77d1-秘密'
let vault: OpenVault
let server: VaultServer
let url: string
const others: Server[] = []

beforeAll(async () => {
  vault = await openVault({ folder, masterKey: { file: join(folder, 'master.key') }, clock: systemClock, log: silentLog })
  server = createVaultServer({ vault, host: '127.0.0.1', port: 0, tokens: { gateway: [gateway], control: [token] }, log: silentLog })
  url = (await server.listen()).url
})
afterAll(async () => {
  for (const other of others) {
    other.closeAllConnections()
    other.close()
  }
  await server?.close(0)
  await vault?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Something that answers in place of a vault. */
async function stand(status: number, body: string): Promise<string> {
  const other = createServer((_request, response) => (status === 0 ? void response.destroy() : void response.writeHead(status).end(body)))
  others.push(other)
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(other.address() as AddressInfo).port}`
}

test('a vault does over HTTP what its desk says, and knows who asked for it', async () => {
  const desk = createVaultClient({ urls: [url], trust })
  const by = 'olive@例'
  expect(await desk.domains.put('customers', { description: 'People', clearances: ['high'], purposes: ['billing'], ttlS: 3600 }, by)).toMatchObject({ name: 'customers', clearances: ['high'], state: 'active', keyVersion: 1 })
  expect((await desk.domains.put('customers', { purposes: ['billing', 'care'] }, by))).toMatchObject({ clearances: ['high'], purposes: ['billing', 'care'], ttlS: 3600 })
  const grant = await desk.grants.add({ domain: 'customers', client: 'till', purpose: 'billing' }, by)
  expect([grant.by, (await desk.grants.list()).map(({ client }) => client)]).toEqual([by, ['till']])

  const [made] = await vault.ask([{ do: 'tokenize', domain: 'customers', mode: 'random', value: canary, subject: 'someone' }])
  const viewer: Viewer = { client: 'till', clearance: 'high', purpose: 'billing', run: 'run-1', flow: 'f', node: 'n' }
  const reveal = (as: Viewer) => vault.ask([{ do: 'reveal', domain: 'customers', token: (made as { token: string }).token, viewer: as }])
  expect(await reveal(viewer)).toEqual([{ value: canary }])
  expect(await reveal({ ...viewer, client: 'other' })).toMatchObject([{ fault: 'detoken.denied' }])
  await desk.grants.remove(grant.id, by)
  expect(await reveal(viewer)).toMatchObject([{ fault: 'detoken.denied' }])
  const looks = await desk.reveals.list({ before: 'newest', limit: 2 })
  expect(looks.map(({ outcome, client }) => [client, outcome])).toEqual([['till', 'denied'], ['other', 'denied']])
  expect((await desk.reveals.list({ before: looks[1]!.number })).map(({ outcome }) => outcome)).toEqual(['revealed'])
  expect((await desk.reveals.list({ after: 0, client: 'till' })).map(({ outcome }) => outcome)).toEqual(['revealed', 'denied'])
  expect(await desk.reveals.verify()).toMatchObject({ ok: true, entries: 3 })

  expect(await desk.domains.rotate('customers', by)).toMatchObject({ keyVersion: 2 })
  expect(await desk.domains.shredSubject('customers', 'someone', by)).toMatchObject({ shredded: 1 })
  expect(await desk.domains.shred('customers', by)).toMatchObject({ state: 'shredded' })
  expect((await desk.keys.create('signing', { kind: 'ed25519', set: 'public' }, by)).current).toBe(1)
  expect((await desk.keys.rotate('signing', by)).current).toBe(2)
  expect((await desk.keys.setState('signing', 'disabled', by, 1)).versions.map(({ state }) => state)).toEqual(['disabled', 'active'])
  expect((await desk.keys.publicSet('public')).keys.length).toBeGreaterThanOrEqual(1)
  expect(await desk.secrets.put('bank', canary, 'Of the bank', by)).toMatchObject({ name: 'bank', version: 1, by })
  expect((await desk.secrets.list()).map(({ name }) => name)).toEqual(['bank'])
  await desk.secrets.remove('bank', by)
  expect(await desk.secrets.list()).toEqual([])
  const before = await desk.status()
  expect(before).toMatchObject({ ok: true, store: 'sqlite', domains: 1, masterKey: { provider: 'file' } })
  expect((await desk.rotateMasterKey(by)).masterKey.id).not.toBe(before.masterKey.id)
})

test('what a vault refuses has its code, its status and its sentence; nothing that was sent is in it', async () => {
  const desk = createVaultClient({ urls: [url], trust })
  await expect(desk.domains.rotate('nowhere', 'me')).rejects.toMatchObject({ code: 'domain.unknown', status: 404 })
  await expect(desk.keys.rotate('nothing', 'me')).rejects.toMatchObject({ code: 'key.unknown', status: 404 })
  const { privateKey } = generateKeyPairSync('ed25519', { privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
  const refused = await desk.certificates.put('web', privateKey, 'me').catch((thrown: Error & { status: number }) => thrown)
  expect([(refused as { status: number }).status, JSON.stringify(refused).includes('PRIVATE'), (refused as Error).message.includes('PRIVATE')]).toEqual([422, false, false])
})

test('a vault that is away is said at once; the next of several is asked, and a change that may have happened is not repeated', async () => {
  const dead = 'http://127.0.0.1:1'
  await expect(createVaultClient({ urls: [dead], trust }).status()).rejects.toMatchObject({ code: 'vault.unavailable', status: 503, message: expect.stringContaining('ECONNREFUSED') })
  const second = createVaultClient({ urls: [dead, url], trust })
  expect((await second.status()).ok).toBe(true)
  expect((await second.secrets.put('by-second', canary, undefined, 'me')).version).toBe(1)
  const cut = await stand(0, '')
  expect((await createVaultClient({ urls: [cut, url], trust }).status()).ok).toBe(true)
  const lost = await createVaultClient({ urls: [cut, url], trust }).secrets.put('twice', canary, undefined, 'me').catch((thrown: unknown) => thrown)
  expect([lost, String((lost as Error).message).includes('canary'), (await vault.desk.secrets.list()).some(({ name }) => name === 'twice')]).toMatchObject([{ code: 'vault.unavailable', unknown: true }, false, false])
  await expect(createVaultClient({ urls: [await stand(200, '<html>')], trust }).status()).rejects.toMatchObject({ code: 'vault.unavailable' })
  await expect(createVaultClient({ urls: [await stand(500, '{}')], trust }).status()).rejects.toMatchObject({ code: 'vault.unavailable', status: 503 })
})

test('what a gateway shows is not taken, nor is nothing; control asks for a vault to be started first', async () => {
  for (const shown of [gateway, 'wrong-token-of-at-least-32-characters', undefined]) {
    const refused = await createVaultClient({ urls: [url], trust: () => ({ token: shown }) }).domains.put('mine', {}, 'me').catch((thrown: Error) => thrown)
    expect(refused).toMatchObject({ code: 'vault.unavailable', status: 503, message: expect.stringContaining('SLUICE_VAULT_CONTROL_TOKEN') })
    if (shown) expect((refused as Error).message).not.toContain(shown)
  }
  let woken = 0
  const desk = createVaultClient({ urls: [url], trust, wake: async () => void woken++ })
  await desk.status()
  expect(woken).toBe(1)
  // One that does not come up is not waited for for ever.
  await expect(createVaultClient({ urls: ['http://127.0.0.1:1'], trust, wake: () => new Promise(() => {}), timeoutMs: 20 }).status()).rejects.toMatchObject({ code: 'vault.unavailable' })
})
