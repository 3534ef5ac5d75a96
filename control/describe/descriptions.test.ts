import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { createAssembler } from '../../runtime/compile/assemble.ts'
import { createCatalogue } from '../../runtime/compile/catalogue.ts'
import { toRevisions } from '../../runtime/compile/check.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import { upgradeDocument } from '../../runtime/core/openapi/upgrade-document.ts'
import { parseYaml } from '../consumers/parse-yaml.ts'
import { type Actor, type ApiRegistration, Refused } from '../contract.ts'
import { openControl, type OpenControl } from '../open-control.ts'
import { createOpenapiCheck } from '../publish/check-openapi.ts'
import documents from '../publish/fixtures/published-documents.json' with { type: 'json' }
import { toDocument } from './to-document.ts'

const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const folder = mkdtempSync(join(tmpdir(), 'sluice-describe-'))
const require = createRequire(import.meta.url)
const servers = ['https://gateway.example/']
let control: OpenControl

beforeAll(async () => {
  control = await openControl({ dataDir: folder, definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  for (const id of ['town', 'village']) await control.consumers.organisations.create({ id, name: id }, admin)
})
afterAll(async () => {
  await control?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** They say nothing that others do not say as well, and take long. */
const large: ReadonlySet<string> = new Set(['3.0/json/star-trek.json', '3.1/json/readme.json', '3.0/json/readme-legacy.json'])

/** Holds documents to the schema of OpenAPI 3.1. */
const check = createOpenapiCheck()
async function expectValid(document: object): Promise<void> {
  expect(await check(document as Record<string, unknown>)).toEqual([])
}
const refusalOf = async (work: Promise<unknown>) => await work.then(() => undefined, (thrown: unknown) => (thrown instanceof Refused ? [thrown.status, thrown.code] : thrown))
const fixture = (name: string) => readFileSync(new URL(`../publish/fixtures/${name}`, import.meta.url), 'utf8')
const register = (input: Partial<ApiRegistration> & { id: string }) => control.publishing.register({ organisation: 'town', ...input } as ApiRegistration, admin)

/** A flow drawn by hand, as a document. */
function drawn(nodes: readonly Partial<EditorNode>[]) {
  const all = [{ id: 'tab', type: 'tab', label: 'Drawn' }, ...nodes.map((node) => ({ z: 'tab', x: 0, y: 0, wires: [], ...node }))] as EditorNode[]
  const { flows, linkIns, problems } = createAssembler(createCatalogue(definitions))(toRevisions(all))
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  return toDocument({ id: 'drawn', name: 'Drawn', lifecycle: 'PUBLISHED', tags: [] }, flows[0]!, linkIns, servers) as any
}

describe('the document of a deployed API', () => {
  test('describes the operations that it was imported with: paths, parameters, bodies, answers, and what gateways add', async () => {
    await register({ id: 'library', openapi: fixture('library.yaml'), version: 'v2', lifecycle: 'PUBLISHED', visibility: 'public' })
    const { document } = (await control.descriptions.reference('library', undefined, { servers })) as { document: any }
    await expectValid(document)
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Town library', version: 'v2' }, servers: [{ url: 'https://gateway.example' }] })
    expect(Object.entries(document.paths).map(([path, item]) => `${path} ${Object.keys(item as object).join()}`)).toEqual(['/v2/books get,post', '/v2/books/{book_id} get,delete', '/v2/books/{book_id}/covers/{size}.{format} get'])
    const post = document.paths['/v2/books'].post
    expect(post).toMatchObject({ operationId: 'addBook', requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Book' } } } }, security: [{ 'key-x-api-key': [] }] })
    expect(Object.keys(post.responses)).toEqual(expect.arrayContaining(['201', '400', '401', '403', '413', '415', '502', '504']))
    expect(post.responses['400']).toMatchObject({ 'x-fault-codes': expect.arrayContaining(['request.invalid']) as unknown, content: { 'application/problem+json': {} } })
    expect(document.components.securitySchemes).toEqual({ 'key-x-api-key': { type: 'apiKey', in: 'header', name: 'x-api-key' } })
    expect(JSON.stringify(document)).not.toContain('library.example')
  })

  test.each(documents.filter((one) => !('refused' in one) && !large.has(one.file)).map((one) => [`${one.package} ${one.file}`, one] as const))('%s comes back as valid 3.1 with the same operations', async (_name, one) => {
    const at = (require.resolve.paths(one.package) ?? []).map((path) => join(path, one.package)).find((path) => { try { return readFileSync(join(path, 'package.json')) } catch { return undefined } })
    const text = readFileSync(join(dirname(join(at!, 'x')), one.file), 'utf8')
    const source = upgradeDocument((text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text)) as Record<string, unknown>) as any
    const { apis: [api] } = await control.publishing.preview({ id: 'round', organisation: 'town', openapi: text, mock: true, path: '/' }, admin)
    const { flows, linkIns } = createAssembler(createCatalogue(definitions))(toRevisions(api!.nodes))
    const document = toDocument({ id: 'round', name: 'Round', lifecycle: 'PUBLISHED', tags: [] }, flows[0]!, linkIns, servers) as any
    await expectValid(document)
    const follow = (of: any, value: any): any => (typeof value?.$ref === 'string' ? follow(of, value.$ref.slice(2).split('/').reduce((found: any, part: string) => found?.[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')], of)) : value)
    const summary = (of: any) => Object.entries(of.paths).filter(([path]) => path.startsWith('/')).flatMap(([path, given]) => {
      const item = follow(of, given)
      return Object.entries(item).filter(([key]) => (methods as readonly string[]).includes(key.toUpperCase())).map(([method, operation]: [string, any]) => {
        const named = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((parameter: any) => follow(of, parameter)).filter((parameter: any) => parameter.in !== 'path').map((parameter: any) => `${parameter.in} ${parameter.name}`)
        const body = method === 'get' || method === 'head' ? [] : Object.keys(follow(of, operation.requestBody)?.content ?? {})
        return { is: `${method} ${path.replaceAll(/\{[^}]*\}/g, '{}').replace(/(.)\/$/, '$1')}`, parameters: [...new Set(named)].sort(), body, statuses: Object.keys(operation.responses ?? {}) }
      })
    })
    const sort = (list: ReturnType<typeof summary>) => list.sort((a, b) => (a.is < b.is ? -1 : 1))
    const [before, after] = [sort(summary(source)), sort(summary(document))]
    expect(after.map(({ is, parameters, body }) => ({ is, parameters, body }))).toEqual(before.map(({ is, parameters, body }) => ({ is, parameters, body })))
    for (const [i, { statuses }] of before.entries()) expect(after[i]!.statuses).toEqual(expect.arrayContaining(statuses))
  })

  test('of a flow drawn by hand is made of its schemas, limits, replies and entry', async () => {
    const document = drawn([
      { id: 'in', type: 'http in', url: '/orders/:id', method: 'put', name: 'Change an order', wires: [['auth']] },
      { id: 'auth', type: 'auth', methods: [{ kind: 'jwt', name: '' }, { kind: 'certificate', name: '' }], issuers: [{ issuer: 'https://issuer.example', audience: 'x', algorithms: 'RS256', jwksUrl: '', jwks: '' }], scopes: ['orders.write'], wires: [['quota'], []] },
      { id: 'quota', type: 'quota', wires: [['once'], []] },
      { id: 'once', type: 'idempotency', missing: 'refuse', wires: [['check'], []] },
      { id: 'check', type: 'validate', body: '{"$defs":{"n":{"type":"integer"}},"type":"object","properties":{"n":{"$ref":"#/$defs/n"}}}', query: '{"properties":{"dry":{"type":"boolean"}},"required":["dry"]}', wires: [['ok'], []] },
      { id: 'ok', type: 'respond', status: '201', body: '{"id":1}', bodyType: 'json' },
    ])
    await expectValid(document)
    const put = document.paths['/orders/{id}'].put
    expect(put.summary).toBe('Change an order')
    expect(put.parameters).toMatchObject([{ name: 'id', in: 'path', required: true }, { name: 'Idempotency-Key', in: 'header', required: true }, { name: 'dry', in: 'query', required: true, schema: { type: 'boolean' } }])
    expect(document.components.schemas['put_orders_id-body'].properties.n).toEqual({ $ref: '#/components/schemas/put_orders_id-body/$defs/n' })
    expect(put.security).toEqual([{ bearer: ['orders.write'] }, { certificate: [] }])
    expect(put.responses['201']).toMatchObject({ content: { 'application/json': { example: { id: 1 } } }, headers: { RateLimit: {}, 'RateLimit-Policy': {} } })
    expect(put.responses['429']).toMatchObject({ headers: { 'Retry-After': {} }, 'x-fault-codes': expect.arrayContaining(['quota.exceeded']) as unknown })
    expect(put.responses['409']['x-fault-codes']).toEqual(expect.arrayContaining(['idem.conflict']))
  })

  test('follows links, leaves out faults that the flow takes itself, and describes optional and open ends of paths', async () => {
    const document = drawn([
      { id: 'in', type: 'http in', url: '/files/:name?', method: 'get', wires: [['out']] },
      { id: 'out', type: 'link out', mode: 'link', links: ['to'] },
      { id: 'to', type: 'link in', links: ['out'], wires: [['check']] },
      { id: 'check', type: 'validate', query: '{"properties":{"q":{"type":"string"}}}', wires: [['ok'], ['no']] },
      { id: 'ok', type: 'http response', statusCode: '' },
      { id: 'no', type: 'respond', status: '422', body: 'x', bodyType: 'str' },
      { id: 'all', type: 'http in', url: '/proxy/*', method: 'get', wires: [['ok']] },
    ])
    await expectValid(document)
    expect(Object.keys(document.paths)).toEqual(['/files', '/files/{name}', '/proxy/{rest}'])
    expect(document.paths['/files'].get).toMatchObject({ operationId: 'get_files', security: [], parameters: [{ name: 'q' }] })
    expect(Object.keys(document.paths['/files/{name}'].get.responses)).toEqual(['200', '422', '500', '504'])
    const checked = drawn([{ id: 'in', type: 'http in', url: '/x', method: 'get', wires: [['check']] }, { id: 'check', type: 'validate', query: '{"required":["a"]}', wires: [['ok'], []] }, { id: 'ok', type: 'http response', statusCode: '' }])
    expect(checked.paths['/x'].get.responses['400']['x-fault-codes']).toEqual(['request.invalid'])
    expect(Object.keys(checked.paths['/x'].get.responses)).not.toEqual(expect.arrayContaining(['415', '502']))
  })

  test('says what is about to end', async () => {
    await register({ id: 'old', url: 'https://old.example/x', path: '/old', auth: false, lifecycle: 'PUBLISHED' })
    await control.consumers.apis.move('old', 'DEPRECATED', undefined, admin)
    await control.consumers.apis.patch('old', { sunset: '2031-01-01T00:00:00Z' }, undefined, admin)
    const { document } = (await control.descriptions.reference('old', undefined, { servers })) as { document: any }
    await expectValid(document)
    expect(document.info).toMatchObject({ 'x-lifecycle': 'DEPRECATED', 'x-sunset': '2031-01-01T00:00:00Z' })
    expect(document.paths['/old'].get).toMatchObject({ deprecated: true, responses: { 200: { headers: { Deprecation: {}, Sunset: {} } } } })
  })
})

test('a document is read by those who may see the API: everybody a public one that is offered, others those of its record', async () => {
  await register({ id: 'inside', url: 'https://inside.example/x', path: '/inside', lifecycle: 'PUBLISHED' })
  await register({ id: 'planned', url: 'https://planned.example/x', path: '/planned', visibility: 'public' })
  const read = (id: string, by?: Actor) => control.descriptions.reference(id, by, { servers })
  for (const id of ['inside', 'planned', 'nowhere']) expect(await refusalOf(read(id))).toEqual([404, 'record.none'])
  for (const id of ['inside', 'planned']) expect((await read(id, admin)).api.id).toBe(id)
  await control.users.create({ name: 'stranger', role: 'subscriber' }, 'admin')
  expect(await refusalOf(read('inside', { name: 'stranger', role: 'subscriber', from: 'test' }))).toEqual([404, 'record.none'])
})
