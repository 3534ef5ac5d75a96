import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import { readPointer } from '../../runtime/core/json-schema/pointer.ts'
import { compileResponseCheck } from '../../runtime/core/openapi/check-operation.ts'
import { parseYaml } from '../consumers/parse-yaml.ts'
import { type Actor, Refused } from '../contract.ts'
import { openControl, type OpenControl } from '../open-control.ts'
import documents from './fixtures/published-documents.json' with { type: 'json' }
import type { Json } from './read-document.ts'

const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }
const folder = mkdtempSync(join(tmpdir(), 'sluice-documents-'))
const require = createRequire(import.meta.url)
let control: OpenControl

beforeAll(async () => {
  control = await openControl({ dataDir: folder, definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  await control.consumers.organisations.create({ id: 'town', name: 'town' }, admin)
})
afterAll(async () => {
  await control?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Where a package lies, whatever it exports. */
function folderOf(name: string): string {
  const found = (require.resolve.paths(name) ?? []).map((path) => join(path, name, 'package.json')).find((path) => {
    try {
      return readFileSync(path) !== undefined
    } catch {
      return false
    }
  })
  return dirname(found as string)
}
const read = ({ package: name, file }: (typeof documents)[number]) => readFileSync(join(folderOf(name), file), 'utf8')
const register = (openapi: string) => control.publishing.preview({ id: 'published', organisation: 'town', openapi, mock: true }, admin)

/** What the document says that it serves, by method and path. */
function operationsOf(text: string): number {
  const document = (text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text)) as { paths: Record<string, Json> }
  const items = Object.values(document.paths).map((item) => (typeof item['$ref'] === 'string' ? (readPointer(document, item['$ref'].slice(1)) as Json) : item))
  return items.flatMap((item) => Object.keys(item).filter((key) => (methods as readonly string[]).includes(key.toUpperCase()))).length
}

/** Answers of these documents that no value fits, or whose own example does not fit the schema beside it. */
const misfitting: Readonly<Record<string, readonly string[]>> = {
  // Alternatives that the same value fits twice.
  '@readme/oas-examples 3.0/json/complex-nesting.json': ['post /multischema/of-everything'],
  // An object that must contain itself without end.
  '@readme/oas-examples 3.0/json/circular-request-bodies.json': ['post /direct'],
  // Examples without what is required, or of another type.
  '@readme/oas-examples 3.1/json/readme.json': ['get /v2/projects/me'],
  '@figma/rest-api-spec openapi/openapi.yaml': ['put /v1/dev_resources'],
  // Two schemas for one list, of which the first is what is meant.
  '@scalar/galaxy dist/3.1.yaml': ['get /planets'],
}

describe('a published OpenAPI document', () => {
  test('is there at least twenty times, of each version, with its licence', () => {
    expect(documents.length).toBeGreaterThanOrEqual(20)
    expect(documents.filter(({ licence }) => licence === '')).toEqual([])
  })

  test.each(documents.filter((one) => !('refused' in one)).map((one) => [`${one.package} ${one.file}`, one] as const))('%s: each operation becomes a route that checks requests and answers a mock of its schema', async (name, one) => {
    const text = read(one)
    const { apis: [api], problems } = await register(text)
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(api!.routes).toHaveLength(operationsOf(text))
    const misfits: string[] = []
    for (const entry of api!.nodes.filter(({ type }) => type === 'http in')) {
      const behind = (id: unknown) => api!.nodes.find((node) => node.id === id)
      const checking = api!.nodes.find((node) => node.id === (behind((entry['wires'] as string[][])[0]![0])!['wires'] as string[][])[0]![0])!
      const mock = behind((checking['wires'] as string[][])[0]![0])!
      expect([checking.type, mock.type]).toEqual(['validate', 'respond'])
      const operation = JSON.parse(checking['operation'] as string) as Json
      const contentType = (mock['headers'] as { value: string }[])[0]?.value
      const { errors } = compileResponseCheck(operation, { formats: false })({ carried: { query: {}, path: {}, header: {}, cookie: {} }, contentType, hasBody: contentType !== undefined, status: Number(mock['status']), files: [], body: () => JSON.parse(mock['body'] as string) as unknown }, 3)
      const misfit = errors.filter((error) => error.in === 'body')
      if (misfit.length > 0) misfits.push(`${String(entry['method'])} ${String(entry['url'])}`)
    }
    expect(misfits).toEqual(misfitting[name] ?? [])
  })

  test.each(documents.flatMap((one) => ('refused' in one ? [[`${one.package} ${one.file}`, one] as const] : [])))('%s is refused whole, with the place and a remedy', async (_name, one) => {
    const refused = await register(read(one)).then(() => undefined, (thrown: unknown) => thrown as Refused)
    expect(refused).toBeInstanceOf(Refused)
    expect(refused!.problems.map(({ pointer }) => pointer)).toContain((one as { refused?: string }).refused)
    expect(refused!.problems.every(({ remedy }) => remedy !== '')).toBe(true)
  })
})
