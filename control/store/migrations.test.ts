import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { createAudit } from '../audit.ts'
import { migrations } from './migrations.ts'
import { createNodeSqliteDialect } from './node-sqlite-dialect.ts'
import { openStore } from './store.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-migrations-'))
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

test('a store of before keeps its audit log, which becomes a chain that verifies', async () => {
  const old = new Kysely<any>({ dialect: createNodeSqliteDialect({ file: join(dataDir, 'store.db'), busyTimeoutMs: 1000 }) })
  const { error } = await new Migrator({ db: old, provider: { getMigrations: async () => ({ ...migrations }) } }).migrateTo('0001-first-tables')
  expect(error).toBeUndefined()
  for (const [id, at] of [['b', '2026-01-02'], ['a', '2026-01-01'], ['c', '2026-01-02']] as const) {
    await old.insertInto('audit').values({ id, at, user_name: 'ann', action: `act.${id}`, detail: '{"n":1}' }).execute()
  }
  await old.destroy()

  const store = await openStore({ dataDir })
  try {
    const audit = createAudit(store, systemClock)
    await audit.add('bob', 'act.d', {})
    expect((await audit.list(10)).map(({ number, action }) => `${number} ${action}`)).toEqual(['4 act.d', '3 act.c', '2 act.b', '1 act.a'])
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 4 })
  } finally {
    await store.close()
  }
})
