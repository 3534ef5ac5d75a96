import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { splitFlows } from '../../runtime/compile/split.ts'
import { internDocuments } from './intern.ts'
import { fromLayout, toLayout } from './layout.ts'
import { sameJson } from '../same-json.ts'

const homes = ['t1', 't2', 's1', undefined]
const estates = fc
  .array(fc.record({ z: fc.constantFrom(...homes), name: fc.string() }), { maxLength: 30 })
  .chain((items) => {
    const nodes: EditorNode[] = items.map(({ z, name }, index) => ({ id: `n${index}`, type: 'comment', name, ...(z ? { z } : {}) }))
    const tabs: EditorNode[] = [{ id: 't1', type: 'tab' }, { id: 't2', type: 'tab' }, { id: 's1', type: 'subflow' }]
    return fc.shuffledSubarray([...tabs, ...nodes], { minLength: 0 })
  })

test('the editor gets its list back in the order in which it sent it', () => {
  fc.assert(
    fc.property(estates, (nodes) => {
      const documents = splitFlows(nodes)
      expect(fromLayout(toLayout(nodes, documents), documents)).toEqual(nodes)
    }),
  )
})

test('equal documents stay one object, and a changed one has another hash', () => {
  fc.assert(
    fc.property(estates, estates, (one, other) => {
      const known = new Map(internDocuments(splitFlows(one), new Map()).map(({ revision }) => [revision.document.id, revision]))
      for (const { revision, text } of internDocuments(splitFlows(structuredClone(one)), known)) {
        expect(revision).toBe(known.get(revision.document.id))
        expect(text).toBeUndefined()
      }
      for (const { revision } of internDocuments(splitFlows(other), known)) {
        const before = known.get(revision.document.id)
        expect(revision.hash === before?.hash).toBe(sameJson(revision.document, before?.document))
      }
    }),
  )
})

test('two JSON values are the same when their JSON is, whatever the order of keys', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(sameJson(a, JSON.parse(JSON.stringify(a)))).toBe(true)
      expect(sameJson(a, b)).toBe(sameJson(b, a))
      expect(sameJson({ x: a, y: b }, { y: b, x: a })).toBe(true)
      expect(sameJson([a, b], [a])).toBe(false)
    }),
  )
})

test('a value nested without end is refused with the node to paint', () => {
  const deep = JSON.parse('['.repeat(5000) + ']'.repeat(5000)) as unknown
  expect(() => internDocuments(splitFlows([{ id: 't', type: 'tab' }, { id: 'n', type: 'x', z: 't', deep }]), new Map())).toThrow(
    expect.objectContaining({ code: 'deploy.refused', problems: [expect.objectContaining({ code: 'node.too_deep', node: 'n', flow: 't' })] }),
  )
})
