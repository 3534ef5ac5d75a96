import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ConsumerClient } from '../kit/consumer-client.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { freePort } from '../kit/free-port.ts'
import { startGateway, toRelease } from '../kit/gateway.ts'
import { startVault, vaultTokens } from '../kit/start-vault.ts'
import { openWhole } from '../kit/whole-product.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
}, 60_000)

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-secrets-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A partner's service, which looks at each call and says whether it may pass. */
async function startPartner(passes: (request: IncomingMessage) => boolean): Promise<string> {
  const server = createServer((request, response) => response.writeHead(passes(request) ? 200 : 401, { 'content-type': 'application/json' }).end('{"from":"partner"}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => void (server.closeAllConnections(), server.close()))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function putSecret(vault: string, name: string, value: string): Promise<void> {
  const reply = await fetch(`${vault}/v1/secrets/${name}`, { method: 'PUT', headers: { authorization: `Bearer ${vaultTokens.control}`, 'x-sluice-user': 'ann', 'content-type': 'application/json' }, body: JSON.stringify({ value }) })
  expect(reply.status).toBe(200)
}

/** Everything that lies in a folder, as bytes are written. */
function filesIn(folder: string): { readonly file: string; readonly text: string }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)).filter((file) => statSync(file).isFile()).map((file) => ({ file, text: readFileSync(file, 'latin1') }))
}

const flows = (partner: string) => estate(
  flow('orders').httpIn('GET', '/orders').node('service callout', { url: `http://${partner}/orders`, auth: 'auth', headers: [{ name: 'X-Partner', value: 'key {{secret:partner.header}}', valueType: 'str' }] }, 3).httpResponse(),
  flow('other').httpIn('GET', '/other').httpResponse(),
).concat([{ id: 'auth', type: 'callout auth', name: 'partner', kind: 'bearer', credentials: { token: '{{secret:partner.token}}' } }])

test('a secret is rotated while calls go on: the partner takes the old one until it has seen the new one, no call fails, nobody deploys, and nobody finds a value', async () => {
  const [first, second, header] = ['canary-Vq8-first-1n7XkT', 'canary-Vq8-second-9hRwMz', 'canary-Vq8-header-3pLcYd']
  let hasNew = false
  const refused: string[] = []
  const partner = await startPartner(({ headers }) => {
    const token = headers.authorization
    if (token === `Bearer ${second}`) hasNew = true
    const passes = (hasNew ? token === `Bearer ${second}` : token === `Bearer ${first}`) && headers['x-partner'] === `key ${header}`
    if (!passes) refused.push(String(token))
    return passes
  })
  const vault = await startVault(makeFolder())
  closers.push(vault.stop)
  const lines: string[] = []
  const write = (facts: object, text: string) => void lines.push(JSON.stringify(facts) + text)
  const whole = await openWhole({ log: { debug: write, info: write, warn: write, error: write } }, { SLUICE_EGRESS_ALLOW: partner, SLUICE_LOG_LEVEL: 'debug', SLUICE_VAULT_URL: vault.url, SLUICE_VAULT_GATEWAY_TOKEN: vaultTokens.gateway })
  closers.push(whole.close)

  await expect(whole.deploy(flows(partner))).rejects.toMatchObject({ code: 'deploy.refused', problems: [{ code: 'secret.unknown', node: 'orders.2', property: 'headers' }, { code: 'secret.unknown', node: 'auth', property: 'token' }] })
  await putSecret(vault.url, 'partner.token', first)
  await putSecret(vault.url, 'partner.header', header)
  await whole.deploy(flows(partner))

  const statuses: number[] = []
  let going = true
  const caller = (async () => {
    while (going) statuses.push((await fetch(`${whole.url}/orders`)).status)
  })()
  await expect.poll(() => statuses.length, { timeout: 5000 }).toBeGreaterThan(20)
  const releases = await whole.control.releases.list()
  await putSecret(vault.url, 'partner.token', second)
  await expect.poll(() => hasNew, { timeout: 10_000, interval: 20 }).toBe(true)
  const before = statuses.length
  await expect.poll(() => statuses.length).toBeGreaterThan(before + 20)
  going = false
  await caller
  expect({ failed: statuses.filter((status) => status !== 200), refused }).toEqual({ failed: [], refused: [] })
  expect(await whole.control.releases.list()).toEqual(releases)
  expect(whole.printed()).toContain('linked again with newer secrets')

  const records = await ConsumerClient.signIn({ controlUrl: whole.controlUrl, password: 'open sesame' })
  const drawn = JSON.stringify(await whole.control.flows.current())
  expect(drawn).toContain('{{secret:partner.header}}')
  const shown = [drawn, JSON.stringify(await whole.control.flows.credentials('callout auth', 'auth')), JSON.stringify(await whole.control.audit.list(100)), whole.printed(), vault.printed(), ...lines]
  for (const path of ['/releases', '/audit', '/apis']) shown.push(JSON.stringify(await records.request('GET', path)))
  for await (const line of whole.control.exportStore()) shown.push(line)
  for (const text of shown) expect(text).not.toContain('canary-Vq8')
  const coded = [first, second, header].flatMap((value) => [value, Buffer.from(value).toString('base64').slice(0, 20), Buffer.from(value).toString('hex')])
  expect(filesIn(whole.root).length).toBeGreaterThan(3)
  expect(filesIn(whole.root).filter(({ text }) => coded.some((value) => text.includes(value))).map(({ file }) => file)).toEqual([])
}, 60_000)

