import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { startProduct, type Product } from '../e2e/product.ts'
import { AdminClient } from '../kit/admin-client.ts'
import { ConsumerClient } from '../kit/consumer-client.ts'
import { estate, flow, type FlowBuilder } from '../kit/flow-builder.ts'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'
import { needs } from '../kit/tools.ts'

const bin = findPostgres()

/** Planted, and then searched for in all that the product leaves anywhere. */
const planted = { id: 'A198765432', name: '王小明的金絲雀', card: '4556737586899855', secret: 'canary-Wn4-9hRwMz3pLcYd', password: 'canary of a password 1', query: 'QZ11223344' }

const person = () => ({ id: planted.id, name: planted.name, card: planted.card, household: [{ id: planted.id, age: 41 }] })
const rows = [{ path: 'payload.id', label: 'pid' }, { path: 'payload.name', label: 'pid' }, { path: 'payload.card', label: 'pan' }, { path: '$.household[*].id', label: 'pid' }, { path: 'req.query.pid', label: 'pid' }, { path: 'req.params.pid', label: 'pid' }]
const labels = { labels: rows }
const auth = { methods: [{ kind: 'key header', name: 'x-api-key' }] }
const tokens = [{ by: 'path', path: '$.id', mode: 'deterministic' }, { by: 'path', path: '$.name', mode: 'random' }, { by: 'path', path: '$.card', mode: 'shape', keepLast: 4 }, { by: 'path', path: '$.household[*].id', mode: 'deterministic' }]
const part = (value: string) => [{ value, valueType: 'msg' }]
const release = (of: FlowBuilder) => of.node('release label', { fields: ['pid', 'pan'].map((field) => ({ by: 'label', field })), reason: 'People see what is theirs.' })

/** All ways on which data goes into something that outlives its request. */
function flows(partner: string, dead: string): EditorNode[] {
  return [
    ...estate(
      flow('register').httpIn('POST', '/register', labels).node('auth', auth, 2).node('quota', { windows: [{ limit: '1000', limitType: 'num', every: 1, unit: 'hour', algorithm: 'fixed', zone: '', per: 'key' }], key: part('payload.id') }, 2)
        .node('concurrency limit', { limit: '100', per: 'key', key: part('payload.card') }, 2)
        .node('tokenize', { domain: 'people', fields: tokens, subject: 'payload.id' })
        .node('cache set', { key: part('payload.id') }).node('session', { operation: 'create', client: 'client.id', data: 'payload' }, 2)
        .node('record', { ledger: 'people', what: 'value', value: 'payload' })
        .node('service callout', { url: `http://${partner}/people`, method: 'POST', auth: 'credentials', headers: [{ name: 'X-Partner', value: 'key {{secret:partner}}', valueType: 'str' }] }, 3).httpResponse(),
      flow('reveal').httpIn('POST', '/reveal').node('auth', auth, 2).node('idempotency', {}, 2).node('response cache', { keptFor: 'client' }, 2).node('detokenize', { domain: 'people', purpose: 'care', fields: [{ path: '$.id' }, { path: '$.name' }, { path: '$.card' }] }).node('debug', { complete: 'true', targetType: 'full' }, 0).from('reveal.5').httpResponse(),
      release(flow('answers').httpIn('POST', '/answers', labels).node('auth', auth, 2).node('idempotency', { keyFrom: 'fields', fields: ['payload.id'] }, 2)).httpResponse(),
      release(flow('keeps').httpIn('GET', '/keeps/:pid', labels).node('auth', auth, 2)).node('response cache', { key: part('req.params.pid'), tags: part('req.params.pid') }, 2).change({ t: 'set', p: 'payload', pt: 'msg', to: 'req.params', tot: 'msg' }).node('session', { operation: 'create', client: 'payload.pid', data: 'payload', cap: 3 }, 2).httpResponse(),
      flow('later').httpIn('POST', '/later', labels).node('async', { statusPath: '/jobs', attempts: 2, backoffMs: 1, backoffMostMs: 1 }).fn('const e = new Error("cannot do " + msg.payload.id + " " + msg.payload.card); e.name = msg.payload.name; throw e').change({ t: 'set', p: 'payload', pt: 'msg', to: 'done', tot: 'str' }).httpResponse(),
      release(flow('done').httpIn('POST', '/done', labels).node('async', { statusPath: '/jobs', callback: `http://${partner}/told` })).httpResponse(),
      flow('jobs').httpIn('GET', '/jobs/*').node('job status', {}).httpResponse(),
      flow('throws').httpIn('POST', '/throws', labels).fn('throw new Error(msg.payload.id + msg.payload.name)').change({ t: 'set', p: 'payload', pt: 'msg', to: 'done', tot: 'str' }).httpResponse().catch({ scope: null }).node('debug', { complete: 'true', targetType: 'full', tostatus: true, statusType: 'auto' }, 0),
      release(flow('weighs').httpIn('POST', '/weighs', labels)).node('quota', { weight: 'payload.name', weightType: 'msg' }, 2).node('tokenize', { domain: 'people', fields: tokens }).httpResponse(),
      flow('reads').httpIn('POST', '/reads', labels).node('json', { property: 'payload.name', action: 'obj' }).node('tokenize', { domain: 'people', fields: tokens }).httpResponse(),
      flow('fits').httpIn('POST', '/fits', labels).node('validate', { body: JSON.stringify({ properties: { id: { pattern: '^B' }, name: { maxLength: 2, 'x-label': 'pid' }, card: { enum: ['1'] } } }) }, 2).node('tokenize', { domain: 'people', fields: tokens }).httpResponse(),
      flow('computes').httpIn('POST', '/computes', labels).node('transform', { expression: '$number(payload.name)' }).node('mask', { fields: [{ by: 'label', field: 'pid', how: 'keep', first: 0, last: 0 }] }).httpResponse(),
      release(flow('away').httpIn('POST', '/away', labels)).node('service callout', { url: `http://${dead}/people/{{payload.id}}?pid={{payload.id}}`, method: 'GET', timeoutMs: 500 }, 3).httpResponse(),
      release(flow('elsewhere').httpIn('POST', '/elsewhere', labels)).node('service callout', { url: `http://${partner}/fails/{{payload.id}}`, method: 'GET', headers: [{ name: 'X-Pid', value: 'payload.id', valueType: 'msg' }] }, 3).httpResponse(),
      flow('path').httpIn('GET', '/people/:pid', { labels: [{ path: 'req.params.pid', label: 'pid' }, { path: 'req.query.pid', label: 'pid' }] }).node('auth', auth, 2).change({ t: 'set', p: 'payload', pt: 'msg', to: 'req.params', tot: 'msg' }).node('tokenize', { domain: 'people', fields: [{ by: 'path', path: '$.pid', mode: 'deterministic' }] }).httpResponse(),
      flow('compares').httpIn('POST', '/compares', labels).node('verify token', { domain: 'people', token: 'payload.token', value: 'payload.id', answer: 'property', into: 'payload' }).change({ t: 'set', p: 'payload', pt: 'msg', to: 'compared', tot: 'str' }).httpResponse(),
      flow('seals').httpIn('POST', '/seals', labels).node('crypto', { operation: 'encrypt', cipher: 'aes-gcm', key: 'own', what: 'fields', fields: [{ path: '$.id' }, { path: '$.name' }, { path: '$.card' }, { path: '$.household[*].id' }] }, 2).node('cache set', { key: [{ value: 'sealed', valueType: 'str' }] }).httpResponse(),
    ),
    { id: 'credentials', type: 'callout auth', name: 'partner', kind: 'bearer', credentials: { token: '{{secret:partner}}' } } as unknown as EditorNode,
  ]
}

