import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PostgresAdapter, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAuditAnchor, type AuditAnchor } from '../../control/audit-anchor.ts'
import { createAudit, type Audit } from '../../control/audit.ts'
import { loadReleaseSigner } from '../../control/keys/key-files.ts'
import { auditHead, auditHeadKey, hashAuditRow } from '../../control/store/audit-chain.ts'
import type { Store } from '../../control/store/store.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { StorePlace } from './store-suite.ts'

/** What somebody does first who may change the tables themselves. */
export async function dropGuards(store: Store): Promise<void> {
  const postgres = store.database.getExecutor().adapter instanceof PostgresAdapter
  const drops = postgres
    ? ['drop trigger if exists audit_log_no_change on audit_log', 'drop trigger if exists audit_log_no_truncate on audit_log']
    : ['drop trigger if exists audit_log_no_update', 'drop trigger if exists audit_log_no_delete']
  for (const drop of drops) await sql.raw(drop).execute(store.database)
}

/** What the audit log keeps to, whichever database is below it. Each test goes on where the one before left it. */
export function auditSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`audit log on ${name}`, () => {
    const first = { id: 'first', key: randomBytes(32) }
    const second = { id: 'second', key: randomBytes(32) }
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-audit-'))
    let place: StorePlace
    let store: Store
    let audit: Audit
    let anchor: AuditAnchor

    const table = () => store.database
    const open = (keys = { current: first, older: [] as readonly (typeof first)[] }) => {
      anchor = createAuditAnchor({ dataDir, store, signer: loadReleaseSigner(dataDir), clock: systemClock, log: silentLog })
      audit = createAudit(store, systemClock, { keys, anchor })
    }
    const add = async (count: number) => {
      for (let index = 0; index < count; index++) await audit.add('ann', 'act', { index })
      await anchor.close()
    }
    const rowsFrom = (number: number) => table().selectFrom('audit_log').selectAll().where('number', '>=', number).orderBy('number').execute()
    const cutFrom = async (number: number) => {
      const rows = await rowsFrom(number)
      await table().deleteFrom('audit_log').where('number', '>=', number).execute()
      const last = await table().selectFrom('audit_log').selectAll().where('number', '=', number - 1).executeTakeFirstOrThrow()
      await store.meta.set(auditHeadKey, auditHead(last.number, last.hash))
      return rows
    }
    const bringBack = async (rows: Awaited<ReturnType<typeof rowsFrom>>) => {
      await table().deleteFrom('audit_log').where('number', '>=', rows[0]!.number).execute()
      await table().insertInto('audit_log').values(rows).execute()
      await store.meta.set(auditHeadKey, auditHead(rows.at(-1)!.number, rows.at(-1)!.hash))
    }

    beforeAll(async () => {
      place = await makePlace()
      store = await place.open()
      open()
    })
    afterAll(async () => {
      await anchor?.close()
      await store?.close()
      await place?.close()
      rmSync(dataDir, { recursive: true, force: true })
    })

    test('entries from before there was a key stay good behind those that carry one', async () => {
      const unsealed = createAudit(store, systemClock)
      for (let index = 0; index < 5; index++) await unsealed.add('old', 'act', { index })
      await add(10)
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 15, anchored: 15 })
      expect((await rowsFrom(1)).map(({ sealed_by }) => sealed_by)).toEqual([...Array.from({ length: 5 }, () => null), ...Array.from({ length: 10 }, () => 'first')])
    })

    test('the database itself refuses to change or delete an entry', async () => {
      await expect(table().updateTable('audit_log').set({ user_name: 'mallory' }).where('number', '=', 7).execute()).rejects.toThrow(/append-only/)
      await expect(table().deleteFrom('audit_log').where('number', '=', 15).execute()).rejects.toThrow(/append-only/)
      if (name === 'PostgreSQL') await expect(sql`truncate audit_log`.execute(table())).rejects.toThrow(/append-only/)
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 15 })
      await dropGuards(store)
    })

    test('who has only the database cannot write an entry anew, nor the rest of the chain behind it', async () => {
      const rows = await rowsFrom(7)
      let hash = (await rowsFrom(6))[0]!.hash
      const forged = rows.map((row, index) => {
        const next = { ...row, ...(index === 0 ? { user_name: 'mallory' } : {}) }
        hash = hashAuditRow(hash, next)
        return { ...next, hash }
      })
      await bringBack(forged)
      expect(await audit.verify()).toMatchObject({ ok: false, number: 7 })
      // Passed off as entries from before there was a key.
      await bringBack(forged.map((row) => ({ ...row, sealed_by: null })))
      expect(await audit.verify()).toMatchObject({ ok: false, number: 7, reason: expect.stringContaining('key') })
      await bringBack(rows)
      const old = await rowsFrom(1)
      hash = '0'.repeat(64)
      await bringBack(old.map((row) => {
        const next = { ...row, user_name: 'mallory', sealed_by: null }
        hash = hashAuditRow(hash, next)
        return { ...next, hash }
      }))
      expect(await audit.verify()).toMatchObject({ ok: false, number: 6 })
      await bringBack(old)
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 15 })
    })

    test('an end that was cut off is missed, also when the log has grown again since', async () => {
      const rows = await cutFrom(13)
      expect(await audit.verify()).toMatchObject({ ok: false, number: 13, reason: expect.stringContaining('cut off') })
      await add(1)
      expect(await audit.verify()).toMatchObject({ ok: false, number: 14 })
      await add(5)
      expect(await audit.verify()).toMatchObject({ ok: false, number: 15, entries: 18 })
      await bringBack(rows)
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 15, anchored: 15 })
      await add(1)
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 16, anchored: 16 })
    })

    test('an anchor that was tampered with is told, and is not written over', async () => {
      const file = join(dataDir, 'audit-anchor')
      const good = readFileSync(file, 'utf8')
      writeFileSync(file, good.replace('"number":16', '"number":10'))
      expect(await audit.verify()).toMatchObject({ ok: false, reason: expect.stringContaining('audit-anchor') })
      await add(1)
      expect(await audit.verify()).toMatchObject({ ok: false })
      writeFileSync(file, good)
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 17, anchored: 16 })
      rmSync(file)
      expect(await audit.verify()).toEqual({ ok: true, entries: 17, head: expect.stringMatching(/^[0-9a-f]{64}$/) })
      await add(1)
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 18, anchored: 18 })
    })

    test('another key goes on where the one before ended; without that one, the first entry that needs it is named', async () => {
      open({ current: second, older: [first] })
      await add(2)
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 20, anchored: 20 })
      open({ current: second, older: [] })
      expect(await audit.verify()).toMatchObject({ ok: false, number: 6, reason: expect.stringContaining('Restore') })
    })

    test('entries that come at once stand one behind the other', async () => {
      open({ current: second, older: [first] })
      await Promise.all(Array.from({ length: 20 }, (_, index) => audit.add({ name: 'many', role: 'admin', from: '192.0.2.1' }, `at.once.${index}`, {})))
      await anchor.close()
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 40, anchored: 40 })
      expect(await audit.list(1)).toMatchObject([{ user: 'many', from: '192.0.2.1' }])
    })
  })
}
