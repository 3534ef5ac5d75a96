import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../runtime/core/time/clock.ts'
import { silentLog } from '../runtime/core/log.ts'
import { openVault } from './open-vault.ts'
import type { OpenVault } from './parts.ts'
import { createVaultServer, type VaultServer } from './server.ts'

const token = 'g'.repeat(40)
let folder: string
let vault: OpenVault
let server: VaultServer
let url: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-owners-'))
  vault = await openVault({ folder: join(folder, 'vault'), masterKey: { file: join(folder, 'key', 'master.key') }, clock: systemClock, log: silentLog })
  server = createVaultServer({ vault, host: '127.0.0.1', port: 0, tokens: { gateway: [token], control: [] }, log: silentLog })
  ;({ url } = await server.listen())
  await vault.desk.keys.create('bank.seal', { kind: 'ed25519' }, 'admin')
  await vault.desk.domains.put('bank.people', {}, 'admin')
})
afterAll(async () => {
  await server?.close(0)
  await vault?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(organisation: unknown): Promise<readonly unknown[]> {
  const viewer = { run: 'r', flow: 'f', node: 'n' }
  const asks = [{ do: 'sign', key: 'bank.seal', form: 'jws', data: 'eA', viewer, organisation }, { do: 'tokenize', domain: 'bank.people', mode: 'random', value: 'v', organisation }]
  const answer = await fetch(`${url}/v1/ask`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ asks }) })
  return ((await answer.json()) as { answers: readonly { readonly fault?: string }[] }).answers.map(({ fault }) => fault)
}

test('an ask says whose flow it is from, and gets nothing of a domain or key that is not that organisation’s', async () => {
  expect(await ask('shop')).toEqual(['key.foreign', 'domain.foreign'])
  expect(await ask('bank')).toEqual([undefined, undefined])
  expect(await ask(undefined)).toEqual([undefined, undefined])
  // Refused uses are counted with the others.
  expect(Object.fromEntries((await vault.desk.keys.uses('bank.seal')).map(({ outcome, count }) => [outcome, count]))).toEqual({ done: 2, unfit: 1 })
})

test('one that names an organisation in a way that is none is refused, not taken for everybody’s', async () => {
  for (const organisation of ['', 7, null, {}, 'x'.repeat(300)]) expect(await ask(organisation)).toEqual(['request.malformed', 'request.malformed'])
})
