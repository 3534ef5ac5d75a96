import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openControl, type OpenControl } from '../../../control/open-control.ts'
import { Refused } from '../../../control/contract.ts'
import { systemClock } from '../../../runtime/core/time/clock.ts'
import type { Log } from '../../../runtime/core/log.ts'
import { createFakeVaultDesk } from '../../../test/kit/fake-vault-desk.ts'
import { parseCertificates } from '../../../vault/certificates/parse-certificates.ts'
import { createPortal } from '../../portal.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-vault-pages-'))
const vault = createFakeVaultDesk()
const root = { name: 'admin', role: 'admin', from: '192.0.2.7' } as const
const logged: unknown[] = []
const write = (...line: unknown[]) => void logged.push(line)
const log: Log = { debug: write, info: write, warn: write, error: write }
const canary = 'canary-5f1c9e-值'
let control: OpenControl
let server: Server
let base: string
const sessions = new Map<string, string>()

beforeAll(async () => {
  control = await openControl({ dataDir: folder, definitions: [], log, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, vault })
  const portal = createPortal({
    control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.7', editorPath: '/editor/', gatewayUrls: () => [], samples: [], log: (level, text, cause) => write(level, text, String(cause)),
  })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const [name, role] of [['olive', 'data-officer'], ['otto', 'data-officer'], ['anna', 'auditor'], ['oscar', 'operator'], ['vera', 'viewer'], ['sue', 'subscriber']] as const) await control.users.create({ name, role }, 'admin')
  const { consumers } = control
  await consumers.organisations.create({ id: 'north', name: 'North' }, root)
  await consumers.organisations.create({ id: 'south', name: 'South', fourEyes: true }, root)
  await consumers.members.create({ organisation: 'north', user: 'sue', role: 'viewer' }, root)
  for (const [id, organisation] of [['till', 'north'], ['clinic', 'south']] as const) await consumers.applications.create({ id, name: id, organisation, rules: { clearance: 'high' } }, root)
  await vault.domains.put('customers', { clearances: ['high'], purposes: ['billing', 'care'] }, 'admin')
})
afterEach(() => {
  vault.failure = undefined
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await control?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function send(who: string, method: string, path: string, body?: Record<string, string> | string, headers: Record<string, string> = {}) {
  if (!sessions.has(who)) sessions.set(who, (await control.users.issueToken(who, 'page', 3_600_000)).token)
  const answer = await fetch(base + path, {
    method, redirect: 'manual', headers: { authorization: `Bearer ${sessions.get(who)}`, 'accept-language': 'en', ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new URLSearchParams(body) }),
  })
  return { status: answer.status, to: answer.headers.get('location'), type: answer.headers.get('content-type'), text: await answer.text() }
}
const get = (who: string, path: string, headers?: Record<string, string>) => send(who, 'GET', path, undefined, headers)
const post = (who: string, path: string, fields: Record<string, string> = {}) => send(who, 'POST', path, fields)
const newest = async () => (await control.audit.list(1))[0]

test('a data officer makes a domain, grants, keys and secrets by forms; each is in the audit log with who and what', async () => {
  expect((await post('olive', '/vault/domains', { name: 'patients', clearances: 'high\ntop', purposes: 'care', ttlS: '3600', description: '' })).to).toBe('/vault/domains/patients?said=vaultChanged')
  expect(await newest()).toMatchObject({ user: 'olive', from: '192.0.2.7', action: 'vault.domains.create', subject: 'vault/domains/patients', after: { name: 'patients', clearances: ['high', 'top'], ttlS: 3600 } })
  expect((await get('olive', '/vault/domains')).text).toContain('patients')
  expect((await post('olive', '/vault/domains/patients', { clearances: 'top', purposes: 'care' })).status).toBe(303)
  expect(await newest()).toMatchObject({ action: 'vault.domains.change', before: { clearances: ['high', 'top'] }, after: { clearances: ['top'] } })
  expect(await newest()).toMatchObject({ before: { ttlS: 3600 }, after: expect.not.objectContaining({ ttlS: 3600 }) }) // an empty field is for ever
  expect((await post('olive', '/vault/grants', { domain: 'patients', client: 'till', purpose: 'care' })).to).toBe('/vault/grants?said=grantAdded')
  expect(await newest()).toMatchObject({ action: 'vault.grants.add', organisation: 'north', after: { client: 'till', domain: 'patients', by: 'olive' } })
  // What the grant does not do for want of a clearance is said beside it.
  expect((await get('olive', '/vault/grants')).text).toContain('lacks the clearance')
  expect((await post('olive', '/vault/keys', { name: 'signing', use: 'ed25519 EdDSA', set: 'public' })).status).toBe(303)
  expect(await newest()).toMatchObject({ action: 'vault.keys.create', after: { name: 'signing', kind: 'ed25519', set: 'public' } })
  expect((await post('olive', '/vault/keys/signing/rotate')).status).toBe(303)
  expect((await get('olive', '/vault/keys')).text).toContain('(current: 2)')
  expect((await get('olive', '/vault/keys/signing/uses')).text).toContain('Nobody has used it')
  expect((await post('olive', '/vault/master-key/rotate')).status).toBe(303)
  vault.left = 40
  expect((await get('olive', '/vault')).text).toContain('<progress aria-label="Rows left to re-encrypt" value="1160" max="1200">')
})

test('what is typed wrong is said beside its field, in both languages, and nothing is done', async () => {
  const wrong = await post('olive', '/vault/domains', { name: 'No Such Name!', purposes: '', clearances: '' })
  expect([wrong.status, wrong.text]).toEqual([422, expect.stringMatching(/No Such Name!"[^>]*>[\s\S]*id="f-name-error"/)])
  expect((await post('olive', '/vault/domains', { name: 'customers' })).status).toBe(409)
  const grant = await post('olive', '/vault/grants', { domain: 'customers', client: 'nobody', purpose: 'gossip' })
  expect([grant.status, grant.text]).toEqual([422, expect.stringContaining('no purpose of the domain')])
  expect((await send('olive', 'POST', '/vault/keys', { name: 'x', use: 'rot13 none' }, { 'accept-language': 'zh-TW' })).status).toBe(422)
  expect((await post('olive', '/vault/grants', { domain: 'customers', client: 'till', purpose: 'billing', until: '2001-01-01T00:00' })).text).toContain('It ends before it begins')
})

test('what cannot be taken back asks for the name, and does nothing for another', async () => {
  await vault.domains.put('old', {}, 'admin')
  expect((await get('olive', '/vault/domains/old/shred')).text).toContain('Type the name to confirm')
  expect([(await post('olive', '/vault/domains/old/shred', { confirm: 'other' })).status, (await vault.domains.list()).find(({ name }) => name === 'old')?.state]).toEqual([422, 'active'])
  expect((await post('olive', '/vault/domains/old/shred', { confirm: 'old' })).status).toBe(303)
  expect(await newest()).toMatchObject({ action: 'vault.domains.shred', after: { state: 'shredded' } })
  expect((await send('olive', 'POST', '/api/v1/vault/domains/customers/shred', JSON.stringify({ confirm: 'custom' }), { 'if-match': '*' })).status).toBe(422)
  expect((await post('olive', '/vault/domains/customers/subjects/shred', { subject: 'A123', confirm: 'no' })).status).toBe(422)
  await vault.secrets.put('s', 'x', undefined, 'admin')
  await vault.certificates.put('c', 'x', 'admin')
  for (const [path, name] of [['/vault/secrets/s/remove', 's'], ['/vault/certificates/c/remove', 'c'], ['/vault/keys/signing/disable', 'signing']] as const) {
    expect((await post('olive', path, { confirm: 'wrong' })).text).toContain('The name does not match')
    expect((await get('olive', path)).text).toContain(`<code>${name}</code>`)
  }
})

test('a key that was made elsewhere is imported by a form that says beside the field what is wrong, and never shows what was pasted', async () => {
  expect((await post('olive', '/vault/keys/import', { name: 'partner', use: 'hmac-256 HS256', material: 'c'.repeat(43), set: '' })).to).toBe('/vault/keys?said=keyImported')
  expect(await newest()).toMatchObject({ action: 'vault.keys.import', subject: 'vault/keys/partner', after: { name: 'partner', kind: 'hmac-256' } })
  const taken = await post('olive', '/vault/keys/import', { name: 'partner', use: '', material: 'd'.repeat(43) })
  expect([taken.status, taken.text]).toEqual([409, expect.stringMatching(/id="i-name"[^>]*aria-invalid="true"/)])
  for (const [language, message, said] of [['en', 'The private key is encrypted. Take…', 'is encrypted'], ['zh-TW', 'The private key is encrypted. Take…', '私鑰已加密'], ['zh-TW', 'The private key is not of kind ed25519; it is of kind ec-p256.', '實際為 ec-p256'], ['zh-TW', 'This is a public key. What…', '這是公鑰'], ['zh-TW', 'The key can be guessed: its…', '此金鑰可被猜中'], ['zh-TW', 'The key is shorter than it looks: fewer than 32 bytes…', '本身不足 32 位元組'], ['en', 'An RSA key has at least 2048 bits; this one has 1024.', 'at least 2048 bits; this one has 1024']] as const) {
    vault.refusing = new Refused('key.material', 422, message)
    const refused = await send('olive', 'POST', '/vault/keys/import', { name: 'other', use: 'ed25519 EdDSA', set: 'shown', material: `${canary}` }, { 'accept-language': language })
    expect([refused.status, refused.text]).toEqual([422, expect.stringMatching(new RegExp(`<textarea id="i-material"[^>]* aria-describedby="i-material-hint i-material-error" aria-invalid="true"></textarea>[\\s\\S]*id="i-material-error">[^<]*${said}`))])
    expect(refused.text).toMatch(/value="other"[\s\S]*value="shown"[\s\S]*<option value="ed25519 EdDSA" selected>/)
    expect(refused.text).not.toContain('canary-5f1c9e')
  }
  vault.refusing = undefined
})

test('a certificate that is none is refused beside the field by a sentence of its own, in the reader’s language', async () => {
  const wrong = { 'not a chain': '以 -----BEGIN CERTIFICATE-----', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----': '憑證以外的項目（public key）', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----': '第 1 張憑證無法讀取', '-----BEGIN PRIVATE KEY-----': '內容含有私鑰' }
  for (const [pem, said] of Object.entries(wrong)) {
    try {
      parseCertificates(pem)
    } catch (thrown) {
      const { code, status, message, facts } = thrown as Refused
      vault.refusing = new Refused(code, status, message, [], facts)
    }
    for (const [language, sentence] of [['en', vault.refusing?.message.slice(0, 15)], ['zh-TW', said]] as const) {
      const { status, text } = await send('olive', 'POST', '/vault/certificates', { name: 'web', pem }, { 'accept-language': language })
      expect([status, text]).toEqual([422, expect.stringMatching(new RegExp(`id="f-pem"[^>]* aria-invalid="true"[^>]*></textarea>[\\s\\S]*id="f-pem-error">[^<]*${sentence}`))])
    }
  }
  vault.refusing = undefined
})

test('a key gets a schedule by a form, which says what is wrong beside the field; the list says when it is due, and the audit log who said so', async () => {
  expect((await post('olive', '/vault/keys', { name: 'timed', use: 'ed25519 EdDSA', set: '', rotateEveryDays: '30', keepOldDays: '' })).status).toBe(303)
  expect((await vault.keys.list()).find(({ name }) => name === 'timed')).toMatchObject({ rotateEveryDays: 30 })
  const wrong = await post('olive', '/vault/keys/timed/schedule', { rotateEveryDays: '0', keepOldDays: 'x' })
  expect([wrong.status, wrong.text]).toEqual([422, expect.stringMatching(/id="f-rotateEveryDays-error"[\s\S]*id="f-keepOldDays-error"/)])
  expect((await post('olive', '/vault/keys/timed/schedule', { rotateEveryDays: '90', keepOldDays: '400' })).status).toBe(303)
  expect(await newest()).toMatchObject({ user: 'olive', action: 'vault.keys.schedule', subject: 'vault/keys/timed', before: { rotateEveryDays: 30, keepOldDays: null }, after: { rotateEveryDays: 90, keepOldDays: 400 } })
  expect((await get('olive', '/vault/keys')).text).toContain('replaced every 90 days')
  expect((await get('olive', '/vault/keys/timed/schedule', { 'accept-language': 'zh-TW' })).text).toMatch(/下次更換[\s\S]*每隔幾天更換[\s\S]*value="90"/)
  expect((await get('vera', '/vault/keys/timed/schedule')).status).toBe(403)
})

test('a change names the revision that it started from; one that was overtaken is refused, on pages and by the API', async () => {
  const api = (method: string, path: string, body?: object, headers: Record<string, string> = {}) => send('olive', method, `/api/v1/vault/${path}`, JSON.stringify(body ?? {}), headers)
  const etag = async (path: string) => (await fetch(`${base}/api/v1/vault/${path}`, { headers: { authorization: `Bearer ${sessions.get('olive')}` } })).headers.get('etag') as string
  await vault.domains.put('raced', { purposes: ['care'] }, 'admin')
  await vault.keys.create('raced', { kind: 'ed25519' }, 'admin')
  expect((await api('PUT', 'certificates/raced', { pem: 'one' })).status).toBe(200)
  expect((await api('PUT', 'secrets/raced', { value: 'one' })).status).toBe(200)
  const changes = [['PUT', 'domains/raced', '', { purposes: ['care', 'more'] }], ['POST', 'keys/raced', '/rotate'], ['PUT', 'keys/raced', '/schedule', { rotateEveryDays: 30, keepOldDays: null }], ['POST', 'keys/raced', '/disable'], ['PUT', 'certificates/raced', '', { pem: 'two' }], ['PUT', 'secrets/raced', '', { value: 'two' }], ['POST', 'domains/raced', '/shred', { confirm: 'raced' }], ['DELETE', 'certificates/raced', ''], ['DELETE', 'secrets/raced', '']] as const
  for (const [method, path, act, body] of changes) {
    const read = await etag(path)
    expect(read).toMatch(/^"\d+"$/)
    expect(await api(method, path + act, body)).toMatchObject({ status: 428, text: expect.stringContaining('precondition.required') })
    for (const stale of ['"99"', 'W/"1"']) expect(await api(method, path + act, body, { 'if-match': stale })).toMatchObject({ status: 412, text: expect.stringContaining('record.stale') })
    expect((await api(method, path + act, body, { 'if-match': read })).status).toBe(200)
  }
  await vault.domains.put('edited', { purposes: ['care'] }, 'admin')
  const page = (await get('olive', '/vault/domains/edited/edit')).text
  const revision = /name="revision" value="(\d+)"/.exec(page)![1] as string
  await vault.domains.put('edited', { purposes: ['elsewhere'] }, 'otto')
  const refused = await post('olive', '/vault/domains/edited', { revision, clearances: '', purposes: 'mine' })
  expect([refused.status, refused.text]).toEqual([412, expect.stringContaining('Somebody changed this record meanwhile')])
  expect((await vault.domains.list()).find(({ name }) => name === 'edited')?.purposes).toEqual(['elsewhere'])
  expect((await get('olive', '/vault/keys')).text).toMatch(/name="revision" value="\d+"/)
})

test('the overview says how often data keys were used, and when one is replaced by itself, in both languages', async () => {
  expect((await get('olive', '/vault')).text).toContain('None has sealed 65,536 values yet')
  vault.wears = [{ scope: 'domain:customers', version: 3, since: '2026-01-01T00:00:00.000Z', seals: 1_073_741_824, share: 0.5, fullAt: '2031-01-01T00:00:00.000Z' }, { scope: 'keys', version: 1, since: '2026-01-01T00:00:00.000Z', seals: 65_536, share: 2 ** -15 }]
  expect((await get('olive', '/vault')).text).toMatch(/href="\/vault\/domains\/customers"[\s\S]*about 1,073,741,824 \(50 %\)[\s\S]*Jan 1, 2031[\s\S]*>Keys<[\s\S]*\(0\.0031 %\)[\s\S]*too far off to say[\s\S]*since the vault started: 2/)
  expect((await get('olive', '/vault', { 'accept-language': 'zh-TW' })).text).toMatch(/資料金鑰[\s\S]*約 1,073,741,824（50 %）[\s\S]*尚無法預估/)
  vault.wears = []
})

test('a form that makes a secret or imports a certificate replaces none; another value is a form of its own, that knows what it started from', async () => {
  const values = { secrets: { first: { value: 'one' }, other: { value: 'two' } }, certificates: { first: { pem: 'days:200' }, other: { pem: 'days:300' } } }
  for (const [kind, { first, other }] of Object.entries(values) as ['secrets' | 'certificates', (typeof values)[keyof typeof values]][]) {
    const path = `/vault/${kind}`
    const stored = async () => (await vault[kind].list()).find(({ name }) => name === 'kept') as unknown as Record<string, unknown> | undefined
    expect((await post('olive', path, { name: 'kept', ...first })).status).toBe(303)
    const before = await stored()
    const [told, audited] = [vault.told.length, await newest()]
    for (const [language, said] of [['en', 'of this name already'], ['zh-TW', '已有同名的']] as const) {
      const taken = await send('olive', 'POST', path, { name: 'kept', ...other }, { 'accept-language': language })
      expect([taken.status, taken.text]).toEqual([409, expect.stringMatching(new RegExp(`id="f-name"[^>]*value="kept"[\\s\\S]*id="f-name-error"[^<]*>[^<]*${said}`))])
      expect(taken.text).not.toContain('days:300')
    }
    expect([await stored(), await newest()]).toEqual([before, audited])
    const form = (await get('olive', `${path}?name=kept`)).text
    const revision = /name="revision" value="(\d+)"/.exec(form.slice(form.indexOf(`action="${path}/kept"`)))![1] as string
    expect(form).not.toMatch(/id="f-name"/)
    expect((await post('olive', `${path}/kept`, { ...other })).status).toBe(412)
    expect((await post('olive', `${path}/kept`, { revision: '99', ...other })).status).toBe(412)
    expect(await stored()).toEqual(before)
    expect((await post('olive', `${path}/kept`, { revision, ...other })).status).toBe(303)
    expect(await stored()).not.toEqual(before)
    expect(vault.told.length).toBeGreaterThan(told)
    // The API: without a word of it 428, and 412 for who said that there was to be none.
    const api = (headers: Record<string, string>) => send('olive', 'PUT', `/api/v1${path}/kept`, JSON.stringify(first), headers)
    expect(await api({ 'if-none-match': '*' })).toMatchObject({ status: 412, text: expect.stringContaining('record.exists') })
    expect(await api({})).toMatchObject({ status: 428, text: expect.stringContaining('precondition.required') })
    expect((await send('olive', 'PUT', `/api/v1${path}/fresh`, JSON.stringify(first), { 'if-none-match': '*' })).status).toBe(200)
  }
})

test('where an organisation wants four eyes, a grant waits until somebody else agrees', async () => {
  expect((await post('olive', '/vault/grants', { domain: 'customers', client: 'clinic', purpose: 'care' })).to).toBe('/vault/grants?said=grantAsked')
  const [asked] = await control.dataProtection.grants.list({ application: 'clinic' }, root)
  expect([asked?.state, (await vault.grants.list()).filter(({ client }) => client === 'clinic')]).toEqual(['requested', []])
  await expect(control.dataProtection.grants.decide(asked!.id, true, { name: 'olive', role: 'data-officer', from: '' })).rejects.toMatchObject({ code: 'grant.four_eyes', status: 403 })
  expect((await get('olive', '/vault/grants')).text).not.toContain('Agree: clinic')
  expect((await get('otto', '/vault/grants')).text).toContain('Agree: clinic')
  expect((await post('otto', `/vault/grants/${asked!.id}/decide`, { agree: 'true' })).status).toBe(303)
  expect(await newest()).toMatchObject({ user: 'otto', action: 'vault.grants.add', organisation: 'south', detail: { requestedBy: 'olive' } })
  expect((await control.dataProtection.grants.list({ application: 'clinic' }, root)).map(({ state }) => state)).toEqual(['active'])
  await post('olive', '/vault/grants', { domain: 'customers', client: 'clinic', purpose: 'billing' })
  const waiting = (await control.dataProtection.grants.list({ application: 'clinic' }, root)).find(({ state }) => state === 'requested')
  expect((await post('otto', `/vault/grants/${waiting!.id}/decide`, { agree: 'false' })).status).toBe(303)
  expect((await control.dataProtection.grants.list({ application: 'clinic' }, root)).length).toBe(1)
})

test('a value that goes in is in no answer, no page, no audit entry, no log line, also when it is refused', async () => {
  const seen: string[] = []
  const keep = (answer: { text: string; to: string | null }) => void seen.push(answer.text, answer.to ?? '')
  keep(await post('olive', '/vault/secrets', { name: 'bank', value: canary }))
  keep(await post('olive', '/vault/secrets', { name: 'NOT A NAME', value: canary }))
  keep(await post('olive', '/vault/certificates', { name: 'NOT A NAME', pem: canary }))
  keep(await post('olive', '/vault/keys/import', { name: 'moved', use: 'hmac-256 HS256', material: canary }))
  keep(await post('olive', '/vault/keys/import', { name: 'NOT A NAME', use: '', material: canary }))
  keep(await send('olive', 'POST', '/api/v1/vault/keys', `{"name":"moved","material":"${canary}`))
  keep(await post('olive', '/vault/domains/customers/subjects/shred', { subject: canary, confirm: 'customers' }))
  keep(await post('olive', '/vault/domains/customers/subjects/shred', { subject: canary, confirm: 'nothing' }))
  keep(await send('olive', 'PUT', '/api/v1/vault/secrets/bank', JSON.stringify({ value: canary }), { 'if-match': '*' }))
  keep(await send('olive', 'PUT', '/api/v1/vault/secrets/bank', `{"value":"${canary}`))
  keep(await send('olive', 'PUT', '/api/v1/vault/secrets/bank', `${canary}`))
  keep(await send('olive', 'PUT', '/api/v1/vault/secrets/bank', JSON.stringify({ value: [canary] })))
  keep(await send('olive', 'PUT', '/api/v1/vault/certificates/web', JSON.stringify({ pem: canary })))
  keep(await send('olive', 'POST', '/api/v1/vault/domains/customers/subjects/shred', JSON.stringify({ subject: canary })))
  vault.failure = new Error(`it failed on ${canary}`)
  keep(await send('olive', 'PUT', '/api/v1/vault/secrets/bank', JSON.stringify({ value: canary })))
  vault.failure = undefined
  for (const path of ['/vault/secrets', '/vault/secrets?name=bank', '/vault/domains/customers', '/api/v1/vault/secrets', '/audit', '/api/v1/audit?limit=200']) keep(await get('admin', path))
  expect(vault.told.filter((one) => one === canary).length).toBeGreaterThanOrEqual(5)
  expect(seen.filter((text) => text.includes('canary-5f1c9e'))).toEqual([])
  expect(JSON.stringify(await control.audit.list(500))).not.toContain('canary-5f1c9e')
  expect(JSON.stringify(logged.filter((line) => !JSON.stringify(line).includes('it failed on')))).not.toContain('canary-5f1c9e')
  const marks = (await control.audit.list(500)).filter(({ action }) => action === 'vault.domains.shred_subject').map(({ detail }) => detail.subject)
  expect([marks.length, new Set(marks).size, marks[0]]).toEqual([2, 1, expect.stringMatching(/^[\w-]{24}$/)])
})

test('the record of reveals is for auditors: filtered, page by page, as CSV that no spreadsheet runs, verified', async () => {
  for (let number = 1; number <= 120; number++) {
    vault.record.push({ number, at: '2026-02-03T04:05:06.000Z', domain: number % 2 ? 'customers' : 'patients', token: `hash-${number}`, client: number === 3 ? null : 'till', purpose: number === 5 ? '=HYPERLINK("x")' : 'care', run: `run-${number}`, flow: 'f', node: 'n', outcome: number % 10 ? 'revealed' : 'denied' })
  }
  const page = await get('anna', '/vault/reveals?domain=patients')
  expect([page.text.includes('run-120'), page.text.includes('run-119'), page.text.includes('denied')]).toEqual([true, false, true])
  const first = JSON.parse((await get('anna', '/api/v1/vault/reveals?limit=100')).text) as { items: { number: number }[]; next: string }
  expect((await get('anna', '/api/v1/vault/reveals?cursor=elsewhere')).text).toContain('query.invalid')
  const second = JSON.parse((await get('anna', `/api/v1/vault/reveals?limit=100&cursor=${first.next}`)).text) as { items: { number: number }[]; next?: string }
  expect([...first.items, ...second.items].map(({ number }) => number)).toEqual(Array.from({ length: 120 }, (_, place) => 120 - place))
  expect(second.next).toBeUndefined()
  const csv = await get('anna', '/vault/reveals.csv?client=till')
  expect([csv.type, csv.text.split('\r\n').length, csv.text.split('\r\n')[0]]).toEqual(['text/csv; charset=utf-8', 121, 'number,at,outcome,domain,client,purpose,token,flow,node,run'])
  expect(csv.text).toContain(`"'=HYPERLINK(""x"")"`)
  expect(await newest()).toMatchObject({ user: 'anna', action: 'vault.reveals.download', detail: { after: 0, upTo: 120, client: 'till' } })
  expect((await post('anna', '/vault/reveals/verify')).text).toContain('The record of reveals is whole: 120 entries.')
  vault.verdict = { ok: false, entries: 2, number: 3, code: 'record.altered', facts: { number: 3 }, reason: 'Record 3, or its hash, was changed after it was written.' }
  for (const [language, sentence] of [['en', vault.verdict.reason], ['zh-TW', '第 3 筆紀錄或其雜湊值在寫入後遭到更改。']] as const) expect((await send('anna', 'POST', '/vault/reveals/verify', {}, { 'accept-language': language })).text).toContain(sentence)
  // Whole, however long it is.
  for (let number = 121; number <= 3000; number++) vault.record.push({ ...vault.record[0]!, number, token: `hash-${number}` })
  for (const path of ['/vault/reveals.csv', '/api/v1/vault/reveals.csv']) expect((await get('anna', path)).text.match(/hash-\d+/g)).toEqual(Array.from({ length: 3000 }, (_, place) => `hash-${place + 1}`))
  for (const who of ['olive', 'oscar', 'vera', 'sue']) for (const path of ['/vault/reveals', '/vault/reveals.csv']) expect((await get(who, path)).status).toBe(403)
})

test('certificates say in words how long they last, the one that ends first before the others', async () => {
  for (const [name, days] of [['far', 200], ['soon', 20], ['urgent', 3], ['over', -2]] as const) await post('olive', '/vault/certificates', { name, pem: `days:${days}` })
  const { text } = await get('oscar', '/vault/certificates')
  for (const words of ['200 days left', '20 days left', 'only 3 days left', 'expired 2 days ago']) expect(text).toContain(words)
  expect(['over', 'urgent', 'soon', 'far'].map((name) => text.indexOf(`row">${name}<`))).toEqual(['over', 'urgent', 'soon', 'far'].map((name) => text.indexOf(`row">${name}<`)).toSorted((a, b) => a - b))
  expect((await get('oscar', '/vault')).text).toContain('expire within 30 days: 3')
})

test('who may not change sees no form; who is no part of it sees nothing; the menu names it to those who may look', async () => {
  for (const who of ['oscar', 'anna']) {
    for (const path of ['/vault', '/vault/domains', '/vault/domains/customers', '/vault/grants', '/vault/keys', '/vault/certificates', '/vault/secrets']) {
      const { status, text } = await get(who, path)
      expect([path, status, /<main[\s\S]*method="post"/.test(text)]).toEqual([path, 200, false])
    }
    expect((await get(who, '/')).text).toContain('href="/vault"')
    expect((await post(who, '/vault/secrets', { name: 'mine', value: 'x' })).status).toBe(403)
  }
  for (const who of ['vera', 'sue']) {
    expect((await get(who, '/vault')).status).toBe(403)
    expect((await get(who, '/applications')).text).not.toContain('href="/vault"')
  }
})

test('an application shows its clearance and what it may see, to members of its organisation too; a vault that is away takes nothing else with it', async () => {
  const page = await get('sue', '/applications/till')
  expect(page.text).toMatch(/What it may see of protected data[\s\S]*patients/)
  expect(JSON.parse((await get('sue', '/api/v1/vault/grants')).text).items.map(({ client }: { client: string }) => client)).toEqual(['till'])
  expect(JSON.parse((await get('vera', '/api/v1/vault/grants')).text).items).toEqual([])
  expect((await get('anna', '/applications/till')).text).toContain('/vault/reveals?client=till')
  vault.failure = new Refused('vault.unavailable', 503, 'The vault does not answer.')
  const { status, text } = await get('admin', '/applications/till')
  expect([status, text.includes('What it may see'), text.includes('The vault does not answer'), text.includes('Credentials')]).toEqual([200, true, true, true])
})

test('from a domain the way to a grant is a link, and from a grant to what is missing for it', async () => {
  await vault.domains.put('parcels', {}, 'admin')
  expect((await get('olive', '/vault/domains/parcels')).text).toContain('href="/vault/domains/parcels/edit">parcels</a></p></section>')
  expect((await get('olive', '/vault/grants')).text).toContain('Without one so far: <a href="/vault/domains/parcels/edit">parcels</a>')
  await vault.domains.put('parcels', { purposes: ['delivery'] }, 'admin')
  expect((await get('olive', '/vault/domains/parcels')).text).toContain('href="/vault/grants?domain=parcels#add"')
  expect((await get('olive', '/vault/grants?domain=parcels&client=till')).text).toMatch(/<option value="till" selected[^]*<option value="parcels" selected/)
  expect((await get('admin', '/applications/till')).text).toContain('href="/vault/grants?client=till#add"')
  const list = vault.domains.list
  vault.domains.list = async () => []
  expect((await get('olive', '/vault/grants')).text).toContain('<a href="/vault/domains">')
  vault.domains.list = list
})

test('a vault that is away is a sentence with what to do, on every page and in the API', async () => {
  vault.failure = new Refused('vault.unavailable', 503, 'The vault does not answer (ECONNREFUSED).')
  for (const path of ['/vault', '/vault/domains', '/vault/grants', '/vault/keys', '/vault/certificates', '/vault/secrets', '/vault/reveals']) {
    const { status, text } = await get('admin', path)
    expect([path, status, text.includes('Try again')]).toEqual([path, 503, true])
  }
  expect((await get('admin', '/vault', { 'accept-language': 'zh-TW' })).text).toContain('保管庫沒有回應')
  expect((await post('admin', '/vault/secrets', { name: 'x', value: 'y' })).status).toBe(503)
  expect(JSON.parse((await get('admin', '/api/v1/vault/status')).text)).toMatchObject({ status: 503, code: 'vault.unavailable' })
  expect(await newest()).not.toMatchObject({ action: 'vault.secrets.set' }) // nothing happened
  // Away in the middle of a change: nobody knows, and the audit log says so.
  vault.failure = Object.assign(new Refused('vault.unavailable', 503, 'The vault went away before it answered.'), { unknown: true })
  await post('admin', '/vault/secrets', { name: 'x', value: 'y' })
  expect(await newest()).toMatchObject({ user: 'admin', action: 'vault.secrets.set', subject: 'vault/secrets/x', detail: { outcome: 'unknown' } })
})
