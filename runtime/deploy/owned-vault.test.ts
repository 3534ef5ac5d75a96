import { afterAll, beforeAll, expect, test } from 'vitest'
import { detokenize } from '../../nodes/detokenize/detokenize.ts'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { openDomain, openTokenVault, viewer, type TokenVault } from '../../test/kit/token-vault.ts'
import { defineNode } from '../core/node.ts'

let vault: TokenVault
let token: string
beforeAll(async () => {
  vault = await openTokenVault()
  // Of the bank; its client may see what lies in it.
  await openDomain(vault, 'bank.people')
  ;[token] = (await vault.tokenize('bank.people', 'random', ['A123456789'])) as [string]
})
afterAll(() => vault?.close())

const text = (en: string) => ({ en, 'zh-TW': en })
/** Asks for what no property of it names, as a flow would that got past every look at its nodes. */
const sly = defineNode({
  type: 'sly', category: 'script', label: text('sly'), summary: text('sly'), config: { type: 'object' }, outputs: ['out'],
  compile: (_config, scope) => async (message) => ({ out: { ...message, payload: await scope.vault?.ask([{ do: 'reveal', domain: 'bank.people', token, viewer }]) } }),
})

const tab = (organisation: string | undefined) => ({ id: 'f', type: 'tab', label: 'f', ...(organisation === undefined ? {} : { env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }] }) })
const around = (organisation: string | undefined, node: object) => [tab(organisation), { id: 'in', z: 'f', type: 'http in', url: '/', wires: [['n']] }, { id: 'n', z: 'f', wires: [['out']], ...node }, { id: 'out', z: 'f', type: 'reply' }]
const start = (env: Record<string, string> = {}) => bareDeployer({}, { definitions: [detokenize, sly], vault: { ask: (asks) => vault.tokens.ask(asks as never) }, env })

test('a client that may see the bank’s values does not see them through a flow of the shop', async () => {
  const seenBy = async (organisation: string | undefined) => {
    const bare = start()
    expect(await bare.deploy(around(organisation, { type: 'sly' }))).toMatchObject({ ok: true })
    return (await bare.call('/')).reply?.payload
  }
  expect(await seenBy('shop')).toEqual([{ fault: 'domain.foreign', facts: { domain: 'bank.people' } }])
  expect(await seenBy('bank')).toEqual([{ value: 'A123456789' }])
  expect(await seenBy(undefined)).toEqual([{ value: 'A123456789' }])
})

test('nor is a flow of the shop deployed that names them, in its own words or by its environment', async () => {
  const node = (domain: string) => ({ type: 'detokenize', domain, purpose: 'care', fields: [{ path: '$' }] })
  const refused = { ok: false, problems: [{ severity: 'error', code: 'domain.foreign', flow: 'f', node: 'n', property: 'domain' }] }
  expect(await start().deploy(around('shop', node('bank.people')))).toMatchObject(refused)
  expect(await start({ DOMAIN: 'bank.people' }).deploy(around('shop', node('${DOMAIN}')))).toMatchObject(refused)
  expect(await start({ DOMAIN: 'bank.people' }).deploy(around('bank', node('${DOMAIN}')))).toMatchObject({ ok: true })
})