test('a gateway that starts while the vault is away serves the flows that need no secret, says so, and serves the others as soon as it is there', async () => {
  const partner = await startPartner(({ headers }) => headers.authorization === 'Bearer xyzzy-plover')
  const port = await freePort()
  const folder = makeFolder()
  const gateway = await startGateway({ settings: { SLUICE_VAULT_URL: `http://127.0.0.1:${port}`, SLUICE_VAULT_GATEWAY_TOKEN: vaultTokens.gateway, SLUICE_EGRESS_ALLOW: partner } })
  closers.push(gateway.close)
  const nodes = [
    ...estate(
      flow('orders').httpIn('GET', '/orders').node('service callout', { url: `http://${partner}/`, auth: 'auth' }, 3).httpResponse(),
      flow('other').httpIn('GET', '/other').httpResponse(),
      flow('tells', { env: [{ name: 'KEY', type: 'cred' }] }).httpIn('GET', '/tells').fn('const key = env.get("KEY"); node.warn({ key }); node.error("a " + key, msg); node.status({ text: key }); if (key.length > 9) throw new Error("no " + key); return msg').httpResponse(),
    ),
    { id: 'auth', type: 'callout auth', name: 'partner', kind: 'bearer' },
  ]
  const credentials = { auth: { token: '{{secret:partner}}' }, tells: { KEY: '{{secret:partner}}' } }
  expect(await gateway.deploy(nodes, credentials)).toMatchObject({ ok: false, problems: [{ code: 'vault.unavailable', node: 'auth', property: 'token' }, { code: 'vault.unavailable', flow: 'tells', property: 'KEY' }] })
  const prepared = await gateway.gateway.deployer.prepare(toRelease(1, nodes, credentials), true, true)
  if (prepared.ok) gateway.gateway.deployer.commit(prepared.prepared)
  const call = async (path: string) => {
    const reply = await fetch(gateway.url.replace(/\/$/, '') + path)
    return `${reply.status} ${((await reply.json().catch(() => ({}))) as { code?: string }).code ?? ''}`.trim()
  }
  expect([await call('/orders'), await call('/other')]).toEqual(['503 vault.unavailable', '200'])
  const ready = await fetch(`${gateway.opsUrl.replace(/\/$/, '')}/readyz`)
  expect([ready.status, await ready.json()]).toMatchObject([200, { waiting: ['orders', 'tells'] }])

  const vault = await startVault(folder, { SLUICE_VAULT_PORT: String(port) })
  closers.push(vault.stop)
  await putSecret(vault.url, 'partner', 'xyzzy-plover')
  await expect.poll(() => call('/orders'), { timeout: 10_000, interval: 50 }).toBe('200')
  await vault.kill()
  closers.splice(closers.indexOf(vault.stop), 1)
  expect(await call('/orders')).toBe('200')
  // Not even a flow that tells what it knows says the value to people.
  gateway.gateway.tracing.arm({ id: 'w', flow: 'tells', next: 1, forMs: 60_000 })
  expect(await call('/tells')).toBe('500 script.error')
  const [seen] = gateway.gateway.tracing.list({ watch: 'w', limit: 1 })
  expect(gateway.gateway.tracing.whole(seen?.id ?? '')?.steps.length).toBeGreaterThan(1)
  expect(gateway.events.length).toBeGreaterThan(0)
  expect(JSON.stringify([gateway.lines(), gateway.events, gateway.gateway.tracing.whole(seen?.id ?? '')])).not.toContain('plover')
}, 60_000)