const tabs = flows('a', 'b').flatMap(({ type, id }) => (type === 'tab' ? [id] : []))

describe.skipIf(!bin || !needs('redis-server'))('values that are planted', () => {
  const closers: (() => Promise<void> | void)[] = []
  const spans: Buffer[] = []
  const seen: string[] = []
  let database: Awaited<ReturnType<typeof startPostgres>>
  let redis: TestRedis
  let product: Product
  let dataDir: string
  let records: ConsumerClient
  let editor: AdminClient
  let key: string

  async function serve(answer: (request: IncomingMessage, body: Buffer, response: ServerResponse) => void): Promise<string> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (bytes: Buffer) => parts.push(bytes)).on('end', () => answer(request, Buffer.concat(parts), response))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => void (server.closeAllConnections(), server.close()))
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const reply = await fetch(product.gateway + path, { method, headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) })
    const text = await reply.text()
    return { status: reply.status, text, headers: reply.headers }
  }

  beforeAll(async () => {
    const partner = await serve((request, body, response) => {
      if (request.url?.startsWith('/fails')) return void request.socket.destroy()
      if (request.url?.startsWith('/people')) seen.push(`${request.headers.authorization} ${String(request.headers['x-partner'])} ${body.toString()}`)
      response.setHeader('content-type', 'application/json').end(body)
    })
    const collector = await serve((_request, body, response) => {
      spans.push(body)
      response.setHeader('content-type', 'application/json').end('{}')
    })
    dataDir = mkdtempSync(join(tmpdir(), 'sluice-canary-'))
    closers.push(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }))
    ;[database, redis] = await Promise.all([startPostgres(bin as string), startRedis({ durable: true })])
    closers.push(database.stop, redis.stop)
    for (const name of ['control', 'vault']) database.createDatabase(name)
    product = await startProduct({
      SLUICE_DATA_DIR: dataDir, SLUICE_SAMPLES: 'off', SLUICE_LOG_LEVEL: 'debug', SLUICE_EGRESS_ALLOW: '127.0.0.1', SLUICE_ADMIN_PASSWORD: planted.password, SLUICE_TRACE_SAMPLE: '100', SLUICE_OTLP_URL: `http://${collector}`,
      DATABASE_URL: database.url('control'), VAULT_DATABASE_URL: database.url('vault'), SLUICE_REDIS_URL: redis.url, SLUICE_CACHE_KEY: '07'.repeat(32), SLUICE_JOB_KEY: '09'.repeat(32), SLUICE_LEDGER_PERIOD_ENTRIES: '2',
    })
    closers.push(product.stop)
    const control = product.control.replace(/\/$/, '')
    records = await ConsumerClient.signIn({ controlUrl: control, password: planted.password })
    editor = await AdminClient.signIn(control, 'admin', planted.password)
    await records.request('POST', '/vault/domains', { name: 'people', purposes: ['care'] })
    await records.request('PUT', '/vault/secrets/partner', { value: planted.secret })
    await records.request('POST', '/vault/keys', { name: 'own', kind: 'aes-256' })
    key = await records.issueKey('ward')
    await records.request('POST', '/vault/grants', { domain: 'people', client: 'ward', purpose: 'care' })
    await editor.deploy(flows(partner, '127.0.0.1:9'))
    for (const id of tabs) expect((await editor.request('POST', '/sluice/watch', { flow: id, next: 20, forMs: 60_000 })).status).toBe(200)
  })
  afterAll(async () => {
    for (const close of closers.reverse()) await close()
  })

  test('go their ways: tokens, caches, sessions, jobs, faults, services that are away; no caller is told a value by a fault', async () => {
    const known = { 'x-api-key': key }
    await expect.poll(async () => (await call('POST', '/register', person(), known)).status, { timeout: 30_000, interval: 50 }).toBe(200)
    const { text } = await call('POST', `/register?pid=${planted.query}`, person(), known)
    expect(seen.at(-1)).toBe(`Bearer ${planted.secret} key ${planted.secret} ${text}`)
    const shown: string[] = []
    const note = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
      const reply = await call(method, path, body, headers)
      // A problem document names the path that was called.
      shown.push(`${path.split('/')[1]?.split('?')[0]} ${reply.status} ${reply.text.replace(/"instance":"[^"]*"/, '')}`)
      return reply
    }
    for (const id of ['one', 'one', 'two']) expect(JSON.parse((await call('POST', '/reveal', text, { ...known, 'idempotency-key': id })).text)).toMatchObject({ id: planted.id, name: planted.name, card: planted.card })
    for (const _ of [1, 2]) expect((await call('POST', '/answers', person(), known)).text).toContain(planted.id)
    for (const _ of [1, 2]) expect((await call('GET', `/keeps/${planted.id}`, undefined, known)).text).toContain(planted.id)
    for (const path of ['later', 'done']) expect((await note('POST', `/${path}`, person())).status).toBe(202)
    for (const path of ['throws', 'weighs', 'reads', 'fits', 'computes', 'away', 'elsewhere', 'seals']) await note('POST', `/${path}?pid=${planted.query}`, person())
    await note('POST', '/compares', { token: (JSON.parse(text) as { id: string }).id, id: planted.id })
    await note('GET', `/people/${planted.query}`, undefined, known)
    await note('GET', `/people/${planted.query}?pid=${planted.query}`, undefined, { 'x-api-key': `${key}x` })
    await note('POST', '/register', `{"id":"${planted.id}","name":"${planted.name}`, known)
    await note('POST', '/fits', `{"id": ${planted.card}${planted.card}x }`)
    await note('POST', '/register', person(), { 'x-api-key': planted.secret })
    // What callers are told of their own failures quotes nothing of what they sent.
    const quoted = shown.filter((line) => forms(planted.id, planted.name, planted.card, planted.query, planted.secret).some((form) => Buffer.from(line).includes(form)))
    expect(quoted).toEqual([])
    expect(shown.filter((line) => !/ (200|202|400|401|500|502) /.test(line))).toEqual([])
    await expect.poll(async () => (await records.request<{ items: readonly { state: string }[] }>('GET', '/jobs?limit=50')).items.map(({ state }) => state).toSorted(), { timeout: 30_000, interval: 100 }).toEqual(['done', 'done', 'failed'])
    // Spans of the last run: all of those before it have come as well.
    await call('GET', '/jobs/none')
    await expect.poll(() => Buffer.concat(spans).includes('/jobs/*'), { timeout: 30_000, interval: 100 }).toBe(true)
  })

  /** Names of the places in which one of the values can be read. */
  function holding(places: Readonly<Record<string, Buffer | string>>, values: Readonly<Record<string, string>> = { ...planted, key }): string[] {
    expect(Object.keys(places).length).toBeGreaterThan(0)
    return Object.entries(places).flatMap(([place, content]) => Object.entries(values).flatMap(([name, value]) => (forms(value).some((form) => Buffer.from(content).includes(form)) ? [`${name} in ${place}`] : [])))
  }

  test('are in clear in no key and no value of Redis, and in no file of it', async () => {
    const { client } = redis
    const places: Record<string, string> = {}
    for (const name of await client.keys('*')) {
      const type = await client.type(name)
      const held: unknown = type === 'string' ? await client.get(name) : type === 'hash' ? await client.hgetall(name) : type === 'zset' ? await client.zrange(name, '0', '-1') : type === 'set' ? await client.smembers(name) : type === 'list' ? await client.lrange(name, 0, -1) : await client.xrange(name, '-', '+')
      places[name] = name + JSON.stringify(held)
    }
    expect(Object.keys(places).some((name) => name.includes(':v:idem')), Object.keys(places).join('\n')).toBe(true)
    expect(holding(places)).toEqual([])
    const folder = (await client.config('GET', 'dir') as string[])[1] as string
    expect(holding(filesBelow(folder))).toEqual([])
  })

  test('are in clear in no table, index or log file of either database', () => {
    const dump = (name: string) => execFileSync(join(bin as string, 'pg_dump'), ['--inserts', database.url(name)], { maxBuffer: 1 << 28 })
    const places = { control: dump('control'), vault: dump('vault') }
    expect(places.vault.includes('INSERT INTO')).toBe(true)
    expect(holding(places)).toEqual([])
  })

  test('are in no span, no log line, no metric, and no file of any process', async () => {
    const places: Record<string, Buffer | string> = { spans: Buffer.concat(spans), log: product.printed(), metrics: await (await fetch(`${product.opsUrl}/metrics`)).text(), ready: await (await fetch(`${product.opsUrl}/readyz`)).text() }
    expect(places.log).toContain('"process":"vault"')
    // What a process was started with is read by whoever may read it.
    const started = (product.printed().match(/"process":"(?:gateway|vault)".*?"pid":\d+/g) ?? []).map((line) => Number(/\d+$/.exec(line)?.[0]))
    expect(started.length).toBe(2)
    if (process.platform === 'linux') for (const pid of started) places[`start of ${pid}`] = readFileSync(`/proc/${pid}/environ`, 'utf8') + readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    expect(holding({ ...places, ...filesBelow(dataDir) })).toEqual([])
  })

  test('are in nothing that people are shown: runs, cases, why calls were refused, jobs, the record of reveals, ledgers, the audit log, data flows', async () => {
    const places: Record<string, string> = {}
    const ids: string[] = []
    for (const id of tabs) {
      const { runs } = (await (await editor.request('GET', `/sluice/runs?flow=${id}&limit=50`)).json()) as { runs: readonly { id: string }[] }
      for (const run of runs) {
        ids.push(run.id)
        places[`run of ${id}`] = (places[`run of ${id}`] ?? '') + (await (await editor.request('GET', `/sluice/runs/${run.id}`)).text())
        places[`case of ${id}`] = (places[`case of ${id}`] ?? '') + (await (await editor.request('POST', `/sluice/runs/${run.id}/case`, { name: 'made' })).text())
      }
    }
    expect(ids.length).toBeGreaterThan(15)
    for (const path of ['/audit', '/decisions', '/jobs?limit=50', '/vault/reveals', '/vault/secrets', '/vault/domains', '/vault/keys', '/vault/keys/own/uses', '/ledgers', '/ledgers/people/entries', '/releases', '/gateways', '/credentials', '/caches']) places[path] = JSON.stringify(await records.request('GET', path).catch((thrown: unknown) => String(thrown)))
    expect(Object.entries(places).filter(([, text]) => / answered 4/.test(text))).toEqual([])
    expect(holding(places)).toEqual([])
  })
})

/** How a value may be written: as it is, escaped, percent-encoded, in UTF-16, in hex, and in base64 wherever in it the value begins. */
function forms(...values: readonly string[]): Buffer[] {
  return values.flatMap((value) => {
    const bytes = Buffer.from(value)
    const base64 = [0, 1, 2].flatMap((before) => {
      // Characters at both ends depend on what stands beside the value.
      const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64').replaceAll('=', '')
      const inner = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
      return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
    })
    const escaped = value.replaceAll(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
    return [...new Set([value, escaped, encodeURIComponent(value), bytes.toString('hex'), ...base64])].map((text) => Buffer.from(text)).concat(Buffer.from(value, 'utf16le'))
  })
}

function filesBelow(folder: string): Record<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)).filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
  return Object.fromEntries(files.map((file) => [file, readFileSync(file)]))
}
