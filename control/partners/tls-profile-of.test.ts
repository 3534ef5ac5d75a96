import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createPartnerFetch } from '../../runtime/cli/partner-fetch.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { makeCertificate } from '../../test/kit/certificates.ts'
import { needs } from '../../test/kit/tools.ts'
import { tlsProfileOf } from './tls-profile-of.ts'

describe.skipIf(!needs('openssl'))('a TLS configuration of the flows', () => {
  test('shows its certificate to the partner service; one that is not there, or whose files control lacks, is said', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-partner-tls-'))
    const read = (name: string) => readFileSync(join(folder, name), 'utf8')
    makeCertificate(folder, 'server', 'localhost')
    makeCertificate(folder, 'ca', 'clients-ca')
    makeCertificate(folder, 'control', 'control.example', 'ca')
    const server = createServer({ cert: read('server.crt'), key: read('server.key'), ca: read('ca.crt'), requestCert: true, rejectUnauthorized: true }, (request, response) => {
      response.end(JSON.stringify({ name: (request.socket as TLSSocket).getPeerCertificate().subject.CN }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const door = createPartnerFetch({ egressAllow: [host], clock: systemClock, log: silentLog })
    try {
      const nodes = [{ id: 'mine', type: 'tls-config', certType: 'files', servername: 'localhost' }, { id: 'theirs', type: 'tls-config', certType: 'env' }]
      const flows = { current: async () => ({ nodes, rev: '1' }) }
      const kept = { live: new Map([['mine', { certdata: read('control.crt'), keydata: read('control.key'), cadata: read('server.crt') }]]) }
      const tls = await tlsProfileOf('mine', flows, kept)
      const asked = { url: `https://${host}/`, headers: {}, timeoutMs: 5000, limitBytes: 10_000 }
      expect(JSON.parse((await door.fetch({ ...asked, ...(tls ? { tls } : {}) })).body.toString())).toEqual({ name: 'control.example' })
      await expect(door.fetch(asked)).rejects.toThrow()
      expect(await tlsProfileOf('nobody', flows, kept)).toBeUndefined()
      await expect(tlsProfileOf('theirs', flows, kept)).rejects.toThrow(/environment of gateways/)
    } finally {
      await door.close()
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
