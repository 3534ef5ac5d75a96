import { afterEach, expect, test } from 'vitest'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { systemClock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import { defineNode } from '../core/node.ts'
import type { Step } from '../core/step.ts'
import { createGatewaySecrets } from '../vault/secrets.ts'

const text = { en: 'x', 'zh-TW': 'x' }
/** Answers with what it was given: its credential, a header that it would send, and a variable. */
const shows = defineNode({
  type: 'shows', category: 'script', label: text, summary: text, outputs: ['out'], credentials: { token: 'password' },
  config: { type: 'object', properties: { headers: { type: 'array', 'x-secret': true, default: [] }, list: { type: 'string', default: '' }, refuses: { type: 'string', default: '' } } },
  compile(config: { headers: { value: string }[]; refuses: string }, scope) {
    if (config.refuses !== '' && scope.credentials.token === config.refuses) throw fault('config.invalid', { message: `The token ${String(scope.credentials.token)} does not do.` })
    return (message) => {
      scope.log.info({ seen: scope.credentials.token as string }, `a token: ${String(scope.credentials.token)}`)
      scope.debug({ id: scope.node.id, msg: { deep: [{ said: `so ${String(scope.credentials.token)}` }] } })
      return { out: { ...message, payload: [scope.credentials.token, config.headers[0]?.value, scope.env('KEY')] } }
    }
  },
})

let bare: ReturnType<typeof bareDeployer> | undefined
let secrets: ReturnType<typeof createGatewaySecrets> | undefined
afterEach(async () => {
  secrets?.close()
  await bare?.deployer.close()
})

function open(stored: Record<string, string | undefined>, steps: Record<string, Step> = {}) {
  const versions = new Map(Object.keys(stored).map((name) => [name, 1]))
  const vault = { away: false, put: (name: string, value: string | undefined) => void ((stored[name] = value), versions.set(name, (versions.get(name) ?? 0) + 1)) }
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const held = createGatewaySecrets({
    clock: systemClock, log, everyMs: 10,
    async ask({ names, known }) {
      await Promise.resolve()
      if (vault.away) throw fault('vault.unavailable')
      const there = names.filter((name) => stored[name] !== undefined)
      return { secrets: Object.fromEntries(there.filter((name) => known?.[name] !== versions.get(name)).map((name) => [name, { value: stored[name]!, version: versions.get(name)! }])), unknown: names.filter((name) => stored[name] === undefined) }
    },
  })
  secrets = held
  bare = bareDeployer(steps, { secrets: held, definitions: [shows] })
  return { ...bare, vault, secrets: held }
}

const flow = (id: string, more: object = {}, before?: string) => [
  { id, type: 'tab', label: id, env: [{ name: 'KEY', type: 'cred', value: '' }] },
  { id: `${id}-in`, type: 'http in', z: id, url: `/${id}`, wires: [[before ? `${id}-w` : `${id}-s`]] },
  ...(before ? [{ id: `${id}-w`, type: 'work', z: id, step: before, wires: [[`${id}-s`]] }] : []),
  { id: `${id}-s`, type: 'shows', z: id, ...more, wires: [[`${id}-r`]] },
  { id: `${id}-r`, type: 'reply', z: id, wires: [] },
]
const token = { 'a-s': { token: 'Bearer {{secret:partner}}' } }

test('a reference in a credential, in a header and in a variable is the secret for the node, and stays a reference in the release', async () => {
  const one = open({ partner: 'plugh-plover', key: 'xyzzy-fee' })
  const nodes = flow('a', { headers: [{ name: 'X-Key', value: 'v1 {{ secret:key }}' }] })
  const release = one.toRelease(nodes, { ...token, a: { KEY: '{{secret:key}}' } })
  const result = await one.deployer.prepare(release)
  expect(result.ok).toBe(true)
  if (result.ok) one.deployer.commit(result.prepared)
  expect((await one.call('/a')).reply?.payload).toEqual(['Bearer plugh-plover', 'v1 xyzzy-fee', 'xyzzy-fee'])
  expect(JSON.stringify([release, result])).not.toMatch(/plugh|xyzzy/)
})

test('what a node with secrets logs or shows in the sidebar does not hold them', async () => {
  const one = open({ partner: 'plugh-plover' })
  await one.deploy(flow('a'), token)
  await one.call('/a')
  expect(one.logged.find(({ text: said }) => said.startsWith('a token'))).toMatchObject({ facts: { seen: 'Bearer [hidden]' }, text: 'a token: Bearer [hidden]' })
  expect(one.events).toMatchObject([{ kind: 'debug', entry: { msg: { deep: [{ said: 'so Bearer [hidden]' }] } } }])
})

test('a deploy whose reference names no secret is refused on the node, with the place and what to do', async () => {
  const one = open({ partner: 'plugh' })
  await one.deploy(flow('a'), token)
  const refused = await one.deploy([...flow('a'), ...flow('b')], { ...token, 'b-s': { token: '{{secret:nobody}}' } })
  expect(refused).toMatchObject({ ok: false, problems: [{ severity: 'error', code: 'secret.unknown', flow: 'b', node: 'b-s', property: 'token', message: expect.stringContaining('nobody'), remedy: expect.stringContaining('vault') }] })
  expect((await one.call('/a')).reply?.payload).toEqual(['Bearer plugh', undefined, undefined])
  const malformed = await one.deploy(flow('a'), { 'a-s': { token: '{{secret:Not A Name}}' } })
  expect(malformed).toMatchObject({ ok: false, problems: [{ code: 'secret.malformed', node: 'a-s', property: 'token' }] })
})

test.each([
  ['a template', flow('a', { template: 'use {{secret:partner}}' }), 'template'],
  ['a computed value of a header', flow('a', { headers: [{ name: 'X', value: '"{{secret:partner}}"', valueType: 'jsonata' }] }), 'headers'],
  ['a name of a header', flow('a', { headers: [{ name: '{{secret:partner}}', value: 'x' }] }), 'headers'],
  ['code', flow('a', { func: 'return "{{secret:partner}}"' }), 'func'],
])('a reference is refused where it would be seen: in %s', async (_name, nodes, property) => {
  const one = open({ partner: 'plugh' })
  expect(await one.deploy(nodes)).toMatchObject({ ok: false, problems: [{ code: 'secret.misplaced', node: 'a-s', property, remedy: expect.stringContaining('credential “token”, texts in its “headers”') }] })
})

test('a newer value is put in without a deploy: runs that are under way end with the old one, no call fails, other flows are not touched', async () => {
  const waiting: (() => void)[] = []
  const one = open({ partner: 'plugh', other: 'same' }, { gate: (message) => new Promise((resolve) => waiting.push(() => resolve({ out: message }))), pass: (message) => ({ out: message }) })
  await one.deploy([...flow('a', {}, 'gate'), ...flow('b', {}, 'pass'), ...flow('c', {}, 'pass')], { ...token, 'b-s': { token: '{{secret:other}}' } })
  const before = one.call('/a')
  const release = one.deployer.live()
  one.vault.put('partner', 'plover')
  await expect.poll(() => one.logged.some(({ text: said }) => said.includes('newer secrets'))).toBe(true)
  const after = one.call('/a')
  await expect.poll(() => waiting.length).toBe(2)
  for (const go of waiting) go()
  expect([(await before).reply?.payload, (await after).reply?.payload]).toEqual([['Bearer plugh', undefined, undefined], ['Bearer plover', undefined, undefined]])
  await expect.poll(() => one.retired).toEqual(['a-w'])
  expect(one.deployer.live()).toMatchObject({ id: release?.id, hash: release?.hash })
  expect(one.logged.filter(({ text: said }) => said.includes('newer secrets'))).toMatchObject([{ facts: { secrets: ['partner'], flows: ['a'] } }])
})

test('what a flow does once when it is deployed is not done again because of a newer value', async () => {
  const one = open({ partner: 'plugh' }, { count: () => void started++ })
  let started = 0
  const nodes = [...flow('a'), { id: 'a-t', type: 'tick', z: 'a', onceMs: 1, wires: [['a-c']] }, { id: 'a-c', type: 'work', z: 'a', step: 'count', wires: [[]] }]
  await one.deploy(nodes, token)
  await expect.poll(() => started).toBe(1)
  one.vault.put('partner', 'plover')
  await expect.poll(async () => (await one.call('/a')).reply?.payload).toEqual(['Bearer plover', undefined, undefined])
  await new Promise((resolve) => void setTimeout(resolve, 30))
  expect(started).toBe(1)
})

test('a newer value that does not do leaves its flow as it was and says so, without the value', async () => {
  const one = open({ partner: 'plugh', fine: 'one' })
  await one.deploy([...flow('a', { refuses: 'Bearer plover' }), ...flow('b')], { ...token, 'b-s': { token: '{{secret:fine}}' } })
  one.vault.put('partner', 'plover')
  one.vault.put('fine', 'two')
  await expect.poll(async () => (await one.call('/b')).reply?.payload).toEqual(['two', undefined, undefined])
  expect((await one.call('/a')).reply?.payload).toEqual(['Bearer plugh', undefined, undefined])
  const told = one.logged.filter(({ level }) => level === 'error')
  expect(told).toMatchObject([{ facts: { flow: 'a', node: 'a-s', reason: expect.stringContaining('The token Bearer [hidden] does not do.') } }])
  expect(JSON.stringify(one.logged)).not.toContain('plover')
})

test('while the vault is away, what runs goes on, also through deploys, and a flow that needs a value anew is refused', async () => {
  const one = open({ partner: 'plugh', late: 'come' })
  await one.deploy(flow('a'), token)
  one.vault.away = true
  expect(await one.deploy([...flow('a', { list: 'changed' }), ...flow('b')], token)).toMatchObject({ ok: true })
  expect((await one.call('/a')).reply?.payload).toEqual(['Bearer plugh', undefined, undefined])
  expect(await one.deploy([...flow('a'), ...flow('b')], { ...token, 'b-s': { token: '{{secret:late}}' } })).toMatchObject({ ok: false, problems: [{ code: 'vault.unavailable', node: 'b-s', property: 'token' }] })
})

test('a gateway that starts while the vault is away serves the flows that need no secret; the others answer 503 until it is back', async () => {
  const one = open({ partner: 'plugh' })
  one.vault.away = true
  const nodes = [...flow('a'), ...flow('b')]
  const result = await one.deployer.prepare(one.toRelease(nodes, token), true, true)
  if (result.ok) one.deployer.commit(result.prepared)
  expect(one.deployer.waiting).toEqual(['a'])
  expect((await one.call('/a')).fault).toMatchObject({ code: 'vault.unavailable', status: 503 })
  expect((await one.call('/b')).reply?.payload).toEqual([undefined, undefined, undefined])
  expect(await one.deploy([...nodes, ...flow('c')], token)).toMatchObject({ ok: true })
  expect(one.deployer.waiting).toEqual(['a'])
  one.vault.away = false
  await expect.poll(async () => (await one.call('/a')).reply?.payload).toEqual(['Bearer plugh', undefined, undefined])
  expect(one.deployer.waiting).toEqual([])
  expect(one.logged.filter(({ level }) => level === 'warn')).toMatchObject([{ facts: { flows: ['a'] } }, { facts: { flows: ['a'] } }])
})

test('a secret that was taken from the vault stays with the flows that run with it; a changed flow may not refer to it any more', async () => {
  const one = open({ partner: 'plugh' })
  await one.deploy(flow('a'), token)
  one.vault.put('partner', undefined)
  await expect.poll(async () => (await one.secrets.find(['partner'])).unknown.has('partner')).toBe(true)
  expect(await one.deploy([...flow('a'), ...flow('b')], token)).toMatchObject({ ok: true })
  expect((await one.call('/a')).reply?.payload).toEqual(['Bearer plugh', undefined, undefined])
  expect(await one.deploy(flow('a', { list: 'changed' }), token)).toMatchObject({ ok: false, problems: [{ code: 'secret.unknown', node: 'a-s' }] })
})

test('a gateway without a vault refuses a flow that refers to a secret, and one whose value would mean something else is refused', async () => {
  bare = bareDeployer({}, { definitions: [shows] })
  expect(await bare.deploy(flow('a'), token)).toMatchObject({ ok: false, problems: [{ code: 'secret.no_vault', node: 'a-s', property: 'token' }] })
  await bare.deployer.close()
  const one = open({ partner: 'plugh {{payload}}', dollar: 'plugh ${HOME}' })
  for (const name of ['partner', 'dollar']) {
    const refused = await one.deploy(flow('a', { headers: [{ name: 'X', value: `{{secret:${name}}}` }] }))
    expect(refused).toMatchObject({ ok: false, problems: [{ code: 'config.invalid', node: 'a-s' }] })
    expect(JSON.stringify(refused)).not.toContain('plugh')
  }
})

test('what an organisation draws refers to its own secrets only; a shared config node to any', async () => {
  const one = open({ 'shop.partner': 'plugh', 'shop.eu.partner': 'of another', partner: 'nobody’s' })
  const of = (id: string) => flow(id).map((node) => (node.type === 'tab' ? { ...node, env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: 'shop' }, { name: 'KEY', type: 'env', value: 'SHARED' }] } : node))
  const shared = { id: 'g', type: 'global-config', env: [{ name: 'SHARED', type: 'cred', value: '' }] }
  for (const name of ['partner', 'shop.eu.partner', 'shopping.partner']) {
    expect(await one.deploy([...of('a'), shared], { 'a-s': { token: `{{secret:${name}}}` } })).toMatchObject({ ok: false, problems: [{ code: 'secret.foreign', flow: 'a', node: 'a-s', property: 'token' }] })
    expect(await one.deploy(of('a').map((node) => (node.id === 'a-s' ? { ...node, headers: [{ name: 'X', value: `{{secret:${name}}}` }] } : node)))).toMatchObject({ ok: false, problems: [{ code: 'secret.foreign', node: 'a-s', property: 'headers' }] })
  }
  expect(await one.deploy([...of('a'), shared], { 'a-s': { token: '{{secret:shop.partner}}' }, g: { map: { SHARED: '{{secret:partner}}' } } })).toMatchObject({ ok: true })
  expect((await one.call('/a')).reply?.payload).toEqual(['plugh', undefined, 'nobody’s'])
})
