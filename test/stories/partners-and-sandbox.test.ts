import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { X509Certificate } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate } from '../kit/certificates.ts'
import { ConsumerClient } from '../kit/consumer-client.ts'
import { startEstate, type Estate } from '../kit/estate.ts'
import { estate as nodesOf, flow } from '../kit/flow-builder.ts'
import { startPartnerService, type PartnerService } from '../kit/partner-service.ts'
import { until } from '../kit/planes.ts'
import { needs } from '../kit/tools.ts'

const secretOf = (id: string) => `secret of ${id}`
const keyOf = (id: string) => `${id}.${secretOf(id)}`
const hashOf = (id: string) => createHash('sha256').update(secretOf(id)).digest('hex')
const auth = { methods: [{ kind: 'key header', name: 'x-api-key' }, { kind: 'certificate' }] }

describe.skipIf(!needs('openssl'))('partners and the sandbox', () => {
  let estate: Estate
  let admin: ConsumerClient
  let service: PartnerService
  let production: Server
  let sandbox: Server
  const hits = { production: 0, sandbox: 0 }
  const folder = mkdtempSync(join(tmpdir(), 'sluice-partners-'))
  const file = (name: string) => join(folder, name)

  const backend = async (name: 'production' | 'sandbox') => {
    const server = createServer((_request, response) => {
      hits[name]++
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ from: name }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return server
  }
  const hostOf = (server: Server) => `127.0.0.1:${(server.address() as AddressInfo).port}`

  /** A call of the gateway by TLS, with a key or with a client certificate. */
  async function call(path: string, options: { key?: string; certificate?: string } = {}): Promise<{ status: number; body: any; environment: string | undefined }> {
    return await new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1', port: estate.gatewayPort, path, ca: readFileSync(file('gateway.crt')), servername: 'localhost', agent: false,
          headers: options.key ? { 'x-api-key': options.key } : {},
          ...(options.certificate ? { cert: readFileSync(file(`${options.certificate}.crt`)), key: readFileSync(file(`${options.certificate}.key`)) } : {}),
        },
        (reply) => {
          let text = ''
          reply.on('data', (part: Buffer) => (text += part.toString()))
          reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text), environment: reply.headers['x-environment'] as string | undefined }))
        },
      )
      sent.on('error', reject)
      sent.end()
    })
  }

  beforeAll(async () => {
    makeCertificate(folder, 'gateway', 'localhost')
    makeCertificate(folder, 'ca', 'partners-ca')
    makeCertificate(folder, 'acme', 'acme.example', 'ca')
    service = await startPartnerService()
    production = await backend('production')
    sandbox = await backend('sandbox')
    estate = await startEstate({
      env: {
        SLUICE_EGRESS_ALLOW: [service.host, hostOf(production), hostOf(sandbox)].join(','),
        SLUICE_TLS_CERT_FILE: file('gateway.crt'), SLUICE_TLS_KEY_FILE: file('gateway.key'), SLUICE_TLS_CLIENT_CA_FILE: file('ca.crt'), SLUICE_TLS_CLIENT_CERTIFICATE: 'request',
      },
    })
    const url = `http://${hostOf(production)}/`
    const callout = (name: string, config: object) => flow(name).httpIn('GET', `/${name}`).node('auth', auth, 2).fn('delete msg.client\nreturn msg').node('service callout', { url, ...config }, 2).httpResponse()
    await estate.admin.deploy(nodesOf(
      flow('who').httpIn('GET', '/who').node('auth', auth, 2).change({ t: 'set', p: 'payload', pt: 'msg', to: 'client', tot: 'msg' }).httpResponse(),
      callout('plain', {}),
      callout('elsewhere', { sandbox: 'url', sandboxUrl: `http://${hostOf(sandbox)}/` }),
      callout('played', { sandbox: 'mock', sandboxBody: '{"from":"mock"}', sandboxStatus: 202, expectedStatus: '200-299' }),
      flow('classic').httpIn('GET', '/classic').node('auth', auth, 2).fn('delete msg.client\nreturn msg').node('http request', { method: 'GET', ret: 'obj', url }).httpResponse(),
    ))
    admin = await ConsumerClient.signIn(estate)
    await admin.request('POST', '/organisations', { id: 'bank', name: 'Bank' })
    service.say([{
      id: 'acme', name: 'Acme', facts: { branch: '042' }, keys: [{ prefix: 'acme', hash: hashOf('acme') }, { prefix: 'trying', hash: hashOf('trying'), env: 'sandbox' }],
      certificates: [{ sha256: new X509Certificate(readFileSync(file('acme.crt'))).fingerprint256 }],
    }])
    await admin.request('POST', '/connectors', {
      id: 'crm', name: 'CRM', organisation: 'bank', url: service.url, everySeconds: 1, timeoutMs: 2000,
      map: { list: '/partners', id: '/id', name: '/name', attributes: { branch: '/facts/branch' }, credentials: [{ kind: 'key', each: '/keys', prefix: '/prefix', hash: '/hash', environmentAt: '/env' }, { kind: 'certificate', each: '/certificates', fingerprint: '/sha256' }] },
    })
    await until(async () => (await call('/who', { key: keyOf('acme') })).status === 200)
  }, 60_000)
  afterAll(async () => {
    await estate?.stop()
    await service?.stop().catch(() => {})
    production?.close()
    sandbox?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a partner that its own service names is let in by key and by certificate, with its facts', async () => {
    const client = { application: 'crm.acme', organisation: 'bank', attributes: { branch: '042' } }
    expect((await call('/who', { key: keyOf('acme') })).body).toMatchObject({ ...client, environment: 'production' })
    expect((await call('/who', { certificate: 'acme' })).body).toMatchObject(client)
    expect((await call('/who', { key: 'acme.wrong' })).status).toBe(401)
  })

  test('a sandbox caller never reaches production, whatever the flow does to the message; the answer says where it comes from', async () => {
    const before = hits.production
    const trying = { key: keyOf('trying') }
    expect(await call('/plain', trying)).toMatchObject({ status: 501, body: { code: 'sandbox.none' }, environment: 'sandbox' })
    expect(await call('/classic', trying)).toMatchObject({ status: 501, body: { code: 'sandbox.none' }, environment: 'sandbox' })
    expect(await call('/elsewhere', trying)).toMatchObject({ status: 200, body: { from: 'sandbox' }, environment: 'sandbox' })
    expect(await call('/played', trying)).toMatchObject({ status: 202, body: { from: 'mock' }, environment: 'sandbox' })
    expect(hits).toMatchObject({ production: before, sandbox: 1 })
    for (const path of ['/plain', '/elsewhere', '/played', '/classic']) {
      const reply = await call(path, { key: keyOf('acme') })
      expect([path, reply]).toMatchObject([path, { status: 200, body: { from: 'production' } }])
      expect(reply.environment).toBeUndefined()
    }
    expect(hits.production).toBe(before + 4)
  })

  test('a partner that is added or shut out over there is let in or turned away here within seconds', async () => {
    const partners = [{ id: 'acme', name: 'Acme', facts: { branch: '042' }, keys: [{ prefix: 'acme', hash: hashOf('acme') }, { prefix: 'trying', hash: hashOf('trying'), env: 'sandbox' }], certificates: [{ sha256: new X509Certificate(readFileSync(file('acme.crt'))).fingerprint256 }] }]
    service.say([...partners, { id: 'newcomer', name: 'New', keys: [{ prefix: 'newcomer', hash: hashOf('newcomer') }] }])
    await until(async () => (await call('/who', { key: keyOf('newcomer') })).status === 200)
    service.say(partners)
    await until(async () => (await call('/who', { key: keyOf('newcomer') })).status === 403)
  })

  test('with the partner service and control down partners are let in as before', async () => {
    await service.stop()
    await until(async () => ['unreachable'].includes((await admin.request<{ state: string }>('GET', '/connectors/crm/status')).state))
    expect((await (await fetch(`${estate.controlUrl}/healthz`)).json())).toMatchObject({ status: 'ok' })
    process.kill(estate.pids.control, 'SIGSTOP')
    try {
      for (let calls = 0; calls < 20; calls++) expect((await call('/who', { key: keyOf('acme') })).status).toBe(200)
      expect((await call('/who', { certificate: 'acme' })).status).toBe(200)
    } finally {
      process.kill(estate.pids.control, 'SIGCONT')
    }
    await service.start()
    await until(async () => (await admin.request<{ state: string }>('GET', '/connectors/crm/status')).state === 'ok')
  }, 60_000)
})
