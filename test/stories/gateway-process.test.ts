import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProduct, type Product } from '../e2e/product.ts'
import { AdminClient } from '../kit/admin-client.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { makeCertificate } from '../kit/certificates.ts'
import { needs } from '../kit/tools.ts'

/** What only shows in a gateway that is a process of its own, under Node's permission model. */
let product: Product
let folder = ''
let env: Record<string, string> = {}
let upstream: Server | undefined
const file = (name: string): string => join(folder, name)
const openssl = needs('openssl')

const flows = (upstreamUrl: string) => estate(
  flow('count').httpIn('GET', '/count').fn("msg.payload = { flow: flow.increment('n'), global: global.increment('n'), node: context.increment('n') }\nreturn msg").httpResponse(),
  flow('slow').httpIn('GET', '/slow').delay(1_500).change({ t: 'set', p: 'payload', pt: 'msg', to: 'whole', tot: 'str' }).httpResponse(),
  flow('call').httpIn('GET', '/call').node('service callout', { method: 'GET', url: upstreamUrl }, 2).node('respond', {}, 0),
)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-process-'))
  let url = 'https://localhost:9/'
  if (openssl) {
    makeCertificate(folder, 'own', 'localhost')
    upstream = createServer({ cert: readFileSync(file('own.crt')), key: readFileSync(file('own.key')) }, (_request, response) => void response.setHeader('content-type', 'text/plain').end('from inside'))
    await new Promise<void>((listening) => (upstream as Server).listen(0, 'localhost', listening))
    url = `https://localhost:${(upstream.address() as AddressInfo).port}/`
  }
  env = { SLUICE_DATA_DIR: file('data'), SLUICE_SAMPLES: 'off', SLUICE_EGRESS_ALLOW: 'localhost', ...(openssl ? { SLUICE_EXTRA_CA_FILES: file('own.crt') } : {}) }
  product = await startProduct(env)
  const admin = await AdminClient.signIn(product.control, 'admin', product.password)
  await admin.deploy(flows(url), (await admin.flows()).rev)
}, 60_000)
afterAll(async () => {
  await product?.stop()
  upstream?.closeAllConnections()
  upstream?.close()
  rmSync(folder, { recursive: true, force: true })
})

const count = async () => (await fetch(`${product.gateway}/count`)).json()

test.skipIf(!openssl)('calls an upstream whose authority a setting names', async () => {
  expect(await (await fetch(`${product.gateway}/call`)).text()).toBe('from inside')
})

test('context outlives a gateway that is killed, and a restart of everything', async () => {
  expect(await count()).toEqual({ flow: 1, global: 1, node: 1 })
  const stored = () => readFileSync(file('data/gateway/context.json'), 'utf8')
  await expect.poll(stored, { timeout: 10_000 }).toContain('"n"')
  process.kill(product.pids['gateway'] as number, 'SIGKILL')
  await expect.poll(() => count().catch(() => undefined), { timeout: 20_000 }).toEqual({ flow: 2, global: 2, node: 2 })
  await product.stop()
  product = await startProduct(env)
  expect(await count()).toEqual({ flow: 3, global: 3, node: 3 })
}, 60_000)

test('asked to stop, it is no longer ready, takes nothing new, and finishes what is in flight', async () => {
  const slow = fetch(`${product.gateway}/slow`)
  await new Promise((next) => setTimeout(next, 300))
  const stopped = product.stop()
  await expect.poll(async () => (await fetch(`${product.opsUrl}/readyz`)).status, { timeout: 5_000, interval: 20 }).toBe(503)
  expect((await fetch(`${product.opsUrl}/healthz`)).status).toBe(200)
  await expect(fetch(`${product.gateway}/count`)).rejects.toThrow()
  expect(await (await slow).text()).toBe('whole')
  await stopped
})
