import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openControl, type OpenControl } from '../../../control/open-control.ts'
import { openStore } from '../../../control/store/store.ts'
import { toPublicKeys } from '../../../ledger/period-root.ts'
import { checkProof } from '../../../ledger/proof.ts'
import { verifyExport } from '../../../ledger/read-export.ts'
import { systemClock } from '../../../runtime/core/time/clock.ts'
import { silentLog } from '../../../runtime/core/log.ts'
import { createPortal } from '../../portal.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-ledger-pages-'))
let control: OpenControl
let server: Server
let base: string

beforeAll(async () => {
  control = await openControl({ dataDir: folder, definitions: [], log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, ledgerLimits: { periodEntries: 40 } })
  const portal = createPortal({ control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.7', editorPath: '/editor/', gatewayUrls: () => [], samples: [] })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const [name, role] of [['anna', 'auditor'], ['vera', 'viewer']] as const) await control.users.create({ name, role, password: 'open sesame 1' }, 'admin')
  await control.ledgers.take('g1', Array.from({ length: 60 }, (_, place) => ({ ledger: 'claims', id: randomUUID(), takenAt: '2026-01-01T00:00:00Z', flow: 'f', node: 'n', run: 'r', value: { place, text: '<b>bold</b>' } })))
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await control?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function see(name: string, path: string, init: RequestInit = {}, language = 'en') {
  const { token } = await control.users.issueToken(name, 'page', 3_600_000)
  const answer = await fetch(base + path, { ...init, redirect: 'manual', headers: { authorization: `Bearer ${token}`, origin: base, 'accept-language': language, accept: 'text/html' } })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}

test('an auditor sees ledgers and what is in them, in either language, and nothing in them is markup', async () => {
  const list = await see('anna', '/ledgers')
  expect(list.text).toMatch(/href="\/ledgers\/audit"[^]*href="\/ledgers\/claims"/)
  const one = await see('anna', '/ledgers/claims')
  expect(one.text).toContain('&lt;b&gt;bold')
  expect(one.text).not.toContain('<b>bold')
  // Who wrote a record in a word, and all of it on demand.
  expect((await see('anna', '/ledgers/audit')).text).toMatch(/<summary>admin<\/summary><pre><code>\{\n {2}&quot;user&quot;: &quot;admin&quot;/)
  const next = /href="([^"]+cursor=[^"]+)"/.exec(one.text)?.[1]
  expect((await see('anna', next!.replaceAll('&amp;', '&'))).text).toContain('/ledgers/claims/proof/1"')
  expect((await see('anna', '/ledgers', {}, 'zh-TW')).text).toMatch(/帳本/)
  expect((await see('anna', '/ledgers/none')).status).toBe(404)
})

test('without the script the button verifies too; who may not read the audit log is refused everywhere', async () => {
  expect((await see('anna', '/ledgers/claims', { method: 'POST' })).text).toContain('The ledger is whole: records 1 to 60 in 2 signed periods')
  for (const path of ['/ledgers', '/ledgers/claims', '/ledgers/claims/export', '/ledgers/claims/proof/1', '/ledger-key.pem']) expect((await see('vera', path)).status, path).toBe(403)
})

test('proof, export and key that are taken away stand by themselves', async () => {
  const keys = toPublicKeys([(await see('anna', '/ledger-key.pem')).text])
  const proof = await see('anna', '/ledgers/claims/proof/7')
  expect(proof.headers.get('content-disposition')).toContain('claims-7.proof.json')
  expect(checkProof(JSON.parse(proof.text), keys)).toMatchObject({ ok: true })
  expect(await verifyExport((await see('anna', '/ledgers/claims/export')).text.split('\n'), { keys })).toMatchObject({ ok: true, to: 60 })
})

test('what verification finds, and what to do, is said in the reader’s language, by the page and to its script', async () => {
  const store = await openStore({ dataDir: folder, shared: true })
  await sql`drop trigger ledger_entries_no_update`.execute(store.database)
  await store.database.updateTable('ledger_entries').set({ value: '"forged"' }).where('ledger', '=', 'claims').where('number', '=', 7).execute()
  await store.close()
  const zh = (await see('anna', '/ledgers/claims', { method: 'POST' }, 'zh-TW')).text
  expect(zh).toContain('最先不符的是第 7 筆。第 7 筆紀錄或其雜湊值在寫入後遭到更改。請勿更動任何內容。')
  expect((await see('anna', '/ledgers/claims', { method: 'POST' })).text).toContain('First mismatch: record 7. Record 7, or its hash, was changed after it was written. Change nothing.')
  const sayings = JSON.parse(/data-sayings="([^"]+)"/.exec(zh)![1]!.replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&amp;', '&')) as Record<string, string>
  const { token } = await control.users.issueToken('anna', 'cli', 3_600_000)
  const { flaw } = (await (await fetch(`${base}/api/v1/ledgers/claims/verify`, { headers: { authorization: `Bearer ${token}` } })).json()) as { flaw: { code: string; facts: object } }
  expect(flaw).toMatchObject({ code: 'record.altered', facts: { number: 7 } })
  expect(sayings[flaw.code]).toBe('第 {number} 筆紀錄或其雜湊值在寫入後遭到更改。')
})
