import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { openStore, type StorePlace } from './store-suite.ts'

/** Runs a suite on SQLite and on PostgreSQL; where PostgreSQL is not installed a skipped test says so. */
export function onBothStores(what: string, suite: (name: string, makePlace: () => Promise<StorePlace>) => void): void {
  suite('SQLite', async () => {
    const root = mkdtempSync(join(tmpdir(), `sluice-${what}-`))
    return {
      open: () => openStore({ dataDir: join(root, 'a') }),
      empty: () => openStore({ dataDir: join(root, 'b') }),
      close: async () => rmSync(root, { recursive: true, force: true }),
    }
  })

  const bin = findPostgres()
  if (!bin) {
    test.skipIf(bin === undefined)(`${what} on PostgreSQL: needs the server programs of PostgreSQL 15 or newer, which are not installed`, () => {})
    return
  }
  suite('PostgreSQL', async () => {
    const root = mkdtempSync(join(tmpdir(), `sluice-${what}-`))
    const server = await startPostgres(bin)
    server.createDatabase('a')
    server.createDatabase('b')
    return {
      open: () => openStore({ dataDir: join(root, 'a'), databaseUrl: server.url('a') }),
      empty: () => openStore({ dataDir: join(root, 'b'), databaseUrl: server.url('b') }),
      async close() {
        await server.stop()
        rmSync(root, { recursive: true, force: true })
      },
    }
  })
}
