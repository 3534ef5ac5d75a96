import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { silentLog } from '../../runtime/core/log.ts'
import type { CryptoAsk, VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import { openVault } from '../../vault/open-vault.ts'
import type { OpenVault } from '../../vault/parts.ts'
import { makeCertificate } from '../kit/certificates.ts'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { type ShiftedClock, shiftedClock } from '../kit/token-vault.ts'

interface Place {
  readonly url?: string
  readonly dataDir: string
  close(): Promise<void>
}

/** What is promised of keys when several vaults share one database, and after all of them have been away. */
function keysSuite(name: string, begin: () => Promise<Place>) {
  describe(`keys on ${name}`, () => {
    let place: Place
    let clock: ShiftedClock
    const vaults: OpenVault[] = []
    const open = async () => {
      const vault = await openVault({ folder: place.dataDir, databaseUrl: place.url, masterKey: { file: join(place.dataDir, 'master.key') }, clock, log: silentLog })
      vaults.push(vault)
      return vault
    }
    const ask = async (vault: OpenVault, one: CryptoAsk) => (await vault.ask([one]))[0] as VaultAnswer
    const sign = (vault: OpenVault) => ask(vault, { do: 'sign', key: 'sign', form: 'jws', data: 'aGk' })

    beforeAll(async () => {
      place = await begin()
      clock = shiftedClock()
    })
    afterAll(async () => {
      for (const vault of vaults) await vault.close()
      await place?.close()
    })

    test('one vault makes, rotates and disables them, the other does as it says; a rotation of the master key changes nothing', async () => {
      const [one, two] = [await open(), await open()]
      await one.desk.keys.create('sign', { kind: 'ed25519', set: 'partners' }, 'ann')
      const made = (await sign(one)) as { data: string }
      const sealed = (await one.desk.keys.create('seal', { kind: 'aes-256' }, 'ann').then(() => ask(one, { do: 'encrypt', key: 'seal', form: 'aes-gcm', data: 'aGk' }))) as { data: string }
      clock.shift(1_000)
      expect(await ask(two, { do: 'check', key: 'sign', form: 'jws', data: made.data })).toEqual({ valid: true, version: 1, data: 'aGk' })
      await two.desk.keys.rotate('sign', 'bob')
      await two.desk.rotateMasterKey('bob')
      clock.shift(1_000)
      expect(await sign(one)).toMatchObject({ version: 2 })
      expect(await ask(one, { do: 'decrypt', key: 'seal', form: 'aes-gcm', data: sealed.data })).toEqual({ data: 'aGk', version: 1 })
      expect((await two.desk.keys.publicSet('partners')).keys).toMatchObject([{ kid: 'sign.2' }, { kid: 'sign.1' }])
      await one.desk.keys.setState('seal', 'disabled', 'ann')
      clock.shift(1_000)
      expect(await ask(two, { do: 'decrypt', key: 'seal', form: 'aes-gcm', data: sealed.data })).toMatchObject({ fault: 'key.disabled' })
    })

    test('of many who make the same key at once, one does', async () => {
      const [one, two] = vaults as [OpenVault, OpenVault]
      const outcomes = await Promise.allSettled([one, two, one, two].map((vault) => vault.desk.keys.create('raced', { kind: 'hmac-256' }, 'ann')))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      clock.shift(1_000)
      const [a, b] = await Promise.all([one, two].map((vault) => ask(vault, { do: 'sign', key: 'raced', form: 'raw', data: '' })))
      expect(a).toEqual(b)
    })

    test('they are there when the vault comes back, and lie sealed', async () => {
      makeCertificate(place.dataDir, 'bank', 'bank.example')
      await (vaults[0] as OpenVault).desk.certificates.put('bank', readFileSync(join(place.dataDir, 'bank.crt'), 'utf8'), 'ann')
      const before = await (vaults[0] as OpenVault).desk.keys.list()
      for (const vault of vaults.splice(0)) await vault.close()
      // PKCS #8 of an Ed25519 key begins so (RFC 8410).
      const plain = Buffer.from('302e020100300506032b6570', 'hex')
      for (const file of readdirSync(place.dataDir, { withFileTypes: true, recursive: true })) if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name)).includes(plain)).toBe(false)
      const again = await open()
      expect(await again.desk.keys.list()).toEqual(before)
      expect(before.map(({ name, state, current }) => [name, state, current])).toEqual([['raced', 'active', 1], ['seal', 'disabled', 1], ['sign', 'active', 2]])
      expect(await sign(again)).toMatchObject({ version: 2 })
      expect((await again.desk.status()).certificates).toMatchObject({ imported: 1, expired: 0 })
      expect(await again.desk.certificates.list()).toMatchObject([{ name: 'bank', subject: 'CN=bank.example' }])
    })

    test('a key on a schedule is replaced once, however many vaults look when it is due', async () => {
      await vaults[0]?.desk.keys.create('timed', { kind: 'ed25519', rotateEveryDays: 7, keepOldDays: 7 }, 'ann')
      clock.shift(7 * 86_400_000)
      const looking = await Promise.all([open(), open(), open()]) // each looks when it is opened
      const replaced = async () => (await Promise.all(looking.map(({ desk }) => desk.status()))).reduce((sum, { keys }) => sum + (keys?.replaced ?? 0), 0)
      await vi.waitFor(async () => expect(await replaced()).toBe(1), { timeout: 20_000 })
      expect((await looking[0].desk.keys.list()).find(({ name }) => name === 'timed')).toMatchObject({ current: 2, versions: [{ version: 1, offAt: expect.any(String) }, { version: 2, made: 'schedule' }] })
    })
  })
}

keysSuite('SQLite', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-keys-'))
  return { dataDir, close: async () => rmSync(dataDir, { recursive: true, force: true }) }
})

const bin = findPostgres()
if (!bin) test.skipIf(true)('keys on PostgreSQL: needs the server programs of PostgreSQL 15 or newer, which are not installed', () => {})
else {
  keysSuite('PostgreSQL', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-keys-'))
    const server = await startPostgres(bin)
    server.createDatabase('vault')
    return {
      dataDir,
      url: server.url('vault'),
      async close() {
        await server.stop()
        rmSync(dataDir, { recursive: true, force: true })
      },
    }
  })
}
