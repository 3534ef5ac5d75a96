import { expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import type { EditorNode } from '../core/flow.ts'
import { checkFlows } from './check.ts'

const env = (organisation: string | undefined) => (organisation === undefined ? {} : { env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }] })
const row = (domain: string) => ({ path: '$.id', domain })

function foreign(organisation: string | undefined, type: string, config: Record<string, unknown>, outputs = 1) {
  return checkFlows(estate(flow('a', env(organisation)).httpIn('POST', '/a').node(type, config, outputs).httpResponse()), definitions, notYet)
    .filter(({ code }) => /foreign/.test(code)).map(({ severity, code, node, property, remedy }) => [severity, code, node, property, remedy.includes('shop.name')])
}

const domainIn = (property: string) => [['error', 'domain.foreign', 'a.2', property, true]]

test('a flow of an organisation that names a domain of another, or of nobody, is refused on the node and its field', () => {
  for (const name of ['bank.people', 'people', 'shop', 'shop.eu.people', 'shopping.people']) {
    expect(foreign('shop', 'tokenize', { domain: name, fields: [row('')] })).toEqual(domainIn('domain'))
    expect(foreign('shop', 'detokenize', { domain: 'shop.people', purpose: 'care', fields: [row(''), row(name)] })).toEqual(domainIn('fields'))
    expect(foreign('shop', 'verify token', { domain: name }, 2)).toEqual(domainIn('domain'))
    expect(foreign('shop', 'crypto', { operation: 'sign', key: name }, 2)).toEqual([['error', 'key.foreign', 'a.2', 'key', true]])
  }
})

test('it may name its own, a flow of nobody may name all, and what is masked alone has no domain', () => {
  expect(foreign('shop', 'tokenize', { domain: 'shop.people', fields: [row(''), row('shop.cards')] })).toEqual([])
  expect(foreign('shop.eu', 'tokenize', { domain: 'shop.eu.people', fields: [row('')] })).toEqual([])
  expect(foreign('shop', 'tokenize', { domain: 'bank.people', fields: [{ ...row(''), mode: 'mask' }] })).toEqual([])
  expect(foreign(undefined, 'detokenize', { domain: 'bank.people', purpose: 'care', fields: [row(''), row('people')] })).toEqual([])
  expect(foreign(undefined, 'crypto', { operation: 'sign', key: 'bank.seal' }, 2)).toEqual([])
})

test('a subflow of nobody works for whoever uses it: what it names must be his', () => {
  const template = [{ id: 's', type: 'subflow', name: 'shared', in: [{ wires: [{ id: 's1' }] }], out: [{ wires: [{ id: 's1', port: 0 }] }] }, { id: 's1', z: 's', type: 'detokenize', domain: 'bank.people', purpose: 'care', fields: [row('')], wires: [[]] }]
  const found = (organisation: string | undefined) =>
    checkFlows([...estate(flow('a', env(organisation)).httpIn('POST', '/a').node('subflow:s', {}).httpResponse()), ...(template as unknown as EditorNode[])], definitions, notYet)
      .filter(({ code }) => code === 'domain.foreign').map(({ node, flow: place }) => [place, node])
  expect([found('shop'), found('bank'), found(undefined)]).toEqual([[['s', 's1']], [], []])
})
