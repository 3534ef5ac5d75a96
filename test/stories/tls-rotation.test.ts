import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { makeCertificate } from '../kit/certificates.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway } from '../kit/gateway.ts'
import { startVault, vaultTokens } from '../kit/start-vault.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
}, 60_000)

test('the client certificate of a TLS configuration is rotated while calls go on: new connections show the new one, calls under way end well, no call fails, nobody deploys', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-rotation-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  makeCertificate(folder, 'ca', 'authority')
  for (const name of ['localhost', 'one', 'two']) makeCertificate(folder, name, name, 'ca')
  const pem = (file: string) => readFileSync(join(folder, file), 'utf8')

  const release: (() => void)[] = []
  const server = createServer({ ca: pem('ca.crt'), cert: pem('localhost.crt'), key: pem('localhost.key'), requestCert: true, rejectUnauthorized: true }, (request, response) => {
    const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject
    const answer = () => void response.setHeader('content-type', 'application/json').end(JSON.stringify(CN))
    if (request.url === '/slow') release.push(answer)
    else answer()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => void (server.closeAllConnections(), server.close()))
  const host = `localhost:${(server.address() as AddressInfo).port}`

  const vault = await startVault(folder)
  closers.push(vault.stop)
  const put = async (name: string, value: string) => {
    const headers = { authorization: `Bearer ${vaultTokens.control}`, 'x-sluice-user': 'ann', 'content-type': 'application/json' }
    expect((await fetch(`${vault.url}/v1/secrets/${name}`, { method: 'PUT', headers, body: JSON.stringify({ value }) })).status).toBe(200)
  }
  await put('partner.cert', pem('one.crt'))
  await put('partner.key', pem('one.key'))

  const direct = (name: string) => flow(name).httpIn('GET', `/${name}`).node('service callout', { url: `https://${host}/${name}`, tls: 'tls' }, 3).httpResponse()
  const gateway = await startGateway({ settings: { SLUICE_VAULT_URL: vault.url, SLUICE_VAULT_GATEWAY_TOKEN: vaultTokens.gateway, SLUICE_EGRESS_ALLOW: host } })
  closers.push(gateway.close)
  const nodes = [
    ...estate(direct('direct'), direct('slow'), flow('named').httpIn('GET', '/named').node('service callout', { upstream: 'up', url: '/named' }, 3).httpResponse()),
    { id: 'up', type: 'upstream', name: 'partner', targets: [{ url: `https://${host}`, weight: 1 }], tls: 'tls' },
    { id: 'tls', type: 'tls-config', certType: 'files' },
  ]
  expect(await gateway.deploy(nodes, { tls: { certdata: '{{secret:partner.cert}}', keydata: '{{secret:partner.key}}', cadata: pem('ca.crt') } })).toMatchObject({ ok: true })

  const url = gateway.url.replace(/\/$/, '')
  const call = async (path: string) => {
    const reply = await fetch(url + path)
    return `${reply.status} ${await reply.text()}`
  }
  let going = true
  const said = { '/direct': [] as string[], '/named': [] as string[] }
  const callers = Object.entries(said).map(async ([path, list]) => {
    while (going) list.push(await call(path))
  })
  const slow = call('/slow')
  await expect.poll(() => [release.length, said['/direct'].length > 5, said['/named'].length > 5]).toEqual([1, true, true])

  // A certificate with the key of another one does not fit: nothing changes before its own key is there.
  await put('partner.cert', pem('two.crt'))
  await expect.poll(() => gateway.lines().filter(({ msg }) => String(msg).includes('could not be linked with its secrets')).length, { timeout: 10_000 }).toBeGreaterThan(2)
  expect([await call('/direct'), await call('/named')]).toEqual(['200 "one"', '200 "one"'])
  await put('partner.key', pem('two.key'))
  await expect.poll(() => [said['/direct'].at(-1), said['/named'].at(-1)], { timeout: 10_000 }).toEqual(['200 "two"', '200 "two"'])
  going = false
  await Promise.all(callers)
  for (const answer of release) answer()
  expect(await slow).toBe('200 "one"')
  for (const list of Object.values(said)) expect([...new Set(list)]).toEqual(['200 "one"', '200 "two"'])
  expect(JSON.stringify(gateway.lines())).not.toContain('PRIVATE KEY')
}, 60_000)
