import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { get } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from '../../test/kit/certificates.ts'
import { needs } from '../../test/kit/tools.ts'
import { silentLog } from '../core/log.ts'
import { fakeDeployment } from './fake-deployment.ts'
import { createFront, type Front } from './front.ts'
import type { FrontOptions } from './front-options.ts'
import { loadTls, watchTls, type TlsFiles } from './tls-files.ts'
import type { TlsOptions } from './tls.ts'

describe.skipIf(!needs('openssl'))('TLS', () => {
  let folder = ''
  const file = (name: string): string => join(folder, name)
  const read = (name: string): Buffer => readFileSync(file(name))

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tls-'))
    makeCertificate(folder, 'ca', 'ca.test')
    makeCertificate(folder, 'main', 'main.test')
    makeCertificate(folder, 'next', 'main.test')
    makeCertificate(folder, 'other', 'other.test')
    makeCertificate(folder, 'client', 'client-1', 'ca')
    makeCertificate(folder, 'stranger', 'stranger')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const open: Front[] = []
  afterEach(async () => {
    for (const front of open.splice(0)) await front.close()
  })

  const certificate = (name: string) => ({ cert: read(`${name}.crt`), key: read(`${name}.key`) })

  async function start(more: Partial<TlsOptions> = {}, limits: Partial<FrontOptions> = {}): Promise<{ front: Front; port: number }> {
    const deployment = fakeDeployment([{ path: '/who', flow: ({ request }) => ({ payload: { secure: request.secure, who: request.clientCertificate?.subject ?? null, sans: request.clientCertificate?.sans } }) }])
    const front = createFront(
      { host: '127.0.0.1', port: 0, tls: { ...certificate('main'), ...more }, ...limits },
      { live: () => deployment, log: silentLog, recorder: { record() {} }, metrics: { count() {} } },
    )
    open.push(front)
    return { front, port: (await front.listen()).port }
  }

  function shake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
    return new Promise((done, fail) => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'main.test', rejectUnauthorized: false, ...options }, () => done(socket))
      socket.on('error', fail)
    })
  }

  async function fingerprint(port: number, servername = 'main.test'): Promise<string> {
    const socket = await shake(port, { servername })
    const print = socket.getPeerCertificate().subject.CN + socket.getPeerCertificate().fingerprint256
    socket.destroy()
    return print
  }

  function ask(port: number, host: string, options: object = {}): Promise<{ status: number; body: string }> {
    return new Promise((done, fail) => {
      get({ port, host: '127.0.0.1', path: '/who', servername: host, headers: { host }, rejectUnauthorized: false, agent: false, ...options }, (reply) => {
        let body = ''
        reply.on('data', (chunk) => (body += String(chunk)))
        reply.on('end', () => done({ status: reply.statusCode ?? 0, body }))
      }).on('error', fail)
    })
  }

  it('answers on HTTP/2 whatever a flow sets as headers, and refuses two names for one host', async () => {
    const deployment = fakeDeployment([{ path: '/twice', flow: () => ({ payload: 'x', headers: { etag: ['"a"', '"b"'] } }) }])
    const front = createFront({ host: '127.0.0.1', port: 0, tls: certificate('main') }, { live: () => deployment, log: silentLog, recorder: { record() {} }, metrics: { count() {} } })
    open.push(front)
    const { port } = await front.listen()
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'main.test', rejectUnauthorized: false })
    const statusOf = (headers: Record<string, string>): Promise<number> =>
      new Promise((done, fail) => session.request(headers).on('response', (answer) => done(answer[':status'] as number)).on('error', fail).end())
    expect(await statusOf({ ':path': '/twice', ':authority': 'main.test' })).toBe(500)
    expect(await statusOf({ ':path': '/none', ':authority': 'main.test', host: 'MAIN.test' })).toBe(404)
    expect(await statusOf({ ':path': '/none', ':authority': 'main.test', host: 'other.test' })).toBe(400)
    session.close()
  })

  it('lets go of who never ends a handshake, or the greeting of HTTP/2', async () => {
    const { port } = await start({}, { headersTimeoutMs: 100 })
    const gone = (socket: Socket) => new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve()).resume())
    const silent = connectTcp(port, '127.0.0.1')
    const half = await shake(port, { ALPNProtocols: ['h2'] })
    half.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await Promise.all([gone(silent), gone(half)])
  })

  it('takes the body of an HTTP/2 request only for so long', async () => {
    const deployment = fakeDeployment([{ path: '/slow', method: 'POST', flow: () => ({ payload: 'x' }) }])
    const front = createFront({ host: '127.0.0.1', port: 0, requestTimeoutMs: 200, tls: certificate('main') }, { live: () => deployment, log: silentLog, recorder: { record() {} }, metrics: { count() {} } })
    open.push(front)
    const { port } = await front.listen()
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'main.test', rejectUnauthorized: false })
    const request = session.request({ ':path': '/slow', ':method': 'POST', ':authority': 'main.test' }).on('error', () => {})
    const answered = new Promise((done) => request.on('response', (answer) => done(answer[':status'])))
    const drip = setInterval(() => request.write('x'), 20)
    expect(await answered).toBe(408)
    clearInterval(drip)
    session.destroy()
  })

  it('serves HTTP/2, and HTTP/1.1 to who has no other', async () => {
    const { port } = await start()
    expect(await ask(port, 'main.test')).toEqual({ status: 200, body: '{"secure":true,"who":null}' })
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'main.test', rejectUnauthorized: false })
    const status = await new Promise((done, fail) => {
      session.on('error', fail)
      session.request({ ':path': '/who', ':authority': 'main.test' }).on('response', (headers) => done(headers[':status'])).on('error', fail).resume()
    })
    expect(status).toBe(200)
    session.close()
  })

  it('refuses versions below the minimum', async () => {
    const { port } = await start({ minVersion: 'TLSv1.3' })
    await expect(shake(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/version|alert/i)
    ;(await shake(port)).destroy()
  })

  it('shows each host its own certificate', async () => {
    const { port } = await start({ hosts: { 'other.test': certificate('other') } })
    expect(await fingerprint(port, 'other.test')).toMatch(/^other\.test/)
    expect(await fingerprint(port, 'unknown.test')).toMatch(/^main\.test/)
  })

  it('takes new certificates without losing a connection, and keeps the old ones if they are bad', async () => {
    const { front, port } = await start({ http2: false })
    const before = await fingerprint(port)
    const kept = await shake(port)
    front.setTls(certificate('next'))
    expect(await fingerprint(port)).not.toBe(before)
    expect(() => front.setTls({ cert: read('main.crt'), key: read('next.key') })).toThrow(/cannot be used/)
    kept.write('GET /who HTTP/1.1\r\nHost: main.test\r\n\r\n')
    expect(await new Promise((done) => kept.once('data', (chunk) => done(String(chunk))))).toMatch(/^HTTP\/1.1 200/)
    kept.destroy()
  })

  it('asks for a client certificate at the hosts that want one', async () => {
    const { port } = await start({ hosts: { 'other.test': { ...certificate('other'), clientCertificate: 'required', clientCa: read('ca.crt') } } })
    expect(JSON.parse((await ask(port, 'other.test', certificate('client'))).body)).toEqual({ secure: true, who: 'CN=client-1', sans: ['DNS:client-1'] })
    expect((await ask(port, 'other.test')).body).toContain('tls.client_certificate')
    expect((await ask(port, 'other.test', certificate('stranger'))).status).toBe(403)
    expect((await ask(port, 'main.test')).status).toBe(200)
    // A connection made for one host says nothing for another.
    expect((await ask(port, 'other.test', { servername: 'main.test' })).status).toBe(421)
  })

  it('takes a certificate that one host asked for as nothing at another', async () => {
    const asks = { clientCertificate: 'optional', clientCa: read('ca.crt') } as const
    const { port } = await start({ hosts: { 'other.test': { ...certificate('other'), ...asks } } })
    expect(JSON.parse((await ask(port, 'other.test', certificate('client'))).body)).toMatchObject({ who: 'CN=client-1' })
    expect(JSON.parse((await ask(port, 'main.test', { ...certificate('client'), servername: 'other.test' })).body)).toMatchObject({ who: null })
  })

  it('watches its files, and logs a bad certificate instead of using it', async () => {
    for (const end of ['crt', 'key']) writeFileSync(file(`live.${end}`), read(`main.${end}`))
    const files: TlsFiles = { certFile: file('live.crt'), keyFile: file('live.key') }
    const applied: TlsOptions[] = []
    const errors: object[] = []
    const stop = watchTls(files, (options) => applied.push(options), { ...silentLog, error: (facts) => errors.push(facts) }, 50)
    try {
      expect(loadTls(files).cert).toEqual(read('main.crt'))
      writeFileSync(file('live.crt'), 'nonsense')
      await expect.poll(() => errors.length).toBeGreaterThan(0)
      expect(applied).toEqual([])
      for (const end of ['key', 'crt']) writeFileSync(file(`live.${end}`), read(`next.${end}`))
      await expect.poll(() => applied.at(-1)?.cert).toEqual(read('next.crt'))
    } finally {
      stop()
    }
  })
})
