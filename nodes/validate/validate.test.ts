import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import type { Fault } from '../../runtime/core/fault.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { validate } from './validate.ts'

const json = (value: unknown) => Body.ofJsonBytes(Buffer.from(JSON.stringify(value)))
const asJsonBody = { 'content-type': 'application/json; charset=utf-8', 'content-length': '9' }
const text = (value: unknown) => JSON.stringify(value)

async function send(config: object, request: Partial<RequestFacts>, payload?: unknown, wired: readonly string[] = ['ok']) {
  const run = fakeRun({ request })
  const node = await testNode(validate, config, { wired })
  return (await node.send({ payload, req: run.request }, run))[0]!
}
async function refused(config: object, request: Partial<RequestFacts>, payload?: unknown): Promise<Fault> {
  return await send(config, request, payload).then(() => expect.unreachable('let through'), (thrown: unknown) => thrown as Fault)
}
const errorsOf = ({ facts }: Fault) => (facts.errors as { in: string; pointer: string; message: string }[]).map((error) => `${error.in}${error.pointer} ${error.message}`)

const order = { type: 'object', required: ['items'], additionalProperties: false, properties: { items: { type: 'array', items: { type: 'object', required: ['price'], properties: { price: { type: 'number', minimum: 0 }, sku: { type: 'string', pattern: '^[A-Z]{2,20}$' } } } }, note: { type: 'string', format: 'date' } } }

describe('validate by JSON Schema', () => {
  test('lets a body through untouched that fits, and names every place of one that does not', async () => {
    const body = json({ items: [{ price: 1, sku: 'AB' }] })
    expect((await send({ body: text(order) }, { method: 'POST', headers: asJsonBody }, body)).message.payload).toBe(body)
    const made = await refused({ body: text(order) }, { method: 'POST', headers: asJsonBody }, json({ items: [{ price: -1 }, {}, { price: 2, sku: 'secret value' }], note: '2025-02-30', x: 1 }))
    expect([made.code, made.status]).toEqual(['request.invalid', 400])
    expect(errorsOf(made)).toEqual(['body/items/0/price must be at least 0', 'body/items/1/price is required', 'body/items/2/sku must match ^[A-Z]{2,20}$', 'body/note must be a date', 'body/x is not known here'])
    expect(JSON.stringify(made.facts)).not.toContain('secret')
    expect(made.message).toBe('The request does not fit what this API takes: body/items/0/price must be at least 0 (and 4 more).')
  })

  test('makes the text of a query into the types of its schema, and leaves it text where it is told so', async () => {
    const query = text({ type: 'object', properties: { page: { type: 'integer', minimum: 1 }, tags: { type: 'array', items: { type: 'string' } } } })
    const request = { method: 'GET', query: { page: '5', tags: 'a', other: 'x' } }
    const sent = await send({ query }, request)
    expect((sent.message.req as RequestFacts).query).toEqual({ page: 5, tags: ['a'], other: 'x' })
    expect(errorsOf(await refused({ query }, { method: 'GET', query: { page: 'five' } }))).toEqual(['query/page must be integer'])
    expect(errorsOf(await refused({ query, coerce: false }, request))).toEqual(['query/page must be integer', 'query/tags must be array'])
  })

  test('names no more errors than it is told to, and sends them to the port where somebody waits', async () => {
    const body = text({ type: 'array', items: { type: 'integer' } })
    const sent = await send({ body, errorsAtMost: 3 }, { method: 'POST', headers: asJsonBody }, json(Array.from({ length: 1000 }, () => 'x')), ['ok', 'invalid'])
    expect(sent.port).toBe('invalid')
    expect(sent.message.error).toMatchObject({ code: 'request.invalid', status: 400, facts: { errors: [{ in: 'body', pointer: '/0', keyword: 'type' }, { pointer: '/1' }, { pointer: '/2' }] } })
  })

  test('asks for a body where one is required', async () => {
    expect(errorsOf(await refused({ body: '{}' }, { method: 'POST', headers: { 'content-length': '0' } }, {}))).toEqual(['body is required'])
    await send({ body: '{"type":"array"}', bodyRequired: false }, { method: 'POST' }, '')
  })

  test('takes a body that is no JSON as what it is: malformed', async () => {
    const made = await refused({ body: '{"type":"array"}' }, { method: 'POST', headers: asJsonBody }, Body.ofJsonBytes(Buffer.from('{'), undefined, () => new Error('no')))
    expect(made.message).toContain('no')
  })

  test('says so where a body passes as a stream, and checks the rest of such a request', async () => {
    const stream = () => new ByteStream(Readable.from([Buffer.from('{}')]), 'application/json', 2)
    expect(await refused({ body: '{"type":"object"}' }, { method: 'POST', headers: asJsonBody }, stream())).toMatchObject({ code: 'step.config' })
    const passed = stream()
    expect((await send({ query: '{"required":["a"]}' }, { method: 'POST', query: { a: '1' } }, passed)).message.payload).toBe(passed)
    expect(errorsOf(await refused({ query: '{"required":["a"]}' }, { method: 'POST' }, stream()))).toEqual(['query/a is required'])
  })

  test('holds what an upstream answered to its schema, and says so with 502', async () => {
    const node = await testNode(validate, { side: 'answer', body: '{"type":"object","required":["id"]}' }, { wired: ['ok'] })
    await node.send({ payload: { id: 1 }, headers: {}, statusCode: 200 })
    await expect(node.send({ payload: {}, headers: {}, statusCode: 200 })).rejects.toMatchObject({ code: 'upstream.invalid', status: 502 })
  })
})

