import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { openNodesBench } from '../cli/flow-bench.ts'
import { loadSettings } from '../settings.ts'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import type { EditorNode } from '../core/flow.ts'
import { checkFlows } from './check.ts'
import { secretPropertiesOf } from './secret-places.ts'

const secretProblems = (nodes: EditorNode[]) => checkFlows(nodes, definitions, notYet).filter(({ severity, code }) => severity === 'error' || /secret/.test(code)).map(({ code, node, property }) => [code, node, property])
const callout = (config: object) => estate(flow('a').httpIn('GET', '/a').node('service callout', { url: 'https://partner.example/', ...config }, 3).httpResponse())
const request = (config: object) => estate(flow('a').httpIn('GET', '/a').node('http request', { url: 'https://partner.example/', ...config }).httpResponse())

test('a reference may stand where a header or a parameter is written out, alone or within a text', () => {
  expect(secretProblems(callout({ headers: [{ name: 'Authorization', value: 'Bearer {{secret:partner}}', valueType: 'str' }, { name: 'X-Api-Key', value: '{{secret:partner.key}}', valueType: 'str' }], query: [{ name: 'api_key', value: '{{secret:partner}}-{{secret:other}}', valueType: 'str' }] }))).toEqual([])
  expect(secretProblems(request({ headers: [{ keyType: 'other', keyValue: 'X-Api-Key', valueType: 'other', valueValue: '{{secret:partner}}' }] }))).toEqual([])
})

test('a mock answer, whose headers come to the message, takes none', () => {
  const sandboxHeaders = [{ name: 'x-key', value: '{{secret:partner}}', valueType: 'str' }]
  expect(secretProblems(callout({ sandbox: 'mock', sandboxHeaders }))).toContainEqual(['secret.misplaced', 'a.2', 'sandboxHeaders'])
  expect(secretProblems(callout({ mock: 'on', sandboxHeaders }))).toContainEqual(['secret.misplaced', 'a.2', 'sandboxHeaders'])
  expect(secretProblems(callout({ sandbox: 'url', sandboxUrl: 'https://sandbox.example/', sandboxHeaders }))).toEqual([])
})

test('anywhere else a reference is refused on its node and property', () => {
  expect(secretProblems(callout({ headers: [{ name: 'X', value: '"{{secret:partner}}"', valueType: 'jsonata' }] }))).toContainEqual(['secret.misplaced', 'a.2', 'headers'])
  expect(secretProblems(callout({ url: 'https://partner.example/{{secret:partner}}' }))).toContainEqual(['secret.misplaced', 'a.2', 'url'])
  expect(secretProblems(request({ headers: [{ keyType: 'msg', keyValue: 'payload.name', valueType: 'msg', valueValue: 'payload["{{secret:partner}}"]' }] }))).toContainEqual(['secret.misplaced', 'a.2', 'headers'])
  expect(secretProblems(estate(flow('a', { env: [{ name: 'KEY', type: 'str', value: '{{secret:partner}}' }] }).httpIn('GET', '/a').httpResponse()))).toContainEqual(['secret.misplaced', undefined, 'env'])
  expect(secretProblems(estate(flow('a').httpIn('GET', '/a').fn('return { payload: "{{secret:partner}}" }').httpResponse()))).toContainEqual(['secret.misplaced', 'a.2', 'func'])
  expect(secretProblems(callout({ headers: [{ name: 'X', value: '{{secret:Partner}}', valueType: 'str' }] }))).toContainEqual(['secret.malformed', 'a.2', 'headers'])
})

test('what only tells people of references is left alone, as is a variable of type credential in a file', () => {
  const nodes = estate(flow('a', { info: 'uses {{secret:partner}}', env: [{ name: 'KEY', type: 'cred', value: '{{secret:partner}}' }] }).httpIn('GET', '/a').httpResponse())
  expect(secretProblems([...nodes, { id: 'c', type: 'comment', z: 'a', name: '{{secret:partner}}', info: '{{secret:…}}' }])).toEqual([])
})

test('config nodes take references in credentials only', () => {
  expect(definitions.filter((definition) => definition.configNode && secretPropertiesOf(definition).length > 0)).toEqual([])
})

test('cases of a flow that refers to secrets run without a vault', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-played-'))
  const settings = loadSettings({ env: { SLUICE_DATA_DIR: folder }, cwd: folder })
  const bench = await openNodesBench(callout({ headers: [{ name: 'X-Api-Key', value: '{{secret:partner}}', valueType: 'str' }] }), { settings, folder })
  try {
    if (!('runWhole' in bench)) throw new Error(JSON.stringify(bench))
    expect(await bench.runWhole({ name: 'one', request: { url: '/a' }, upstreams: [{ match: { method: 'GET', url: 'https://partner.example/' }, reply: { status: 200, body: { ok: true } } }], expect: { status: 200 } })).toMatchObject({ ok: true })
  } finally {
    if ('close' in bench) await bench.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
