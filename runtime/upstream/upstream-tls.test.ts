import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import type { UpstreamTls } from '../core/upstream/upstream.ts'
import { parseEgressAllow } from './egress-policy.ts'
import { createUpstream } from './upstream.ts'

/** A certificate for localhost and api.test, signed by an authority that nobody knows. For this test alone. */
const authority = `-----BEGIN CERTIFICATE-----
MIIBiDCCAS+gAwIBAgIUeuwgWertNpwiG1dCd/XmDLX1kUIwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIyMDYxMTQyWhgPMjEy
NjEwMjkwNjExNDJaMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEr7Du37CMZSO22TmhRMHqVllnbm68Le3uVfAQOIXE
5JdVO5OYxdStddcrMFrPhnAmrnluQOsaqywC1YmSykXYuaNTMFEwHQYDVR0OBBYE
FC9oV3AsfBT56OX6aJuju/ncNz/fMB8GA1UdIwQYMBaAFC9oV3AsfBT56OX6aJuj
u/ncNz/fMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgCcdmlsFG
bCR57U4A1Fr5QS1MhxmixRVS3fmuPRSp+2ACIBueUoEYSm1yYtFZhew+HDGS447l
63jLH7hunZUV51NM
-----END CERTIFICATE-----`
const cert = `-----BEGIN CERTIFICATE-----
MIIBkzCCATmgAwIBAgIUDpXXfrkCwaY5b+/vwc6LOhMwOZowCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIyMDYxMTQyWhgPMjEy
NjEwMjkwNjExNDJaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABErnlRdxHAFuZos5iBWpovlDplBEAtDIIr7kpPPQYCS0pE+9
AP3h+gTJOhqBug3ZYKrlZsU4QX8uCvs3Wp/pJaijYjBgMB4GA1UdEQQXMBWCCWxv
Y2FsaG9zdIIIYXBpLnRlc3QwHQYDVR0OBBYEFMHEdtK/KspaPE3oY/AAD9z4zCe2
MB8GA1UdIwQYMBaAFC9oV3AsfBT56OX6aJuju/ncNz/fMAoGCCqGSM49BAMCA0gA
MEUCIQDaP1kRjp3o/wigVNQ3lJqXHNJO46f4UjWboQUsWPkfaAIgDRqcnVTJFvnw
j8sR7ubtSkh/2BPbn/cw4yyLc8DlUJw=
-----END CERTIFICATE-----`
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHZXfiB4F/rc3gsks
msZ1equ6srSsrJSEVZFWqUyVsK+hRANCAARK55UXcRwBbmaLOYgVqaL5Q6ZQRALQ
yCK+5KTz0GAktKRPvQD94foEyToagboN2WCq5WbFOEF/Lgr7N1qf6SWo
-----END PRIVATE KEY-----`

const server = createServer({ cert, key, ca: authority, requestCert: true, rejectUnauthorized: false }, (request, response) => {
  const { authorized } = request.socket as TLSSocket
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ host: request.headers.host, authorized }))
})
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
})

async function call(host: string, extraCa: string[], tls?: UpstreamTls): Promise<unknown> {
  const lookup = (_name: string, _options: unknown, callback: (error: null, addresses: { address: string; family: number }[]) => void) => callback(null, [{ address: '127.0.0.1', family: 4 }])
  const upstream = createUpstream({ egress: parseEgressAllow(['127.0.0.1']), extraCa, lookup })
  try {
    const url = `https://${host}:${(server.address() as AddressInfo).port}/`
    const reply = await upstream.request({ method: 'GET', url, timeoutMs: 5_000, responseLimitBytes: 10_000, redirects: 0, ...(tls ? { tls } : {}) }, fakeRun())
    return reply.body.value()
  } finally {
    await upstream.close()
  }
}

describe('TLS', () => {
  it('refuses a certificate that no trusted authority signed', async () => {
    await expect(call('localhost', [])).rejects.toMatchObject({ code: 'upstream.tls', status: 502, facts: { host: 'localhost' } })
  })
  it('trusts the authorities of the setting, and those of a profile', async () => {
    expect(await call('localhost', [authority])).toMatchObject({ authorized: false })
    expect(await call('localhost', [], { ca: authority })).toMatchObject({ authorized: false })
  })
  it('refuses a certificate for another name, unless the profile expects it', async () => {
    await expect(call('other.test', [authority])).rejects.toMatchObject({ code: 'upstream.tls' })
    expect(await call('other.test', [], { ca: authority, servername: 'api.test' })).toMatchObject({ authorized: false })
  })
  it('shows a client certificate where a profile has one', async () => {
    expect(await call('localhost', [], { ca: authority, cert, key })).toMatchObject({ authorized: true })
  })
  it('keeps connections that are used, and closes those under a profile that nobody uses any more, calls under way finished', async () => {
    const upstream = createUpstream({ egress: parseEgressAllow(['127.0.0.1', 'localhost']), keepAliveMs: 60_000, unusedMs: 300 })
    const sockets: { readonly name: string; readonly socket: TLSSocket }[] = []
    const note = (socket: TLSSocket) => void sockets.push({ name: socket.authorized ? 'old' : 'new', socket })
    server.on('secureConnection', note)
    try {
      const ask = (tls: UpstreamTls) => upstream.request({ method: 'GET', url: `https://localhost:${(server.address() as AddressInfo).port}/`, timeoutMs: 5_000, responseLimitBytes: 10_000, redirects: 0, tls }, fakeRun())
      const open = () => sockets.filter(({ socket }) => !socket.destroyed).map(({ name }) => name)
      await ask({ ca: authority, cert, key })
      expect(open()).toEqual(['old'])
      await expect.poll(async () => (await ask({ ca: authority }), open()), { interval: 5 }).toEqual(['new'])
      expect(sockets.map(({ name }) => name)).toEqual(['old', 'new'])
      expect((await ask({ ca: authority, cert, key })).status).toBe(200)
    } finally {
      server.off('secureConnection', note)
      await upstream.close()
    }
  })
  it('says when a profile cannot be read', async () => {
    await expect(call('localhost', [], { ca: authority, cert: 'no pem', key })).rejects.toMatchObject({ status: 502 })
  })
})
