import { describe, expect, test } from 'vitest'
import type { EditorNode, FlowDocument } from '../../runtime/core/flow.ts'
import { keepUnchanged } from './unchanged.ts'

const tab = { id: 't', type: 'tab', label: 'of others' }
const node = { id: 'n', type: 'service callout', z: 't', url: 'https://a.example', wires: [['m'], []] }
const kept = [{ id: 't', kind: 'flow', label: 'of others', nodes: [tab, node] }] as unknown as FlowDocument[]
const sent = (changed: object) => keepUnchanged([tab, { ...node, ...changed }] as unknown as EditorNode[], kept)[1]

describe('a flow that somebody may not change', () => {
  test.each([
    ['settings that are empty', { proxy: '', list: [] }],
    ['ports that a newer release gave the node', { wires: [['m'], [], []] }],
    ['ports that lead nowhere, left out', { wires: [['m']] }],
  ])('stays as it was when the editor writes %s', (_, changed) => {
    expect(sent(changed)).toBe(node)
  })

  test.each([
    ['another setting', { url: 'https://b.example' }],
    ['another wire', { wires: [['m'], ['n']] }],
    ['a wire at another port', { wires: [[], ['m']] }],
    ['no wire', { wires: [] }],
  ])('is seen to differ by %s', (_, changed) => {
    expect(sent(changed)).toMatchObject(changed)
  })
})
