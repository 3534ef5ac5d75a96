import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { endpoints } from '../../portal/records-api/endpoints.ts'
import { toOpenApi } from '../../portal/records-api/openapi.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createAudit } from '../audit.ts'
import { openConsumers } from '../consumers/open-consumers.ts'
import type { Desk } from '../consumers/records.ts'
import { Refused, type Actor, type ApiRegistration, type DeployInput, type Flows } from '../contract.ts'
import { openControl, type OpenControl } from '../open-control.ts'
import { openStore } from '../store/store.ts'
import { createPublishing } from './create-publishing.ts'
import { yamlLimitBytes } from './parse-text.ts'
import { documentLimitBytes } from './read-document.ts'

const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8')
const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const folder = mkdtempSync(join(tmpdir(), 'sluice-publish-'))
let control: OpenControl

beforeAll(async () => {
  control = await openControl({ dataDir: folder, definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  for (const id of ['town', 'village']) await control.consumers.organisations.create({ id, name: id }, admin)
  for (const name of ['vera', 'cleo', 'otto']) await control.users.create({ name, role: name === 'cleo' ? 'creator' : name === 'vera' ? 'viewer' : 'operator' }, 'admin')
})
afterAll(async () => {
  await control?.close()
  rmSync(folder, { recursive: true, force: true })
})

const publishing = () => control.publishing
const base = { organisation: 'town' } as const
const onTab = async (z: string) => (await control.flows.current()).nodes.filter((node) => node.z === z || node.id === z)
const release = async () => (await control.releases.list())[0]?.id
async function refusal(work: Promise<unknown>): Promise<Refused> {
  const thrown = await work.then(() => undefined, (reason: unknown) => reason)
  expect(thrown).toBeInstanceOf(Refused)
  return thrown as Refused
}
const pointers = (refused: Refused) => refused.problems.map(({ pointer }) => pointer)
/** Deploys the flows with some nodes changed, as a person at the editor does. */
async function draw(change: (node: EditorNode) => EditorNode | undefined, more: readonly EditorNode[] = []): Promise<void> {
  const { nodes, rev } = await control.flows.current()
  await control.flows.deploy({ nodes: [...nodes.flatMap((node) => change(node) ?? []), ...more], rev, user: 'admin' })
}

describe('a URL', () => {
  test('becomes a flow with auth before the callout, and the record of an API that nobody is let in to yet', async () => {
    const input: ApiRegistration = { id: 'orders', ...base, name: 'Orders', url: 'https://orders.example:8443/v1/orders/{id}?source=town', path: '/orders/:id', methods: ['GET', 'PUT'], version: 'v2' }
    const preview = await publishing().preview(input, admin)
    expect(preview).toMatchObject({ dryRun: true, apis: [{ id: 'orders', change: 'add', routes: [{ method: 'GET', path: '/orders/:id', upstream: 'https://orders.example:8443/v1/orders/{{req.params.id}}?source=town', change: 'add' }, { method: 'PUT', path: '/orders/:id' }] }] })
    expect(await release()).toBeUndefined()
    expect((await control.consumers.apis.list({}, admin)).items).toEqual([])

    const { apis: [made], release: live } = await publishing().register(input, admin)
    expect(live).toBe(await release())
    const flow = made!.flow
    expect(made).toMatchObject({ api: { id: 'orders', name: 'Orders', organisation: 'town', flow, apiVersion: 'v2', lifecycle: 'CREATED' } })
    const nodes = await onTab(flow)
    expect(nodes.find(({ type }) => type === 'tab')).toMatchObject({ label: 'Orders v2', env: [{ name: 'SLUICE_ORGANISATION', value: 'town', type: 'str' }, { name: 'SLUICE_API_VERSION', value: 'v2', type: 'str' }] })
    expect(nodes.filter(({ type }) => type !== 'tab' && type !== 'comment').map(({ type }) => type)).toEqual(['http in', 'auth', 'service callout', 'http response', 'http in', 'auth', 'service callout', 'http response'])
    const places = nodes.filter(({ x }) => x !== undefined).map(({ x, y }) => `${String(x)} ${String(y)}`)
    expect(new Set(places).size).toBe(places.length)
  })

  test('registered again changes nothing; another path changes that alone, and what people did stays', async () => {
    const input: ApiRegistration = { id: 'again', ...base, url: 'https://again.example/a', path: '/again' }
    const { apis: [first] } = await publishing().register(input, admin)
    const before = await release()
    const second = await publishing().register(input, admin)
    expect(second).toMatchObject({ apis: [{ change: 'same', added: 0, changed: 0, removed: 0 }] })
    expect(second.release).toBeUndefined()
    expect(await release()).toBe(before)

    const own = { id: 'mine', type: 'comment', z: first!.flow, name: 'mine', info: '', x: 100, y: 400, wires: [] }
    await draw((node) => (node.type === 'service callout' && node.z === first!.flow ? { ...node, timeoutMs: 2000, x: 700, y: 500 } : node), [own])
    const third = await publishing().register({ ...input, methods: ['GET', 'POST'] }, admin)
    expect(third.apis[0]).toMatchObject({ change: 'change', added: 4, changed: 0, removed: 0, lost: [] })
    expect(third.apis[0]!.routes.map(({ method, change }) => `${method} ${change}`)).toEqual(['GET same', 'POST add'])
    const nodes = await onTab(first!.flow)
    expect(nodes.find(({ id }) => id === 'mine')).toMatchObject(own)
    expect(nodes.find(({ type, method }) => type === 'service callout' && method === 'GET')).toMatchObject({ timeoutMs: 2000, x: 700, y: 500 })

    // What the source changed reaches a node whose other settings are somebody's.
    await publishing().register({ ...input, url: 'https://again.example/b', methods: ['GET'] }, admin)
    const after = await onTab(first!.flow)
    expect(after.filter(({ type }) => type === 'service callout')).toMatchObject([{ url: 'https://again.example/b', timeoutMs: 2000, x: 700 }])
  })

  test('never overwrites what a person changed without being told to, and says what would be lost', async () => {
    const input: ApiRegistration = { id: 'kept', ...base, url: 'https://kept.example/a', path: '/kept' }
    const { apis: [first] } = await publishing().register(input, admin)
    const callout = first!.nodes.find(({ type }) => type === 'service callout')!
    await draw((node) => (node.id === callout.id ? { ...node, url: 'https://by-hand.example/' } : node))
    const same = await publishing().register(input, admin)
    expect(same.apis[0]).toMatchObject({ change: 'same', kept: [{ node: callout.id, done: 'changed' }] })

    const other: ApiRegistration = { ...input, url: 'https://kept.example/b' }
    expect((await publishing().preview(other, admin)).apis[0]).toMatchObject({ lost: [{ node: callout.id, done: 'changed' }] })
    const before = await release()
    const refused = await refusal(publishing().register(other, admin))
    expect(refused).toMatchObject({ code: 'register.changed', status: 409, problems: [{ node: callout.id, flow: first!.flow }] })
    expect(refused.message).toContain('service callout “kept.example”')
    expect(await release()).toBe(before)
    await publishing().register({ ...other, replace: true }, admin)
    expect((await onTab(first!.flow)).find(({ id }) => id === callout.id)).toMatchObject({ url: 'https://kept.example/b' })

    await draw((node) => (node.z !== first!.flow ? node : node.type === 'auth' ? undefined : node.type === 'http in' ? { ...node, wires: [[callout.id]] } : node))
    expect((await publishing().register(other, admin)).apis[0]).toMatchObject({ change: 'same', kept: [{ done: 'changed' }, { done: 'deleted' }] })
  })

  test('with everything below it stands for its paths as they come', async () => {
    const { apis: [made] } = await publishing().preview({ id: 'below', ...base, url: 'https://below.example/v1/{tenant}/*', path: '/:tenant/files/*', methods: ['GET', 'PUT', 'DELETE'] }, admin)
    expect(made!.routes[0]).toMatchObject({ path: '/:tenant/files/*', upstream: 'https://below.example/v1/{{req.params.tenant}}/{{+req.params["*"]}}' })
  })

  test('in two versions side by side answers the same address, and what people wrote into a record stays', async () => {
    const one = { ...base, path: '/versioned', family: 'versioned' } as const
    await publishing().register({ apis: [{ ...one, id: 'versioned', url: 'https://versioned.example/1', version: 'v1' }, { ...one, id: 'versioned-2', url: 'https://versioned.example/2', version: 'v2' }] }, admin)
    expect(await control.consumers.apis.get('versioned-2', admin)).toMatchObject({ family: 'versioned', apiVersion: 'v2', name: 'versioned-2' })
    await control.consumers.apis.patch('versioned-2', { name: 'Second', description: 'Mine' }, undefined, admin)
    await publishing().register({ ...one, id: 'versioned-2', url: 'https://versioned.example/2b', version: 'v2' }, admin)
    expect(await control.consumers.apis.get('versioned-2', admin)).toMatchObject({ name: 'Second', description: 'Mine' })
  })

  test('tokens in the examples of a document are warned of and refuse nothing; what people said of places stays when it comes again', async () => {
    const jwt = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'
    const document = (summary: string) => JSON.stringify({ openapi: '3.1.0', info: { title: 'Tokens', version: '1' }, servers: [{ url: 'https://tokens.example' }], paths: { '/token': { get: { summary, responses: { 200: { description: 'ok', content: { 'application/json': { schema: { type: 'object' }, example: { token: jwt } } } } } } } } })
    const { problems } = await publishing().register({ ...base, id: 'examples', openapi: document('One'), mock: true }, admin)
    expect(problems.filter(({ code }) => code === 'secret.pasted')).toEqual(expect.arrayContaining([expect.objectContaining({ severity: 'warning', message: expect.stringContaining('JSON Web Token') as string })]))
    const listed = async () => {
      const tab = (await control.flows.current()).nodes.find(({ type, label }) => type === 'tab' && label === 'Tokens')
      return (tab!['env'] as { name: string; value: string }[]).find(({ name }) => name === 'SLUICE_NOT_SECRET')?.value.split(',')
    }
    const ours = await listed()
    expect(ours?.length).toBeGreaterThan(0)
    await draw((node) => node.type === 'tab' && node['label'] === 'Tokens' ? { ...node, env: (node['env'] as { name: string; value: string }[]).map((one) => (one.name === 'SLUICE_NOT_SECRET' ? { ...one, value: `mine/body,${one.value}` } : one)) } : node)
    await publishing().register({ ...base, id: 'examples', openapi: document('Two'), mock: true }, admin)
    expect([...(await listed() ?? [])].sort()).toEqual(['mine/body', ...ours!].sort())
  })

  test('without auth it is open, and the preview warns of that', async () => {
    const { apis: [made], problems } = await publishing().preview({ id: 'open', ...base, url: '${OPEN_HOST}/data', path: '/open', auth: false }, admin)
    expect(made!.nodes.some(({ type }) => type === 'auth')).toBe(false)
    expect(made!.routes[0]!.upstream).toBe('${OPEN_HOST}/data')
    expect(made!.record.visibility).toBe('public')
    expect(problems).toContainEqual(expect.objectContaining({ code: 'route.public', severity: 'warning' }))
  })

  test.each([
    [{ url: 'ftp://x.example/' }, '/url'],
    [{ url: 'https://user:secret@x.example/' }, '/url'],
    [{ url: 'https://x.example/{{payload.host}}' }, '/url'],
    [{ url: 'https://x.example/{id}', path: '/x' }, '/path'],
    [{ url: 'https://x.example/', path: '/x/*' }, '/url'],
    [{ url: 'https://x.example/*', path: '/x' }, '/path'],
    [{ url: 'https://x.example/*/y', path: '/*/y' }, '/url'],
    [{ url: 'https://x.example/', path: 'x' }, '/path'],
    [{ url: 'https://x.example/', methods: ['TRACE'] }, '/methods/0'],
    [{ url: 'https://x.example/', upstream: 'https://y.example' }, '/upstream'],
    [{ url: 'https://x.example/', mock: true }, '/mock'],
    [{ url: 'https://x.example/', group: 'nowhere' }, '/group'],
    [{ url: 'https://x.example/', lifecycle: 'RETIRED' as const }, '/lifecycle'],
    [{ url: 'https://x.example/', organisation: 'nowhere' }, '/organisation'],
    [{}, '/url'],
  ])('%j is refused at %s, and nothing is deployed', async (input, pointer) => {
    const before = await release()
    const refused = await refusal(publishing().register({ id: 'wrong', ...base, ...input }, admin))
    expect([refused.status, pointers(refused)]).toEqual([422, [pointer]])
    expect(refused.message).not.toContain('secret')
    expect(await release()).toBe(before)
    expect(await control.consumers.apis.get('wrong', admin).catch((thrown: Refused) => thrown.code)).toBe('record.none')
  })
})

describe('an OpenAPI document', () => {
  const minimal = (paths: unknown, more: object = {}) => JSON.stringify({ openapi: '3.0.0', info: { title: 'T', version: '1' }, servers: [{ url: 'https://x.example' }], paths, ...more })
  const ok = { responses: { 200: { description: 'ok' } } }

  test('of 3.1 becomes one route per operation: servers of document and path, variables, references, methods that cannot be served', async () => {
    const { apis: [api], problems } = await publishing().preview({ id: 'library', ...base, openapi: fixture('library.yaml') }, admin)
    expect(api).toMatchObject({ name: 'Town library', record: { description: 'Books of a town library, and who has them.' } })
    expect(api!.routes.map(({ method, path, upstream }) => [method, path, upstream])).toEqual([
      ['GET', '/v2/books', 'https://api.library.example/v2/books'],
      ['POST', '/v2/books', 'https://api.library.example/v2/books'],
      ['GET', '/v2/books/:book_id', 'https://api.library.example/v2/books/{{req.params.book_id}}'],
      ['DELETE', '/v2/books/:book_id', 'https://api.library.example/v2/books/{{req.params.book_id}}'],
      ['GET', '/v2/books/:book_id/covers/:size.:format', 'https://images.library.example/books/{{req.params.book_id}}/covers/{{req.params.size}}.{{req.params.format}}'],
    ])
    const listBooks = api!.nodes.find(({ name }) => name === 'listBooks')!
    expect((listBooks['headers'] as { name: string }[]).map(({ name }) => name)).toContain('x-branch')
    expect(problems).toContainEqual(expect.objectContaining({ severity: 'warning', pointer: '/paths/~1books~1{book-id}~1covers~1{size}.{format}/trace' }))
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  test('of 3.0 and 2.0 likewise, under a path of choice, with methods of choice, for another upstream', async () => {
    const weather = await publishing().preview({ id: 'weather', ...base, openapi: fixture('weather.json'), path: '/weather', methods: ['GET'], upstream: '${WEATHER}/v3' }, admin)
    expect(weather.apis[0]!.routes.map(({ path, upstream }) => [path, upstream])).toEqual([['/weather/stations', '${WEATHER}/v3/stations'], ['/weather/stations/:id/readings', '${WEATHER}/v3/stations/{{req.params.id}}/readings']])
    const parking = await publishing().preview({ id: 'parking', ...base, openapi: fixture('parking.yaml') }, admin)
    expect(parking.apis[0]!.routes.map(({ method, path, upstream }) => [method, path, upstream])).toEqual([
      ['GET', '/open/v1/lots', 'https://parking.example/open/v1/lots'], ['PUT', '/open/v1/lots/:lot/places', 'https://parking.example/open/v1/lots/{{req.params.lot}}/places'],
    ])
    // As a value, in place of a text.
    expect((await publishing().preview({ id: 'weather', ...base, openapi: JSON.parse(fixture('weather.json')) as Record<string, unknown> }, admin)).apis[0]!.routes).toHaveLength(3)
  })

  test('registered again after it changed, changes only what its change says', async () => {
    const text = fixture('weather.json')
    const input: ApiRegistration = { id: 'stations', ...base, openapi: text, path: '/s' }
    const first = (await publishing().register(input, admin)).apis[0]!
    const document = JSON.parse(text) as { paths: Record<string, Record<string, unknown>> }
    delete document.paths['/stations/{id}/readings']!['post']
    document.paths['/stations/{id}'] = { parameters: document.paths['/stations/{id}/readings']!['parameters'], get: { responses: { 200: { description: 'One.' } } } }
    const again = (await publishing().register({ ...input, openapi: JSON.stringify(document) }, admin)).apis[0]!
    expect(again.routes.map(({ method, path, change }) => `${method} ${path} ${change}`)).toEqual(['GET /s/stations same', 'GET /s/stations/:id/readings same', 'GET /s/stations/:id add', 'POST /s/stations/:id/readings remove'])
    expect(again).toMatchObject({ added: 5, removed: 5, lost: [] })
    const untouched = (nodes: readonly EditorNode[]) => nodes.find(({ type, url }) => type === 'http in' && url === '/s/stations')
    expect(untouched(again.nodes)).toEqual(untouched(first.nodes))
  })

  test('with 250 operations it is previewed whole, and no two nodes lie upon each other', async () => {
    const paths = Object.fromEntries(Array.from({ length: 125 }, (_, i) => [`/things${i}/{id}`, Object.fromEntries(['get', 'delete'].map((method) => [method, { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }], responses: { 200: { description: 'ok' } } }]))]))
    const document = { openapi: '3.0.0', info: { title: 'Large', version: '1' }, servers: [{ url: 'https://large.example' }], paths }
    const { apis: [api], problems } = await publishing().preview({ id: 'large', ...base, openapi: JSON.stringify(document) }, admin)
    expect(api!.routes).toHaveLength(250)
    const places = api!.nodes.filter(({ x }) => x !== undefined).map(({ x, y }) => `${String(x)} ${String(y)}`)
    expect(new Set(places).size).toBe(places.length)
    expect(Math.max(...api!.nodes.map(({ x, y }) => Math.max(Number(x) || 0, Number(y) || 0)))).toBeLessThan(8000)
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  test('of a real API, our own, is taken as it is published', async () => {
    const document = toOpenApi(endpoints, control.consumers.schemas)
    const { apis: [api], problems } = await publishing().preview({ id: 'own', ...base, openapi: JSON.stringify(document), path: '/own', upstream: 'https://control.example' }, admin)
    expect(api!.routes.length).toBeGreaterThan(endpoints.length)
    expect(api!.routes).toContainEqual(expect.objectContaining({ method: 'PATCH', path: '/own/api/v1/apis/:id', upstream: 'https://control.example/api/v1/apis/{{req.params.id}}' }))
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  test('is checked before the service is asked, by a node for each operation; and mocked where that is asked for', async () => {
    const input: ApiRegistration = { id: 'checked', ...base, openapi: fixture('library.yaml'), path: '/checked' }
    const { apis: [made] } = await publishing().register(input, admin)
    const checks = made!.nodes.filter(({ type }) => type === 'validate')
    expect(checks).toHaveLength(5)
    const operations = checks.map((node) => JSON.parse(node['operation'] as string) as Record<string, any>)
    expect(operations[0]).toMatchObject({ openapi: '3.1.0', operationId: 'listBooks', parameters: [{ name: 'page' }, { name: 'X-Branch' }], components: { schemas: { Book: { required: ['title'] } } } })
    // Named as the route names it.
    expect(operations[2]!['parameters']).toMatchObject([{ name: 'book_id', in: 'path' }])

    const mocked = (await publishing().register({ ...input, mock: true, auth: false }, admin)).apis[0]!
    expect(mocked.nodes.filter(({ type }) => type === 'service callout')).toEqual([])
    expect(mocked.nodes.filter(({ type }) => type === 'respond').map(({ status, body }) => [status, body])).toEqual([['200', '[{"title":"text","$ref":"text"}]'], ['201', 'null'], ['200', 'null'], ['204', 'null'], ['200', 'null']])
    const plain = (await publishing().preview({ ...input, validate: false }, admin)).apis[0]!
    expect(plain.nodes.some(({ type }) => type === 'validate')).toBe(false)
  })

  test('keeps its data labels: what it labels in requests is not passed on in clear, and what it labels in answers is told', async () => {
    const person = { type: 'object', properties: { id: { type: 'string', 'x-label': 'pid' }, name: { type: 'string' } } }
    const content = { 'application/json': { schema: { $ref: '#/components/schemas/Person' } } }
    const document = (operation: object) => minimal({ '/people/{id}': { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }], post: operation } }, { components: { schemas: { Person: person } } })
    const leaks = async (operation: object, more: object = {}) => {
      const { problems } = await publishing().preview({ id: 'people', ...base, openapi: document(operation), ...more }, admin)
      return problems.filter(({ code, message }) => code === 'label.leak' || message.includes('label')).map(({ code, severity, message }) => `${severity} ${code} ${/“(.*?)”/.exec(code === 'label.leak' ? message.slice(message.indexOf('labelled')) : message)?.[1] ?? ''}`)
    }
    expect(await leaks(ok)).toEqual([])
    expect([...new Set(await leaks({ ...ok, requestBody: { content } }))]).toEqual(['error label.leak pid'])
    expect([...new Set(await leaks({ ...ok, parameters: [{ name: 'pan', in: 'query', schema: { type: 'string', 'x-label': 'pan' } }] }))]).toEqual(['error label.leak pan'])
    expect(await leaks({ responses: { 200: { description: 'ok', content } } })).toEqual(['warning openapi.invalid pid'])
    expect(await leaks({ ...ok, requestBody: { content } }, { validate: false })).toEqual(['warning openapi.invalid '])

    const before = await release()
    const refused = await refusal(publishing().register({ id: 'people', ...base, openapi: document({ ...ok, requestBody: { content } }) }, admin))
    expect(refused.problems).toContainEqual(expect.objectContaining({ severity: 'error', code: 'label.leak' }))
    expect(await release()).toBe(before)
    const { apis: [mocked] } = await publishing().register({ id: 'people', ...base, openapi: document({ ...ok, requestBody: { content } }), mock: true }, admin)
    expect(JSON.parse(mocked!.nodes.find(({ type }) => type === 'validate')!['operation'] as string)).toMatchObject({ components: { schemas: { Person: person } } })
  })

  test('without a server can be mocked, and keeps as a remark what cannot be checked in linear time', async () => {
    const parameters = [{ name: 'code', in: 'query', schema: { type: 'string', pattern: '^(?!x)a' } }]
    const { apis: [api], problems } = await publishing().preview({ id: 'serverless', ...base, mock: true, openapi: minimal({ '/a': { get: { ...ok, parameters } } }, { servers: undefined }) }, admin)
    expect(problems).toContainEqual(expect.objectContaining({ severity: 'warning', pointer: '/paths/~1a/get/parameters', message: expect.stringContaining('^(?!x)a') as string }))
    expect(api!.nodes.find(({ type }) => type === 'validate')!['operation']).toContain('"x-pattern": "^(?!x)a"')
  })

  test.each([
    ['no syntax', '{ openapi: [', '/openapi'],
    ['a key twice', 'openapi: 3.0.0\nopenapi: 3.0.1\n', '/openapi'],
    ['no version', JSON.stringify({ info: {} }), '/openapi/openapi'],
    ['a version that is not known', JSON.stringify({ openapi: '4.0.0' }), '/openapi/openapi'],
    ['something missing', JSON.stringify({ openapi: '3.0.0', info: { title: 'T' }, paths: {} }), '/openapi/info'],
    ['something misplaced', minimal({ '/a': { get: { ...ok, respond: 1 } } }), '/openapi/paths/~1a/get'],
    ['a schema that is none', JSON.stringify({ openapi: '3.1.0', info: { title: 'T', version: '1' }, servers: [{ url: 'https://x.example' }], paths: { '/a': { post: { requestBody: { content: { 'application/json': { schema: { type: 'objekt' } } } }, ...ok } } } }), '/openapi/paths/~1a/post/requestBody/content/application~1json/schema/type'],
    ['a schema behind a reference to nothing', JSON.stringify({ swagger: '2.0', info: { title: 'T', version: '1' }, host: 'x.example', paths: { '/a': { post: { parameters: [{ name: 'b', in: 'body', schema: { $ref: '#/definitions/none' } }], ...ok } } } }), '/openapi/paths/~1a/post/parameters/0/schema/$ref'],
    ['another document', minimal({ '/a': { $ref: 'http://169.254.169.254/latest#/a' } }), '/openapi/paths/~1a/$ref'],
    ['another file', minimal({ '/a': { get: { ...ok, parameters: [{ $ref: '../secret.yaml' }] } } }), '/openapi/paths/~1a/get/parameters/0/$ref'],
    ['a reference to nothing', minimal({ '/a': { get: { ...ok, parameters: [{ $ref: '#/components/parameters/none' }] } } }), '/openapi/paths/~1a/get/parameters/0/$ref'],
    ['no operation', minimal({}), '/openapi/paths'],
    ['no server', minimal({ '/a': { get: ok } }, { servers: undefined }), '/openapi/servers'],
    ['a server without a host', minimal({ '/a': { get: ok } }, { servers: [{ url: '/v1' }] }), '/openapi/servers/0/url'],
    ['a path with a colon', minimal({ '/a/{id}:close': { get: ok } }), '/openapi/paths/~1a~1{id}:close'],
    ['the same route twice', minimal({ '/a/{x}': { get: ok }, '/a/{y}': { get: ok } }), '/openapi/paths/~1a~1{y}/get'],
    ['a prototype', '{"openapi":"3.0.0","__proto__":{"x":1}}', '/openapi/__proto__'],
  ])('with %s is refused with its place and a remedy', async (_what, openapi, pointer) => {
    const refused = await refusal(publishing().preview({ id: 'broken', ...base, openapi }, admin))
    expect([refused.status, refused.code, pointers(refused)]).toEqual([422, 'openapi.invalid', [pointer]])
    expect(refused.problems[0]!.remedy).not.toBe('')
  })

  test('that is too large, too deep, or grows by aliases is refused before it costs much', async () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)].join('\n')
    for (const openapi of [`{"x":"${'x'.repeat(documentLimitBytes)}"}`, `x: ${'x'.repeat(yamlLimitBytes)}`, `{"x":${'['.repeat(5000)}${']'.repeat(5000)}}`, bomb]) {
      expect((await refusal(publishing().preview({ id: 'heavy', ...base, openapi }, admin))).status).toBe(422)
    }
  })

  test('whatever comes in, nothing is thrown but a refusal, and what is accepted passes the compiler', async () => {
    const parts = fc.constantFrom('a', '{id}', ':id', '{a}{b}', '{x}.{y}', '*', '..', '%2e', '{{payload}}', '${HOST}', 'ü', ' ', '{', '}', 'a:b', '?', '#', '{constructor}', '{__proto__}', '\\', '\u0000')
    const path = fc.array(parts, { maxLength: 4 }).map((list) => `/${list.join('/')}`)
    const operation = fc.record({ responses: fc.constant({ 200: { description: 'ok' } }), summary: fc.string({ maxLength: 20 }), parameters: fc.array(fc.record({ name: fc.string({ maxLength: 8 }), in: fc.constantFrom('header', 'query', 'path'), schema: fc.constant({}) }), { maxLength: 2 }) }, { requiredKeys: ['responses'] })
    const item = fc.dictionary(fc.constantFrom('get', 'post', 'trace', 'head', 'parameters', 'x-y', '$ref'), fc.oneof({ weight: 5, arbitrary: operation }, fc.jsonValue()), { maxKeys: 3 })
    const document = fc.record({ openapi: fc.constantFrom('3.0.0', '3.1.0', '3.2.0'), info: fc.constant({ title: 'T', version: '1' }), servers: fc.array(fc.record({ url: fc.oneof(fc.constantFrom('https://x.example', '/v1', 'https://{h}/', 'http://x.example:80/a b'), fc.string()) }), { maxLength: 1 }), paths: fc.dictionary(path, item, { maxKeys: 3 }) })
    const source = fc.oneof({ weight: 4, arbitrary: document.map((value) => JSON.stringify(value)) }, fc.string(), fc.json())
    await fc.assert(
      fc.asyncProperty(fc.oneof(source.map((openapi) => ({ openapi })), fc.record({ url: fc.oneof(fc.webUrl(), path.map((text) => `https://x.example${text}`), fc.string()), path })), async (input) => {
        try {
          const { problems } = await publishing().preview({ id: 'any', ...base, ...input }, admin)
          expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
        } catch (thrown) {
          if (!(thrown instanceof Refused)) throw thrown
          expect(thrown.status).toBe(422)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('a list', () => {
  test('goes live in one release, puts APIs into groups and moves them along', async () => {
    const before = (await release()) ?? 0
    const done = await publishing().register({ apis: [
      { id: 'b1', ...base, url: 'https://b.example/1', path: '/b1', group: 'bulk', createGroup: true, lifecycle: 'PUBLISHED' },
      { id: 'b2', ...base, openapi: fixture('parking.yaml'), path: '/b2', group: 'bulk', lifecycle: 'PROTOTYPED' },
    ] }, admin)
    expect(await release()).toBe(before + 1)
    expect(done.apis.map(({ api }) => api?.lifecycle)).toEqual(['PUBLISHED', 'PROTOTYPED'])
    expect((await control.consumers.groups.get('bulk', admin)).apis).toEqual(['b1', 'b2'])
    expect((await publishing().register({ apis: [{ id: 'b1', ...base, url: 'https://b.example/1', path: '/b1', group: 'bulk', lifecycle: 'PUBLISHED' }] }, admin)).release).toBeUndefined()
  })

  test('is all or nothing: every wrong entry is named, and nothing of it happens', async () => {
    const before = await release()
    const refused = await refusal(publishing().register({ apis: [
      { id: 'c1', ...base, url: 'https://c.example/', path: '/c1' },
      { id: 'c2', ...base, url: 'nonsense', path: '/c2' },
      { id: 'c3', ...base, openapi: '{"openapi":"3.0.0"}' },
    ] }, admin))
    expect(pointers(refused)[0]).toBe('/apis/1/url')
    expect(pointers(refused).slice(1).every((pointer) => pointer?.startsWith('/apis/2/openapi'))).toBe(true)
    expect(pointers(await refusal(publishing().register({ apis: [{ id: 'c1', ...base, url: 'https://c.example/', path: '/c1' }, { id: 'c1', ...base, url: 'https://c.example/', path: '/c9' }] }, admin)))).toEqual(['/apis/1/id'])
    // Found by the compiler only: two APIs want the same route.
    const clash = await refusal(publishing().register({ apis: [{ id: 'c4', ...base, url: 'https://c.example/', path: '/same' }, { id: 'c5', ...base, url: 'https://c.example/', path: '/same' }] }, admin))
    expect(clash).toMatchObject({ code: 'deploy.refused', status: 422, problems: expect.arrayContaining([expect.objectContaining({ code: 'route.duplicate' })]) as unknown })
    expect(await release()).toBe(before)
    for (const id of ['c1', 'c2', 'c3']) expect(await control.consumers.apis.get(id, admin).catch((thrown: Refused) => thrown.code)).toBe('record.none')
    // The id is free again for a better try.
    expect((await publishing().register({ id: 'c4', ...base, url: 'https://c.example/', path: '/same' }, admin)).apis[0]!.api).toMatchObject({ lifecycle: 'CREATED' })
  })
})

describe('who', () => {
  const input: ApiRegistration = { id: 'who', ...base, url: 'https://who.example/', path: '/who' }
  test('may not make APIs may not register one, and learns nothing', async () => {
    for (const [name, role] of [['vera', 'viewer'], ['otto', 'operator']] as const) {
      for (const ask of [input, { ...input, url: 'broken' }, { ...input, organisation: 'nowhere' }]) {
        expect(await refusal(publishing().register(ask, { name, role, from: 'test' }))).toMatchObject({ code: 'auth.role', status: 403, problems: [] })
      }
    }
  })

  test('may make APIs but not publish them leaves a request', async () => {
    const { apis: [made] } = await publishing().register({ ...input, lifecycle: 'PUBLISHED' }, { name: 'cleo', role: 'creator', from: 'test' })
    expect(made!.api).toMatchObject({ lifecycle: 'CREATED', requested: { to: 'PUBLISHED', by: 'cleo' }, owner: 'cleo' })
    // Asked again, the request stands.
    expect((await publishing().register({ ...input, lifecycle: 'PUBLISHED' }, { name: 'cleo', role: 'creator', from: 'test' })).apis[0]!.api).toMatchObject({ requested: { by: 'cleo' } })
  })

  test('registers over an API that somebody drew, or that is retired, is told so', async () => {
    await control.consumers.apis.create({ id: 'drawn', name: 'Drawn', organisation: 'town', flow: 'a-tab' }, admin)
    expect(await refusal(publishing().register({ ...input, id: 'drawn' }, admin))).toMatchObject({ code: 'register.flow', status: 409 })
    const before = await release()
    const foreign = await refusal(publishing().register({ ...input, id: 'drawn', organisation: 'village' }, admin))
    expect([foreign.status, JSON.stringify([foreign.message, foreign.problems]).includes('a-tab'), await release()]).toEqual([422, false, before])
  })
})

describe('what fails half way', () => {
  /** Real records, and flows of which a test decides how a deploy ends. */
  async function open(fails: { deploy?: Refused; writes?: number }) {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-publish-half-'))
    const store = await openStore({ dataDir })
    const { desk, ...consumers } = await openConsumers({ store, audit: createAudit(store, systemClock), clock: systemClock, log: silentLog, keys: { current: { id: 'k', key: randomBytes(32) }, older: [] }, cost: { n: 1024 } })
    await consumers.organisations.create({ id: 'town', name: 'Town' }, admin)
    let nodes: readonly EditorNode[] = [{ id: 'other', type: 'tab', label: 'Other' }]
    let rev = 0
    let writes = 0
    const flows = {
      current: async () => ({ nodes, rev: String(rev) }),
      check: async () => [],
      async deploy(input: DeployInput) {
        if (fails.deploy) throw fails.deploy
        nodes = input.nodes
        return { rev: String(++rev), release: rev, warnings: [], live: [], behind: [] }
      },
    } as unknown as Flows
    const failing: Desk = { ...desk, run: (by, work) => (++writes === fails.writes ? Promise.reject(new Refused('store.unavailable', 503, 'The store is away.')) : desk.run(by, work)) }
    return {
      publishing: createPublishing({ flows, consumers, desk: failing, log: silentLog }),
      consumers,
      nodes: () => nodes,
      async close() {
        consumers.close()
        await store.close()
        rmSync(dataDir, { recursive: true, force: true })
      },
    }
  }
  const input: ApiRegistration = { id: 'half', ...base, url: 'https://half.example/', path: '/half' }

  test('a deploy that is refused leaves no API behind, and the same id can be tried again', async () => {
    const fails: { deploy?: Refused } = { deploy: new Refused('deploy.refused', 422, 'A gateway cannot prepare it.') }
    const half = await open(fails)
    expect(await refusal(half.publishing.register(input, admin))).toMatchObject({ code: 'deploy.refused' })
    expect((await half.consumers.apis.list({}, admin)).items).toEqual([])
    delete fails.deploy
    const { apis: [made] } = await half.publishing.register({ ...input, lifecycle: 'PUBLISHED' }, admin)
    expect(made!.api).toMatchObject({ lifecycle: 'PUBLISHED' })
    expect(made!.api!.retiredAt).toBeUndefined()
    await half.close()
  })

  test('records that cannot be written after the deploy take the deploy back', async () => {
    // Tried, added, and then what follows the deploy.
    const half = await open({ writes: 3 })
    expect(await refusal(half.publishing.register(input, admin))).toMatchObject({ code: 'store.unavailable' })
    expect(half.nodes()).toEqual([{ id: 'other', type: 'tab', label: 'Other' }])
    expect((await half.consumers.apis.list({}, admin)).items).toEqual([])
    await half.close()
  })
})
