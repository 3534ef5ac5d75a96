import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { consumersSuite } from './consumers-suite.ts'
import { openStore } from './store-suite.ts'

consumersSuite('SQLite', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-consumers-'))
  return {
    open: () => openStore({ dataDir: join(root, 'a') }),
    empty: () => openStore({ dataDir: join(root, 'b') }),
    close: async () => rmSync(root, { recursive: true, force: true }),
  }
})

const bin = findPostgres()
if (bin) {
  consumersSuite('PostgreSQL', async () => {
    const root = mkdtempSync(join(tmpdir(), 'sluice-consumers-'))
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
} else {
  test.skipIf(bin === undefined)('consumers on PostgreSQL: needs the server programs of PostgreSQL 15 or newer, which are not installed', () => {})
}
