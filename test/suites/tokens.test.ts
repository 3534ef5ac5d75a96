import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { tokensSuite } from './tokens-suite.ts'

tokensSuite('SQLite', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-tokens-'))
  return { dataDir, close: async () => rmSync(dataDir, { recursive: true, force: true }) }
})

const bin = findPostgres()
if (!bin) test.skipIf(true)('tokens on PostgreSQL: needs the server programs of PostgreSQL 15 or newer, which are not installed', () => {})
else {
  tokensSuite('PostgreSQL', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-tokens-'))
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
