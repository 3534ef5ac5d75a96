import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { runCommandLine } from './command-line.ts'
import { differences } from './flow-cases.ts'
import { mergeFlows } from './read-flows.ts'
import { partsOf } from './start/watch.ts'

let folder: string
let out: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
  out = ''
  const take = (text: string | Uint8Array) => ((out += String(text)), true)
  vi.spyOn(process.stdout, 'write').mockImplementation(take as never)
  vi.spyOn(process.stderr, 'write').mockImplementation(take as never)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const tab = { id: 'aaaa', type: 'tab', label: 'Shop' }
const entry = { id: 'b1', type: 'http in', z: 'aaaa', name: 'way in', url: '/x', method: 'get', x: 1, y: 1, wires: [['b2']] }
const reply = { id: 'b2', type: 'http response', z: 'aaaa', statusCode: '204', x: 2, y: 1, wires: [] }
const write = (name: string, value: unknown) => {
  const file = join(folder, name)
  writeFileSync(file, JSON.stringify(value))
  return file
}

test('check says of a good flow that it can be deployed', async () => {
  expect(await runCommandLine(['check', write('flow.json', [tab, entry, reply])])).toBe(0)
  expect(out).toContain('fit to deploy')
})

test('check names the place by what stands on the canvas, and what to do', async () => {
  const file = write('flow.json', [tab, { ...entry, wires: [['nowhere']] }, reply])
  expect(await runCommandLine(['check', file])).toBe(1)
  expect(out).toContain('Shop › way in (b1)')
})

test('check prints problems as data with --json', async () => {
  expect(await runCommandLine(['check', '--json', write('flow.json', [tab, { ...entry, type: 'no such node' }, reply])])).toBe(1)
  expect(JSON.parse(out)).toMatchObject({ ok: false, problems: expect.arrayContaining([expect.objectContaining({ severity: 'error', node: 'b1' })]) })
})

test('a file that is missing or no JSON is named', async () => {
  expect(await runCommandLine(['check', join(folder, 'none.json')])).toBe(2)
  writeFileSync(join(folder, 'bad.json'), '[')
  expect(await runCommandLine(['check', join(folder, 'bad.json')])).toBe(1)
  expect(out).toMatch(/none\.json could not be read[\s\S]*bad\.json is not valid JSON/)
})

test('a failing case tells expected from got, by place', async () => {
  write('flow.json', [tab, entry, reply])
  write('cases.json', [{ name: 'answers nothing', request: { url: '/x' }, expect: { status: 204 } }, { name: 'is wrong', request: { url: '/x' }, expect: { status: 200 } }])
  expect(await runCommandLine(['test', folder])).toBe(1)
  expect(out).toContain('status: expected 200, got 204')
  expect(out).toContain('1 passed, 1 failed')
})

test('deploy asks for a token before it does anything', async () => {
  expect(await runCommandLine(['deploy', '--url', 'http://127.0.0.1:1', write('flow.json', [tab])])).toBe(2)
  expect(out).toContain('sluice token')
})

test('a control that cannot be reached is named with its address', async () => {
  expect(await runCommandLine(['deploy', '--url', 'http://127.0.0.1:1', '--token', 'x'.repeat(20), write('flow.json', [tab])])).toBe(1)
  expect(out).toContain('http://127.0.0.1:1')
})

test('an import into a new folder says which keys have to come along', async () => {
  const moved = join(folder, 'moved.jsonl')
  vi.stubEnv('SLUICE_DATA_DIR', join(folder, 'old'))
  mkdirSync(join(folder, 'old'))
  expect(await runCommandLine(['store', 'export', moved])).toBe(0)
  vi.stubEnv('SLUICE_DATA_DIR', join(folder, 'new'))
  mkdirSync(join(folder, 'new'))
  expect(await runCommandLine(['store', 'import', moved])).toBe(0)
  expect(out).toContain('copy credentials.key and release.key from the old data folder')
  if (process.platform !== 'win32') expect(statSync(join(folder, 'new', 'store.db')).mode & 0o077).toBe(0)
  for (const key of ['credentials.key', 'release.key']) writeFileSync(join(folder, 'new', key), '')
  out = ''
  expect(await runCommandLine(['store', 'import', moved])).toBe(0)
  expect(out).not.toContain('copy')
})

test('an unknown command or option ends with code 2, help with 0', async () => {
  expect(await runCommandLine(['dance'])).toBe(2)
  expect(await runCommandLine(['check', '--loud', 'x'])).toBe(2)
  expect(await runCommandLine(['--help'])).toBe(0)
})

test('a deploy replaces the tabs it brings with all that lies on them, and keeps the rest', () => {
  const other = { id: 'cccc', type: 'tab' }
  const merged = mergeFlows([tab, entry, reply, other], [tab, reply])
  expect(merged.map((node) => node.id).sort()).toEqual(['aaaa', 'b2', 'cccc'])
})

test('expected objects name what has to be there; lists are compared whole', () => {
  expect(differences({ a: 1 }, { a: 1, b: 2 })).toEqual([])
  expect(differences([1], [1, 2])).toEqual(['body: expected 1 items, got 2'])
  expect(differences({ a: { b: null } }, { a: { b: 0 } })).toEqual(['body.a.b: expected null, got 0'])
})

test('a change restarts what it concerns, and nothing for tests and documents', () => {
  expect(partsOf('control/users/users.ts')).toEqual(['control'])
  expect(partsOf('nodes/change/change.ts')).toEqual(['control', 'gateways'])
  expect(partsOf('runtime/http/front.ts')).toEqual(['gateways'])
  expect(partsOf('flows/sample-upstream/stations.ts')).toEqual(['sample'])
  expect(partsOf('runtime/http/front.test.ts')).toEqual([])
})