const operation = {
  parameters: [
    { name: 'id', in: 'path', required: true, schema: { type: 'integer' } },
    { name: 'ids', in: 'query', explode: false, schema: { type: 'array', items: { type: 'integer' }, maxItems: 3 } },
    { name: 'limit', in: 'query', schema: { type: 'integer', default: 10 } },
    { name: 'filter', in: 'query', style: 'deepObject', schema: { type: 'object', properties: { age: { type: 'integer' } } } },
    { name: 'where', in: 'query', content: { 'application/json': { schema: { type: 'object', required: ['a'] } } } },
    { $ref: '#/components/parameters/Trace' },
  ],
  requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } }, 'application/x-www-form-urlencoded': { schema: { type: 'object', properties: { age: { type: 'integer' } } } } } },
  responses: { 200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } } }, '4XX': {} },
  components: {
    parameters: { Trace: { name: 'X-Trace', in: 'header', schema: { type: 'boolean' } } },
    schemas: { Pet: { type: 'object', required: ['id', 'name'], properties: { id: { type: 'integer', readOnly: true }, name: { type: 'string' }, child: { $ref: '#/components/schemas/Pet' } } } },
  },
}

describe('validate by an OpenAPI operation', () => {
  const by = { by: 'operation', operation: text(operation) }
  const request = { method: 'POST', params: { id: '7' }, query: { ids: '1,2', filter: { age: '3' }, where: '{"a":1}' }, headers: { ...asJsonBody, 'x-trace': 'true' } }

  test('reads parameters of each style, and gives them with their types and defaults', async () => {
    const req = (await send(by, request, json({ name: 'x' }))).message.req as RequestFacts
    expect(req.params).toEqual({ id: 7 })
    expect(req.query).toEqual({ ids: [1, 2], filter: { age: 3 }, where: { a: 1 }, limit: 10 })
    expect(req.headers['x-trace']).toBe(true)
  })

  test('names what is wrong in each place', async () => {
    const made = await refused(by, { method: 'POST', params: { id: 'x' }, query: { ids: '1,2,3,4', filter: { age: 'old' }, where: '{' }, headers: { ...asJsonBody, 'x-trace': 'maybe' } }, json({ child: { name: 1 } }))
    expect(errorsOf(made)).toEqual(['path/id must be integer', 'query/ids must have at most 3 items', 'query/filter/age must be integer', 'query/where must be JSON', 'header/X-Trace must be boolean', 'body/name is required', 'body/child/name must be string'])
  })

  test('answers 415 for a body of another type, and takes a form with its types', async () => {
    expect(await refused(by, { ...request, headers: { 'content-type': 'text/csv', 'content-length': '3' } }, 'a,b')).toMatchObject({ code: 'body.unsupported', status: 415 })
    const form = { ...request, headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '5' } }
    expect((await send(by, form, Body.ofBytes(Buffer.from('age=5'), undefined, () => ({ age: '5' })))).message.payload).toEqual({ age: 5 })
  })

  test('refuses query parameters that nobody named only where it is told to', async () => {
    const more = { ...request, query: { ...request.query, admin: '1' } }
    await send(by, more, json({ name: 'x' }))
    expect(errorsOf(await refused({ ...by, unknownQuery: 'refuse' }, more, json({ name: 'x' })))).toEqual(['query/admin is not known here'])
  })

  test('asks of an answer what a request need not have', async () => {
    const node = await testNode(validate, { ...by, side: 'answer' }, { wired: ['ok'] })
    await node.send({ payload: { id: 1, name: 'x' }, headers: {}, statusCode: 200 })
    await node.send({ payload: 'gone', headers: {}, statusCode: 404 })
    await expect(node.send({ payload: { name: 'x' }, headers: {}, statusCode: 200 })).rejects.toMatchObject({ code: 'upstream.invalid' })
    await expect(node.send({ payload: {}, headers: {}, statusCode: 503 })).rejects.toMatchObject({ facts: { errors: [{ in: 'status' }] } })
  })

  test('of 3.0 means what 3.0 says', async () => {
    const old = { openapi: '3.0.3', requestBody: { content: { 'application/json': { schema: { type: 'object', properties: { a: { type: 'string', nullable: true }, b: { type: 'number', minimum: 0, exclusiveMinimum: true } } } } } } }
    const at = { by: 'operation', operation: text(old) }
    await send(at, { method: 'POST', headers: asJsonBody }, json({ a: null, b: 1 }))
    expect(errorsOf(await refused(at, { method: 'POST', headers: asJsonBody }, json({ b: 0 })))).toEqual(['body/b must be more than 0'])
  })

  test('a credential that a node before it hid stays hidden', async () => {
    const run = fakeRun({ request: { method: 'GET', query: { key: 'secret', page: '1' } } })
    const node = await testNode(validate, { query: text({ type: 'object', required: ['key'], properties: { page: { type: 'integer' } } }) }, { wired: ['ok'] })
    const shown = { ...(run.request as RequestFacts), query: { page: '1' } }
    const [sent] = await node.send({ payload: { page: '1' }, req: shown }, run)
    expect(JSON.stringify(sent!.message)).not.toContain('secret')
    expect(sent!.message.payload).toEqual({ page: 1 })
  })
})

