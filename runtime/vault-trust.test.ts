import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createVaultClient as createDesk } from '../control/vault/vault-client.ts'
import { makeCertificate } from '../test/kit/certificates.ts'
import { systemClock } from './core/time/clock.ts'
import type { Log } from './core/log.ts'
import { loadSettings } from './settings.ts'
import { vaultTrust, watchVaultTrust } from './vault-trust.ts'
import { createVaultClient } from './vault/vault-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-vault-trust-'))
const file = (name: string) => join(folder, name)
const closers: (() => void)[] = []
/** Requests that are being kept waiting. */
const held: ServerResponse[] = []
let server: Server
let url: string

/** A vault of one authority, which takes only clients of the same. */
const contextOf = (authority: string) => ({ cert: readFileSync(file(`${authority}-server.crt`)), key: readFileSync(file(`${authority}-server.key`)), ca: readFileSync(file(`${authority}.crt`)) })

/** As renewals do: written beside it, then moved. */
function use(names: Readonly<Record<string, string>>): void {
  for (const [to, from] of Object.entries(names)) {
    copyFileSync(file(from), file(`${to}.part`))
    renameSync(file(`${to}.part`), file(to))
  }
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = ''
  for await (const part of request) text += String(part)
  if (request.url !== '/v1/ask') return void response.end(JSON.stringify({ ok: true }))
  if (text.includes('hold')) return void held.push(response)
  return void response.end(JSON.stringify({ answers: [{ token: 'made' }] }))
}

beforeAll(async () => {
  for (const authority of ['old', 'new']) {
    makeCertificate(folder, authority, `${authority} authority`)
    makeCertificate(folder, `${authority}-server`, 'localhost', authority)
    makeCertificate(folder, `${authority}-own`, 'gateway', authority)
  }
  use({ 'ca.pem': 'old.crt', 'own.crt': 'old-own.crt', 'own.key': 'old-own.key' })
  server = createServer({ ...contextOf('old'), requestCert: true, rejectUnauthorized: true }, (request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `https://localhost:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  for (const close of closers) close()
  server?.closeAllConnections()
  server?.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a gateway and control take renewed files of their way to the vault into use while they run, and no ask that is under way is lost', async () => {
  const settings = loadSettings({ cwd: folder, env: { SLUICE_VAULT_URL: url, SLUICE_VAULT_CA_FILE: file('ca.pem'), SLUICE_VAULT_CLIENT_CERT_FILE: file('own.crt'), SLUICE_VAULT_CLIENT_KEY_FILE: file('own.key') } })
  const said: string[] = []
  const note = (_facts: object, text: string) => void said.push(text)
  const log: Log = { debug: note, info: note, warn: note, error: note }
  const gateway = createVaultClient({ urls: [url], timeoutMs: 20_000, ...vaultTrust(settings, 'gateway'), clock: systemClock, log })
  let trust = vaultTrust(settings, 'control')
  const control = createDesk({ urls: [url], trust: () => trust })
  closers.push(gateway.close, watchVaultTrust(settings, 'gateway', gateway.renew, log, 20), watchVaultTrust(settings, 'control', (renewed) => (trust = renewed), log, 20))
  const ask = (value: string) => gateway.ask([{ do: 'tokenize', domain: 'd', mode: 'random', value }])
  const times = (text: string) => said.filter((line) => line.startsWith(text)).length

  expect([await ask('one'), await control.status()]).toEqual([[{ token: 'made' }], { ok: true }])
  // The key alone fits no certificate, and an empty authority is none: both change nothing.
  use({ 'own.key': 'new-own.key' })
  await expect.poll(() => times('New certificates'), { timeout: 20_000 }).toBe(2)
  use({ 'own.key': 'old-own.key' })
  await expect.poll(() => times('What the vault is shown'), { timeout: 20_000 }).toBe(2)
  writeFileSync(file('ca.pem'), '')
  await expect.poll(() => times('New certificates'), { timeout: 20_000 }).toBe(4)
  expect([await ask('two'), await control.status()]).toEqual([[{ token: 'made' }], { ok: true }])

  const slow = ask('hold')
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(1)
  server.setSecureContext(contextOf('new'))
  use({ 'ca.pem': 'new.crt', 'own.crt': 'new-own.crt', 'own.key': 'new-own.key' })
  await expect.poll(() => times('What the vault is shown'), { timeout: 20_000 }).toBeGreaterThanOrEqual(4)
  await expect.poll(() => control.status().catch(() => 'not yet'), { timeout: 20_000 }).toEqual({ ok: true })
  await expect.poll(() => ask('three').catch(() => 'not yet'), { timeout: 20_000 }).toEqual([{ token: 'made' }])
  held[0]?.end(JSON.stringify({ answers: [{ token: 'late' }] }))
  expect(await slow).toEqual([{ token: 'late' }])
  expect(await ask('four')).toEqual([{ token: 'made' }])
}, 60_000)
