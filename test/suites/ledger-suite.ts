import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PostgresAdapter, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAudit } from '../../control/audit.ts'
import { toAccess } from '../../control/consumers/rights.ts'
import type { Actor } from '../../control/contract.ts'
import { loadReleaseSigner } from '../../control/keys/key-files.ts'
import { toAnchor, type Anchor } from '../../control/ledgers/anchors.ts'
import { WitnessProblem } from '../../control/ledgers/witness-problem.ts'
import { openLedgers, type LedgerLimits, type OpenLedgers } from '../../control/ledgers/open-ledgers.ts'
import type { LedgerEntryRow, LedgerPeriodRow } from '../../control/store/schema.ts'
import type { Store } from '../../control/store/store.ts'
import { noHash } from '../../ledger/chain.ts'
import { hashEntry } from '../../ledger/entry.ts'
import { toPublicKeys } from '../../ledger/period-root.ts'
import { checkProof } from '../../ledger/proof.ts'
import { verifyExport } from '../../ledger/read-export.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { silentLog, type Log } from '../../runtime/core/log.ts'
import { fakeClock } from '../kit/fake-clock.ts'
import type { StorePlace } from './store-suite.ts'

const root: Actor = { name: 'root', role: 'admin', from: '192.0.2.1' }

/** What ledgers keep to, whichever database is below them. Each test has ledgers of its own. */
export function ledgerSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`ledgers on ${name}`, () => {
    const key = { id: 'first', key: randomBytes(32) }
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-ledger-'))
    const anchorFile = join(dataDir, 'anchors.jsonl')
    const clock = fakeClock()
    let place: StorePlace
    let store: Store
    let ledgers: OpenLedgers

    const open = (limits: Partial<LedgerLimits> = {}, others?: readonly Anchor[], log: Log = silentLog, time: Clock = clock): OpenLedgers => {
      const signer = loadReleaseSigner(dataDir)
      return openLedgers({
        store, signer, keys: [key], clock: time, log, limits: { lookEveryMs: 1e12, ...limits },
        audit: createAudit(store, time, { keys: { current: key, older: [] } }),
        anchors: others ?? [toAnchor(`file:${anchorFile}`, { post: undefined, publicKey: signer.publicKey, now: () => clock.now() })],
        access: async (by) => toAccess(by, by.name === 'north' ? [{ organisation: 'north', role: 'auditor' }] : []),
      })
    }
    const record = (ledger: string, value: unknown, organisation?: string) => ({ ledger, value, id: randomUUID(), flow: 'f', node: 'n', run: 'r', takenAt: '2026-01-01T00:00:00.000Z', ...(organisation ? { organisation } : {}) })
    const fill = async (ledger: string, count: number, from = 0) => await ledgers.take('g1', Array.from({ length: count }, (_, place) => record(ledger, { place: from + place })))
    const rowsOf = (ledger: string) => store.database.selectFrom('ledger_entries').selectAll().where('ledger', '=', ledger).orderBy('number').execute()
    const dropGuards = async () => {
      const postgres = store.database.getExecutor().adapter instanceof PostgresAdapter
      for (const table of ['ledger_entries', 'ledger_periods']) {
        const drops = postgres ? [`drop trigger if exists ${table}_no_change on ${table}`, `drop trigger if exists ${table}_no_truncate on ${table}`] : [`drop trigger if exists ${table}_no_update`, `drop trigger if exists ${table}_no_delete`]
        for (const drop of drops) await sql.raw(drop).execute(store.database)
      }
    }
    const putBack = async (ledger: string, rows: readonly LedgerEntryRow[]) => {
      await store.database.deleteFrom('ledger_entries').where('ledger', '=', ledger).execute()
      if (rows.length > 0) await store.database.insertInto('ledger_entries').values([...rows]).execute()
    }

    beforeAll(async () => {
      place = await makePlace()
      store = await place.open()
      ledgers = open({ periodEntries: 7 })
    })
    afterAll(async () => {
      await ledgers?.close()
      await store?.close()
      await place?.close()
      rmSync(dataDir, { recursive: true, force: true })
    })

    test('records get numbers and hashes in their order, and a second delivery gets those of the first', async () => {
      const sent = [record('deliveries', 1), record('deliveries', 2), record('deliveries', 3)]
      const answers = await ledgers.take('g1', sent)
      expect(answers).toMatchObject([{ number: 1 }, { number: 2 }, { number: 3 }])
      expect(await ledgers.take('g1', [sent[1], record('deliveries', 4), sent[1]])).toEqual([answers[1], expect.objectContaining({ number: 4 }), answers[1]])
      const { items } = await ledgers.entries('deliveries', {}, root)
      expect(items.map(({ number, value }) => [number, value])).toEqual([[4, 4], [3, 3], [2, 2], [1, 1]])
      expect(await ledgers.verify('deliveries', {}, root)).toMatchObject({ ok: true, to: 4, periods: 1, open: 0 })
    })

    test('records that come at once, from several processes, make one chain', async () => {
      const other = open()
      await Promise.all(Array.from({ length: 10 }, (_, turn) => (turn % 2 ? ledgers : other).take(`g${turn}`, [record('crowd', turn), record('crowd-two', turn), record('crowd', -turn)])))
      expect(await ledgers.verify('crowd', {}, root)).toMatchObject({ ok: true, to: 20, periods: 3 })
      expect(await other.verify('crowd-two', {}, root)).toMatchObject({ ok: true, to: 10 })
      await other.close()
    })

    test('periods close by their count and by their age, and are witnessed outside', async () => {
      await fill('periods', 15)
      await ledgers.look()
      expect(await ledgers.get('periods', root)).toMatchObject({ entries: 15, open: 1, lastPeriod: { period: 2, last: 14 }, anchors: [{ kind: 'file', period: 2, waiting: 0 }] })
      await clock.advance(3_600_000)
      await ledgers.look()
      expect(await ledgers.get('periods', root)).toMatchObject({ entries: 15, open: 0, lastPeriod: { period: 3, last: 15 }, anchors: [{ period: 3 }] })
      expect(await ledgers.verify('periods', {}, root)).toMatchObject({ ok: true, receipts: 3 })
    })

    test('the database itself refuses to change or delete an entry or a period', async () => {
      const db = store.database
      await expect(db.updateTable('ledger_entries').set({ value: '0' }).where('ledger', '=', 'periods').execute()).rejects.toThrow(/append-only/)
      await expect(db.deleteFrom('ledger_entries').where('ledger', '=', 'periods').execute()).rejects.toThrow(/append-only/)
      await expect(db.updateTable('ledger_periods').set({ last_number: 1 }).execute()).rejects.toThrow(/append-only/)
      await expect(db.deleteFrom('ledger_periods').execute()).rejects.toThrow(/append-only/)
      if (name === 'PostgreSQL') await expect(sql`truncate ledger_entries`.execute(db)).rejects.toThrow(/append-only/)
      await dropGuards()
    })

    test('change, delete, reorder, truncate, replay or insert one record: it is named', async () => {
      await fill('spoiled', 17)
      expect(await ledgers.verify('spoiled', {}, root)).toMatchObject({ ok: true, to: 17 })
      await fill('spoiled', 3, 17) // these three are in no period yet
      const rows = await rowsOf('spoiled')
      const row = (number: number) => rows[number - 1]!
      const acts: Readonly<Record<string, readonly [rows: readonly LedgerEntryRow[], number: number]>> = {
        change: [rows.with(8, { ...row(9), value: '{"place":99}' }), 9],
        'change the sender': [rows.with(8, { ...row(9), source: '{}' }), 9],
        'change in what is not signed yet': [rows.with(18, { ...row(19), value: '{"place":99}' }), 19],
        delete: [rows.toSpliced(4, 1), 5],
        reorder: [rows.with(4, { ...row(12), number: 5 }).with(11, { ...row(5), number: 12 }), 5],
        truncate: [rows.slice(0, 10), 11],
        'truncate what is not signed yet': [rows.slice(0, 18), 19],
        replay: [[...rows, { ...row(3), number: 21, id: 'again' }], 21],
        insert: [[...rows.slice(0, 6), { ...row(7), id: 'new', value: '0' }, ...rows.slice(6).map((one) => ({ ...one, number: one.number + 1 }))], 7],
      }
      for (const [act, [forged, number]] of Object.entries(acts)) {
        await putBack('spoiled', forged)
        expect(await ledgers.verify('spoiled', {}, root), act).toMatchObject({ ok: false, flaw: { number, reason: expect.stringMatching(/\.$/), remedy: expect.any(String) } })
      }
      await putBack('spoiled', rows)
      expect(await ledgers.verify('spoiled', {}, root)).toMatchObject({ ok: true, to: 20 })
    })

    test('who has the database and makes the chain anew is found by the roots; who makes what is open anew, by the seal of its end', async () => {
      await fill('forged', 7)
      await ledgers.verify('forged', {}, root)
      await fill('forged', 2, 7)
      const rows = await rowsOf('forged')
      const head = (await store.ledgers.get('forged'))!
      const anew = (from: number) => {
        let before = rows[from - 2]?.hash ?? noHash
        return rows.map((row) => {
          if (row.number < from) return row
          const value = row.number === from ? '{"forged":true}' : row.value
          before = hashEntry(before, { ...row, source: JSON.parse(row.source), value: JSON.parse(value) })
          return { ...row, value, hash: before }
        })
      }
      for (const [from, flaw] of [[3, { number: 1, last: 7, period: 1 }], [8, { number: 9, reason: expect.stringContaining('not written by control') }]] as const) {
        const forged = anew(from)
        await putBack('forged', forged)
        await store.ledgers.moveHead('forged', { ...head, hash: forged.at(-1)!.hash })
        expect(await ledgers.verify('forged', {}, root)).toMatchObject({ ok: false, flaw })
        // Nothing of it is signed.
        expect(await ledgers.get('forged', root)).toMatchObject({ open: 2, problem: expect.any(String) })
      }
      await putBack('forged', rows)
      await store.ledgers.moveHead('forged', head)
      expect(await ledgers.verify('forged', {}, root)).toMatchObject({ ok: true, to: 9, periods: 2 })
    })

    test('whole periods that were cut off are missed by the file outside', async () => {
      await fill('cut', 14)
      const earlier = (await store.ledgers.get('cut'))! // with its seal, out of a backup
      await fill('cut', 7, 14)
      await ledgers.look()
      const good = readFileSync(anchorFile, 'utf8')
      const rows = await rowsOf('cut')
      const periods = await store.ledgers.periods('cut')
      const head = (await store.ledgers.get('cut'))!
      await putBack('cut', rows.slice(0, 14))
      await store.database.deleteFrom('ledger_periods').where('ledger', '=', 'cut').where('period', '=', 3).execute()
      await store.database.deleteFrom('ledger_anchors').where('ledger', '=', 'cut').where('period', '=', 3).execute()
      await store.ledgers.moveHead('cut', earlier)
      expect((await ledgers.verify('cut', {}, root)).flaw).toMatchObject({ kind: 'truncated', number: 15, period: 3 })
      await putBack('cut', rows)
      await store.ledgers.addPeriod(periods[2]!)
      await store.ledgers.moveHead('cut', head)
      expect(await ledgers.verify('cut', {}, root)).toMatchObject({ ok: true })
      // The file says another root: somebody signed anew, or wrote in the file.
      const line = good.split('\n').findIndex((text) => text.includes('"ledger":"cut"'))
      writeFileSync(anchorFile, good.split('\n').map((text, at) => (at === line ? text.replace(/"hash":"[0-9a-f]{64}"/, `"hash":"${noHash}"`) : text)).join('\n'))
      expect((await ledgers.verify('cut', {}, root)).flaw).toMatchObject({ kind: 'anchor', period: 1 })
      writeFileSync(anchorFile, good)
    })

    test('a period that was cut off, put in another’s place, moved, or replaced by an older one is named', async () => {
      await fill('roots', 21)
      await ledgers.look()
      await dropGuards()
      const periods = await store.ledgers.periods('roots')
      const put = async (rows: readonly LedgerPeriodRow[]) => {
        await store.database.deleteFrom('ledger_periods').where('ledger', '=', 'roots').execute()
        await store.database.insertInto('ledger_periods').values([...rows]).execute()
      }
      const [first, second, third] = periods as [LedgerPeriodRow, LedgerPeriodRow, LedgerPeriodRow]
      // Signed by control, over the same records, before: what a backup or another copy of the database holds.
      await put([first])
      const copy = open({ periodEntries: 5 }, [])
      await copy.look()
      await copy.verify('roots', {}, root)
      const older = (await store.ledgers.periods('roots'))[1]!
      await copy.close()
      const acts: Readonly<Record<string, [readonly LedgerPeriodRow[], object]>> = {
        swapped: [[first, { ...third, period: 2 }, { ...second, period: 3 }], { code: 'root.missing', period: 2, number: 8 }],
        'an older one in its place': [[first, second, { ...first, period: 3 }], { code: 'root.replayed', period: 3, number: 15 }],
        'another signature of the same period': [[first, older, third], { code: 'root.anew', period: 2, number: 8 }],
        'its last number changed': [[first, second, { ...third, root: third.root.replace('"last":21', '"last":20') }], { code: 'root.unsigned', period: 3, number: 15 }],
      }
      for (const [act, [rows, flaw]] of Object.entries(acts)) {
        await put(rows)
        expect((await ledgers.verify('roots', {}, root)).flaw, act).toMatchObject(flaw)
      }
      // The newest one and all that the database says of it: nothing is signed in its place while a file outside knows it.
      await put([first, second])
      await store.database.deleteFrom('ledger_anchors').where('ledger', '=', 'roots').where('period', '=', 3).execute()
      expect((await ledgers.verify('roots', {}, root)).flaw).toMatchObject({ code: 'root.cut', kind: 'truncated', number: 15, facts: { period: 3, last: 2 } })
      expect(await ledgers.get('roots', root)).toMatchObject({ open: 7, why: { code: 'root.cut' } })
      await put(periods)
      expect(await ledgers.verify('roots', {}, root)).toMatchObject({ ok: true, periods: 3 })
    })

    test('rows that were added, or whose numbers were changed round, are named', async () => {
      await fill('rows', 12)
      await ledgers.look()
      await dropGuards()
      const rows = await rowsOf('rows')
      const row = (number: number) => rows[number - 1]!
      const acts: Readonly<Record<string, [readonly LedgerEntryRow[], object]>> = {
        'two swapped in a signed period': [rows.with(1, { ...row(5), number: 2 }).with(4, { ...row(2), number: 5 }), { number: 2 }],
        'two swapped in what is open': [rows.with(8, { ...row(11), number: 9 }).with(10, { ...row(9), number: 11 }), { number: 9 }],
        'added behind the end': [[...rows, { ...row(12), number: 13, id: 'new' }], { code: 'record.beyond', number: 13 }],
        'who sent it changed': [rows.with(3, { ...row(4), source: row(4).source.replace('"g1"', '"g2"') }), { code: 'record.altered', number: 4 }],
        'its time changed': [rows.with(3, { ...row(4), at: '2001-01-01T00:00:00.000Z' }), { code: 'record.altered', number: 4 }],
        'no JSON any more': [rows.with(3, { ...row(4), value: '{"place":' }), { code: 'record.altered', number: 4 }],
        'all gone': [[], { code: 'record.cut', number: 1 }],
      }
      for (const [act, [forged, flaw]] of Object.entries(acts)) {
        await putBack('rows', forged)
        expect((await ledgers.verify('rows', {}, root)).flaw, act).toMatchObject(flaw)
      }
      await putBack('rows', rows)
      const head = (await store.ledgers.get('rows'))!
      await store.ledgers.moveHead('rows', { ...head, number: 11, hash: row(11).hash })
      expect((await ledgers.verify('rows', {}, root)).flaw).toMatchObject({ kind: 'truncated', number: 12 })
      await store.database.deleteFrom('ledgers').where('name', '=', 'rows').execute()
      await expect(ledgers.verify('rows', {}, root)).rejects.toMatchObject({ code: 'record.none' })
      await store.database.insertInto('ledgers').values(head).execute()
      expect(await ledgers.verify('rows', {}, root)).toMatchObject({ ok: true, to: 12 })
    })

    test('a clock that was set back, and a witness whose file was cut, are remarked on', async () => {
      await fill('remarks', 7)
      await ledgers.look()
      const dayAgo = open({ periodEntries: 7 }, undefined, silentLog, { ...clock, now: () => clock.now() - 86_400_000 })
      await dayAgo.take('g1', [record('remarks', 'later')])
      await dayAgo.close()
      const good = readFileSync(anchorFile, 'utf8')
      expect(await ledgers.verify('remarks', {}, root)).toMatchObject({ ok: true, remarks: [{ code: 'time.back', facts: { number: 8 }, text: expect.stringContaining('Record 8') }] })
      await ledgers.look()
      // Cut in the middle of a line, as a disk that was full leaves it: the next root is on a line of its own.
      const line = good.split('\n').findIndex((text) => text.includes('"ledger":"remarks"'))
      writeFileSync(anchorFile, good.split('\n').slice(0, line + 1).join('\n').slice(0, -9))
      await fill('remarks', 6, 8)
      await ledgers.verify('remarks', {}, root)
      await ledgers.look()
      const verdict = await ledgers.verify('remarks', {}, root)
      expect(verdict.remarks).toEqual(expect.arrayContaining([expect.objectContaining({ code: 'witness.lost', facts: { witness: `file:${anchorFile}`, count: 2, period: 1 } })]))
      expect(verdict).toMatchObject({ ok: true, receipts: 1 })
    })

    test('a root that cannot be read any more is named, and keeps no other ledger from being signed', async () => {
      await fill('garbled', 7)
      await ledgers.look()
      await dropGuards()
      const [period] = await store.ledgers.periods('garbled')
      const write = async (text: string) => await store.database.updateTable('ledger_periods').set({ root: text }).where('ledger', '=', 'garbled').execute()
      await fill('garbled', 7, 7)
      await fill('later', 7)
      for (const text of ['{"period":', 'null', '{}']) {
        await write(text)
        expect((await ledgers.verify('garbled', { from: 1, to: 7 }, root)).flaw, text).toMatchObject({ kind: 'signature', period: 1, number: 1 })
      }
      await ledgers.look()
      expect(await ledgers.get('later', root)).toMatchObject({ open: 0 })
      expect((await ledgers.get('garbled', root)).problem).toBeDefined()
      await write(period!.root)
      expect(await ledgers.verify('garbled', {}, root)).toMatchObject({ ok: true, periods: 2 })
    })

    test('where the root of a period between is missing, nothing more is signed, and other ledgers are', async () => {
      await fill('gap', 21)
      await ledgers.look()
      await dropGuards()
      const [, second] = await store.ledgers.periods('gap')
      await store.database.deleteFrom('ledger_periods').where('ledger', '=', 'gap').where('period', '=', 2).execute()
      await fill('gap', 7, 21)
      await fill('gap-beside', 7)
      await ledgers.look()
      expect(await ledgers.get('gap', root)).toMatchObject({ open: 7, problem: 'Roots before it are missing: there are 2 of 3.' })
      expect(await ledgers.get('gap-beside', root)).toMatchObject({ open: 0 })
      expect((await ledgers.verify('gap', {}, root)).flaw).toMatchObject({ kind: 'missing', period: 2, number: 8 })
      await store.ledgers.addPeriod(second!)
      expect(await ledgers.verify('gap', {}, root)).toMatchObject({ ok: true, periods: 4 })
    })

    test('a witness for which much waits keeps no other waiting', async () => {
      const rows = Array.from({ length: 60 }, (_, place) => ({ ledger: 'a-backlog', period: place + 1, anchor: 'https://away.example/', state: 'waiting' as const, attempts: 0, next_at: new Date(0).toISOString(), done_at: null, token: null, problem: null }))
      await store.ledgers.addAnchors(rows)
      const due = (anchor: string) => store.ledgers.anchorDue({ now: new Date(clock.now()).toISOString(), never: '9' }, anchor, 50)
      expect(await due('https://away.example/')).toHaveLength(50)
      await fill('witnessed', 7)
      await ledgers.look()
      expect(await ledgers.get('witnessed', root)).toMatchObject({ anchors: [{ period: 1, waiting: 0 }] })
      await store.database.deleteFrom('ledger_anchors').where('ledger', '=', 'a-backlog').execute()
    })

    describe('a witness that is away', () => {
      const said: { readonly level: string; readonly facts: any }[] = []
      const log = { ...silentLog, warn: (facts: object) => void said.push({ level: 'warn', facts }), info: (facts: object) => void said.push({ level: 'info', facts }) }
      const witness = { away: true, refuses: '', asked: 0, holds: [] as string[] }
      const anchor: Anchor = {
        name: 'https://witness.example/', kind: 'http',
        async put({ ledger, period }) {
          witness.asked++
          if (witness.away || ledger === witness.refuses) throw new WitnessProblem('witness.status', { status: 503, expected: '2xx' })
          witness.holds.push(`${ledger} ${period}`)
          return {}
        },
      }
      const own = () => open({ periodEntries: 2 }, [anchor], log)
      afterAll(async () => void (await store.database.deleteFrom('ledger_anchors').where('anchor', '=', anchor.name).execute()))

      test('is told once with how much waits, and asked ever more rarely, whatever is started anew', async () => {
        let some = own()
        for (const ledger of ['away-one', 'away-two']) await some.take('g1', [1, 2, 3, 4].map((value) => record(ledger, value)))
        const start = clock.now()
        for (let round = 0; round < 40; round++) {
          await some.look()
          await clock.advance(15_000)
          if (round === 20) {
            await some.close()
            some = own()
          }
        }
        expect(said.map(({ level }) => level)).toEqual(['warn'])
        expect(witness.asked).toBeLessThan(9)
        const [state] = await some.witnesses(root)
        expect(said[0]!.facts).toMatchObject({ anchor: anchor.name, waiting: state!.waiting, reason: 'It answered 503, expected 2xx.' })
        expect(state).toMatchObject({ waiting: expect.any(Number), away: { since: new Date(start).toISOString(), tries: witness.asked, why: { code: 'witness.status' } } })
        expect(await some.get('away-one', root)).toMatchObject({ anchors: [{ waiting: 2, since: state!.away!.since, problem: 'It answered 503, expected 2xx.' }] })
        expect(some.witnessesAway).toBe(1)
        await some.close()
      })

      test('and is told once when it is back, with all that waited', async () => {
        const some = own()
        witness.away = false
        await clock.advance(3_600_000)
        await some.look()
        expect(said.map(({ level }) => level)).toEqual(['warn', 'info'])
        expect(witness.holds).toEqual(expect.arrayContaining(['away-one 1', 'away-one 2', 'away-two 1', 'away-two 2']))
        expect(await some.witnesses(root)).toMatchObject([{ waiting: 0 }])
        expect((await some.witnesses(root))[0]!.away).toBeUndefined()
        await some.close()
      })

      test('is not away because it refuses one root: others go on, and it is told once', async () => {
        said.length = 0
        const some = own()
        witness.refuses = 'away-one'
        await some.take('g1', [5, 6].map((value) => record('away-one', value)))
        await some.look()
        for (let round = 0; round < 5; round++) {
          await some.take('g1', [1, 2].map((value) => record('away-three', value)))
          await clock.advance(15_000)
          await some.look()
        }
        expect(witness.holds.filter((name) => name.startsWith('away-three'))).toHaveLength(5)
        expect(said.map(({ level }) => level)).toEqual(['warn', 'info'])
        witness.refuses = ''
        await clock.advance(3_600_000)
        await some.look()
        expect(witness.holds).toContain('away-one 3')
        await some.close()
      })

      test('is asked again, and what is old is signed, also when the clock was set back meanwhile', async () => {
        witness.away = true
        const before = own()
        await before.take('g1', [7, 8, 9].map((value) => record('away-one', value)))
        await before.look()
        await before.close()
        witness.away = false
        const yearAgo = { ...clock, now: () => clock.now() - 365 * 86_400_000 }
        const after = open({ periodEntries: 2 }, [anchor], log, yearAgo)
        await after.look()
        expect(await after.get('away-one', root)).toMatchObject({ open: 0, anchors: [{ waiting: 0 }] })
        await after.take('g1', [record('away-one', 10)])
        expect(await after.verify('away-one', {}, root)).toMatchObject({ ok: true, to: 10 })
        await after.close()
      })
    })

    test('an entry is proved, and an export verified, with the public key alone', async () => {
      await fill('proved', 20)
      const keys = toPublicKeys([ledgers.publicKey])
      for (const number of [1, 8, 14, 20]) expect(checkProof(JSON.parse(JSON.stringify(await ledgers.prove('proved', number, root))), keys)).toMatchObject({ ok: true })
      expect(checkProof(await ledgers.proveGrowth('proved', 1, undefined, root), keys)).toMatchObject({ ok: true, kind: 'consistency' })
      await expect(ledgers.prove('proved', 21, root)).rejects.toMatchObject({ code: 'record.none' })
      const lines: string[] = []
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const page = await ledgers.exportPage('proved', cursor, root)
        lines.push(...page.lines)
        cursor = page.next
      }
      expect(await verifyExport(lines, { keys })).toMatchObject({ ok: true, to: 20, periods: 3 })
      expect(await verifyExport(lines.toSpliced(-3, 1), { keys })).toMatchObject({ ok: false, flaw: { number: 18 } })
    })

    test('a ledger is of the organisation that wrote first: no other writes there, and no other reads it', async () => {
      expect(await ledgers.take('g1', [record('owned', 1, 'north'), record('owned', 2, 'south'), record('owned', 3), record('audit', 4)])).toMatchObject([{ number: 1 }, { refused: 'ledger.refused' }, { refused: 'ledger.refused' }, { refused: 'ledger.refused' }])
      const north: Actor = { name: 'north', role: 'subscriber', from: '192.0.2.2' }
      const south: Actor = { name: 'south', role: 'subscriber', from: '192.0.2.3' }
      expect((await ledgers.list(north)).map((ledger) => ledger.name)).toEqual(['owned'])
      expect(await ledgers.verify('owned', {}, north)).toMatchObject({ ok: true })
      await expect(ledgers.get('periods', north)).rejects.toMatchObject({ code: 'record.none' })
      await expect(ledgers.get('audit', north)).rejects.toMatchObject({ code: 'record.none' })
      await expect(ledgers.list(south)).rejects.toMatchObject({ code: 'auth.role' })
      await expect(ledgers.get('owned', south)).rejects.toMatchObject({ code: 'auth.role' })
    })

    test('what is too large, or no JSON of a record, is refused by itself; what came with it stays', async () => {
      expect(await ledgers.take('g1', [record('odd', 'x'.repeat(65_535)), record('odd', '\0'), null, record('Odd Name', 1), record('odd', { ok: true })])).toMatchObject([
        { refused: 'ledger.too_large' }, { refused: 'ledger.value' }, { refused: 'ledger.value' }, { refused: 'ledger.refused' }, { number: 1 },
      ])
    })

    test('the audit log is a ledger like any other: signed, witnessed, proved', async () => {
      const audit = createAudit(store, clock, { keys: { current: key, older: [] } })
      for (let index = 0; index < 10; index++) await audit.add('ann', 'act', { index }, undefined, { subject: `s/${index}` })
      expect(await ledgers.verify('audit', {}, root)).toMatchObject({ ok: true, to: 10, periods: 2 })
      expect(checkProof(await ledgers.prove('audit', 4, root), toPublicKeys([ledgers.publicKey]))).toMatchObject({ ok: true })
      expect((await ledgers.entries('audit', { limit: 1 }, root)).items).toMatchObject([{ number: 10, source: { user: 'ann' }, value: { action: 'act', subject: 's/9' } }])
    })

    test('what nodes correct is in the audit log once, however often a gateway hands it over; nothing else of a flow gets there', async () => {
      const audit = createAudit(store, clock, { keys: { current: key, older: [] } })
      const act = { ...record('audit', 5, 'north'), value: { action: 'quota.adjust', detail: { quota: 'orders', op: 'zero' } } }
      const before = (await audit.list(1))[0]?.number ?? 0
      for (let sent = 0; sent < 2; sent++) expect(await ledgers.take('g1', [act])).toMatchObject([{ ledger: 'audit' }])
      expect(await ledgers.take('g1', [{ ...act, id: 'another', value: { action: 'user.create', detail: {} } }])).toMatchObject([{ refused: 'ledger.refused' }])
      expect((await audit.list(5)).filter(({ number }) => number > before)).toMatchObject([{ user: 'gateway g1', action: 'quota.adjust', organisation: 'north', detail: { quota: 'orders', op: 'zero' } }])
    })
  })
}
