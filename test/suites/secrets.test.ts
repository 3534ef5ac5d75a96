import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSecretKeep } from '../../vault/secrets/secret-keep.ts'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { openTokenVault, type TokenVault } from '../kit/token-vault.ts'

/** What a vault promises of secrets, whichever database is below it. */
function secretsSuite(name: string, start: () => Promise<{ readonly url?: string; stop(): Promise<void> }>): void {
  describe(`secrets on ${name}`, () => {
    let folder: string
    let server: Awaited<ReturnType<typeof start>>
    let vaults: readonly TokenVault[]
    const keepOf = ({ store: { records }, envelope, clock }: TokenVault) => createSecretKeep({ records, envelope, clock })
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'sluice-secret-keep-'))
      server = await start()
      const place = { dataDir: folder, ...(server.url === undefined ? {} : { url: server.url }) }
      vaults = [await openTokenVault(place), await openTokenVault(place)]
    }, 60_000)
    afterAll(async () => {
      for (const vault of vaults) await vault.close()
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    test('two vaults that write one secret at once both count, and each sees the other’s change within a second', async () => {
      const [one, other] = vaults.map(keepOf)
      await one!.desk.put('shared', 'first', 'of both', 'ann')
      expect((await other!.values(['shared'])).get('shared')).toEqual({ value: 'first', version: 1 })
      await Promise.all([...Array.from({ length: 4 }, (_, at) => one!.desk.put('shared', `one ${at}`, undefined, 'ann')), ...Array.from({ length: 4 }, (_, at) => other!.desk.put('shared', `other ${at}`, undefined, 'bob'))])
      for (const { clock } of vaults) clock.shift(1000)
      const [seen, same] = [await one!.values(['shared']), await other!.values(['shared'])]
      expect(seen.get('shared')?.version).toBe(9)
      expect(same).toEqual(seen)
      expect(await other!.list()).toMatchObject([{ name: 'shared', description: 'of both', version: 9 }])
      await other!.desk.remove('shared', 'bob')
      for (const { clock } of vaults) clock.shift(1000)
      expect(await one!.answer({ names: ['shared'], known: { shared: 9 } })).toEqual({ secrets: {}, unknown: ['shared'] })
    })

    test('a value is read under a newer master key, and neither the database nor a file shows it', async () => {
      const [vault] = vaults
      const keep = keepOf(vault!)
      await keep.desk.put('canary', 'canary-Kd83-plover', undefined, 'ann')
      await vault!.envelope.rotateMasterKey()
      while ((await vault!.envelope.rewrap()) > 0);
      expect((await keep.values(['canary'])).get('canary')?.value).toBe('canary-Kd83-plover')
      const shown = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)).filter((file) => statSync(file).isFile()).map((file) => readFileSync(file, 'latin1'))
      if (server.url !== undefined) shown.push(await dump(server.url))
      expect(shown.length).toBeGreaterThan(0)
      for (const form of ['canary-Kd83-plover', Buffer.from('canary-Kd83-plover').toString('base64'), Buffer.from('canary-Kd83-plover').toString('hex')]) expect(shown.filter((text) => text.includes(form))).toEqual([])
    })
  })
}

/** Every row of every table, as text. */
async function dump(url: string): Promise<string> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const tables = (await client.query<{ name: string }>("SELECT table_name AS name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')")).rows
    const texts: string[] = []
    for (const { name } of tables) texts.push(...(await client.query<{ row: string }>(`SELECT t::text AS row FROM "${name}" t`)).rows.map(({ row }) => row))
    return texts.join('\n')
  } finally {
    await client.end()
  }
}

secretsSuite('SQLite', () => Promise.resolve({ stop: () => Promise.resolve() }))

const bin = findPostgres()
if (!bin) test.skipIf(true)('secrets on PostgreSQL: needs the server programs of PostgreSQL 15 or newer, which are not installed', () => {})
else {
  secretsSuite('PostgreSQL', async () => {
    const server = await startPostgres(bin)
    server.createDatabase('vault')
    return { url: server.url('vault'), stop: () => server.stop() }
  })
}
