import { expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { createCompile } from './compile.ts'
import { createKeptProblems } from './find-kept.ts'
import { toRevisions } from '../../runtime/compile/check.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'

const tab = (id: string, organisation: string, ...urls: string[]): EditorNode[] => [
  { id, type: 'tab', label: id, env: [{ name: 'SLUICE_ORGANISATION', value: organisation, type: 'str' }] },
  ...urls.map((url, index) => ({ id: `${id}${index}`, type: 'http in', z: id, url, method: 'get', wires: [] })),
]

test('a path that lay across another organisation’s before goes on with a warning; a new one is refused', () => {
  const { overlapping } = createKeptProblems(createCompile(definitions))
  const told = (live: EditorNode[], next: EditorNode[]) => overlapping(toRevisions(next), toRevisions(live)).map(({ severity, node, code }) => `${severity} ${node} ${code}`)
  const live = [...tab('bank', 'bank', '/orders/:id'), ...tab('shop', 'shop', '/orders/7')]
  expect(told([], live)).toEqual(['error shop0 route.overlap', 'error bank0 route.overlap'])
  expect(told(live, [...live, ...tab('more', 'shop', '/shop')])).toEqual(['warning shop0 route.overlap', 'warning bank0 route.overlap'])
  expect(told(live, [...live, ...tab('more', 'shop', '/orders/8')]).slice(0, 2)).toEqual(['error more0 route.overlap', 'error bank0 route.overlap'])
  expect(told(live, tab('bank', 'bank', '/orders/:id'))).toEqual([])
})
