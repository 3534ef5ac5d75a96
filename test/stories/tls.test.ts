import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startProduct, type Product } from '../e2e/product.ts'
import { makeCertificate } from '../kit/certificates.ts'
import { needs } from '../kit/tools.ts'

describe.skipIf(!needs('openssl'))('the product with certificates from its settings', () => {
  let folder = ''
  let product: Product
  const file = (name: string): string => join(folder, name)
  const read = (name: string): string => readFileSync(file(name), 'utf8')

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'))
    makeCertificate(folder, 'ca', 'ca.test')
    // Apart from the others: gateways may read the folders of their own certificates.
    mkdirSync(file('control'))
    for (const name of ['api', 'api-next', 'partner', 'control/console', 'control/console-next']) makeCertificate(folder, name, `${name.replace('-next', '').replace('control/', '')}.test`, 'ca')
    makeCertificate(folder, 'client', 'client-1', 'ca')
    product = await startProduct({
      SLUICE_TLS_CERT_FILE: file('api.crt'),
      SLUICE_TLS_KEY_FILE: file('api.key'),
      SLUICE_TLS_HOSTS: JSON.stringify({ 'partner.test': { certFile: file('partner.crt'), keyFile: file('partner.key'), clientCaFile: file('ca.crt'), clientCertificate: 'require' } }),
      // For a name of the outside: nobody gives a certificate for the loopback address that the gateway calls.
      SLUICE_CONTROL_TLS_CERT_FILE: file('control/console.crt'),
      SLUICE_CONTROL_TLS_KEY_FILE: file('control/console.key'),
    })
  }, 60_000)
  afterAll(async () => {
    await product?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const portOf = (url: string): number => Number(new URL(url).port)

  function shake(url: string, servername: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
    return new Promise((done, fail) => {
      const socket = connect({ host: '127.0.0.1', port: portOf(url), servername, ca: read('ca.crt'), ...options }, () => done(socket))
      socket.on('error', fail)
    })
  }

  async function serialOf(url: string, servername: string): Promise<string> {
    const socket = await shake(url, servername)
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  }

  function ask(url: string, path: string, servername: string, options: object = {}): Promise<{ status: number; body: string }> {
    return new Promise((done, fail) => {
      request({ host: '127.0.0.1', port: portOf(url), path, servername, headers: { host: servername }, ca: read('ca.crt'), agent: false, ...options }, (reply) => {
        let body = ''
        reply.on('data', (chunk) => (body += String(chunk))).on('end', () => done({ status: reply.statusCode ?? 0, body }))
      }).on('error', fail).end()
    })
  }

  function askOn(socket: TLSSocket, path: string, host: string): Promise<string> {
    return new Promise((done, fail) => {
      socket.once('data', (chunk) => done(String(chunk).split('\r\n')[0] as string)).once('close', () => fail(new Error('the connection was closed')))
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    })
  }

  test('a flow answers on HTTPS and HTTP/2, and not without TLS', async () => {
    expect(product.gateway).toMatch(/^https:/)
    expect((await ask(product.gateway, '/hello', 'api.test')).status).toBe(200)
    const session = connectHttp2(`https://127.0.0.1:${portOf(product.gateway)}`, { servername: 'api.test', ca: read('ca.crt') })
    const status = await new Promise((done, fail) => session.on('error', fail).request({ ':path': '/hello', ':authority': 'api.test' }).on('response', (headers) => done(headers[':status'])).on('error', fail).resume())
    expect(status).toBe(200)
    session.close()
    await expect(fetch(`http://127.0.0.1:${portOf(product.gateway)}/hello`)).rejects.toThrow()
  })

  test('a host that wants a client certificate refuses who shows none, the others do not ask', async () => {
    expect(await ask(product.gateway, '/hello', 'partner.test')).toMatchObject({ status: 403, body: expect.stringContaining('tls.client_certificate') })
    expect((await ask(product.gateway, '/hello', 'partner.test', { cert: read('client.crt'), key: read('client.key') })).status).toBe(200)
  })

  test('editor and admin API answer on HTTPS, with cookies that never leave it', async () => {
    expect(product.control).toMatch(/^https:/)
    expect((await ask(product.control, '/healthz', 'console.test')).status).toBe(200)
    const signIn = await new Promise<readonly string[]>((done, fail) => {
      request({
        host: '127.0.0.1', port: portOf(product.control), path: '/editor/auth/token', method: 'POST', servername: 'console.test', ca: read('ca.crt'), agent: false,
        headers: { host: 'console.test', origin: 'https://console.test', 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
      }, (reply) => done([String(reply.statusCode), ...(reply.headers['set-cookie'] ?? [])])).on('error', fail).end(JSON.stringify({ client_id: 'node-red-editor', grant_type: 'password', scope: '*', username: 'admin', password: product.password }))
    })
    expect(signIn).toEqual(['200', expect.stringMatching(/; Secure/)])
  })

  test('the gateway runs what control released: the line between them trusts control’s own certificate', async () => {
    expect(await (await fetch(`${product.opsUrl}/readyz`)).json()).toMatchObject({ release: expect.any(Number) })
  })

  test('renewed files are taken without a restart, and an open connection goes on', async () => {
    const kept = await shake(product.gateway, 'api.test')
    expect(await askOn(kept, '/hello', 'api.test')).toBe('HTTP/1.1 200 OK')
    const keptControl = await shake(product.control, 'console.test')
    expect(await askOn(keptControl, '/healthz', 'console.test')).toBe('HTTP/1.1 200 OK')
    const before = [await serialOf(product.gateway, 'api.test'), await serialOf(product.control, 'console.test')]
    for (const name of ['api', 'control/console']) {
      for (const end of ['key', 'crt']) {
        copyFileSync(file(`${name}-next.${end}`), file(`${name}.${end}.new`))
        renameSync(file(`${name}.${end}.new`), file(`${name}.${end}`))
      }
    }
    await expect.poll(() => serialOf(product.gateway, 'api.test'), { timeout: 10_000 }).not.toBe(before[0])
    await expect.poll(() => serialOf(product.control, 'console.test'), { timeout: 10_000 }).not.toBe(before[1])
    expect(await askOn(kept, '/hello', 'api.test')).toBe('HTTP/1.1 200 OK')
    expect(await askOn(keptControl, '/healthz', 'console.test')).toBe('HTTP/1.1 200 OK')
    kept.destroy()
    keptControl.destroy()
  })
})
