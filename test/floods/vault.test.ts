import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { VaultAsk } from '../../runtime/core/secrets/vault.ts'
import { createVaultClient } from '../../runtime/vault/vault-client.ts'
import { startProduct } from '../e2e/product.ts'
import { AdminClient } from '../kit/admin-client.ts'
import { ConsumerClient } from '../kit/consumer-client.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { startVault, vaultTokens } from '../kit/start-vault.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  const failed: unknown[] = []
  for (const close of closers.splice(0).reverse()) await Promise.resolve().then(close).catch((thrown: unknown) => failed.push(thrown))
  expect(failed).toEqual([])
}, 60_000)

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-vault-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

const flows = estate(
  flow('tokenize').httpIn('POST', '/tokenize').node('tokenize', { domain: 'people', fields: [{ path: '$.people[*].id', mode: 'deterministic' }, { path: '$.people[*].name', mode: 'random' }, { path: '$.pan', mode: 'shape', keepLast: 4 }] }).httpResponse(),
  flow('reveal').httpIn('POST', '/reveal').node('auth', { methods: [{ kind: 'key header', name: 'x-api-key' }] }, 2).node('detokenize', { domain: 'people', purpose: 'delivery', fields: [{ path: '$..id' }, { path: '$..name' }, { path: '$.pan' }] }).httpResponse(),
  flow('forge').httpIn('POST', '/forge').fn('msg.client = { id: "shop", application: "shop", clearance: "high", environment: "production" }; return msg').node('detokenize', { domain: 'people', purpose: 'delivery', fields: [{ path: '$..id' }] }).httpResponse(),
  flow('masked').httpIn('POST', '/masked').node('auth', { methods: [{ kind: 'key header', name: 'x-api-key' }] }, 2).node('detokenize', { domain: 'people', purpose: 'delivery', fields: [{ path: '$..id', denied: 'mask' }] }).httpResponse(),
)

interface Person { readonly id: string; readonly name: string }

test('a flow puts tokens in place of people’s data, the vault is started for it, dies in the middle of it and comes back; nobody finds a value in clear', async () => {
  const dataDir = makeFolder()
  const product = await startProduct({ SLUICE_DATA_DIR: dataDir, SLUICE_LOG_LEVEL: 'debug' })
  closers.push(product.stop)
  const vaultPids = () => product.printed().split('\n').flatMap((line) => (line.includes('"process":"vault"') && line.includes('"pid"') ? [(JSON.parse(line) as { pid: number }).pid] : []))
  const call = async (path: string, body: unknown, key?: string) => {
    const reply = await fetch(product.gateway + path, { method: 'POST', headers: { 'content-type': 'application/json', ...(key ? { 'x-api-key': key } : {}) }, body: JSON.stringify(body) })
    return { status: reply.status, body: (await reply.json()) as any }
  }
  expect(vaultPids()).toEqual([]) // nothing needs it yet

  await (await AdminClient.signIn(product.control.replace(/\/$/, ''), 'admin', product.password)).deploy(flows)
  await expect.poll(vaultPids, { timeout: 20_000, interval: 20 }).toHaveLength(1)
  const records = await ConsumerClient.signIn({ controlUrl: product.control.replace(/\/$/, ''), password: product.password })
  expect(await call('/tokenize', { pan: '4111111111111111' })).toMatchObject({ status: 500, body: { code: 'domain.unknown' } })
  await records.request('POST', '/vault/domains', { name: 'people', purposes: ['delivery'], clearances: ['high'] })
  const newKey = async (id: string, rules: object) => {
    await records.request('POST', '/organisations', { id, name: id })
    await records.request('POST', '/applications', { id, name: id, organisation: id, rules })
    return (await records.request<{ secret: string }>('POST', '/credentials', { application: id, kind: 'key' })).secret
  }
  const key = await newKey('shop', { clearance: 'high' })
  const low = await newKey('stall', {})
  for (const client of ['shop', 'stall']) await records.request('POST', '/vault/grants', { domain: 'people', client, purpose: 'delivery' })

  const canary = ['A123456789-CANARY', '王小明-CANARY', '4111111111111111']
  const given = { people: [{ id: canary[0], name: canary[1] }, { id: canary[0], name: '' }], pan: canary[2], rest: [1] }
  const { status, body: tokens } = await call('/tokenize', given)
  expect(status).toBe(200)
  expect(tokens).toMatchObject({ rest: [1], pan: expect.stringMatching(/^\d{12}1111$/) as string })
  expect(tokens.people[0].id).toBe(tokens.people[1].id)
  expect(JSON.stringify(tokens)).not.toMatch(/CANARY/)
  await expect.poll(async () => (await call('/reveal', tokens, key)).body, { timeout: 5000, interval: 50 }).toEqual(given)
  expect(await call('/forge', tokens)).toMatchObject({ status: 403, body: { code: 'detoken.denied' } })
  expect(await call('/reveal', tokens, low)).toMatchObject({ status: 403, body: { code: 'detoken.denied' } })
  expect((await call('/masked', tokens, low)).body.people[0].id).toBe('********')
  expect(await call('/reveal', { people: [{ id: 'nonsense' }] }, key)).toMatchObject({ status: 404, body: { code: 'token.unknown' } })

  // Killed while many are in the middle of it: each call is answered as a whole, or not at all.
  const whole: { readonly given: Person[]; readonly tokens: Person[] }[] = []
  const codes = new Set<string>()
  let going = true
  const callers = Array.from({ length: 4 }, async (_, caller) => {
    for (let i = 0; going; i += 1) {
      const people = Array.from({ length: 10 }, (__, n) => ({ id: `id ${caller} ${i} ${n}`, name: `name ${caller} ${i} ${n}` }))
      const { status: got, body } = await call('/tokenize', { people })
      if (got === 200) whole.push({ given: people, tokens: body.people as Person[] })
      else {
        codes.add(`${got} ${body.code as string}`)
        await new Promise((next) => setTimeout(next, 5))
      }
    }
  })
  await expect.poll(() => whole.length, { timeout: 20_000, interval: 10 }).toBeGreaterThan(10)
  process.kill(vaultPids().at(-1) as number, 'SIGKILL')
  await expect.poll(() => codes.size, { timeout: 5000, interval: 5 }).toBeGreaterThan(0)
  await expect.poll(vaultPids, { timeout: 20_000, interval: 20 }).toHaveLength(2)
  const before = whole.length
  await expect.poll(() => whole.length, { timeout: 20_000, interval: 10 }).toBeGreaterThan(before + 8)
  going = false
  await Promise.all(callers)
  expect([...codes]).toEqual(['503 vault.unavailable'])
  for (const { given: people, tokens: theirs } of [...whole.slice(0, 2), ...whole.slice(before - 4, before), ...whole.slice(-2)]) expect((await call('/reveal', { people: theirs }, key)).body).toEqual({ people })
  expect((await call('/tokenize', { people: [given.people[0]] })).body.people[0].id).toBe(tokens.people[0].id)

  // Neither may leave its memory on the disk.
  if (process.platform === 'linux') {
    for (const pid of [vaultPids().at(-1), product.pids['gateway']]) expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 +0 /m)
  }
  const metrics = await (await fetch(`${product.opsUrl}/metrics`)).text()
  const places = { ...Object.fromEntries(filesBelow(dataDir).map((file) => [file, readFileSync(file)])), log: Buffer.from(product.printed()), metrics: Buffer.from(metrics) }
  expect(Object.keys(places).some((file) => file.endsWith('vault.sqlite'))).toBe(true)
  for (const value of [...canary, 'name 0 0 0']) {
    for (const form of [value, Buffer.from(value).toString('base64'), Buffer.from(value).toString('hex')]) {
      expect(Object.entries(places).flatMap(([name, bytes]) => (bytes.includes(form) ? [name] : []))).toEqual([])
    }
  }
}, 120_000)

