import { expect, it } from 'vitest'
import type { FlowDocument } from '../../runtime/core/flow.ts'
import { toLabelReleases } from './label-releases.ts'

const flow = (...nodes: readonly object[]): FlowDocument => ({ id: 't', kind: 'tab', label: 'T', nodes: [{ id: 't', type: 'tab' }, ...(nodes as { id: string; type: string }[])] })
const node = (more: object = {}) => ({ id: 'r', type: 'release label', name: 'copy', fields: [{ by: 'label', field: 'pid' }], reason: 'Own record.', ...more })

it('a deploy that adds, changes or takes out a release of a label is on record, with what and why', () => {
  const facts = { flow: 't', node: 'r', name: 'copy', released: ['pid'], reason: 'Own record.' }
  expect(toLabelReleases([], [flow(node())])).toEqual([{ ...facts, change: 'added' }])
  expect(toLabelReleases([flow(node())], [flow(node({ reason: 'Another.', x: 5 }))])).toEqual([{ ...facts, reason: 'Another.', change: 'changed' }])
  expect(toLabelReleases([flow(node())], [flow()])).toEqual([{ ...facts, change: 'removed' }])
  expect(toLabelReleases([flow(node())], [flow(node({ x: 9, y: 9 }))])).toEqual([])
  expect(toLabelReleases([flow(node())], [flow(node({ d: true }))])).toEqual([{ ...facts, change: 'removed' }])
})
