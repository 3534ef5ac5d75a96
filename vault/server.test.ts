import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { Agent, request as requestHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../runtime/core/time/clock.ts'
import { silentLog, type Log } from '../runtime/core/log.ts'
import { loadTls, watchTls } from '../runtime/http/tls-files.ts'
import type { TlsOptions } from '../runtime/http/tls.ts'
import { makeCertificate } from '../test/kit/certificates.ts'
import { openVault } from './open-vault.ts'
import type { OpenVault } from './parts.ts'
import { createVaultServer, type VaultServer } from './server.ts'
import { deskRoutes } from './server/desk-routes.ts'

const tokens = { gateway: ['g'.repeat(40)], control: [`sha256:${'0'.repeat(64)}`, 'c'.repeat(40)] }
const as = { gateway: `Bearer ${'g'.repeat(40)}`, control: `Bearer ${'c'.repeat(40)}`, nobody: `Bearer ${'x'.repeat(40)}` }
let folder: string
let vault: OpenVault
let server: VaultServer
let url: string
const lines: string[] = []
const write = (facts: object, text: string) => void lines.push(JSON.stringify(facts) + text)
const log: Log = { debug: write, info: write, warn: write, error: write }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-vault-'))
  vault = await openVault({ folder: join(folder, 'vault'), masterKey: { file: join(folder, 'key', 'master.key') }, clock: systemClock, log: silentLog })
  server = createVaultServer({ vault, host: '127.0.0.1', port: 0, tokens, log })
  ;({ url } = await server.listen())
})
afterAll(async () => {
  await server.close(1000)
  await vault.close()
  rmSync(folder, { recursive: true, force: true })
})

async function call(who: keyof typeof as | undefined, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const reply = await fetch(url + path, { method, headers: { ...(who ? { authorization: as[who] } : {}), 'x-sluice-user': encodeURIComponent('王'), ...headers }, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) })
  const text = await reply.text()
  return { status: reply.status, type: reply.headers.get('content-type'), body: (text === '' ? undefined : JSON.parse(text)) as any, text }
}

