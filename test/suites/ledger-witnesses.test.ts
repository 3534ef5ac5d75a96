import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAudit } from '../../control/audit.ts'
import { toAccess } from '../../control/consumers/rights.ts'
import type { Actor } from '../../control/contract.ts'
import { loadReleaseSigner } from '../../control/keys/key-files.ts'
import { toAnchor } from '../../control/ledgers/anchors.ts'
import { openLedgers, type OpenLedgers } from '../../control/ledgers/open-ledgers.ts'
import { openStore, type Store } from '../../control/store/store.ts'
import { hashRoot, toPublicKeys } from '../../ledger/period-root.ts'
import { checkProof } from '../../ledger/proof.ts'
import { readTimestamp } from '../../ledger/timestamp.ts'
import { createPartnerFetch } from '../../runtime/cli/partner-fetch.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { fakeClock } from '../kit/fake-clock.ts'

const root: Actor = { name: 'root', role: 'admin', from: '192.0.2.1' }

function findOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe.skipIf(!findOpenssl())('witnesses of a ledger (needs openssl)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-witnesses-'))
  const at = (name: string) => join(folder, name)
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const clock = fakeClock()
  /** What the HTTP witness got, and how it and the time stamp authority behave. */
  const posted: any[] = []
  const behaviour = { http: 200, tsa: 'sign' as 'sign' | 'refuse' | 'replay' }
  let lastReply = Buffer.alloc(0)
  let server: Server
  let store: Store
  let ledgers: OpenLedgers
  let calls: ReturnType<typeof createPartnerFetch>

  beforeAll(async () => {
    writeFileSync(at('tsa.cnf'), `[req]
distinguished_name = dn
[dn]
[ext]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = ${at('serial')}
signer_cert = ${at('tsa.pem')}
signer_key = ${at('tsa.key')}
certs = ${at('tsa.pem')}
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
`)
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'tsa.key', '-out', 'tsa.pem', '-days', '2', '-subj', '/CN=Test TSA', '-config', 'tsa.cnf', '-extensions', 'ext')
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'other.key', '-out', 'other.pem', '-days', '2', '-subj', '/CN=Other TSA', '-config', 'tsa.cnf', '-extensions', 'ext')
    writeFileSync(at('serial'), '01\n')
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        const body = Buffer.concat(chunks)
        if (request.url === '/roots') {
          posted.push({ body: JSON.parse(body.toString()), key: request.headers['idempotency-key'] })
          response.writeHead(behaviour.http).end()
          return
        }
        if (request.headers['content-type'] !== 'application/timestamp-query') return void response.writeHead(415).end()
        if (behaviour.tsa === 'sign') {
          writeFileSync(at('query.tsq'), body)
          openssl('ts', '-reply', '-config', 'tsa.cnf', '-queryfile', 'query.tsq', '-out', 'reply.tsr')
          lastReply = readFileSync(at('reply.tsr'))
        }
        // PKIStatusInfo { status 2 }: rejection.
        const reply = behaviour.tsa === 'refuse' ? Buffer.from('30053003020102', 'hex') : lastReply
        response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(reply)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    store = await openStore({ dataDir: at('data') })
    const signer = loadReleaseSigner(folder)
    const key = { id: 'k', key: randomBytes(32) }
    calls = createPartnerFetch({ egressAllow: [`127.0.0.1:${port}`], clock, log: silentLog })
    ledgers = openLedgers({
      store, signer, keys: [key], clock, log: silentLog, limits: { lookEveryMs: 1e12, periodEntries: 2 },
      audit: createAudit(store, clock, { keys: { current: key, older: [] } }),
      anchors: [`http://127.0.0.1:${port}/roots`, `timestamp:http://127.0.0.1:${port}/tsa`].map((text) => toAnchor(text, { post: calls.post, publicKey: signer.publicKey, now: () => clock.now() })),
      access: async (by) => toAccess(by, []),
    })
  })
  afterAll(async () => {
    await ledgers?.close()
    await calls?.close()
    await store?.close()
    server?.closeAllConnections()
    server?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const fill = (ledger: string, count: number) => ledgers.take('g1', Array.from({ length: count }, (_, place) => ({ ledger, id: randomUUID(), takenAt: '2026-01-01T00:00:00Z', flow: 'f', node: 'n', run: 'r', value: place })))

  test('each root is posted, and stamped by an authority whose signature openssl and we agree on', async () => {
    await fill('stamped', 4)
    await ledgers.look()
    expect(posted.map(({ body, key }) => [body.root.period, body.hash === hashRoot(body.root), key === body.hash])).toEqual([[1, true, true], [2, true, true]])
    const proof = await ledgers.prove('stamped', 3, root)
    expect(checkProof(proof, toPublicKeys([ledgers.publicKey]))).toMatchObject({ ok: true, says: expect.arrayContaining([expect.objectContaining({ code: 'proof.stamp', text: expect.stringContaining('time stamp') })]) })
    const receipt = proof.receipts.find(({ kind }) => kind === 'timestamp')!
    // The time is what the authority signed, not what stands beside it.
    expect(checkProof({ ...proof, receipts: [{ ...receipt, at: '2001-01-01T00:00:00.000Z' }] }, toPublicKeys([ledgers.publicKey]))).toMatchObject({ ok: false, code: 'stamp.time', reason: expect.stringContaining('another time') })
    const token = Buffer.from(receipt.token!, 'base64')
    const stamp = readTimestamp(token, receipt.hash)
    expect(stamp.isSignedBy(readFileSync(at('tsa.pem'), 'utf8'))).toBe(true)
    expect(stamp.isSignedBy(readFileSync(at('other.pem'), 'utf8'))).toBe(false)
    writeFileSync(at('token.tsr'), token)
    expect(openssl('ts', '-verify', '-digest', receipt.hash, '-in', 'token.tsr', '-CAfile', 'tsa.pem').toString()).toContain('Verification: OK')
    for (let place = 0; place < token.length; place += 7) {
      const changed = Buffer.from(token)
      changed[place] = changed[place]! ^ 1
      // Whatever was changed, it is no stamp, not ours, or not signed; what lies outside of what is signed may stay good.
      try {
        const read = readTimestamp(changed, receipt.hash)
        if (read.isSignedBy(readFileSync(at('tsa.pem'), 'utf8'))) expect(read.at).toBe(stamp.at)
      } catch (thrown) {
        expect((thrown as Error).message).toMatch(/\.$/)
      }
    }
  })

  test('a witness that is away, refuses or answers something old is told by its words, and asked again later', async () => {
    behaviour.http = 503
    behaviour.tsa = 'refuse'
    await fill('later', 2)
    await ledgers.look()
    const [http, tsa] = (await ledgers.get('later', root)).anchors
    expect(http).toMatchObject({ kind: 'http', waiting: 1, problem: 'It answered 503, expected 2xx.' })
    expect(tsa).toMatchObject({ kind: 'timestamp', waiting: 1, problem: expect.stringContaining('did not grant') })
    behaviour.tsa = 'replay'
    await clock.advance(5000)
    await ledgers.look()
    expect((await ledgers.get('later', root)).anchors[1]).toMatchObject({ waiting: 1, problem: 'The time stamp is of another hash.' })
    behaviour.http = 200
    behaviour.tsa = 'sign'
    await clock.advance(20_000)
    await ledgers.look()
    expect((await ledgers.get('later', root)).anchors).toMatchObject([{ period: 1, waiting: 0 }, { period: 1, waiting: 0 }])
    expect(await ledgers.verify('later', {}, root)).toMatchObject({ ok: true, receipts: 2 })
  })

  test('a stamp that was changed in the database is found', async () => {
    await fill('changed', 2)
    await ledgers.look()
    const row = (await store.ledgers.anchors('changed')).find(({ anchor }) => anchor.startsWith('timestamp:'))!
    const other = (await store.ledgers.anchors('stamped')).find(({ token }) => token !== null)!
    await store.ledgers.changeAnchor(row, { token: other.token })
    expect((await ledgers.verify('changed', {}, root)).flaw).toMatchObject({ kind: 'anchor', number: 1, last: 2, period: 1, reason: expect.stringContaining('another hash') })
  })
})
