import { expect, test } from 'vitest'
import type { EditorNode } from '../core/flow.ts'
import { defineNode } from '../core/node.ts'
import { createAssembler } from './assemble.ts'
import { createCatalogue } from './catalogue.ts'
import { hashDocument } from './hash.ts'
import { splitFlows } from './split.ts'

const picky = defineNode({
  type: 'picky',
  category: 'function',
  summary: { en: 'Refuses everything', 'zh-TW': '一律拒絕' },
  config: { type: 'object', properties: { count: { type: 'number' } } },
  outputs: ['out'],
  check: () => [{ code: 'picky.no', message: 'No.', remedy: 'None.' }],
} as never)

function assembled(nodes: readonly EditorNode[], checked: boolean) {
  const assemble = createAssembler(createCatalogue([picky as never]))
  const revisions = splitFlows([{ id: 't', type: 'tab', label: 'T' }, ...nodes]).map((document) => ({ hash: hashDocument(document), document }))
  return assemble(revisions, checked).problems.map(({ code }) => code)
}

test('what was checked before is not asked of its nodes again; what no node answers for is', () => {
  const node = { id: 'n', type: 'picky', z: 't', count: 1, wires: [] }
  expect(assembled([node], false)).toEqual(['picky.no'])
  expect(assembled([node], true)).toEqual([])
  expect(assembled([{ ...node, count: 'many' }], true)).toEqual(['config.invalid'])
  expect(assembled([{ ...node, type: 'unheard of' }], true)).toEqual(['node.unknown'])
})