describe('the door of a vault', () => {
  it('opens to nobody who has not proved to be a gateway or control', async () => {
    for (const { method, path } of [...deskRoutes, { method: 'POST', path: '/v1/ask' }, { method: 'POST', path: '/v1/secrets' }, { method: 'GET', path: '/v1/ready' }, { method: 'GET', path: '/nowhere' }]) {
      for (const who of [undefined, 'nobody'] as const) expect((await call(who, method, path.replaceAll(':', 'x'))).status).toBe(401)
    }
    expect((await call(undefined, 'GET', '/v1/status', undefined, { authorization: `Bearer ${'0'.repeat(64)}` })).status).toBe(401)
  })

  it('lets gateways ask and control decide, and neither what is the other’s', async () => {
    for (const { method, path } of deskRoutes) expect((await call('gateway', method, path.replaceAll(':', 'x'))).status).toBe(path === '/v1/status' ? 200 : 403)
    for (const path of ['/v1/ask', '/v1/secrets']) expect((await call('control', 'POST', path, { asks: [], names: [] })).status).toBe(403)
  })

  it('answers asks in their order, each by itself, and those that are wrong among them', async () => {
    expect((await call('control', 'PUT', '/v1/domains/people', { purposes: ['test'] })).body).toMatchObject({ name: 'people', purposes: ['test'] })
    await call('control', 'PUT', '/v1/keys/mac', { kind: 'hmac-256' })
    const asks = [
      { do: 'tokenize', domain: 'people', mode: 'deterministic', value: 'A123456789' },
      { do: 'conjure' },
      { do: 'sign', key: 'mac', form: 'raw', data: Buffer.from('x').toString('base64url') },
      { do: 'tokenize', domain: 'people', mode: 'deterministic', value: 'A123456789' },
      { do: 'tokenize', domain: 'people', mode: 'random', value: 7 },
      { do: 'tokenize', domain: 'people', mode: 'random', value: '王'.repeat(1_500_000) },
      { do: 'reveal', domain: 'people', token: 'x', viewer: {} },
      { do: 'reveal', domain: 'nobody', token: 'x', viewer: { client: 'shop', purpose: 'test', run: 'r', flow: 'f', node: 'n' } },
    ]
    const { status, body } = await call('gateway', 'POST', '/v1/ask', { asks })
    expect(status).toBe(200)
    expect(body.answers).toMatchObject([
      { token: expect.any(String) as string }, { fault: 'request.malformed' }, { data: expect.any(String) as string, version: 1 }, { token: body.answers[0].token }, { fault: 'request.malformed' },
      { fault: 'vault.too_large', facts: { limitBytes: 4_194_304 } }, { fault: 'request.malformed' }, { fault: 'domain.unknown' },
    ])
  })

  it('a change that started from another revision is refused; of two at once from the same one, one is made', async () => {
    const pem = (() => {
      makeCertificate(folder, 'raced', 'raced.example')
      return readFileSync(join(folder, 'raced.crt'), 'utf8')
    })()
    const changes = [['domains', { purposes: ['a'] }, '', 'PUT'], ['keys', { kind: 'ed25519' }, '/rotate', 'POST'], ['certificates', { pem }, '', 'PUT'], ['secrets', { value: 'x' }, '', 'PUT']] as const
    for (const [kind, body, act, method] of changes) {
      const path = `/v1/${kind}/raced`
      const made = (await call('control', 'PUT', path, body)).body
      const revision = made.revision ?? made.version
      expect(revision).toBe(1)
      const change = (header: string, name = 'if-match') => call('control', method, path + act, act === '' ? body : {}, { [name]: header })
      expect((await change('"7"')).body).toMatchObject({ status: 412, code: 'record.stale' })
      if (act === '') expect((await change('*', 'if-none-match')).body).toMatchObject({ status: 409, code: 'record.exists' })
      const both = await Promise.all([change('"1"'), change('"1"')])
      expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412])
      expect((await change('nonsense')).status).toBe(400)
    }
    expect((await call('control', 'DELETE', '/v1/certificates/raced', undefined, { 'if-match': '"1"' })).status).toBe(412)
    for (const kind of ['certificates', 'secrets']) expect((await call('control', 'DELETE', `/v1/${kind}/raced`, undefined, { 'if-match': '"2"' })).status).toBe(204)
    expect((await call('control', 'PUT', '/v1/secrets/raced', { value: 'y' }, { 'if-none-match': '*' })).status).toBe(200)
  })

  it('a path that is none is refused like any other, to whoever proved something, and is nothing for the log', async () => {
    const raw = (path: string, headers: Record<string, string>) => new Promise<number>((resolve, reject) => {
      request({ host: '127.0.0.1', port: Number(new URL(url).port), path, headers, agent: false }, (reply) => {
        reply.resume()
        resolve(reply.statusCode ?? 0)
      }).on('error', reject).end()
    })
    const before = lines.length
    expect([await raw('//', {}), await raw('http://[', {}), await raw('//', { authorization: as.gateway })]).toEqual([401, 401, 400])
    expect(lines.slice(before).join('\n')).not.toContain('"error"')
  })

  it('says what is wrong in problem documents, and repeats nothing of what it was sent', async () => {
    const secret = 'A123456789 王小明'
    const refused = [
      await call('gateway', 'POST', '/v1/ask', `{"asks":[{"value":"${secret}`),
      await call('gateway', 'POST', '/v1/ask', { asks: secret }),
      await call('control', 'PUT', '/v1/domains/people', [secret]),
      await call('control', 'PUT', '/v1/secrets/one', { value: [secret] }),
      await call('control', 'POST', '/v1/grants', { domain: 'none', client: secret, purpose: secret }),
      await call('control', 'GET', '/v1/nothing'),
      await call('control', 'PATCH', '/v1/domains/people', {}),
      await call('control', 'PUT', '/v1/domains/other', {}, { 'x-sluice-user': '' }),
      await call('control', 'GET', '/v1/domains/none'),
      await call('control', 'GET', '/v1/reveals?after=x'),
    ]
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400, expect.any(Number), 404, 405, 400, 404, 400])
    for (const { type, body, text } of refused) {
      expect(type).toBe('application/problem+json')
      expect(body).toMatchObject({ status: expect.any(Number) as number, code: expect.any(String) as string, detail: expect.any(String) as string })
      expect(text).not.toContain('A123456789')
    }
    expect(lines.join('\n')).not.toContain('A123456789')
  })

  it('takes bodies up to a limit, whether they say how long they are or not', async () => {
    expect((await call('control', 'PUT', '/v1/secrets/big', { value: 'x'.repeat(1_200_000) })).status).toBe(413)
    const stream = new ReadableStream({ start: (controller) => (controller.enqueue(new TextEncoder().encode(`{"value":"${'x'.repeat(1_200_000)}`)), controller.close()) })
    const reply = await fetch(`${url}/v1/secrets/big`, { method: 'PUT', headers: { authorization: as.control, 'x-sluice-user': 'me' }, body: stream, duplex: 'half' } as RequestInit).catch(() => undefined)
    expect(reply?.status ?? 413).toBe(413) // it may have hung up while more was on its way
  })

  it('answers control while gateways have sent half of very many requests, and says of those that break off nothing in the log', async () => {
    const halves = Array.from({ length: 80 }, () => {
      const one = request(`${url}/v1/ask`, { method: 'POST', headers: { authorization: as.gateway, 'content-length': '1000' } })
      one.on('error', () => {}).write('{')
      return one
    })
    await Promise.all(halves.map((one) => new Promise((resolve) => one.once('socket', (socket) => (socket.connecting ? socket.once('connect', resolve) : resolve(undefined))))))
    const before = lines.length
    expect((await call('control', 'GET', '/v1/status')).status).toBe(200)
    expect((await call('gateway', 'POST', '/v1/ask', { asks: [] })).body).toEqual({ answers: [] })
    for (const one of halves) one.destroy()
    expect((await call('control', 'GET', '/v1/status')).status).toBe(200)
    expect(lines.slice(before)).toEqual([])
  })

  it('refuses grants that are none', async () => {
    for (const wrong of [{ domain: ['people'], client: 'x', purpose: 'test' }, { domain: 'people', client: { a: 1 }, purpose: 'test' }, { domain: 'people', client: 'x' }, { domain: 'people', client: 'x', purpose: 'test', until: 5 }]) {
      expect([wrong, (await call('control', 'POST', '/v1/grants', wrong)).status]).toEqual([wrong, 400])
    }
  })

  it('gives gateways secrets by name, and control their names only', async () => {
    const value = 'hunter2-of-a-test'
    expect((await call('control', 'PUT', '/v1/secrets/bank.api', { value, description: 'of the bank' })).body).toMatchObject({ name: 'bank.api', version: 1, by: '王' })
    expect((await call('control', 'GET', '/v1/secrets-list')).text).not.toContain(value)
    expect((await call('gateway', 'POST', '/v1/secrets', { names: ['bank.api', 'none'] })).body).toEqual({ secrets: { 'bank.api': { value, version: 1 } }, unknown: ['none'] })
    expect((await call('gateway', 'POST', '/v1/secrets', { names: ['bank.api'], known: { 'bank.api': 1 } })).body).toEqual({ secrets: {}, unknown: [] })
    expect(lines.join('\n')).not.toContain(value)
  })

  it('counts by the hour who used a key and who was refused, and tells control alone', async () => {
    await call('control', 'PUT', '/v1/keys/counted', { kind: 'hmac-256' })
    const viewer = { client: 'shop', run: 'r', flow: 'pay', node: 'n' }
    const sign = { do: 'sign', key: 'counted', form: 'raw', data: 'YQ', viewer }
    await call('gateway', 'POST', '/v1/ask', { asks: [sign, sign, { ...sign, viewer: undefined }, { do: 'encrypt', key: 'counted', form: 'aes-gcm', data: 'YQ', viewer }] })
    expect((await call('gateway', 'POST', '/v1/ask', { asks: [{ ...sign, viewer: 7 }] })).body.answers[0]).toMatchObject({ fault: 'request.malformed' })
    await call('control', 'POST', '/v1/keys/counted/rotate')
    await call('gateway', 'POST', '/v1/ask', { asks: [sign] })
    await call('control', 'POST', '/v1/keys/counted/disable', {})
    await call('gateway', 'POST', '/v1/ask', { asks: [sign] })
    const { body, text } = await call('control', 'GET', '/v1/keys/counted/uses')
    const lines = body.items.map(({ version, do: act, outcome, client, flow, count }: any) => `${act} ${outcome} ${version} ${client} ${flow} ${count}`)
    expect(lines.toSorted()).toEqual(['encrypt unfit null shop pay 1', 'sign disabled null shop pay 1', 'sign done 1 null  1', 'sign done 1 shop pay 2', 'sign done 2 shop pay 1'])
    expect(text).not.toContain('"r"')
    expect((await call('control', 'GET', '/v1/keys/counted/uses?limit=1')).body.items).toHaveLength(1)
    expect((await call('gateway', 'GET', '/v1/keys/counted/uses')).status).toBeGreaterThanOrEqual(401)
    expect((await call('control', 'GET', '/v1/keys/none/uses')).status).toBe(404)
  })

  it('knows gateways and control by their certificates too, and others with a certificate not', async () => {
    const issue = (name: string, host: string, signer?: string) => {
      makeCertificate(folder, name, host, signer)
      return { cert: readFileSync(join(folder, `${name}.crt`), 'utf8'), key: readFileSync(join(folder, `${name}.key`), 'utf8') }
    }
    const authority = issue('authority', 'Authority')
    const own = issue('own', 'localhost', 'authority')
    const secure = createVaultServer({ vault, host: '127.0.0.1', port: 0, tokens: { gateway: [], control: [] }, tls: { ...own, clientCa: authority.cert }, log })
    const { port } = await secure.listen()
    const ask = (shown: { cert: string; key: string } | undefined, path: string) => new Promise<number>((resolve, reject) => {
      requestHttps({ host: '127.0.0.1', servername: 'localhost', port, path, ca: authority.cert, agent: false, ...shown }, (reply) => {
        reply.resume()
        resolve(reply.statusCode ?? 0)
      }).on('error', reject).end()
    })
    const known = (host: string) => issue('known', host, 'authority')
    try {
      expect(await ask(known('gateway.internal'), '/v1/ready')).toBe(204)
      expect(await ask(known('gateway'), '/v1/domains')).toBe(403)
      expect(await ask(known('control'), '/v1/domains')).toBe(200)
      expect(await ask(known('gateways.example'), '/v1/ready')).toBe(401)
      expect(await ask(issue('other', 'gateway'), '/v1/ready')).toBe(401)
      expect(await ask(undefined, '/v1/ready')).toBe(401)
    } finally {
      await secure.close(100)
    }
  })

  it('takes renewed certificates, and another authority of clients, into use while it runs: who proved himself by the old authority alone is nobody from then on', async () => {
    const file = (name: string) => join(folder, name)
    for (const authority of ['old', 'new']) {
      makeCertificate(folder, authority, `${authority} authority`)
      makeCertificate(folder, `${authority}-server`, 'localhost', authority)
      makeCertificate(folder, `${authority}-gateway`, 'gateway', authority)
    }
    /** As renewals do: written beside it, then moved. */
    const use = (names: Readonly<Record<string, string>>) => {
      for (const [to, from] of Object.entries(names)) {
        copyFileSync(file(from), file(`${to}.part`))
        renameSync(file(`${to}.part`), file(to))
      }
    }
    use({ 'vault.crt': 'old-server.crt', 'vault.key': 'old-server.key', 'clients.crt': 'old.crt' })
    const files = { certFile: file('vault.crt'), keyFile: file('vault.key'), clientCaFile: file('clients.crt') }
    const read = ({ cert, key, clientCa }: TlsOptions) => ({ cert: cert as Buffer, key: key as Buffer, clientCa: clientCa as Buffer })
    const secure = createVaultServer({ vault, host: '127.0.0.1', port: 0, tokens: { gateway: [], control: [] }, tls: read(loadTls(files)), log })
    const { port } = await secure.listen()
    const said: string[] = []
    const note = (_facts: object, text: string) => void said.push(text)
    const unwatch = watchTls(files, (renewed) => secure.renewTls(read(renewed)), { ...log, info: note, error: note }, 20)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const both = Buffer.concat([readFileSync(file('old.crt')), readFileSync(file('new.crt'))])
    const ask = (client: string, pool: Agent | false = false) => new Promise<string>((resolve, reject) => {
      requestHttps({ host: '127.0.0.1', servername: 'localhost', port, path: '/v1/ready', ca: both, cert: readFileSync(file(`${client}-gateway.crt`)), key: readFileSync(file(`${client}-gateway.key`)), agent: pool }, (reply) => {
        const { issuer } = (reply.socket as TLSSocket).getPeerCertificate()
        reply.resume().on('end', () => resolve(`${reply.statusCode} ${issuer?.CN}`))
      }).on('error', reject).end()
    })
    try {
      expect([await ask('old'), await ask('new'), await ask('old', agent)]).toEqual(['204 old authority', '401 old authority', '204 old authority'])
      // What cannot be used changes nothing: the key of another certificate.
      use({ 'vault.key': 'new-server.key' })
      await expect.poll(() => said, { timeout: 20_000 }).toContain('New TLS certificates cannot be used; the old ones stay.')
      expect(await ask('old')).toBe('204 old authority')
      use({ 'vault.crt': 'new-server.crt', 'clients.crt': 'new.crt' })
      await expect.poll(() => ask('new'), { timeout: 20_000 }).toBe('204 new authority')
      // The connection that was proved before is not taken up again.
      expect([await ask('old'), await ask('old', agent)]).toEqual(['401 new authority', '401 new authority'])
    } finally {
      unwatch()
      agent.destroy()
      await secure.close(100)
    }
  })
})