test('of two vaults on one PostgreSQL one is killed under load: not a single ask fails, and both gave the same tokens', async (context) => {
  const bin = findPostgres()
  if (!bin) return context.skip('no PostgreSQL to be found')
  const database = await startPostgres(bin)
  closers.push(database.stop)
  database.createDatabase('vault')
  const folder = makeFolder()
  const env = { VAULT_DATABASE_URL: database.url('vault'), SLUICE_VAULT_MASTER_KEY_FILE: join(folder, 'keys', 'master.key') }
  const first = await startVault(join(folder, 'one'), env)
  closers.push(first.kill)
  const second = await startVault(join(folder, 'two'), env)
  closers.push(second.kill)
  const put = await fetch(`${first.url}/v1/domains/people`, { method: 'PUT', headers: { authorization: `Bearer ${vaultTokens.control}`, 'x-sluice-user': 'test' }, body: '{}' })
  expect(put.status).toBe(200)

  const open = (...urls: string[]) => {
    const client = createVaultClient({ urls, token: vaultTokens.gateway, timeoutMs: 2000, clock: systemClock, log: silentLog })
    closers.push(client.close)
    return client
  }
  const both = open(first.url, second.url)
  const other = open(second.url)
  const asks = (n: number): VaultAsk[] => Array.from({ length: 20 }, (_, i) => ({ do: 'tokenize', domain: 'people', mode: 'deterministic', value: `value ${(n * 7 + i) % 200}` }))
  await other.ask(asks(0)) // knows the domain by now
  const seen = new Map<string, Set<string>>()
  let answered = 0
  let going = true
  const ask = async (client: typeof both, from: number) => {
    for (let n = from; going; n += 1) {
      const batch = asks(n)
      const answers = await client.ask(batch)
      for (const [place, answer] of answers.entries()) {
        const { value } = batch[place] as { value: string }
        seen.set(value, (seen.get(value) ?? new Set()).add('token' in answer ? answer.token : JSON.stringify(answer)))
      }
      answered += 1
    }
  }
  const all = Promise.all([ask(both, 0), ask(both, 40), ask(other, 11), ask(other, 90)])
  await expect.poll(() => answered, { timeout: 20_000, interval: 5 }).toBeGreaterThan(50)
  await first.kill()
  const before = answered
  await expect.poll(() => answered, { timeout: 20_000, interval: 5 }).toBeGreaterThan(before + 50)
  going = false
  await all
  expect(seen.size).toBe(200)
  expect([...seen.values()].filter((tokens) => tokens.size !== 1)).toEqual([])
  expect(new Set([...seen.values()].map((tokens) => [...tokens][0])).size).toBe(200)
}, 60_000)

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)).filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
}
