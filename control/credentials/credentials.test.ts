import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { NodeDefinition } from '../../runtime/core/node.ts'
import { splitFlows } from '../../runtime/compile/split.ts'
import { openControl, type OpenControl } from '../open-control.ts'
import { extractCredentials, toEditorView, untouched, type CredentialKinds } from './extract.ts'

let dataDir: string
let control: OpenControl
let lines: string[]
const secret = 'correct-horse-battery'

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-credentials-'))
  lines = []
  control = await open()
})
afterEach(async () => {
  await control.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const add = (facts: object, text: string) => void lines.push(JSON.stringify(facts) + text)
const log: Log = { debug: add, info: add, warn: add, error: add }
const definition: NodeDefinition = {
  type: 'call',
  category: 'callout',
  label: { en: 'call', 'zh-TW': 'call' },
  summary: { en: '', 'zh-TW': '' },
  config: {},
  outputs: ['ok'],
  credentials: { user: 'text', password: 'password' },
}
const open = (credentialsKey?: string) =>
  openControl({
    dataDir,
    definitions: [definition],
    log,
    clock: systemClock,
    adminPassword: 'long enough',
    passwordCost: { n: 1024 },
    credentialsKey,
    compile: { read: (nodes) => ({ nodes: nodes as EditorNode[], problems: [] }), split: splitFlows, assemble: () => [] },
  })
const node = (credentials?: Record<string, unknown>): EditorNode[] => [
  { id: 't', type: 'tab', label: 'T' },
  { id: 'n', type: 'call', z: 't', ...(credentials ? { credentials } : {}) },
]
const deploy = (nodes: EditorNode[]) => control.flows.deploy({ nodes, user: 'admin' })

test('a secret is nowhere: not in the flows, a release, an export, the log or any file', async () => {
  await deploy(node({ user: 'ann', password: secret }))
  await deploy([...node(), { id: 's', type: 'subflow:x', z: 't', env: [{ name: 'KEY', type: 'cred', value: `${secret}-2` }] }])
  const shown = [
    JSON.stringify(await control.flows.current()),
    JSON.stringify(await control.releases.list()),
    JSON.stringify(await control.releases.get(2)),
    JSON.stringify(await control.flows.credentials('call', 'n')),
    JSON.stringify(await control.flows.credentials('subflow:x', 's')),
    JSON.stringify(await control.audit.list(100)),
    ...lines,
  ]
  for await (const line of control.exportStore()) shown.push(line)
  for (const file of readdirSync(dataDir)) if (file.startsWith('store')) shown.push(readFileSync(join(dataDir, file), 'latin1'))
  expect(shown.join('\n')).not.toContain(secret)
  expect(await control.flows.credentials('call', 'n')).toEqual({ user: 'ann', has_password: true })
  expect(await control.flows.credentials('subflow:x', 's')).toEqual({ has_KEY: true })
})

test('an untouched password stays, an empty one is deleted, and a node that goes takes its own along', async () => {
  const { rev } = await deploy(node({ user: 'ann', password: secret }))
  await deploy(node({ user: 'bob', password: untouched }))
  expect(await control.flows.credentials('call', 'n')).toEqual({ user: 'bob', has_password: true })
  await deploy(node())
  expect(await control.flows.credentials('call', 'n')).toEqual({ user: 'bob', has_password: true })
  expect((await control.flows.current()).rev).toBe(rev)
  await deploy(node({ user: 'bob', password: ' ' }))
  expect(await control.flows.credentials('call', 'n')).toEqual({ user: 'bob', has_password: false })
  await deploy(node().slice(0, 1))
  expect(await control.flows.credentials('call', 'n')).toEqual({})
  await deploy(node())
  expect(await control.flows.credentials('call', 'n')).toEqual({})
})

test('a rollback that brings a deleted node back brings its credentials back', async () => {
  await deploy(node({ user: 'ann', password: secret }))
  await deploy(node().slice(0, 1))
  await control.close()
  control = await open()
  await control.releases.rollback(1, 'admin')
  expect(await control.flows.credentials('call', 'n')).toEqual({ user: 'ann', has_password: true })
})

test('credentials survive a restart, and a key from the settings takes over from the generated one', async () => {
  await deploy(node({ user: 'ann', password: secret }))
  for (const key of [undefined, 'a key of ours', 'a key of ours']) {
    await control.close()
    control = await open(key)
    expect(await control.flows.credentials('call', 'n')).toEqual({ user: 'ann', has_password: true })
  }
  await control.close()
  control = await open('another key')
  expect(await control.flows.credentials('call', 'n')).toEqual({})
  expect(lines.join('\n')).toContain('sealed under another key')
})

test('the map of global-config shows no values, and takes changes name by name', async () => {
  const config = (map: Record<string, unknown>): EditorNode[] => [{ id: 'g', type: 'global-config', credentials: { map } }]
  await deploy(config({ A: secret, B: 'two' }))
  expect(await control.flows.credentials('global-config', 'g')).toEqual({ map: { A: untouched, has_A: true, B: untouched, has_B: true } })
  await deploy(config({ A: untouched, has_A: true }))
  expect(await control.flows.credentials('global-config', 'g')).toEqual({ map: { A: untouched, has_A: true } })
})

test('a key that the form treats as text is never shown, and stays when the form sends its mark back', () => {
  const kinds = { certdata: 'text', keydata: 'hidden' } as const
  const node = (keydata: string) => [{ id: 'n', type: 'tls', credentials: { certdata: 'certificate', keydata } }]
  const kept = extractCredentials(node(secret), new Map(), () => kinds).credentials
  const view = toEditorView('tls', kept.get('n'), kinds)
  expect(view).toEqual({ certdata: 'certificate', keydata: untouched })
  expect(extractCredentials(node(view.keydata as string), kept, () => kinds).credentials).toEqual(kept)
  expect(extractCredentials(node(''), kept, () => kinds).credentials.get('n')).toEqual({ certdata: 'certificate' })
})

const kindsOf = (type: string): CredentialKinds | null | undefined => ({ call: { user: 'text', password: 'password' } as const, plain: null })[type]
const types = fc.constantFrom('call', 'plain', 'unknown', 'subflow:x', 'tab', 'global-config')
const values = fc.oneof(fc.constant(untouched), fc.constant(''), fc.string(), fc.integer(), fc.constant(null), fc.object({ maxDepth: 1 }))
const given = fc.dictionary(fc.constantFrom('user', 'password', 'other', '__proto__', 'map', 'constructor'), values, { noNullPrototype: true })

test('whatever is sent, no credentials are left on a node, and the mark of an untouched password is never stored', () => {
  fc.assert(
    fc.property(types, fc.option(given), given, (type, credentials, saved) => {
      const kept = Object.values(saved).includes(untouched) || type === 'global-config' ? new Map() : new Map([['n', saved]])
      const result = extractCredentials([{ id: 'n', type, ...(credentials ? { credentials } : {}) }], kept, kindsOf)
      expect(result.nodes).toEqual([{ id: 'n', type }])
      const stored = result.credentials.get('n') ?? {}
      expect(Object.values(stored)).not.toContain(untouched)
      expect(Object.getPrototypeOf(stored)).toBe(Object.prototype)
    }),
  )
})

test('sending the same credentials twice, or marks in their place, changes nothing', () => {
  fc.assert(
    fc.property(types, given, (type, credentials) => {
      const nodes = [{ id: 'n', type, credentials }]
      const once = extractCredentials(nodes, new Map(), kindsOf).credentials
      const twice = extractCredentials(nodes, once, kindsOf).credentials
      expect(twice).toEqual(once)
      const quiet = extractCredentials([{ id: 'n', type }], once, kindsOf).credentials
      expect(quiet).toEqual(once)
    }),
  )
})