describe('at deploy', () => {
  test.each([
    ['no JSON', { body: '{' }, 'body', 'not valid JSON'],
    ['no type', { body: '{"type":"strin"}' }, 'body', '/type'],
    ['a pattern that may take for ever', { query: '{"properties":{"a":{"pattern":"(?=x)"}}}' }, 'query', '/properties/a/pattern'],
    ['another document', { body: '{"$ref":"https://example.org/schema.json"}' }, 'body', 'none is ever fetched'],
    ['a reference to nothing', { body: '{"$ref":"#/$defs/none"}' }, 'body', 'is not in the schema'],
    ['a circle', { body: '{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}' }, 'body', 'refers to itself'],
    ['another draft', { body: '{"$schema":"http://json-schema.org/draft-07/schema#"}' }, 'body', '2020-12'],
    ['a tuple of an older draft', { body: '{"items":[{}]}' }, 'body', 'prefixItems'],
    ['too many levels of JSON', { body: `{"a":${'['.repeat(600)}${']'.repeat(600)}}` }, 'body', 'too deep'],
    ['too many levels of schemas', { body: `${'{"not":'.repeat(80)}true${'}'.repeat(80)}` }, 'body', 'deeper than 64'],
    ['too long a text', { body: `{"description":"${'x'.repeat(300_000)}"}` }, 'body', 'at most 262144'],
    ['no operation', { by: 'operation' }, 'operation', 'no operation'],
    ['a whole document', { by: 'operation', operation: '{"openapi":"3.1.0","paths":{}}' }, 'operation', 'whole OpenAPI document'],
    ['a parameter that is not there', { by: 'operation', operation: '{"parameters":[{"$ref":"#/components/parameters/x"}]}' }, 'operation', '/parameters/0/$ref'],
    ['a parameter without a place', { by: 'operation', operation: '{"parameters":[{"name":"x","in":"body"}]}' }, 'operation', 'where it stands'],
  ])('%s is refused with its place', (_what, config, property, words) => {
    const [problem] = checkNode(validate, config)
    expect(problem).toMatchObject({ property })
    expect(problem!.severity ?? 'error').toBe('error')
    expect(problem!.message).toContain(words)
  })

  test('a node without a schema is warned of', () => {
    expect(checkNode(validate, {})).toMatchObject([{ code: 'validate.empty', severity: 'warning' }])
  })
})
