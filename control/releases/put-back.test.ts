import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { putBack } from './put-back.ts'

const marked = fc.uniqueArray(fc.tuple(fc.nat({ max: 60 }), fc.boolean()), { maxLength: 30, selector: ([id]) => id })
const toNode = (id: number): EditorNode => ({ id: `n${id}`, type: 'comment' })

test('sending back what was seen gives the whole as it was', () => {
  fc.assert(
    fc.property(marked, (list) => {
      const whole = list.map(([id]) => toNode(id))
      const seen = new Set(list.filter(([, visible]) => visible).map(([id]) => `n${id}`))
      expect(putBack(whole, whole.filter(({ id }) => seen.has(id)), ({ id }) => seen.has(id))).toEqual(whole)
    }),
  )
})

test('whatever is sent, all of it is there in its order, and all that was not seen, each once', () => {
  fc.assert(
    fc.property(marked, fc.uniqueArray(fc.nat({ max: 20 }), { maxLength: 10 }), fc.infiniteStream(fc.boolean()), (list, added, keeps) => {
      const whole = list.map(([id]) => toNode(id))
      const seen = new Set(list.filter(([, visible]) => visible).map(([id]) => `n${id}`))
      const sent = [...whole.filter(({ id }) => seen.has(id) && keeps.next().value === true).toReversed(), ...added.map((id) => toNode(id + 100))]
      const hidden = whole.filter(({ id }) => !seen.has(id))
      const result = putBack(whole, sent, ({ id }) => seen.has(id))
      const sentIds = new Set(sent.map(({ id }) => id))
      expect(result.filter(({ id }) => sentIds.has(id))).toEqual(sent)
      expect(result.filter(({ id }) => !sentIds.has(id)).map(({ id }) => id).toSorted()).toEqual(hidden.map(({ id }) => id).toSorted())
      expect(result.length).toBe(sent.length + hidden.length)
    }),
  )
})
